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
        "zstd" => Box::new(zstd_reader(message, limit).map_err(|_| WireError::Decompress)?),
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

/// Reads Zstandard. A frame names the window that it wants kept in memory, so that is bounded too: by the limit, but
/// for the 8 MiB that every decoder has to have.
fn zstd_reader(message: &[u8], limit: usize) -> std::io::Result<impl Read> {
    let mut reader = zstd::stream::read::Decoder::with_buffer(message)?;
    reader.window_log_max(limit.max(1).ilog2().clamp(23, 27))?;
    Ok(reader)
}

/// The message as an uncompressed frame.
pub(crate) fn frame(message: &[u8]) -> Bytes {
    let mut frame = BytesMut::with_capacity(HEADER + message.len());
    frame.put_u8(0);
    frame.put_u32(u32::try_from(message.len()).unwrap_or(u32::MAX));
    frame.put_slice(message);
    frame.freeze()
}

/// As [`frame`], if there is room for it.
pub(crate) fn frame_within(room: &Room, message: &[u8]) -> Option<Bytes> {
    let held = room.nothing();
    held.take(HEADER + message.len()).then(|| held.keep(frame(message)))
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
pub(crate) struct ParametersOnly {
    #[prost(message, repeated, tag = "4")]
    parameters: Vec<ParameterEntry>,
}

impl ParametersOnly {
    /// Parameters that are text.
    pub(crate) fn of(parameters: &[(&str, &str)]) -> Self {
        let text =
            |value: &str| InferParameter { parameter_choice: Some(ParameterChoice::StringParam(value.to_owned())) };
        let entries = parameters.iter();
        let entries = entries.map(|(key, value)| ParameterEntry { key: (*key).to_owned(), value: Some(text(value)) });
        Self { parameters: entries.collect() }
    }
}

/// A serialised `ModelInferResponse` with string parameters appended.
pub(crate) fn append_parameters(message: &[u8], parameters: &[(&str, &str)]) -> Bytes {
    append(message, &ParametersOnly::of(parameters))
}

/// A serialised message with another behind it. Protobuf merges concatenated messages, so the bytes that were there stay
/// as they were, unknown fields included.
pub(crate) fn append(message: &[u8], tail: &impl Message) -> Bytes {
    let mut merged = BytesMut::with_capacity(message.len() + tail.encoded_len());
    merged.put_slice(message);
    merged.put_slice(&tail.encode_to_vec());
    merged.freeze()
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

    fn packed(bytes: &[u8]) -> Bytes {
        let mut body = frame(bytes).to_vec();
        body[0] = 1;
        body.into()
    }

    #[test]
    fn compressed_messages_are_read_up_to_the_limit() {
        let plain = [7; 5000];
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        gzip.write_all(&plain).unwrap();
        let mut deflate = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
        deflate.write_all(&plain).unwrap();
        let packed = [
            ("gzip", packed(&gzip.finish().unwrap())),
            ("deflate", packed(&deflate.finish().unwrap())),
            ("zstd", packed(&zstd::encode_all(&plain[..], 0).unwrap())),
        ];
        for (encoding, body) in &packed {
            assert_eq!(single_message(body, Some(encoding), 5000, &room()).unwrap(), plain[..], "{encoding}");
            assert!(
                matches!(single_message(body, Some(encoding), 4999, &room()), Err(WireError::TooLarge { .. })),
                "{encoding}"
            );
            assert_eq!(single_message(body, Some("br"), 5000, &room()), Err(WireError::Encoding("br".into())));
            let small = Room::new(9999);
            let no_room = Err(WireError::NoRoom(Reason::TooLarge));
            assert_eq!(single_message(body, Some(encoding), 5000, &small), no_room, "{encoding}");
            for (other, _) in packed.iter().filter(|(other, _)| other != encoding) {
                assert_eq!(
                    single_message(body, Some(other), 5000, &room()),
                    Err(WireError::Decompress),
                    "{encoding} as {other}"
                );
            }
        }
    }

    #[test]
    fn a_frame_that_wants_more_memory_than_a_message_may_take_is_refused() {
        // Zstandard's magic number, a frame of unknown length, a window of 128 MiB and one block of one byte.
        let greedy = [0x28, 0xb5, 0x2f, 0xfd, 0, 17 << 3, 0x09, 0, 0, 7];
        assert_eq!(single_message(&packed(&greedy), Some("zstd"), 1 << 20, &room()), Err(WireError::Decompress));
        assert_eq!(single_message(&packed(&greedy), Some("zstd"), 1 << 30, &room()).unwrap(), [7][..]);
    }
}
