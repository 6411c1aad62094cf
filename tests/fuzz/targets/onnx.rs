//! ONNX files.

use portcullis::onnx::Graph;

/// What is read and can be written is read back the same, and written the same again.
pub fn fuzz(input: &[u8]) -> bool {
    let Ok(graph) = Graph::decode(input) else { return false };
    let Ok(written) = graph.encode(&[]) else { return false };
    let again = Graph::decode(&written).expect("what was written can be read");
    assert_eq!(again.encode(&[]).expect("what was read from it can be written"), written);
    true
}
