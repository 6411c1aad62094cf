//! All squeezers of text, as configurations write them: `nfkc`, `spelling(1)`, `invisible+skeleton`.

use std::sync::Arc;

use super::{
    Accents, Chain, Common, Dropout, Frequency, Invisible, Leet, Nfkc, Repeats, Segment, Skeleton, Spacing, Spelling,
    TextSqueezer, Vocabulary,
};
use crate::squeeze::name::{SqueezerError, Written};

type Read = fn(&Written, &'static str, &Arc<Vocabulary>) -> Result<Box<dyn TextSqueezer>, SqueezerError>;

/// How each is written, and how that is read.
const SQUEEZERS: [(&str, Read); 12] = [
    ("nfkc", |written, usage, _| written.parameters(usage).map(|[]| Box::new(Nfkc) as _)),
    ("skeleton", |written, usage, _| written.parameters(usage).map(|[]| Box::new(Skeleton) as _)),
    ("invisible", |written, usage, _| written.parameters(usage).map(|[]| Box::new(Invisible) as _)),
    ("accents", |written, usage, _| written.parameters(usage).map(|[]| Box::new(Accents) as _)),
    ("leet", |written, usage, words| written.parameters(usage).map(|[]| Box::new(Leet::new(words)) as _)),
    ("spacing", |written, usage, words| written.parameters(usage).map(|[]| Box::new(Spacing::new(words)) as _)),
    ("repeats", |written, usage, words| written.parameters(usage).map(|[]| Box::new(Repeats::new(words)) as _)),
    ("spelling(DISTANCE)", |written, usage, words| {
        let [distance] = written.parameters(usage)?;
        Ok(Box::new(Spelling::new(distance.within(Spelling::DISTANCE)?, words)))
    }),
    ("frequency(COUNT)", |written, usage, words| {
        let [count] = written.parameters(usage)?;
        Ok(Box::new(Frequency::new(count.within(Frequency::COUNT)?, words)))
    }),
    ("common(COUNT)", |written, usage, words| {
        let [count] = written.parameters(usage)?;
        Ok(Box::new(Common::new(count.within(Common::COUNT)?, words)))
    }),
    ("dropout(SHARE,SEED)", |written, usage, _| {
        let [share, seed] = written.parameters(usage)?;
        Ok(Box::new(Dropout::new(share.within(Dropout::SHARE)?, seed.within(Dropout::SEED)?)))
    }),
    ("segment(INDEX,OF)", |written, usage, _| {
        let [index, of] = written.parameters(usage)?;
        let of = of.within(Segment::OF)?;
        Ok(Box::new(Segment::new(index.within(1..=of)?, of)))
    }),
];

/// The squeezer of text that `name` stands for, with the words that it knows; spaces do not matter. Names with `+` between
/// them stand for one after the other.
///
/// # Errors
/// When there is no such squeezer, or its parameters are not as many as it takes or out of range.
pub fn parse_text(name: &str, vocabulary: &Arc<Vocabulary>) -> Result<Box<dyn TextSqueezer>, SqueezerError> {
    if !name.contains('+') {
        return parse_one(name, vocabulary);
    }
    let links = name.split('+').map(|link| parse_one(link, vocabulary)).collect::<Result<_, _>>()?;
    Ok(Box::new(Chain::new(links)))
}

fn parse_one(name: &str, vocabulary: &Arc<Vocabulary>) -> Result<Box<dyn TextSqueezer>, SqueezerError> {
    let written = Written::read(name).unwrap_or_else(|| Written::bare(name));
    let found = SQUEEZERS.into_iter().find(|(usage, _)| written.is(usage));
    let (usage, read) = found.ok_or_else(|| SqueezerError::unknown(name, SQUEEZERS.map(|(usage, _)| usage)))?;
    read(&written, usage, vocabulary)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(name: &str) -> Result<String, String> {
        let squeezer = parse_text(name, &Arc::default());
        squeezer.map(|squeezer| squeezer.name()).map_err(|error| error.to_string())
    }

    #[test]
    fn a_name_is_given_back_in_its_canonical_spelling() {
        for (written, canonical) in [
            (" nfkc ", "nfkc"),
            ("spelling( 02 )", "spelling(2)"),
            ("dropout(.30,7)", "dropout(0.3,7)"),
            ("segment(2, 3)", "segment(2,3)"),
            ("invisible + skeleton +leet", "invisible+skeleton+leet"),
        ] {
            assert_eq!(parsed(written).unwrap(), canonical);
        }
    }

    #[test]
    fn a_mistake_is_answered_with_how_to_write_it() {
        let known = "there is no squeezer 'median(2,2)'; known are nfkc, skeleton, invisible, accents, leet, spacing, \
                     repeats, spelling(DISTANCE), frequency(COUNT), common(COUNT), dropout(SHARE,SEED), segment(INDEX,OF)";
        for (name, refusal) in [
            ("median(2,2)", known),
            ("nfkc(1)", "nfkc takes 0 parameters, 'nfkc(1)' has 1"),
            ("spelling", "spelling(DISTANCE) takes 1 parameters, 'spelling' has 0"),
            ("spelling(3)", "DISTANCE of 'spelling(3)' must be from 1 to 2, not '3'"),
            ("segment(4,3)", "INDEX of 'segment(4,3)' must be from 1 to 3, not '4'"),
            ("leet+dropout(2,1)", "SHARE of 'dropout(2,1)' must be from 0.01 to 0.9, not '2'"),
        ] {
            assert_eq!(parsed(name).unwrap_err(), refusal);
        }
        assert!(parsed("nfkc+").unwrap_err().starts_with("there is no squeezer ''"));
    }
}
