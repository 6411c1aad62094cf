//! Tensors of any element type that the Open Inference Protocol knows.

use bytes::Bytes;
use half::f16;

use super::datatype::Datatype;

/// Why bytes are not the tensor that they claim to be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TensorError {
    /// The datatype is none of the protocol's.
    #[error("unknown datatype '{0}'")]
    UnknownDatatype(String),
    /// A dimension is negative, or the number of elements does not fit in memory.
    #[error("shape {0:?} is negative or too large")]
    Shape(Vec<i64>),
    /// The contents are not as long as the shape says.
    #[error("shape {shape:?} of {datatype} needs {expected}, got {actual}")]
    Length {
        /// Stated shape.
        shape: Vec<usize>,
        /// Stated element type.
        datatype: Datatype,
        /// What the shape asks for, with its unit.
        expected: String,
        /// What came, with its unit.
        actual: String,
    },
    /// Numbers were asked of, or for, `BYTES`.
    #[error("BYTES elements are not numbers")]
    NotNumeric,
    /// A number of typed contents is none of the datatype's.
    #[error("{0} is no {1}")]
    NotOfType(i64, Datatype),
    /// Tensors of different datatypes cannot be joined.
    #[error("{0} and {1} cannot be joined")]
    MixedDatatypes(Datatype, Datatype),
    /// A length prefix of a `BYTES` element points past the end.
    #[error("BYTES element {0} is cut short")]
    TruncatedElement(usize),
}

/// The elements of a tensor in row-major order.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Elements {
    Bool(Vec<bool>),
    Uint8(Vec<u8>),
    Uint16(Vec<u16>),
    Uint32(Vec<u32>),
    Uint64(Vec<u64>),
    Int8(Vec<i8>),
    Int16(Vec<i16>),
    Int32(Vec<i32>),
    Int64(Vec<i64>),
    Fp16(Vec<f16>),
    Fp32(Vec<f32>),
    Fp64(Vec<f64>),
    Bytes(Vec<Bytes>),
}

/// Applies one expression to whichever vector an [`Elements`] holds.
macro_rules! each_kind {
    ($elements:expr, $values:ident => $result:expr) => {
        match $elements {
            Elements::Bool($values) => $result,
            Elements::Uint8($values) => $result,
            Elements::Uint16($values) => $result,
            Elements::Uint32($values) => $result,
            Elements::Uint64($values) => $result,
            Elements::Int8($values) => $result,
            Elements::Int16($values) => $result,
            Elements::Int32($values) => $result,
            Elements::Int64($values) => $result,
            Elements::Fp16($values) => $result,
            Elements::Fp32($values) => $result,
            Elements::Fp64($values) => $result,
            Elements::Bytes($values) => $result,
        }
    };
}

impl Elements {
    /// How many elements there are.
    pub fn len(&self) -> usize {
        each_kind!(self, values => values.len())
    }

    /// Whether there is no element.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Their type.
    pub fn datatype(&self) -> Datatype {
        match self {
            Self::Bool(_) => Datatype::Bool,
            Self::Uint8(_) => Datatype::Uint8,
            Self::Uint16(_) => Datatype::Uint16,
            Self::Uint32(_) => Datatype::Uint32,
            Self::Uint64(_) => Datatype::Uint64,
            Self::Int8(_) => Datatype::Int8,
            Self::Int16(_) => Datatype::Int16,
            Self::Int32(_) => Datatype::Int32,
            Self::Int64(_) => Datatype::Int64,
            Self::Fp16(_) => Datatype::Fp16,
            Self::Fp32(_) => Datatype::Fp32,
            Self::Fp64(_) => Datatype::Fp64,
            Self::Bytes(_) => Datatype::Bytes,
        }
    }

    /// Checks that they are as many as `shape` says.
    ///
    /// # Errors
    /// When they are not.
    pub fn check_count(&self, shape: &[usize]) -> Result<(), TensorError> {
        let count = element_count(shape)?;
        if count == self.len() {
            return Ok(());
        }
        Err(TensorError::Length {
            shape: shape.to_vec(),
            datatype: self.datatype(),
            expected: format!("{count} elements"),
            actual: format!("{} elements", self.len()),
        })
    }

    /// The elements `start..end` alone.
    fn slice(&self, start: usize, end: usize) -> Self {
        macro_rules! part {
            ($($kind:ident),*) => {
                match self { $(Self::$kind(values) => Self::$kind(values[start..end].to_vec()),)* }
            };
        }
        part!(Bool, Uint8, Uint16, Uint32, Uint64, Int8, Int16, Int32, Int64, Fp16, Fp32, Fp64, Bytes)
    }

    /// Puts elements of the same type behind these.
    fn append(&mut self, other: Self) -> Result<(), TensorError> {
        macro_rules! both {
            ($($kind:ident),*) => {
                match (self, other) {
                    $((Self::$kind(values), Self::$kind(more)) => values.extend(more),)*
                    (mine, other) => {
                        return Err(TensorError::MixedDatatypes(mine.datatype(), other.datatype()));
                    }
                }
            };
        }
        both!(Bool, Uint8, Uint16, Uint32, Uint64, Int8, Int16, Int32, Int64, Fp16, Fp32, Fp64, Bytes);
        Ok(())
    }

    /// Numbers as `f32`, whatever their type; `None` for `BYTES`.
    pub fn to_f32(&self) -> Option<Vec<f32>> {
        Some(match self {
            Self::Bool(values) => values.iter().map(|&v| f32::from(u8::from(v))).collect(),
            Self::Uint8(values) => values.iter().map(|&v| f32::from(v)).collect(),
            Self::Uint16(values) => values.iter().map(|&v| f32::from(v)).collect(),
            Self::Uint32(values) => values.iter().map(|&v| v as f32).collect(),
            Self::Uint64(values) => values.iter().map(|&v| v as f32).collect(),
            Self::Int8(values) => values.iter().map(|&v| f32::from(v)).collect(),
            Self::Int16(values) => values.iter().map(|&v| f32::from(v)).collect(),
            Self::Int32(values) => values.iter().map(|&v| v as f32).collect(),
            Self::Int64(values) => values.iter().map(|&v| v as f32).collect(),
            Self::Fp16(values) => values.iter().map(|v| v.to_f32()).collect(),
            Self::Fp32(values) => values.clone(),
            Self::Fp64(values) => values.iter().map(|&v| v as f32).collect(),
            Self::Bytes(_) => return None,
        })
    }

    /// Numbers of the type `datatype` from `f32`, rounded (half to even) and saturated where it holds integers.
    ///
    /// # Errors
    /// When `datatype` is `BYTES`.
    pub fn from_f32(datatype: Datatype, values: Vec<f32>) -> Result<Self, TensorError> {
        macro_rules! rounded {
            ($type:ty) => {
                values.iter().map(|value| value.round_ties_even() as $type).collect()
            };
        }
        Ok(match datatype {
            Datatype::Bool => Self::Bool(values.iter().map(|&value| value != 0.0).collect()),
            Datatype::Uint8 => Self::Uint8(rounded!(u8)),
            Datatype::Uint16 => Self::Uint16(rounded!(u16)),
            Datatype::Uint32 => Self::Uint32(rounded!(u32)),
            Datatype::Uint64 => Self::Uint64(rounded!(u64)),
            Datatype::Int8 => Self::Int8(rounded!(i8)),
            Datatype::Int16 => Self::Int16(rounded!(i16)),
            Datatype::Int32 => Self::Int32(rounded!(i32)),
            Datatype::Int64 => Self::Int64(rounded!(i64)),
            Datatype::Fp16 => Self::Fp16(values.iter().map(|&value| f16::from_f32(value)).collect()),
            Datatype::Fp32 => Self::Fp32(values),
            Datatype::Fp64 => Self::Fp64(values.iter().map(|&value| f64::from(value)).collect()),
            Datatype::Bytes => return Err(TensorError::NotNumeric),
        })
    }

    /// Reads raw contents: little-endian numbers; `BYTES` as 4-byte length and data, again and again.
    ///
    /// Nothing is allocated before `raw` is known to be as long as `shape` says.
    ///
    /// # Errors
    /// When the length does not fit.
    pub fn from_raw(datatype: Datatype, shape: &[usize], raw: &Bytes) -> Result<Self, TensorError> {
        let count = element_count(shape)?;
        if let Some(size) = datatype.size()
            && count.checked_mul(size) != Some(raw.len())
        {
            return Err(TensorError::Length {
                shape: shape.to_vec(),
                datatype,
                expected: format!("{count} elements of {size} bytes"),
                actual: format!("{} bytes", raw.len()),
            });
        }
        fn numbers<T: bytemuck::AnyBitPattern + bytemuck::NoUninit>(raw: &[u8]) -> Vec<T> {
            bytemuck::pod_collect_to_vec(raw)
        }
        Ok(match datatype {
            Datatype::Bool => Self::Bool(raw.iter().map(|&byte| byte != 0).collect()),
            Datatype::Uint8 => Self::Uint8(raw.to_vec()),
            Datatype::Uint16 => Self::Uint16(numbers(raw)),
            Datatype::Uint32 => Self::Uint32(numbers(raw)),
            Datatype::Uint64 => Self::Uint64(numbers(raw)),
            Datatype::Int8 => Self::Int8(numbers(raw)),
            Datatype::Int16 => Self::Int16(numbers(raw)),
            Datatype::Int32 => Self::Int32(numbers(raw)),
            Datatype::Int64 => Self::Int64(numbers(raw)),
            Datatype::Fp16 => Self::Fp16(numbers(raw)),
            Datatype::Fp32 => Self::Fp32(numbers(raw)),
            Datatype::Fp64 => Self::Fp64(numbers(raw)),
            Datatype::Bytes => Self::Bytes(split_elements(shape, count, raw)?),
        })
    }

    /// The raw contents: the inverse of [`Elements::from_raw`].
    pub fn to_raw(&self) -> Bytes {
        fn bytes<T: bytemuck::NoUninit>(values: &[T]) -> Bytes {
            Bytes::copy_from_slice(bytemuck::cast_slice(values))
        }
        match self {
            Self::Bool(values) => values.iter().map(|&value| u8::from(value)).collect(),
            Self::Uint8(values) => bytes(values),
            Self::Uint16(values) => bytes(values),
            Self::Uint32(values) => bytes(values),
            Self::Uint64(values) => bytes(values),
            Self::Int8(values) => bytes(values),
            Self::Int16(values) => bytes(values),
            Self::Int32(values) => bytes(values),
            Self::Int64(values) => bytes(values),
            Self::Fp16(values) => bytes(values),
            Self::Fp32(values) => bytes(values),
            Self::Fp64(values) => bytes(values),
            Self::Bytes(values) => {
                let mut raw = Vec::new();
                for value in values {
                    raw.extend_from_slice(&(value.len() as u32).to_le_bytes());
                    raw.extend_from_slice(value);
                }
                raw.into()
            }
        }
    }
}

impl From<Vec<f32>> for Elements {
    fn from(values: Vec<f32>) -> Self {
        Self::Fp32(values)
    }
}

impl From<Vec<i64>> for Elements {
    fn from(values: Vec<i64>) -> Self {
        Self::Int64(values)
    }
}

#[cfg(target_endian = "big")]
compile_error!("raw tensor contents are little-endian and are read in place");

/// Bytes of the length that an element of `BYTES` begins with.
const PREFIX: usize = 4;

/// The elements of raw `BYTES`; memory is taken for as many as the shape says and the contents can hold, no more.
fn split_elements(shape: &[usize], count: usize, raw: &Bytes) -> Result<Vec<Bytes>, TensorError> {
    let wrong = |actual: String| TensorError::Length {
        shape: shape.to_vec(),
        datatype: Datatype::Bytes,
        expected: format!("{count} elements"),
        actual,
    };
    if count > raw.len() / PREFIX {
        return Err(wrong(format!("{} bytes", raw.len())));
    }
    let mut elements = Vec::with_capacity(count);
    let mut rest = raw.clone();
    for index in 0..count {
        let prefix = rest.split_to_checked(PREFIX).and_then(|prefix| prefix.as_ref().try_into().ok());
        let length = prefix.map(u32::from_le_bytes).ok_or(TensorError::TruncatedElement(index))?;
        let element = rest.split_to_checked(length as usize).ok_or(TensorError::TruncatedElement(index))?;
        elements.push(element);
    }
    if !rest.is_empty() {
        return Err(wrong("more".to_owned()));
    }
    Ok(elements)
}

trait SplitChecked: Sized {
    fn split_to_checked(&mut self, at: usize) -> Option<Self>;
}

impl SplitChecked for Bytes {
    fn split_to_checked(&mut self, at: usize) -> Option<Self> {
        (at <= self.len()).then(|| self.split_to(at))
    }
}

/// The number of elements of a shape; an error where it overflows.
pub(crate) fn element_count(shape: &[usize]) -> Result<usize, TensorError> {
    shape
        .iter()
        .try_fold(1_usize, |count, &side| count.checked_mul(side))
        .ok_or_else(|| TensorError::Shape(shape.iter().map(|&side| i64::try_from(side).unwrap_or(i64::MAX)).collect()))
}

/// A named tensor.
#[derive(Debug, Clone, PartialEq)]
pub struct Tensor {
    /// Its name in the model's signature.
    pub name: String,
    /// Its dimensions, the batch first.
    pub shape: Vec<usize>,
    /// Its elements, as many as the shape says.
    pub elements: Elements,
}

impl Tensor {
    /// Checks that the shape and the elements agree.
    ///
    /// # Errors
    /// When they do not.
    pub fn new(name: impl Into<String>, shape: Vec<usize>, elements: Elements) -> Result<Self, TensorError> {
        elements.check_count(&shape)?;
        Ok(Self { name: name.into(), shape, elements })
    }

    /// Puts another batch of the same item shape behind this one.
    ///
    /// # Errors
    /// When datatype or item shape differ.
    pub fn append(&mut self, other: Self) -> Result<(), TensorError> {
        if self.shape.get(1..) != other.shape.get(1..) || self.shape.is_empty() {
            return Err(TensorError::Shape(other.shape.iter().map(|&side| side as i64).collect()));
        }
        self.elements.append(other.elements)?;
        self.shape[0] += other.shape[0];
        Ok(())
    }

    /// Item `index` of the batch as a batch of one; the whole where there is no batch dimension.
    pub fn item(&self, index: usize) -> Self {
        let Some((&batch, rest)) = self.shape.split_first().filter(|(batch, _)| index < **batch) else {
            return self.clone();
        };
        let stride = self.elements.len() / batch;
        Self {
            name: self.name.clone(),
            shape: std::iter::once(1).chain(rest.iter().copied()).collect(),
            elements: self.elements.slice(index * stride, (index + 1) * stride),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn raw_contents_survive_the_round_trip() {
        let strings = Elements::Bytes(vec![Bytes::from_static(b"free prize"), Bytes::new()]);
        assert_eq!(Elements::from_raw(Datatype::Bytes, &[2], &strings.to_raw()).unwrap(), strings);
        let numbers = Elements::Fp16(vec![f16::from_f32(0.5), f16::from_f32(-2.0)]);
        assert_eq!(Elements::from_raw(Datatype::Fp16, &[1, 2], &numbers.to_raw()).unwrap(), numbers);
    }

    #[test]
    fn a_length_prefix_past_the_end_is_refused_before_memory_is_taken() {
        let raw = Bytes::from_static(&[0xff, 0xff, 0xff, 0x7f, b'x']);
        assert_eq!(Elements::from_raw(Datatype::Bytes, &[1], &raw), Err(TensorError::TruncatedElement(0)));
    }

    #[test]
    fn raw_strings_are_as_many_as_the_shape_says() {
        let raw = Elements::Bytes(vec![Bytes::from_static(b"free"), Bytes::new()]).to_raw();
        for count in [0, 1, 3, 4] {
            assert!(Elements::from_raw(Datatype::Bytes, &[count], &raw).is_err(), "{count}");
        }
    }

    #[test]
    fn a_shape_that_overflows_is_refused() {
        assert!(Elements::from_raw(Datatype::Fp32, &[usize::MAX, 4], &Bytes::new()).is_err());
        assert!(Elements::from_raw(Datatype::Fp32, &[1 << 40], &Bytes::from_static(b"abcd")).is_err());
    }

    #[test]
    fn an_item_is_a_batch_of_one() {
        let batch = Tensor::new("x", vec![2, 3], Elements::Int32(vec![1, 2, 3, 4, 5, 6])).unwrap();
        assert_eq!(batch.item(1), Tensor::new("x", vec![1, 3], Elements::Int32(vec![4, 5, 6])).unwrap());
    }
}
