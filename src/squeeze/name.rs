//! The squeezers' names, as configurations write them: `bit_depth(5)`, `median(2,2)`, `nlm(13,3,2)`.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;

use super::{BitDepth, Median, NonLocalMeans, Squeezer};

/// What can be written.
const KNOWN: &str = "bit_depth(BITS), median(ROWS,COLUMNS), nlm(SEARCH,BLOCK,STRENGTH)";

/// Why a name stands for no squeezer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SqueezerError {
    /// No squeezer is called so.
    #[error("there is no squeezer '{0}'; known are {KNOWN}")]
    Unknown(String),
    /// A known squeezer with too few or too many parameters.
    #[error("{usage} takes {expected} parameters, '{written}' has {actual}")]
    Count {
        /// What was written.
        written: String,
        /// How it should be written.
        usage: &'static str,
        /// Number of parameters it takes.
        expected: usize,
        /// Number of parameters given.
        actual: usize,
    },
    /// A parameter that is no number or outside its range.
    #[error("{parameter} of '{written}' must be {range}, not '{value}'")]
    Parameter {
        /// What was written.
        written: String,
        /// The parameter.
        parameter: &'static str,
        /// What it may be.
        range: String,
        /// What it is.
        value: String,
    },
}

/// The squeezer that `name` stands for; spaces do not matter.
///
/// # Errors
/// When there is no such squeezer, or its parameters are not as many as it takes or out of range.
pub fn parse(name: &str) -> Result<Box<dyn Squeezer>, SqueezerError> {
    let written = Written::read(name).ok_or_else(|| SqueezerError::Unknown(name.to_owned()))?;
    match written.squeezer {
        "bit_depth" => {
            let [bits] = written.parameters("bit_depth(BITS)")?;
            Ok(Box::new(BitDepth::new(bits.within("BITS", BitDepth::BITS)?)))
        }
        "median" => {
            let [rows, columns] = written.parameters("median(ROWS,COLUMNS)")?;
            let (rows, columns) = (rows.within("ROWS", Median::SIDE)?, columns.within("COLUMNS", Median::SIDE)?);
            Ok(Box::new(Median::new(rows, columns)))
        }
        "nlm" => {
            let [search, block, strength] = written.parameters("nlm(SEARCH,BLOCK,STRENGTH)")?;
            let search = search.odd_within("SEARCH", NonLocalMeans::SEARCH)?;
            let block = block.odd_within("BLOCK", NonLocalMeans::BLOCK)?;
            let strength = strength.within("STRENGTH", NonLocalMeans::STRENGTH)?;
            Ok(Box::new(NonLocalMeans::new(search, block, strength)))
        }
        _ => Err(SqueezerError::Unknown(name.to_owned())),
    }
}

/// A name taken apart.
struct Written<'a> {
    whole: &'a str,
    squeezer: &'a str,
    values: Vec<&'a str>,
}

impl<'a> Written<'a> {
    /// Takes `squeezer(value,value,...)` apart.
    fn read(whole: &'a str) -> Option<Self> {
        let (squeezer, rest) = whole.trim().split_once('(')?;
        let values = rest.strip_suffix(')')?.split(',').map(str::trim).collect();
        Some(Self { whole, squeezer: squeezer.trim_end(), values })
    }

    /// The parameters, if they are `N`.
    fn parameters<const N: usize>(&self, usage: &'static str) -> Result<[Parameter<'a>; N], SqueezerError> {
        let values = <[&str; N]>::try_from(self.values.as_slice()).map_err(|_| SqueezerError::Count {
            written: self.whole.to_owned(),
            usage,
            expected: N,
            actual: self.values.len(),
        })?;
        Ok(values.map(|value| Parameter { whole: self.whole, value }))
    }
}

/// One parameter, not yet read.
struct Parameter<'a> {
    whole: &'a str,
    value: &'a str,
}

impl Parameter<'_> {
    fn within<T>(&self, parameter: &'static str, range: RangeInclusive<T>) -> Result<T, SqueezerError>
    where
        T: FromStr + PartialOrd + Display,
    {
        let number = self.value.parse().ok().filter(|number| range.contains(number));
        number.ok_or_else(|| self.refused(parameter, format!("from {} to {}", range.start(), range.end())))
    }

    fn odd_within(&self, parameter: &'static str, range: RangeInclusive<usize>) -> Result<usize, SqueezerError> {
        let number = self.value.parse().ok().filter(|number| range.contains(number) && number % 2 == 1);
        number.ok_or_else(|| self.refused(parameter, format!("odd and from {} to {}", range.start(), range.end())))
    }

    fn refused(&self, parameter: &'static str, range: String) -> SqueezerError {
        SqueezerError::Parameter { written: self.whole.to_owned(), parameter, range, value: self.value.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(name: &str) -> String {
        parse(name).err().unwrap().to_string()
    }

    #[test]
    fn a_name_is_given_back_in_its_canonical_spelling() {
        for (written, canonical) in [
            ("bit_depth(5)", "bit_depth(5)"),
            (" median ( 2 , 03 ) ", "median(2,3)"),
            ("nlm(13,3,2)", "nlm(13,3,2)"),
            ("nlm(11, 3, 2.50)", "nlm(11,3,2.5)"),
        ] {
            assert_eq!(parse(written).unwrap().name(), canonical);
        }
    }

    #[test]
    fn an_unknown_name_is_answered_with_the_known_ones() {
        for name in ["medain(2,2)", "", "median", "median 2,2", "median(2,2", "Median(2,2)", "median(2,2)x"] {
            let said = message(name);
            assert!(said.starts_with(&format!("there is no squeezer '{name}'")), "{said}");
            assert!(said.contains("bit_depth(BITS), median(ROWS,COLUMNS), nlm(SEARCH,BLOCK,STRENGTH)"), "{said}");
        }
    }

    #[test]
    fn a_wrong_number_of_parameters_is_answered_with_how_to_write_it() {
        assert_eq!(message("median(2)"), "median(ROWS,COLUMNS) takes 2 parameters, 'median(2)' has 1");
        assert_eq!(message("bit_depth(1,2)"), "bit_depth(BITS) takes 1 parameters, 'bit_depth(1,2)' has 2");
        assert_eq!(message("nlm(13,3)"), "nlm(SEARCH,BLOCK,STRENGTH) takes 3 parameters, 'nlm(13,3)' has 2");
    }

    #[test]
    fn a_parameter_out_of_range_is_answered_with_the_range() {
        assert_eq!(message("bit_depth(0)"), "BITS of 'bit_depth(0)' must be from 1 to 8, not '0'");
        assert_eq!(message("bit_depth()"), "BITS of 'bit_depth()' must be from 1 to 8, not ''");
        assert_eq!(message("median(2,-1)"), "COLUMNS of 'median(2,-1)' must be from 1 to 15, not '-1'");
        assert_eq!(message("nlm(12,3,2)"), "SEARCH of 'nlm(12,3,2)' must be odd and from 3 to 35, not '12'");
        assert_eq!(message("nlm(13,4,2)"), "BLOCK of 'nlm(13,4,2)' must be odd and from 1 to 15, not '4'");
        assert_eq!(message("nlm(13,3,0)"), "STRENGTH of 'nlm(13,3,0)' must be from 0.1 to 100, not '0'");
        assert_eq!(message("nlm(13,3,NaN)"), "STRENGTH of 'nlm(13,3,NaN)' must be from 0.1 to 100, not 'NaN'");
    }
}
