//! The squeezers that a choice is made from.

/// Names of squeezers, family by family and the cheaper first: of two that find equally much, the first is chosen. The
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::squeeze::parse;

    #[test]
    fn every_candidate_is_a_squeezer_in_its_canonical_spelling_and_stands_there_once() {
        for (at, candidate) in CANDIDATES.iter().enumerate() {
            assert_eq!(parse(candidate).unwrap().name(), *candidate);
            assert!(!CANDIDATES[..at].contains(candidate), "{candidate} is there twice");
        }
    }
}
