//! What a message would take in memory once decoded, found out before it is.
//!
//! Two bytes of protobuf can claim a nested message of hundreds of bytes in memory, and one byte of a varint an
//! element of eight. So a request is weighed first, without allocating, and what is too heavy is never decoded.

use prost::encoding::{DecodeContext, WireType, decode_key, decode_varint, skip_field};

/// Memory of a decoded tensor beside its contents, and room for the list that holds it to have doubled.
const TENSOR: usize = 1024;
/// The same of a parameter, a string or a slice.
const VALUE: usize = 256;
/// Memory of the widest scalar.
const SCALAR: usize = 8;

/// Messages that hold others, by their place in a `ModelInferRequest`.
#[derive(Clone, Copy)]
enum Place {
    Request,
    Input,
    Contents,
    Output,
}

/// What a field's bytes become.
enum Becomes {
    /// A nested message with fields to be weighed.
    Message(Place, usize),
    /// As many bytes, copied.
    Copy,
    /// A slice of the message, not copied.
    Slice,
    /// Packed varints that widen to so many bytes each.
    Widened(usize),
}

impl Place {
    fn field(self, tag: u32) -> Becomes {
        match (self, tag) {
            (Self::Request, 5) => Becomes::Message(Self::Input, TENSOR),
            (Self::Request, 6) => Becomes::Message(Self::Output, VALUE),
            (Self::Request, 7) | (Self::Contents, 8) => Becomes::Slice,
            (Self::Input, 5) => Becomes::Message(Self::Contents, VALUE),
            (Self::Input, 3) | (Self::Contents, 3 | 5) => Becomes::Widened(8),
            (Self::Contents, 2 | 4) => Becomes::Widened(4),
            _ => Becomes::Copy,
        }
    }
}

/// An upper bound of what a serialised `ModelInferRequest` takes once decoded, in bytes beyond the message itself;
/// `None` where it is not protobuf.
pub(crate) fn of_request(message: &[u8]) -> Option<usize> {
    weigh(message, Place::Request)
}

fn weigh(mut rest: &[u8], place: Place) -> Option<usize> {
    let mut weight = 0_usize;
    while !rest.is_empty() {
        let (tag, wire) = decode_key(&mut rest).ok()?;
        if wire != WireType::LengthDelimited {
            skip_field(wire, tag, &mut rest, DecodeContext::default()).ok()?;
            weight = weight.checked_add(SCALAR)?;
            continue;
        }
        let length = usize::try_from(decode_varint(&mut rest).ok()?).ok()?;
        let (value, after) = rest.split_at_checked(length)?;
        rest = after;
        weight = weight.checked_add(match place.field(tag) {
            Becomes::Message(inner, own) => weigh(value, inner)?.checked_add(own)?,
            Becomes::Copy => length.checked_add(VALUE)?,
            Becomes::Slice => VALUE,
            Becomes::Widened(factor) => length.checked_mul(factor)?.checked_add(VALUE)?,
        })?;
    }
    Some(weight)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use prost::Message;

    use super::*;
    use crate::proto::inference::model_infer_request::InferInputTensor;
    use crate::proto::inference::{InferTensorContents, ModelInferRequest};

    fn typed(contents: InferTensorContents) -> ModelInferRequest {
        let input = InferInputTensor { contents: Some(contents), ..InferInputTensor::default() };
        ModelInferRequest { inputs: vec![input], ..ModelInferRequest::default() }
    }

    #[test]
    fn raw_contents_weigh_next_to_nothing() {
        let request = ModelInferRequest { raw_input_contents: vec![vec![7; 1 << 20].into()], ..Default::default() };
        assert_eq!(of_request(&request.encode_to_vec()), Some(VALUE));
    }

    #[test]
    fn a_swarm_of_empty_inputs_weighs_what_it_would_take() {
        let swarm = [0x2a, 0].repeat(1 << 16);
        assert!(of_request(&swarm).unwrap() >= (1 << 16) * size_of::<InferInputTensor>());
    }

    #[test]
    fn small_varints_weigh_what_they_widen_to() {
        let contents = InferTensorContents { int64_contents: vec![1; 100_000], ..Default::default() };
        assert!(of_request(&typed(contents).encode_to_vec()).unwrap() >= 800_000);
    }

    #[test]
    fn what_is_cut_short_is_not_protobuf() {
        let request = typed(InferTensorContents { fp32_contents: vec![0.5; 10], ..Default::default() });
        let whole = request.encode_to_vec();
        assert!(of_request(&whole).is_some());
        assert_eq!(of_request(&whole[..whole.len() - 1]), None);
    }

    proptest! {
        #[test]
        fn whatever_can_be_decoded_can_be_weighed(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            if ModelInferRequest::decode(bytes.as_slice()).is_ok() {
                prop_assert!(of_request(&bytes).is_some());
            }
        }
    }
}
