//! Requests over HTTP.

use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};
use portcullis::tensor::Elements;

use super::Seed;
use super::messages::packed;

/// How the target is to read a body; see there.
const PLAIN: u8 = 0;
const GZIP: u8 = 1;
const DEFLATE: u8 = 2;
const WITH_LENGTH: u8 = 0x80;

const FLAT: &str = r#"{"id": "42", "inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 1, 2, 2],
    "data": [-0.5, 0, 2.5e-1, 1.5]}], "outputs": [{"name": "y", "parameters": {"classification": 3}}]}"#;
const NESTED: &str = r#"{"model_name": "model", "inputs": [{"name": "x", "datatype": "UINT8", "shape": [1, 2, 2, 3],
    "data": [[[[0, 20, 40], [60, 80, 100]], [[120, 140, 160], [180, 200, 255]]]]}], "parameters": {"priority": 1}}"#;
const TEXT: &str = r#"{"inputs": [{"name": "text", "datatype": "BYTES", "shape": [2], "data": ["free prize", "\u00e9"]},
    {"name": "x", "datatype": "FP16", "shape": [1, 3, 2, 2], "data": [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0.5]}]}"#;
const BINARY: &str = r#"{"inputs": [{"name": "x", "datatype": "FP32", "shape": [2, 1, 2, 2],
    "parameters": {"binary_data_size": 32}}], "parameters": {"binary_data_output": true}}"#;
const ELSEWHERE: &str = r#"{"inputs": [{"name": "z", "datatype": "FP32", "shape": [1],
    "parameters": {"shared_memory_region": "region", "shared_memory_byte_size": 4}}]}"#;

/// Bodies that hold a request.
pub fn bodies() -> Vec<Seed> {
    let with = |how: u8, body: &[u8]| [&[how], body].concat();
    let flat = FLAT.as_bytes();
    vec![
        ("flat", with(PLAIN, flat)),
        ("nested", with(PLAIN, NESTED.as_bytes())),
        ("text", with(PLAIN, TEXT.as_bytes())),
        ("binary", with(WITH_LENGTH, &binary())),
        ("elsewhere", with(PLAIN, ELSEWHERE.as_bytes())),
        ("gzip", with(GZIP, &packed(GzEncoder::new(Vec::new(), Compression::fast()), flat, GzEncoder::finish))),
        (
            "deflate",
            with(DEFLATE, &packed(ZlibEncoder::new(Vec::new(), Compression::fast()), flat, ZlibEncoder::finish)),
        ),
    ]
}

/// The document's length, the document, and the pixels.
fn binary() -> Vec<u8> {
    let pixels = Elements::Fp32(vec![-0.5, 0.0, 0.25, 1.5, 0.5, 0.125, 1.0, 0.75]).to_raw();
    [&(BINARY.len() as u16).to_le_bytes()[..], BINARY.as_bytes(), &pixels].concat()
}
