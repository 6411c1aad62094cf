//! The squeezers that a choice is made from.

/// Names of squeezers of pictures, family by family and the cheaper first: of two that find equally much, the first is chosen. The
/// strengths are those of Xu, Evans, Qi (NDSS 2018) and what lies between them.
pub const CANDIDATES: &[&str] = &[
    "bit_depth(1)",
    "bit_depth(2)",
    "bit_depth(3)",
    "bit_depth(4)",
    "bit_depth(5)",
    "bit_depth(6)",
    "median(2,2)",
    "median(3,3)",
    "resize(0.5)",
    "resize(0.75)",
    "crop(0.9)",
    "gaussian(0.5)",
    "gaussian(1)",
    "jpeg(50)",
    "jpeg(75)",
    "wavelet(8)",
    "wavelet(16)",
    "bilateral(5,25,5)",
    "tv(0.05)",
    "tv(0.1)",
    "nlm(11,3,2)",
    "nlm(11,3,4)",
    "nlm(13,3,2)",
    "nlm(13,3,4)",
];

/// Names of squeezers of text, the cheaper first: what undoes one disguise, all of them, and what finds what is buried.
pub const TEXT_CANDIDATES: &[&str] = &[
    "invisible",
    "nfkc",
    "accents",
    "invisible+nfkc+skeleton",
    "leet",
    "spacing",
    "repeats",
    "invisible+skeleton+leet+spacing+repeats",
    "invisible+skeleton+leet+spacing+repeats+spelling(1)",
    "invisible+skeleton+leet+spacing+repeats+spelling(2)",
    "frequency(2)",
    "frequency(5)",
    "common(100)",
    "common(300)",
    "segment(1,2)",
    "segment(2,2)",
    "segment(1,3)",
    "segment(3,3)",
    "segment(1,4)",
    "segment(4,4)",
    "dropout(0.3,1)",
    "dropout(0.5,1)",
];

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::squeeze::{Catalogue, text::Vocabulary};
    use crate::tensor::Kind;

    #[test]
    fn every_candidate_is_a_squeezer_in_its_canonical_spelling_and_stands_there_once() {
        for (kind, candidates) in [(Kind::Picture, CANDIDATES), (Kind::Text, TEXT_CANDIDATES)] {
            let catalogue = Catalogue::of(kind, Arc::new(Vocabulary::default()));
            for (at, candidate) in candidates.iter().enumerate() {
                assert_eq!(catalogue.parse(candidate).unwrap().name(), *candidate);
                assert!(!candidates[..at].contains(candidate), "{candidate} is there twice");
            }
        }
    }
}
