//! gRPC framing: one length-prefixed message, its compression, and what is appended to it.

use std::io::Read;

use bytes::{BufMut, Bytes, BytesMut};
use prost::Message;

use super::room::Room;
use crate::detect::Reason;
use crate::proto::inference::{InferParameter, infer_parameter::ParameterChoice};

/// Compression flag and 32-bit big-endian length.
pub(crate) const HEADER: usize = 5;

/// Bytes that are decompressed at a time.
const BLOCK: u64 = 64 << 10;

/// Why bytes are not one gRPC message that can be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum WireError {
    #[error("the message claims {claimed} bytes, more than the {limit} allowed")]
    TooLarge { claimed: usize, limit: usize },
    #[error("the body is not exactly one gRPC message")]
    NotOneMessage,
    #[error("the message is compressed with '{0}', which cannot be read here")]
    Encoding(String),
    #[error("the message cannot be decompressed")]
    Decompress,
    #[error("there is no room to decompress the message")]
    NoRoom(Reason),
}

/// The length that a frame's first bytes claim, as soon as there are enough of them.
pub(crate) fn claimed_length(start: &[u8]) -> Option<usize> {
    let length = start.get(1..HEADER)?.try_into().ok()?;
    usize::try_from(u32::from_be_bytes(length)).ok()
}

/// The message of a body that holds exactly one, decompressed as `encoding` (`grpc-encoding`) says, if there is `room`.
pub(crate) fn single_message(
    body: &Bytes,
    encoding: Option<&str>,
    limit: usize,
    room: &Room,
) -> Result<Bytes, WireError> {
    let claimed = claimed_length(body).ok_or(WireError::NotOneMessage)?;
    if claimed > limit {
        return Err(WireError::TooLarge { claimed, limit });
    }
    if body.len() != HEADER + claimed {
        return Err(WireError::NotOneMessage);
    }
    let message = body.slice(HEADER..);
    match body[0] {
        0 => Ok(message),
        1 => decompress(&message, encoding.unwrap_or("identity"), limit, room),
        _ => Err(WireError::NotOneMessage),
    }
}

/// What was compressed with `encoding`, up to `limit` bytes of it, if there is `room`.
pub(crate) fn decompress(message: &[u8], encoding: &str, limit: usize, room: &Room) -> Result<Bytes, WireError> {
    let mut reader: Box<dyn Read + '_> = match encoding {
        "gzip" => Box::new(flate2::read::MultiGzDecoder::new(message)),
        "deflate" => Box::new(flate2::read::ZlibDecoder::new(message)),
        other => return Err(WireError::Encoding(other.to_owned())),
    };
    let (mut plain, held) = (Vec::new(), room.nothing());
    loop {
        let more = reader.by_ref().take(BLOCK).read_to_end(&mut plain).map_err(|_| WireError::Decompress)?;
        if more == 0 {
            return Ok(held.keep(plain.into()));
        }
        if plain.len() > limit {
            return Err(WireError::TooLarge { claimed: plain.len(), limit });
        }
        held.take_for_request(more, message.len()).map_err(WireError::NoRoom)?;
    }
}

/// The message as an uncompressed frame.
pub(crate) fn frame(message: &[u8]) -> Bytes {
    let mut frame = BytesMut::with_capacity(HEADER + message.len());
    frame.put_u8(0);
    frame.put_u32(u32::try_from(message.len()).unwrap_or(u32::MAX));
    frame.put_slice(message);
    frame.freeze()
}

/// One entry of a `map<string, InferParameter>`, as protobuf lays maps out.
#[derive(Clone, PartialEq, prost::Message)]
struct ParameterEntry {
    #[prost(string, tag = "1")]
    key: String,
    #[prost(message, optional, tag = "2")]
    value: Option<InferParameter>,
}

/// The tail of a `ModelInferResponse` or `ModelInferRequest`: nothing but parameters.
#[derive(Clone, PartialEq, prost::Message)]
struct ParametersOnly {
    #[prost(message, repeated, tag = "4")]
    parameters: Vec<ParameterEntry>,
}

/// A serialised `ModelInferResponse` with string parameters appended. Protobuf merges concatenated messages, so the
/// bytes that were there stay as they were, unknown fields included.
pub(crate) fn append_parameters(message: &[u8], parameters: &[(&str, &str)]) -> Bytes {
    let tail = ParametersOnly {
        parameters: parameters
            .iter()
            .map(|(key, value)| ParameterEntry {
                key: (*key).to_owned(),
                value: Some(InferParameter {
                    parameter_choice: Some(ParameterChoice::StringParam((*value).to_owned())),
                }),
            })
            .collect(),
    };
    let mut annotated = BytesMut::with_capacity(message.len() + tail.encoded_len());
    annotated.put_slice(message);
    annotated.put_slice(&tail.encode_to_vec());
    annotated.freeze()
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::proto::inference::ModelInferResponse;

    fn room() -> Room {
        Room::new(1 << 20)
    }

    #[test]
    fn annotation_leaves_the_bytes_before_it_alone() {
        let response = ModelInferResponse { id: "42".into(), ..Default::default() };
        let mut bytes = response.encode_to_vec();
        bytes.extend_from_slice(&[0xfa, 0x3f, 1, 7]);
        let annotated = append_parameters(&bytes, &[("portcullis_decision", "clean")]);
        assert_eq!(annotated[..bytes.len()], bytes);
        let decoded = ModelInferResponse::decode(annotated).unwrap();
        assert_eq!(decoded.id, "42");
        assert_eq!(
            decoded.parameters["portcullis_decision"].parameter_choice,
            Some(ParameterChoice::StringParam("clean".into()))
        );
    }

    #[test]
    fn a_claim_beyond_the_limit_is_refused_by_its_header_alone() {
        let claim = Bytes::from_static(&[0, 0x7f, 0xff, 0xff, 0xff, 1, 2, 3, 4, 5]);
        assert_eq!(
            single_message(&claim, None, 1 << 20, &room()),
            Err(WireError::TooLarge { claimed: 0x7fff_ffff, limit: 1 << 20 })
        );
    }

    #[test]
    fn only_one_whole_message_is_read() {
        let one = frame(b"abc");
        assert_eq!(single_message(&one, None, 10, &room()).unwrap(), "abc");
        let two = [one.as_ref(), one.as_ref()].concat();
        assert_eq!(single_message(&two.into(), None, 10, &room()), Err(WireError::NotOneMessage));
        assert_eq!(single_message(&one.slice(..7), None, 10, &room()), Err(WireError::NotOneMessage));
        assert_eq!(single_message(&Bytes::new(), None, 10, &room()), Err(WireError::NotOneMessage));
    }

    #[test]
    fn compressed_messages_are_read_up_to_the_limit() {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(&[7; 5000]).unwrap();
        let mut body = frame(&encoder.finish().unwrap()).to_vec();
        body[0] = 1;
        let body = Bytes::from(body);
        assert_eq!(single_message(&body, Some("gzip"), 5000, &room()).unwrap().len(), 5000);
        let small = Room::new(9999);
        assert_eq!(single_message(&body, Some("gzip"), 5000, &small), Err(WireError::NoRoom(Reason::TooLarge)));
        assert!(matches!(single_message(&body, Some("gzip"), 4999, &room()), Err(WireError::TooLarge { .. })));
        assert_eq!(single_message(&body, Some("br"), 5000, &room()), Err(WireError::Encoding("br".into())));
        assert_eq!(single_message(&body, Some("deflate"), 5000, &room()), Err(WireError::Decompress));
    }
}
