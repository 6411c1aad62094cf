//! The classifier's server: it says the same of every sign, and whose answer it is.

use std::collections::HashMap;
use std::io::BufRead;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use portcullis::proto::inference::model_infer_response::InferOutputTensor;
use portcullis::proto::inference::{ModelInferRequest, ModelInferResponse};
use prost::Message;

use crate::support::{Answer, Upstream};

/// The argument that makes the soak this server.
pub const ARGUMENT: &str = "upstream";
/// What it is told on its standard input: to answer nonsense, and to stop that.
pub const NONSENSE: &str = "nonsense";
pub const SENSE: &str = "sense";
/// The signs' classes.
const CLASSES: usize = 20;

/// Serves on a free port, which it prints, until its standard input ends.
pub fn serve() {
    static NONSENSICAL: AtomicBool = AtomicBool::new(false);
    let seen: Mutex<HashMap<String, usize>> = Mutex::default();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let upstream = runtime.block_on(Upstream::start(move |call| {
        let Ok(request) = ModelInferRequest::decode(call.body.slice(5.min(call.body.len())..)) else {
            return Answer::message(b"");
        };
        let mut seen = seen.lock().expect("unpoisoned");
        let times = seen.entry(request.id.clone()).or_default();
        *times += 1;
        let probability = if NONSENSICAL.load(Ordering::Relaxed) { f32::NAN } else { 1.0 / CLASSES as f32 };
        Answer::of(&response(request.id, *times, probability))
    }));
    println!("{}", upstream.address);
    for order in std::io::stdin().lock().lines().map_while(Result::ok) {
        NONSENSICAL.store(order == NONSENSE, Ordering::Relaxed);
    }
}

/// An answer that tells whose it is, and how many times this was asked.
fn response(id: String, times: usize, probability: f32) -> ModelInferResponse {
    ModelInferResponse {
        model_name: "signs".into(),
        model_version: times.to_string(),
        id,
        outputs: vec![InferOutputTensor {
            name: "probabilities".into(),
            datatype: "FP32".into(),
            shape: vec![1, CLASSES as i64],
            ..Default::default()
        }],
        raw_output_contents: vec![[probability; CLASSES].into_iter().flat_map(f32::to_le_bytes).collect()],
        ..Default::default()
    }
}
