//! How a body is laid out: perhaps compressed, one JSON document, and perhaps the tensors' bytes behind it.

use bytes::Bytes;
use http::header::{CONTENT_ENCODING, HeaderMap, HeaderName};

use crate::detect::Reason;
use crate::gateway::guard::grpc::wire_reason;
use crate::gateway::message::room::Room;
use crate::gateway::message::wire;

/// The length of the JSON document, where bytes follow it.
pub(super) const DOCUMENT_LENGTH: HeaderName = HeaderName::from_static("inference-header-content-length");

/// What a message's headers say of its body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Layout {
    encoding: Option<&'static str>,
    document: Option<usize>,
}

impl Layout {
    /// # Errors
    /// Why nobody knows what the headers mean; servers differ on those that come twice.
    pub(super) fn of(headers: &HeaderMap) -> Result<Self, Reason> {
        let encoding = match only(headers, &CONTENT_ENCODING).map_err(|()| Reason::Compression)? {
            None | Some("identity") => None,
            Some("gzip") => Some("gzip"),
            Some("deflate") => Some("deflate"),
            Some(_) => return Err(Reason::Compression),
        };
        let document = match only(headers, &DOCUMENT_LENGTH).map_err(|()| Reason::Malformed)? {
            None => None,
            Some(length) if length.bytes().all(|digit| digit.is_ascii_digit()) => {
                Some(length.parse().map_err(|_| Reason::Malformed)?)
            }
            Some(_) => return Err(Reason::Malformed),
        };
        Ok(Self { encoding, document })
    }

    pub(super) fn is_compressed(&self) -> bool {
        self.encoding.is_some()
    }

    /// The JSON document and the bytes behind it, no more than `limit` of them in all, if there is `room`.
    ///
    /// # Errors
    /// Why there are none.
    pub(super) fn split(&self, body: &Bytes, limit: usize, room: &Room) -> Result<(Bytes, Bytes), Reason> {
        let mut document = match self.encoding {
            Some(encoding) => wire::decompress(body, encoding, limit, room).map_err(|error| wire_reason(&error))?,
            None if body.len() > limit => return Err(Reason::TooLarge),
            None => body.clone(),
        };
        let length = self.document.unwrap_or(document.len());
        if length > document.len() {
            return Err(Reason::Malformed);
        }
        let behind = document.split_off(length);
        Ok((document, behind))
    }
}

/// A header's value as text, where it comes once.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, ()> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => value.to_str().map(Some).map_err(|_| ()),
        (Some(_), Some(_)) => Err(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn room() -> Room {
        Room::new(8 << 20)
    }

    fn layout(pairs: &[(&'static str, &str)]) -> Result<Layout, Reason> {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, value.parse().unwrap());
        }
        Layout::of(&headers)
    }

    #[test]
    fn a_document_ends_where_the_header_says() {
        let body = Bytes::from_static(b"{}1234");
        let split = |length: &str| layout(&[("inference-header-content-length", length)])?.split(&body, 6, &room());
        assert_eq!(split("2"), Ok((Bytes::from_static(b"{}"), Bytes::from_static(b"1234"))));
        assert_eq!(split("6"), Ok((body.clone(), Bytes::new())));
        for wrong in ["7", "-1", "+2", "2.0", " ", "99999999999999999999999", "2, 2"] {
            assert_eq!(split(wrong), Err(Reason::Malformed), "{wrong}");
        }
        assert_eq!(layout(&[]).unwrap().split(&body, 6, &room()).unwrap().0, body);
        assert_eq!(layout(&[]).unwrap().split(&body, 5, &room()), Err(Reason::TooLarge));
    }

    #[test]
    fn headers_that_servers_read_differently_are_not_read() {
        let length = "inference-header-content-length";
        assert_eq!(layout(&[(length, "2"), (length, "3")]), Err(Reason::Malformed));
        for encodings in [&["gzip", "gzip"][..], &["gzip, identity"], &["GZIP"], &["br"], &["x-gzip"], &[""]] {
            let pairs: Vec<_> = encodings.iter().map(|encoding| ("content-encoding", *encoding)).collect();
            assert_eq!(layout(&pairs), Err(Reason::Compression), "{encodings:?}");
        }
    }

    #[test]
    fn a_bomb_is_not_inflated() {
        let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
        std::io::Write::write_all(&mut encoder, &[b' '; 1 << 20]).unwrap();
        let bomb = Bytes::from(encoder.finish().unwrap());
        let layout = layout(&[("content-encoding", "deflate")]).unwrap();
        assert_eq!(layout.split(&bomb, (1 << 20) - 1, &room()), Err(Reason::TooLarge));
        assert_eq!(layout.split(&bomb, 1 << 20, &room()).unwrap().0.len(), 1 << 20);
        assert_eq!(layout.split(&bomb.slice(..40), 1 << 20, &room()), Err(Reason::Malformed));
    }
}
