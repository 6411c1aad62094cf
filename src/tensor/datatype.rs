//! Element types.

use std::fmt;
use std::str::FromStr;

use super::element::TensorError;

/// Element types, named as the Open Inference Protocol names them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "UPPERCASE")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Datatype {
    Bool,
    Uint8,
    Uint16,
    Uint32,
    Uint64,
    Int8,
    Int16,
    Int32,
    Int64,
    Fp16,
    Fp32,
    Fp64,
    Bytes,
}

impl Datatype {
    const ALL: [(Self, &'static str, usize); 13] = [
        (Self::Bool, "BOOL", 1),
        (Self::Uint8, "UINT8", 1),
        (Self::Uint16, "UINT16", 2),
        (Self::Uint32, "UINT32", 4),
        (Self::Uint64, "UINT64", 8),
        (Self::Int8, "INT8", 1),
        (Self::Int16, "INT16", 2),
        (Self::Int32, "INT32", 4),
        (Self::Int64, "INT64", 8),
        (Self::Fp16, "FP16", 2),
        (Self::Fp32, "FP32", 4),
        (Self::Fp64, "FP64", 8),
        (Self::Bytes, "BYTES", 0),
    ];

    /// Each of them.
    pub fn all() -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().map(|row| row.0)
    }

    fn row(self) -> (Self, &'static str, usize) {
        Self::ALL[self as usize]
    }

    /// The protocol's name.
    pub fn name(self) -> &'static str {
        self.row().1
    }

    /// Whether its elements are floating-point numbers.
    pub fn is_float(self) -> bool {
        matches!(self, Self::Fp16 | Self::Fp32 | Self::Fp64)
    }

    /// The smallest and the largest number that it holds, where these are whole numbers of up to 16 bits.
    pub fn whole_range(self) -> Option<[f32; 2]> {
        match self {
            Self::Uint8 => Some([0.0, 255.0]),
            Self::Uint16 => Some([0.0, 65_535.0]),
            Self::Int8 => Some([-128.0, 127.0]),
            Self::Int16 => Some([-32_768.0, 32_767.0]),
            _ => None,
        }
    }

    /// Bytes an element takes in raw contents; `None` for the variable-length `BYTES`.
    pub fn size(self) -> Option<usize> {
        Some(self.row().2).filter(|&size| size > 0)
    }
}

impl fmt::Display for Datatype {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl FromStr for Datatype {
    type Err = TensorError;

    fn from_str(name: &str) -> Result<Self, TensorError> {
        Self::ALL
            .into_iter()
            .find(|row| row.1 == name)
            .map(|row| row.0)
            .ok_or_else(|| TensorError::UnknownDatatype(name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_datatype_is_found_by_its_name() {
        for (datatype, name, _) in Datatype::ALL {
            assert_eq!(name.parse(), Ok(datatype));
            assert_eq!(datatype.name(), name);
        }
        assert!("BF16".parse::<Datatype>().is_err());
    }
}
