//! The body of a request over HTTP: a JSON document, and perhaps the tensors' bytes behind it.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use portcullis::gateway::fuzzing;

use super::wire;

/// Largest body that is read.
const LIMIT: usize = 1 << 16;

/// The first byte says how the rest is compressed, and whether the two bytes behind it are the document's length.
pub fn fuzz(input: &[u8]) -> bool {
    let Some((&how, mut rest)) = input.split_first() else { return false };
    let mut headers = HeaderMap::new();
    if let Some(encoding) = [None, Some("gzip"), Some("deflate"), Some("identity")][usize::from(how % 4)] {
        headers.insert("content-encoding", HeaderValue::from_static(encoding));
    }
    if how & 0x80 != 0 {
        let Some((length, behind)) = rest.split_first_chunk::<2>() else { return false };
        headers.insert("inference-header-content-length", u16::from_le_bytes(*length).into());
        rest = behind;
    }
    let Some(request) = fuzzing::rest_request(&headers, &Bytes::copy_from_slice(rest), LIMIT) else { return false };
    assert!(request.inputs.iter().all(|input| input.contents.is_none()), "all contents are raw");
    wire::look_at(&request)
}
