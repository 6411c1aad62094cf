//! Names with parameters, taken apart: `median(2,2)`.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;

use crate::tensor::Kind;

/// Why a name stands for no squeezer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SqueezerError {
    /// No squeezer is called so.
    #[error("there is no squeezer '{written}'; known are {known}")]
    Unknown {
        /// What was written.
        written: String,
        /// How those are written that there are.
        known: String,
    },
    /// A squeezer of something else than the model takes.
    #[error("'{written}' squeezes {actual}, and the model takes {expected}")]
    Kind {
        /// What was written.
        written: String,
        /// What the model takes.
        expected: Kind,
        /// What it squeezes.
        actual: Kind,
    },
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

impl SqueezerError {
    /// The error about a name that is none of those which are written as `usages`.
    pub(super) fn unknown<const N: usize>(written: &str, usages: [&str; N]) -> Self {
        Self::Unknown { written: written.to_owned(), known: usages.join(", ") }
    }
}

/// A name taken apart.
pub(super) struct Written<'a> {
    whole: &'a str,
    squeezer: &'a str,
    values: Vec<&'a str>,
}

impl<'a> Written<'a> {
    /// Takes `squeezer(value,value,...)` apart.
    pub(super) fn read(whole: &'a str) -> Option<Self> {
        let (squeezer, rest) = whole.trim().split_once('(')?;
        let values = rest.strip_suffix(')')?.split(',').map(str::trim).collect();
        Some(Self { whole, squeezer: squeezer.trim_end(), values })
    }

    /// A name without parameters.
    pub(super) fn bare(whole: &'a str) -> Self {
        Self { whole, squeezer: whole.trim(), values: vec![] }
    }

    /// Whether it names the squeezer that is written as `usage`.
    pub(super) fn is(&self, usage: &str) -> bool {
        usage.split('(').next() == Some(self.squeezer)
    }

    /// The parameters, called as in `usage`, if they are `N`.
    pub(super) fn parameters<const N: usize>(&self, usage: &'static str) -> Result<[Parameter<'a>; N], SqueezerError> {
        let values = <[&str; N]>::try_from(self.values.as_slice()).map_err(|_| SqueezerError::Count {
            written: self.whole.to_owned(),
            usage,
            expected: N,
            actual: self.values.len(),
        })?;
        let mut names = usage.split(['(', ',', ')']).skip(1);
        Ok(values.map(|value| Parameter { whole: self.whole, name: names.next().unwrap_or_default(), value }))
    }
}

/// One parameter, not yet read.
pub(super) struct Parameter<'a> {
    whole: &'a str,
    name: &'static str,
    value: &'a str,
}

impl Parameter<'_> {
    pub(super) fn within<T>(&self, range: RangeInclusive<T>) -> Result<T, SqueezerError>
    where
        T: FromStr + PartialOrd + Display,
    {
        let number = self.value.parse().ok().filter(|number| range.contains(number));
        number.ok_or_else(|| self.refused(format!("from {} to {}", range.start(), range.end())))
    }

    pub(super) fn odd_within(&self, range: RangeInclusive<usize>) -> Result<usize, SqueezerError> {
        let number = self.value.parse().ok().filter(|number| range.contains(number) && number % 2 == 1);
        number.ok_or_else(|| self.refused(format!("odd and from {} to {}", range.start(), range.end())))
    }

    fn refused(&self, range: String) -> SqueezerError {
        let (written, value) = (self.whole.to_owned(), self.value.to_owned());
        SqueezerError::Parameter { written, parameter: self.name, range, value }
    }
}

#[cfg(test)]
mod tests {
    use crate::squeeze::parse;

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
            ("bilateral(5,20,1.0)", "bilateral(5,20,1)"),
            ("crop(.9)", "crop(0.9)"),
            ("gaussian(0.80)", "gaussian(0.8)"),
            ("jpeg( 75 )", "jpeg(75)"),
            ("noise(4,18446744073709551615)", "noise(4,18446744073709551615)"),
            ("resize(5e-1)", "resize(0.5)"),
            ("tv(0.1)", "tv(0.1)"),
            ("wavelet(8)", "wavelet(8)"),
        ] {
            assert_eq!(parse(written).unwrap().name(), canonical);
        }
    }

    #[test]
    fn an_unknown_name_is_answered_with_the_known_ones() {
        for name in ["medain(2,2)", "", "median", "median 2,2", "median(2,2", "Median(2,2)", "median(2,2)x"] {
            let said = message(name);
            assert!(said.starts_with(&format!("there is no squeezer '{name}'")), "{said}");
            let known = "bit_depth(BITS), median(ROWS,COLUMNS), nlm(SEARCH,BLOCK,STRENGTH), \
                         bilateral(DIAMETER,COLOUR,SPACE), crop(SHARE), gaussian(SIGMA), jpeg(QUALITY), \
                         noise(SIGMA,SEED), resize(FACTOR), tv(WEIGHT), wavelet(SIGMA)";
            assert!(said.ends_with(&format!("known are {known}")), "{said}");
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
        assert_eq!(message("bit_depth(0)"), "BITS of 'bit_depth(0)' must be from 1 to 16, not '0'");
        assert_eq!(message("bit_depth()"), "BITS of 'bit_depth()' must be from 1 to 16, not ''");
        assert_eq!(message("median(2,-1)"), "COLUMNS of 'median(2,-1)' must be from 1 to 15, not '-1'");
        assert_eq!(message("nlm(12,3,2)"), "SEARCH of 'nlm(12,3,2)' must be odd and from 3 to 35, not '12'");
        assert_eq!(message("nlm(13,4,2)"), "BLOCK of 'nlm(13,4,2)' must be odd and from 1 to 15, not '4'");
        assert_eq!(message("nlm(13,3,0)"), "STRENGTH of 'nlm(13,3,0)' must be from 0.1 to 100, not '0'");
        assert_eq!(message("nlm(13,3,NaN)"), "STRENGTH of 'nlm(13,3,NaN)' must be from 0.1 to 100, not 'NaN'");
        for (name, refusal) in [
            ("bilateral(4,20,1)", "DIAMETER of 'bilateral(4,20,1)' must be odd and from 3 to 31, not '4'"),
            ("bilateral(5,0,1)", "COLOUR of 'bilateral(5,0,1)' must be from 0.1 to 1000, not '0'"),
            ("bilateral(5,1,inf)", "SPACE of 'bilateral(5,1,inf)' must be from 0.1 to 1000, not 'inf'"),
            ("crop(0.4)", "SHARE of 'crop(0.4)' must be from 0.5 to 1, not '0.4'"),
            ("gaussian(21)", "SIGMA of 'gaussian(21)' must be from 0.1 to 20, not '21'"),
            ("jpeg(0)", "QUALITY of 'jpeg(0)' must be from 1 to 100, not '0'"),
            ("jpeg(256)", "QUALITY of 'jpeg(256)' must be from 1 to 100, not '256'"),
            ("noise(0,1)", "SIGMA of 'noise(0,1)' must be from 0.1 to 100, not '0'"),
            ("noise(1,-1)", "SEED of 'noise(1,-1)' must be from 0 to 18446744073709551615, not '-1'"),
            ("resize(1.1)", "FACTOR of 'resize(1.1)' must be from 0.1 to 1, not '1.1'"),
            ("tv(0)", "WEIGHT of 'tv(0)' must be from 0.001 to 10, not '0'"),
            ("wavelet(-8)", "SIGMA of 'wavelet(-8)' must be from 0.1 to 100, not '-8'"),
        ] {
            assert_eq!(message(name), refusal);
        }
    }
}
