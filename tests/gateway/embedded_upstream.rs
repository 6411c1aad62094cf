//! The gateway as the classifier's server: the Open Inference Protocol over ONNX models.

use std::sync::Arc;

use http_body_util::{BodyExt, Full};
use portcullis::gateway::{Embedded, EmbeddedModel, Upstream};
use portcullis::model::{OnnxModel, Runtime, Workers};
use portcullis::proto::inference::model_infer_request::InferInputTensor;
use portcullis::proto::inference::{InferTensorContents, ModelInferRequest, ModelInferResponse};
use portcullis::tensor::Datatype;
use prost::Message;
use serde_json::{Value, json};
use tonic::Code;
use tonic::body::Body;

use crate::support::gateway::embedded;
use crate::support::wire::{MODEL_INFER, frame};
use crate::support::{Call, Gateway, Model, python, shared};

#[tokio::test]
async fn tritonclient_finds_server_and_models_as_the_protocol_says() {
    let Some(shared) = shared() else { return };
    let models = [Model::digits(shared).guarded(""), Model::one_at_a_time(shared).guarded("version = \"7\"")];
    let gateway = Gateway::start(&embedded(&models)).await;
    let meta = async |model: &str| {
        let url = gateway.clients.to_string();
        python::client(json!({ "command": "meta", "url": url, "model": model })).await
    };
    let digits = meta("digits").await;
    assert_eq!([&digits["live"], &digits["ready"], &digits["model_ready"]], [true; 3].map(Value::from).each_ref());
    assert_eq!(digits["server"]["name"], "portcullis");
    assert_eq!(digits["server"]["version"], env!("CARGO_PKG_VERSION"));
    let image = json!([{ "name": "image", "datatype": "FP32", "shape": ["-1", "1", "28", "28"] }]);
    let logits = json!([{ "name": "logits", "datatype": "FP32", "shape": ["-1", "10"] }]);
    assert_eq!((&digits["model"]["inputs"], &digits["model"]["outputs"]), (&image, &logits));
    assert_eq!(digits["model"]["versions"], json!(["1"]));
    let other = meta("one_at_a_time").await;
    assert_eq!(other["model"]["inputs"][0]["shape"], json!(["1", "1", "28", "28"]));
    assert_eq!(other["model"]["versions"], json!(["7"]));
    assert_eq!(meta("nobody").await["error"]["code"], "NOT_FOUND");
}

#[tokio::test]
async fn numbers_of_every_type_go_in_and_come_out_raw_and_typed() {
    let Some(shared) = shared() else { return };
    let datatypes = [Datatype::Fp32, Datatype::Fp16, Datatype::Uint8, Datatype::Int64];
    let mirrors = datatypes.map(|datatype| Model::mirror(datatype, shared));
    let models: Vec<String> = mirrors.iter().map(|model| model.guarded("")).collect();
    let gateway = Gateway::start(&embedded(&models)).await;
    let pixels: Vec<u8> = (0..32).map(|index| u8::from(index == 3 || index == 28)).collect();
    for model in &mirrors {
        for typed in [false, true] {
            // The protocol has no typed contents for FP16.
            if typed && model.name == "FP16" {
                continue;
            }
            let answer = python::client(json!({
                "command": "infer", "url": gateway.clients.to_string(), "model": model.name, "input": "image",
                "datatype": model.name, "typed": typed, "array": { "shape": [2, 1, 4, 4], "values": pixels },
            }))
            .await;
            let (logits, class) = (&answer["outputs"]["logits"], &answer["outputs"]["class"]);
            assert_eq!(logits["datatype"], if model.name == "FP16" { "FP16" } else { "FP32" }, "{answer}");
            let values: Vec<f64> = pixels.iter().map(|&pixel| f64::from(pixel)).collect();
            assert_eq!(logits["values"], json!(values), "{}", model.name);
            assert_eq!((&class["datatype"], &class["values"]), (&json!("INT64"), &json!([3, 12])), "{}", model.name);
        }
    }
    assert_eq!(gateway.metrics_after(7).await.sum("portcullis_decisions_total", &[("decision", "undecided")]), 0.0);
}

#[tokio::test]
async fn what_the_model_does_not_take_is_refused_in_words() {
    let Some(shared) = shared() else { return };
    let digits = Model::digits(shared);
    let gateway = Gateway::start(&embedded(&[digits.guarded("")])).await;
    let good = digits.request(&digits.pictures().0[..1]);
    let changed = |change: &dyn Fn(&mut ModelInferRequest)| {
        let mut request = good.clone();
        change(&mut request);
        request
    };
    let cases = [
        (Code::NotFound, "no model 'nobody'", changed(&|request| request.model_name = "nobody".into())),
        (Code::NotFound, "no model 'digits' 9", changed(&|request| request.model_version = "9".into())),
        (Code::InvalidArgument, "no input 'picture'", changed(&|request| request.inputs[0].name = "picture".into())),
        (
            Code::InvalidArgument,
            "expected FP32",
            changed(&|request| {
                request.inputs[0].datatype = "INT32".into();
            }),
        ),
        (
            Code::InvalidArgument,
            "expected [any, 1, 28, 28]",
            changed(&|request| {
                request.inputs[0].shape = vec![1, 28, 28, 1];
            }),
        ),
        (
            Code::InvalidArgument,
            "2 raw contents for 1 inputs",
            changed(&|request| {
                request.raw_input_contents.push(Default::default());
            }),
        ),
    ];
    for (code, word, request) in cases {
        let answer = gateway.call(Call::infer(&request)).await;
        assert_eq!(answer.code(), code, "{word}");
        assert!(answer.error().contains(word), "'{word}' is missing from '{}'", answer.error());
    }
    assert_eq!(gateway.call(Call::infer(&good)).await.code(), Code::Ok, "and it goes on serving");
}

/// Text has no guard that looks at pictures, so this asks the upstream itself.
#[tokio::test]
async fn text_goes_in_and_comes_out_as_labels_and_probabilities() {
    let Some(shared) = shared() else { return };
    let runtime = Runtime::load(None).expect("ONNX Runtime");
    let workers = Arc::new(Workers::start(1, 16).expect("a thread"));
    let model = OnnxModel::load(&runtime, &shared.join("models/sms_spam.onnx"), 1, 1).expect("a model");
    let model = EmbeddedModel { name: "spam".into(), version: None, model: Arc::new(model), longest: None };
    let upstream = Embedded::new(vec![model], workers, 1 << 20);
    let texts = ["Are you coming home for dinner?", "WINNER! Claim your FREE prize, call 09061701461 now"];
    let input =
        InferInputTensor { name: "text".into(), datatype: "BYTES".into(), shape: vec![2, 1], ..Default::default() };
    let raw = texts.iter().flat_map(|text| [&(text.len() as u32).to_le_bytes()[..], text.as_bytes()].concat());
    let request = ModelInferRequest { model_name: "spam".into(), inputs: vec![input], ..Default::default() };
    let mut typed = request.clone();
    typed.inputs[0].contents = Some(InferTensorContents {
        bytes_contents: texts.iter().map(|text| text.as_bytes().into()).collect(),
        ..Default::default()
    });
    let raw = ModelInferRequest { raw_input_contents: vec![raw.collect()], ..request };

    let raw = ask(&upstream, &raw).await;
    let labels: Vec<i64> = raw.raw_output_contents[0]
        .chunks(8)
        .map(|label| i64::from_le_bytes(label.try_into().expect("eight bytes")))
        .collect();
    assert_eq!((raw.outputs[0].datatype.as_str(), labels.as_slice()), ("INT64", &[0, 1][..]));
    let typed = ask(&upstream, &typed).await;
    let contents = |index: usize| typed.outputs[index].contents.clone().expect("typed contents");
    assert_eq!(contents(0).int64_contents, labels);
    let probabilities = contents(1).fp32_contents;
    assert_eq!((typed.outputs[1].shape.as_slice(), probabilities.len()), (&[2, 2][..], 4));
    assert!(probabilities.chunks(2).all(|pair| (pair[0] + pair[1] - 1.0).abs() < 1e-5), "{probabilities:?}");
}

async fn ask(upstream: &Embedded, request: &ModelInferRequest) -> ModelInferResponse {
    let body = Body::new(Full::new(frame(&request.encode_to_vec())));
    let request = http::Request::post(MODEL_INFER).header("content-type", "application/grpc").body(body);
    let response = upstream.call(request.expect("a request")).await;
    let body = response.into_body().collect().await.expect("a body").to_bytes();
    ModelInferResponse::decode(body.slice(5..)).expect("a response")
}
