//! Spam filters over tokens under guard: of texts that the server makes tokens of, and of tokens that clients send.

use std::sync::Arc;

use bytes::Bytes;
use portcullis::model::{Classifier, OnnxModel, OutputSpec, Runtime, TextSpec, TokenSpec, Tokenizer, Workers};
use portcullis::proto::inference::model_infer_request::InferInputTensor;
use portcullis::proto::inference::model_infer_response::InferOutputTensor;
use portcullis::proto::inference::{InferTensorContents, ModelInferRequest, ModelInferResponse};
use portcullis::tensor::{Datatype, Item, OutputKind, Tokens};
use prost::Message;
use tonic::Code;

use crate::support::gateway::{embedded, in_front_of, portcullis};
use crate::support::{Answer, Call, Gateway, Model, Upstream, root};
use crate::text::{DISGUISED, HAM, SPAM, request as request_for_texts};

const BLOCK: &str = "policy = \"block\"\non_undecided = \"pass\"\ntime_budget = \"60s\"";
const ANNOTATE: &str = "policy = \"annotate\"\ntime_budget = \"60s\"";
const EVASIONS: [&str; 4] = [
    DISGUISED,
    "Fr33 3ntry t0 w1n a c4sh pr1ze! C4ll n0w t0 cl41m it, fr33 fr33",
    "F r e e entry to w i n a c.a.s.h p.r.i.z.e! C a l l now to c l a i m",
    "Fr\u{200b}ee e\u{200b}nt\u{200b}ry to w\u{200b}in a ca\u{200b}sh pr\u{200b}ize! Ca\u{200b}ll n\u{200b}ow to cl\u{200b}aim",
];
const BENIGN: [&str; 7] = [
    HAM,
    "Akşam yemeğe geliyor musun? Çok özledik",
    "Где встретимся завтра? Я буду после работы",
    "مرحبا، هل نلتقي غدا بعد العمل؟",
    "明天下班后一起吃饭吗？",
    "कल सुबह मिलते हैं, ठीक है?",
    "On se voit à la gare à midi ? Grüße aus Köln 😀",
];

/// A filter of the tests, and what it takes.
fn filter(name: &str) -> (Classifier, TokenSpec) {
    let file = |extension| root().join("tests/support/tokens").join(name).with_extension(extension);
    let is_bytes = name == "bytes";
    let spec = TokenSpec {
        name: "input_ids".into(),
        datatype: if is_bytes { Datatype::Int32 } else { Datatype::Int64 },
        length: None,
        mask: Some("attention_mask".into()),
        types: (!is_bytes).then(|| "token_type_ids".into()),
        text: None,
        tokenizer: Tokenizer::load(&file("json"), None, None).expect("a tokenizer"),
    };
    let model = OnnxModel::load(&Runtime::load(None).expect("ONNX Runtime"), &file("onnx"), 1, 1).expect("a model");
    let output = OutputSpec { name: "probabilities".into(), kind: OutputKind::Probabilities, classes: 2 };
    let workers = Arc::new(Workers::start(1, 64).expect("threads"));
    (Classifier::new(Arc::new(model), workers, spec.clone(), output), spec)
}

/// A server that takes texts and makes tokens of them itself.
async fn server_of_texts() -> Upstream {
    let (classifier, _) = filter("wordpiece");
    let read = move |text: &Bytes| {
        let spec = TextSpec { name: "text".into(), in_rows: true };
        let text = spec.decode(text, usize::MAX).expect("a text");
        // Waiting is for threads of one's own.
        let predicted = std::thread::scope(|threads| {
            let ask = || classifier.predict_waiting(move || Item::Text(text)).wait().expect("a worker");
            threads.spawn(ask).join().expect("a thread").expect("a prediction")
        });
        predicted.probabilities().iter().map(|&share| share as f32).collect::<Vec<f32>>()
    };
    let answer = move |texts: &[Bytes]| ModelInferResponse {
        model_name: "spam".into(),
        outputs: vec![InferOutputTensor {
            name: "probabilities".into(),
            datatype: "FP32".into(),
            shape: vec![texts.len() as i64, 2],
            contents: Some(InferTensorContents {
                fp32_contents: texts.iter().flat_map(&read).collect(),
                ..Default::default()
            }),
            ..Default::default()
        }],
        ..Default::default()
    };
    Upstream::start(move |seen| {
        let request = ModelInferRequest::decode(seen.body.slice(5..)).expect("a request");
        let contents = request.inputs[0].contents.as_ref().expect("typed contents");
        Answer::of(&answer(&contents.bytes_contents))
    })
    .await
}

/// The request for these rows of tokens, which the client pads.
fn request(spec: &TokenSpec, rows: &[Tokens]) -> ModelInferRequest {
    let tensors = spec.batch(&rows.iter().collect::<Vec<_>>()).expect("as many as the shape says");
    ModelInferRequest {
        model_name: "spam".into(),
        inputs: tensors
            .iter()
            .map(|tensor| InferInputTensor {
                name: tensor.name.clone(),
                datatype: tensor.elements.datatype().name().into(),
                shape: tensor.shape.iter().map(|&side| side as i64).collect(),
                ..Default::default()
            })
            .collect(),
        raw_input_contents: tensors.iter().map(|tensor| tensor.elements.to_raw()).collect(),
        ..Default::default()
    }
}

fn tokens(spec: &TokenSpec, texts: &[&str]) -> Vec<Tokens> {
    texts.iter().map(|text| spec.tokenizer.encode(text).expect("tokens")).collect()
}

/// How many spam probabilities of an answer are above one half.
fn taken_for_spam(answer: &Answer) -> Vec<bool> {
    let response: ModelInferResponse = answer.decode();
    let raw = response.raw_output_contents.first().map(|raw| raw.to_vec());
    let numbers: Vec<f32> = match raw {
        Some(raw) => raw.chunks_exact(4).map(|four| f32::from_le_bytes(four.try_into().expect("four"))).collect(),
        None => response.outputs[0].contents.as_ref().expect("typed contents").fp32_contents.clone(),
    };
    numbers.chunks_exact(2).map(|both| both[1] > 0.5).collect()
}

fn decision(answer: &Answer) -> String {
    answer.bytes();
    answer.metadata["portcullis-decision"].to_str().expect("ASCII").to_owned()
}

#[tokio::test]
async fn strings_that_the_server_makes_tokens_of_are_examined_by_a_replica_that_takes_tokens() {
    let server = server_of_texts().await;
    let model = Model::of_tokens("wordpiece", Some("text"));
    let gateway = Gateway::start(&in_front_of(server.address, &[model.guarded(BLOCK)])).await;
    let ask = async |texts: &[&str]| gateway.call(Call::infer(&request_for_texts(texts, true))).await;
    assert_eq!(taken_for_spam(&ask(&[HAM, SPAM]).await), [false, true], "what is in no disguise is answered");
    for evasion in EVASIONS {
        let answer = ask(&[evasion]).await;
        // This tokenizer knows no spaces without width: the filter is not deceived by them.
        let is_read = evasion.contains('\u{200b}');
        assert_eq!(answer.code(), if is_read { Code::Ok } else { Code::PermissionDenied }, "{evasion}");
    }
    for message in BENIGN {
        assert_eq!(taken_for_spam(&ask(&[message]).await), [false], "{message}");
    }
    assert_eq!(ask(&[HAM, DISGUISED]).await.code(), Code::PermissionDenied);
    let metrics = gateway.metrics_after(13).await;
    assert_eq!(metrics.sum("portcullis_replica_disagreements_total", &[]), 0.0);
}

#[tokio::test]
async fn tokens_that_clients_send_are_examined_as_the_text_that_they_spell() {
    let (_, spec) = filter("bytes");
    let model = Model::of_tokens("bytes", None);
    let behind = Gateway::start(&embedded(&[model.guarded("policy = \"monitor\"")])).await;
    let from = |source: &str| model.guarded(&format!("{ANNOTATE}\npredictions = \"{source}\""));
    for configuration in [
        embedded(&[model.guarded(ANNOTATE)]),
        in_front_of(behind.clients, &[from("replica")]),
        in_front_of(behind.clients, &[from("upstream")]),
    ] {
        let gateway = Gateway::start(&configuration).await;
        let ask = async |texts: &[&str]| gateway.call(Call::infer(&request(&spec, &tokens(&spec, texts)))).await;
        for text in [EVASIONS[0], EVASIONS[2], EVASIONS[3]] {
            let answer = ask(&[text]).await;
            assert_eq!(decision(&answer), "suspicious", "{text}: {configuration}");
            assert_eq!(taken_for_spam(&answer), [false], "{text}");
        }
        for message in BENIGN {
            assert_eq!(decision(&ask(&[message]).await), "clean", "{message}: {configuration}");
        }
        assert_eq!(taken_for_spam(&ask(&[HAM, SPAM]).await), [false, true]);
        assert_eq!(decision(&ask(&[HAM, BENIGN[2], DISGUISED]).await), "suspicious", "of different lengths");
        let metrics = gateway.metrics_after(12).await;
        assert_eq!(metrics.sum("portcullis_replica_disagreements_total", &[]), 0.0);
        assert_eq!(metrics.decisions("spam", "undecided"), 0.0);
    }
}

#[tokio::test]
async fn words_cut_into_other_tokens_than_the_tokenizer_would_are_suspicious() {
    let (_, spec) = filter("bytes");
    let gateway = Gateway::start(&embedded(&[Model::of_tokens("bytes", None).guarded(BLOCK)])).await;
    let letters: Vec<String> = "Free entry to win a cash prize! Call now".chars().map(String::from).collect();
    let ids = letters.iter().flat_map(|letter| spec.tokenizer.encode(letter).expect("tokens").ids).collect();
    let refused = gateway.call(Call::infer(&request(&spec, &[Tokens { ids, ..Tokens::default() }]))).await;
    assert_eq!(refused.code(), Code::PermissionDenied);
    assert!(refused.body.is_empty(), "a refusal predicts nothing");
}

#[tokio::test]
async fn tokens_that_nobody_can_read_are_refused_with_the_reason() {
    let (_, spec) = filter("bytes");
    let model = Model::of_tokens("bytes", None);
    let behind = Upstream::start(|_| Answer::of(&ModelInferResponse::default())).await;
    let gateway = Gateway::start(&in_front_of(behind.address, &[model.guarded(BLOCK)])).await;
    let row = |ids: Vec<i64>| request(&spec, &[Tokens { ids, ..Tokens::default() }]);
    let shaped = |shape: &[i64]| {
        let mut request = row(vec![70]);
        request.inputs.iter_mut().for_each(|input| input.shape = shape.to_vec());
        request
    };
    let mut alone = row(vec![70]);
    alone.inputs.truncate(1);
    alone.raw_input_contents.truncate(1);
    let mut floats = row(vec![70]);
    floats.inputs[0].datatype = "FP32".into();
    for (request, reason) in [
        (row(vec![70, 900]), "values"),
        (row(vec![-1]), "values"),
        (row(vec![i64::from(i32::MAX)]), "values"),
        (row(vec![70; 513]), "too_large"),
        (shaped(&[1 << 40, 1 << 20]), "too_large"),
        (shaped(&[1 << 40, 0]), "shape"),
        (shaped(&[1]), "shape"),
        (shaped(&[-1, 1]), "shape"),
        (alone, "input_missing"),
        (floats, "datatype"),
    ] {
        let refused = gateway.call(Call::infer(&request)).await;
        assert_eq!(refused.code(), Code::InvalidArgument, "{reason}");
        assert!(refused.error().contains(&format!("({reason})")), "{reason}: {}", refused.error());
    }
}

#[tokio::test]
async fn a_classifier_inside_takes_no_more_tokens_than_are_read_of_a_text() {
    let (_, spec) = filter("bytes");
    let gateway = Gateway::start(&embedded(&[Model::of_tokens("bytes", None).guarded("policy = \"monitor\"")])).await;
    let row = |length: usize| request(&spec, &[Tokens { ids: vec![70; length], ..Tokens::default() }]);
    assert_eq!(gateway.call(Call::infer(&row(512))).await.code(), Code::Ok);
    let refused = gateway.call(Call::infer(&row(513))).await;
    assert_eq!(refused.code(), Code::InvalidArgument);
    assert!(refused.error().contains("513 tokens a text, more than 512"), "{}", refused.error());
}

#[test]
fn what_does_not_fit_is_named_before_anything_is_served() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let tokens = root().join("tests/support/tokens");
    let (tokenizer, golden) = (tokens.join("bytes.json"), tokens.join("golden.json"));
    for (upstream, input, problem) in [
        ("embedded = true", String::new(), "if it takes tokens of text, name their input.tokens.tokenizer"),
        ("embedded = true", "tokens = {}".to_owned(), "models[0].input.tokens.tokenizer is missing"),
        ("embedded = true", format!("tokens = {{ tokenizer = {golden:?} }}"), "golden.json is not a usable tokenizer"),
        (
            "embedded = true",
            format!("tokens = {{ tokenizer = {tokenizer:?}, text = \"text\" }}"),
            "is for a server that makes tokens itself",
        ),
        (
            "embedded = true",
            format!("height = 4\ntokens = {{ tokenizer = {tokenizer:?}, max_length = 0 }}"),
            "max_length must be at least 1",
        ),
        (
            "grpc = \"http://127.0.0.1:1\"",
            format!("height = 4\ntokens = {{ tokenizer = {tokenizer:?} }}"),
            "input.height is for pictures, and input 'input_ids' takes tokens of text",
        ),
    ] {
        let path = tokens.join("bytes.onnx");
        let configuration = folder.path().join("portcullis.toml");
        let text = format!(
            "[upstream]\n{upstream}\n[[models]]\nname = \"spam\"\npath = {path:?}\nprofile = \"none.json\"\n\
             [models.input]\nname = \"input_ids\"\n{input}\n[[models.detectors]]\nkind = \"margin\"\n"
        );
        std::fs::write(&configuration, text).expect("writable");
        let checked = portcullis().args(["config", "check", "--config"]).arg(&configuration).output();
        let checked = checked.expect("the binary runs");
        let told = String::from_utf8_lossy(&checked.stderr).into_owned();
        assert_eq!(checked.status.code(), Some(64), "{told}");
        assert!(told.contains(problem), "{problem}: {told}");
    }
}
