//! How an input tensor encodes a text.

use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::ContractError;
use crate::tensor::{Elements, Tensor, TensorError};

/// How an input tensor encodes a text: as UTF-8 in one element of `BYTES`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TextSpec {
    /// Name of the tensor.
    pub name: String,
    /// Whether a batch of N texts has the shape `[N, 1]`, and not `[N]`.
    pub in_rows: bool,
}

impl TextSpec {
    /// The text of one element, as [`decode_text`] reads it.
    ///
    /// # Errors
    /// Those of [`decode_text`].
    pub fn decode(&self, element: &Bytes, most: usize) -> Result<Arc<str>, ContractError> {
        decode_text(&self.name, element, most)
    }

    /// The input tensor of a batch of texts, in UTF-8.
    ///
    /// # Errors
    /// Never: there is an element for each of them.
    pub fn batch(&self, texts: impl IntoIterator<Item = Bytes>) -> Result<Tensor, TensorError> {
        let elements: Vec<Bytes> = texts.into_iter().collect();
        let items = elements.len();
        let shape = if self.in_rows { vec![items, 1] } else { vec![items] };
        Tensor::new(&self.name, shape, Elements::Bytes(elements))
    }
}

/// The text of one element of the input `name`. A NUL is refused: where it ends a text for some readers, others would see
/// more of it.
///
/// # Errors
/// When it has more than `most` bytes, is not UTF-8 or has a NUL.
pub fn decode_text(name: &str, element: &Bytes, most: usize) -> Result<Arc<str>, ContractError> {
    let name = || name.to_owned();
    if element.len() > most {
        return Err(ContractError::TextTooLong { name: name(), length: element.len(), most });
    }
    let text =
        std::str::from_utf8(element).map_err(|_| ContractError::Text { name: name(), problem: "is not UTF-8" })?;
    if text.contains('\0') {
        return Err(ContractError::Text { name: name(), problem: "has a NUL, which ends a text for some readers" });
    }
    Ok(text.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_some_readers_would_read_otherwise_is_refused_and_says_why() {
        let spec = TextSpec { name: "text".into(), in_rows: true };
        let refusal = |element: &'static [u8]| spec.decode(&Bytes::from_static(element), 8).unwrap_err().to_string();
        assert_eq!(&*spec.decode(&Bytes::from_static("grüße".as_bytes()), 8).unwrap(), "grüße");
        assert_eq!(&*spec.decode(&Bytes::new(), 8).unwrap(), "");
        assert_eq!(refusal(b"\xff\xfe"), "input 'text' holds an element that is not UTF-8");
        assert!(refusal(b"free\0!").contains("NUL"));
        assert!(refusal(b"free entry").contains("10 bytes, more than the 8"), "{}", refusal(b"free entry"));
    }

    #[test]
    fn a_batch_has_the_models_rank() {
        for (in_rows, shape) in [(true, vec![2, 1]), (false, vec![2])] {
            let spec = TextSpec { name: "text".into(), in_rows };
            assert_eq!(spec.batch(["one", ""].map(Bytes::from)).unwrap().shape, shape);
        }
    }
}
