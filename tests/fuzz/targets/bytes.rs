//! Raw contents of tensors, `BYTES` above all.

use bytes::Bytes;
use portcullis::tensor::{Datatype, Elements};

use super::memory;

/// Bytes of memory to a byte of raw contents: an element of `BYTES` has a prefix of 4 bytes and a slice of 32.
const EXPANSION: usize = 8;
/// Memory for messages of errors.
const SLACK: usize = 1 << 10;

/// The first byte names the datatype, the second says how many elements there are; the rest are their contents.
pub fn fuzz(input: &[u8]) -> bool {
    let [datatype, count, raw @ ..] = input else { return false };
    let Some(datatype) = Datatype::all().nth(usize::from(*datatype % 16)) else { return false };
    let raw = Bytes::copy_from_slice(raw);
    let count = match datatype.size() {
        Some(size) if *count == u8::MAX => raw.len() / size,
        _ => usize::from(*count),
    };
    let mut accepted = false;
    for shape in [&[count][..], &[count, 1], &[1 << 40, count], &[]] {
        let (elements, peak) = memory::peak(|| Elements::from_raw(datatype, shape, &raw));
        assert!(peak <= EXPANSION * raw.len() + SLACK, "{} raw bytes took {peak}", raw.len());
        let Ok(elements) = elements else { continue };
        elements.check_count(shape).expect("as many as the shape says");
        assert_eq!(elements.datatype(), datatype);
        accepted = true;
        let written = elements.to_raw();
        if datatype == Datatype::Bool {
            assert!(written.iter().zip(&raw).all(|(written, raw)| (*written == 1) == (*raw != 0)));
        } else {
            assert_eq!(written, raw);
        }
    }
    accepted
}
