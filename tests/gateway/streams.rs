//! Requests of a stream are guarded as if each had come alone.

use bytes::Bytes;
use portcullis::proto::inference::infer_parameter::ParameterChoice;
use portcullis::proto::inference::{ModelInferRequest, ModelInferResponse, ModelStreamInferResponse};
use portcullis::tensor::Picture;
use prost::Message;
use serde_json::json;
use tonic::Code;

use crate::support::gateway::{embedded, in_front_of};
use crate::support::models::{Examples, digits_response};
use crate::support::python::{self, mlserver};
use crate::support::wire::{Messages, STREAM, frame};
use crate::support::{Call, Connection, Gateway, Metrics, Model, Upstream, eventually, shared};

/// A field that no version of the protocol knows: number 1023, three bytes long.
const UNKNOWN_FIELD: [u8; 6] = [0xfa, 0x3f, 3, 1, 2, 3];

fn id_of(request: &Bytes) -> String {
    ModelInferRequest::decode(request.clone()).map_or_else(|_| String::new(), |request| request.id)
}

/// An answer to the request `id`, in the form that Triton gives it.
fn wrapped(id: &str) -> Bytes {
    let response = ModelInferResponse { id: id.to_owned(), ..digits_response([0.0; 10]) };
    let answer = ModelStreamInferResponse { infer_response: Some(response), ..Default::default() };
    [&answer.encode_to_vec()[..], &UNKNOWN_FIELD].concat().into()
}

/// The same as MLServer gives it.
fn bare(id: &str) -> Bytes {
    ModelInferResponse { id: id.to_owned(), ..digits_response([0.0; 10]) }.encode_to_vec().into()
}

/// The id of a wrapped answer, with the error in brackets where it is one.
fn told(answer: &Bytes) -> String {
    let answer = ModelStreamInferResponse::decode(answer.clone()).expect("a wrapped answer");
    let response = answer.infer_response.unwrap_or_default();
    if answer.error_message.is_empty() {
        return response.id;
    }
    assert!(response.outputs.is_empty() && response.raw_output_contents.is_empty(), "a refusal predicts nothing");
    format!("{} ({})", response.id, answer.error_message.split(" (id ").next().unwrap_or_default())
}

const REFUSED: &str = "refused: the input is suspected to be adversarial";

/// The digits under these settings in front of a server that streams, and pictures on which the decisions are known.
async fn scripted(
    settings: &str,
    server: &'static str,
    answers: impl Fn(&Bytes) -> Vec<Bytes> + Send + Sync + 'static,
) -> Option<(Model, Upstream, Gateway, Examples)> {
    let digits = Model::digits(shared()?);
    let upstream = Upstream::streaming(server, answers).await;
    let gateway = Gateway::start(&in_front_of(upstream.address, &[digits.guarded(settings)])).await;
    let examples = digits.examples(&gateway).await;
    Some((digits, upstream, gateway, examples))
}

fn request(model: &Model, id: &str, picture: &Picture) -> ModelInferRequest {
    ModelInferRequest { id: id.to_owned(), ..model.request(std::slice::from_ref(picture)) }
}

fn decisions(metrics: &Metrics) -> f64 {
    metrics.sum("portcullis_decisions_total", &[])
}

#[tokio::test]
async fn a_suspicious_request_is_refused_in_its_place_and_the_others_are_answered_in_their_order() {
    let script = |request: &Bytes| vec![wrapped(&id_of(request))];
    for policy in ["block", "restore"] {
        let settings = format!("policy = \"{policy}\"");
        let Some((digits, upstream, gateway, examples)) = scripted(&settings, "triton", script).await else { return };
        let is_suspicious = |number: usize| number % 3 == 1;
        let picture = |number| if is_suspicious(number) { &examples.suspicious } else { &examples.clean };
        let requests: Vec<ModelInferRequest> =
            (0..30).map(|number| request(&digits, &number.to_string(), picture(number))).collect();
        let answer = gateway.call(Call::stream(&requests)).await;
        assert_eq!(answer.code(), Code::Ok, "{}", answer.error());
        let expected =
            |number| if is_suspicious(number) { format!("{number} ({REFUSED})") } else { number.to_string() };
        let told: Vec<String> = answer.messages().iter().map(told).collect();
        assert_eq!(told, (0..30).map(expected).collect::<Vec<_>>());
        let passed: Vec<Bytes> = (0..30)
            .filter(|number| !is_suspicious(*number))
            .map(|number| requests[number].encode_to_vec().into())
            .collect();
        assert_eq!(upstream.streamed(), passed, "what is refused does not reach the classifier; all else as it came");
        let metrics = gateway.metrics_after(30).await;
        assert_eq!(metrics.decisions("digits", "suspicious"), 10.0);
        assert_eq!(metrics.sum("portcullis_actions_total", &[("action", "block")]), 10.0);
        let calls = [("method", "ModelStreamInfer"), ("grpc_code", "OK")];
        assert_eq!(metrics.sum("portcullis_requests_total", &calls), 1.0);
    }
}

#[tokio::test]
async fn a_refusal_comes_at_once_where_the_upstream_has_not_said_a_word() {
    let script = |request: &Bytes| vec![wrapped(&id_of(request))];
    let Some((digits, _upstream, gateway, examples)) = scripted("policy = \"block\"", "triton", script).await else {
        return;
    };
    let mut call = gateway.connect().await.begin(Call::new(STREAM, b"")).await;
    let send = |id: &str, picture| frame(&request(&digits, id, picture).encode_to_vec());
    call.send(send("a", &examples.suspicious)).await;
    let mut answers = Messages::of(call.answered().await.into_body());
    assert_eq!(told(&answers.next().await.expect("a refusal")), format!("a ({REFUSED})"));
    call.send(send("b", &examples.clean)).await;
    assert_eq!(told(&answers.next().await.expect("an answer")), "b");
    call.close();
    assert_eq!(answers.next().await, None);
    assert_eq!(answers.trailers()["x-end"], "of the stream");
}

#[tokio::test]
async fn a_refusal_ends_the_stream_where_there_is_no_room_for_it() {
    let settings = "policy = \"block\"\nblock_status = \"ABORTED\"";
    let answer_bare: fn(&Bytes) -> Vec<Bytes> = |request| vec![bare(&id_of(request))];
    let answer_wrapped: fn(&Bytes) -> Vec<Bytes> = |request| vec![wrapped(&id_of(request))];
    let cases = [
        ("mlserver", "false", answer_bare),
        ("triton", "true", answer_wrapped),
        ("nobody knows", "false", answer_bare),
    ];
    for (server, wants_status, script) in cases {
        let Some((digits, upstream, gateway, examples)) = scripted(settings, server, script).await else { return };
        for clean in [0, 2] {
            let pictures = std::iter::repeat_n(&examples.clean, clean).chain([&examples.suspicious, &examples.clean]);
            let requests: Vec<ModelInferRequest> = pictures.map(|picture| request(&digits, "", picture)).collect();
            let before = upstream.streamed().len();
            let answer = gateway.call(Call::stream(&requests).with("triton_grpc_error", wants_status)).await;
            assert_eq!(answer.code(), Code::Aborted, "{server}");
            assert!(answer.error().starts_with(REFUSED), "{}", answer.error());
            let answers = script(&requests[0].encode_to_vec().into());
            assert_eq!(answer.messages(), vec![answers; clean].concat(), "{server}");
            let trailers = answer.trailers.expect("trailers");
            assert_eq!(trailers["portcullis-decision"], "suspicious");
            assert!(trailers.contains_key("portcullis-id"));
            assert_eq!(upstream.streamed().len() - before, clean, "nothing goes on behind it");
        }
        gateway.metrics_after(6).await;
    }
}

#[tokio::test]
async fn under_monitor_a_stream_crosses_byte_for_byte_in_both_directions() {
    let script = |request: &Bytes| vec![wrapped(&id_of(request)), request.clone()];
    let Some((digits, upstream, gateway, examples)) = scripted("policy = \"monitor\"", "triton", script).await else {
        return;
    };
    let requests = [&examples.clean, &examples.suspicious].map(|picture| request(&digits, "x", picture));
    let mut call = Call::stream(&requests).with("x-twice", "one").with("x-twice", "two");
    let strange = [&frame(b"no protobuf")[..], &frame(b""), &[0, 0, 0]].concat();
    call.body = [&call.body[..], &strange].concat().into();
    let without = Connection::open(upstream.address).await.send(call.clone()).await;
    assert_eq!(gateway.call(call.clone()).await, without);
    let [directly, through] = &upstream.seen(STREAM)[..] else { panic!("the upstream saw both calls") };
    assert_eq!(through, directly);
    assert_eq!(through.body, call.body);
    let metrics = gateway.metrics_after(5).await;
    assert_eq!((metrics.decisions("digits", "clean"), metrics.decisions("digits", "suspicious")), (1.0, 1.0));
    // No protobuf, one that breaks off, and an empty message, which names no model.
    assert_eq!(metrics.sum("portcullis_decisions_total", &[("reason", "malformed")]), 2.0);
    assert_eq!((metrics.decisions("other", "unguarded"), decisions(&metrics)), (1.0, 5.0));
}

#[tokio::test]
async fn under_monitor_nothing_waits_for_the_rest_of_a_request() {
    let script = |request: &Bytes| vec![wrapped(&id_of(request))];
    let Some((digits, upstream, gateway, examples)) = scripted("policy = \"monitor\"", "triton", script).await else {
        return;
    };
    let mut call = gateway.connect().await.begin(Call::new(STREAM, b"")).await;
    let whole = request(&digits, "1", &examples.clean).encode_to_vec();
    call.send(frame(&whole)).await;
    let mut answers = Messages::of(call.answered().await.into_body());
    assert_eq!(told(&answers.next().await.expect("an answer")), "1");
    assert_eq!(upstream.streamed(), [whole], "the call is still open");
}

#[tokio::test]
async fn any_number_of_answers_crosses() {
    let script = |request: &Bytes| {
        let id = id_of(request);
        (0..id.parse().expect("a number")).map(|number| wrapped(&format!("{id}.{number}"))).collect()
    };
    for policy in ["monitor", "annotate", "block"] {
        let settings = format!("policy = \"{policy}\"");
        let Some((digits, _upstream, gateway, examples)) = scripted(&settings, "triton", script).await else { return };
        let requests: Vec<ModelInferRequest> =
            [0, 3, 1, 0, 2].iter().map(|count| request(&digits, &count.to_string(), &examples.clean)).collect();
        let answer = gateway.call(Call::stream(&requests)).await;
        let expected: Vec<Bytes> = ["3.0", "3.1", "3.2", "1.0", "2.0", "2.1"].map(wrapped).into();
        assert_eq!(answer.messages(), expected, "{policy}: they are not touched");
        assert_eq!(answer.metadata["x-begin"], "of the stream");
        assert_eq!(answer.trailers.expect("trailers")["x-end"], "of the stream");
    }
}

#[tokio::test]
async fn an_answer_is_annotated_where_its_id_tells_whose_it_is() {
    let script = |request: &Bytes| vec![wrapped(&id_of(request))];
    let Some((digits, upstream, gateway, examples)) = scripted("policy = \"annotate\"", "triton", script).await else {
        return;
    };
    let ids = ["a", "b", "", "twice", "twice"];
    let pictures = [&examples.clean, &examples.suspicious, &examples.clean, &examples.clean, &examples.suspicious];
    let requests: Vec<_> = ids.iter().zip(pictures).map(|(id, picture)| request(&digits, id, picture)).collect();
    let mut call = gateway.connect().await.begin(Call::new(STREAM, b"")).await;
    // Both of an id are there before either is answered.
    upstream.hold(true);
    call.send(Call::stream(&requests).body).await;
    eventually("all requests have arrived", async || (upstream.streamed().len() == 5).then_some(())).await;
    upstream.hold(false);
    call.close();
    let mut answers = Messages::of(call.answered().await.into_body());
    for (id, decision) in ids.iter().zip([Some("clean"), Some("suspicious"), None, None, None]) {
        let answer = answers.next().await.expect("an answer");
        assert!(answer.starts_with(&wrapped(id)), "the original bytes come first");
        let response = ModelStreamInferResponse::decode(answer).expect("wrapped").infer_response.expect("an answer");
        let told = response.parameters.get("portcullis_decision").and_then(|told| told.parameter_choice.clone());
        assert_eq!(told, decision.map(|decision| ParameterChoice::StringParam(decision.into())), "'{id}'");
    }
    assert_eq!(answers.next().await, None);
    let sent: Vec<Bytes> = requests.iter().map(|request| request.encode_to_vec().into()).collect();
    assert_eq!(upstream.streamed(), sent, "nothing is annotated on the way to the upstream");
}

#[tokio::test]
async fn every_request_of_a_stream_ends_up_in_exactly_one_decision_counter() {
    let Some(shared) = shared() else { return };
    let digits = Model::digits(shared);
    for policy in ["monitor", "annotate", "block", "restore"] {
        let gateway = Gateway::start(&embedded(&[digits.guarded(&format!("policy = \"{policy}\""))])).await;
        let examples = digits.examples(&gateway).await;
        let clean = digits.request(&[examples.clean]);
        let short = ModelInferRequest { raw_input_contents: vec![Bytes::from_static(&[0; 7])], ..clean.clone() };
        let elsewhere = ModelInferRequest { model_name: "somebody".into(), ..clean.clone() };
        let mut call = Call::stream(&[clean, digits.request(&[examples.suspicious]), short, elsewhere]);
        call.body = [call.body, frame(b"no protobuf")].concat().into();
        gateway.call(call).await;
        let metrics = gateway.metrics_after(5).await;
        assert_eq!(decisions(&metrics), 5.0, "{policy}");
        for [model, decision, reason] in [
            ["digits", "clean", ""],
            ["digits", "suspicious", ""],
            ["digits", "undecided", "shape"],
            ["other", "unguarded", ""],
            ["other", "undecided", "malformed"],
        ] {
            let labels = [("model", model), ("decision", decision), ("reason", reason)];
            assert_eq!(metrics.sum("portcullis_decisions_total", &labels), 1.0, "{policy}: {labels:?}");
        }
        assert_eq!(metrics.sum("portcullis_requests_total", &[("method", "ModelStreamInfer")]), 1.0);
    }
}

#[tokio::test]
async fn the_upstream_hears_of_a_client_that_goes_away_and_its_request_is_counted() {
    let script = |request: &Bytes| vec![wrapped(&id_of(request))];
    for policy in ["monitor", "block"] {
        let settings = format!("policy = \"{policy}\"");
        let Some((digits, upstream, gateway, examples)) = scripted(&settings, "triton", script).await else { return };
        let whole = frame(&request(&digits, "1", &examples.clean).encode_to_vec());
        let connection = gateway.connect().await;
        let mut call = connection.begin(Call::new(STREAM, b"")).await;
        call.send([&whole[..], &whole[..100]].concat().into()).await;
        let mut answers = Messages::of(call.answered().await.into_body());
        assert_eq!(told(&answers.next().await.expect("an answer")), "1");
        connection.kill();
        eventually("the upstream's stream is broken off", async || (upstream.broken() == 1).then_some(())).await;
        let metrics = gateway.metrics_after(2).await;
        let cancelled = [("model", "other"), ("decision", "undecided"), ("reason", "cancelled")];
        assert_eq!(metrics.sum("portcullis_decisions_total", &cancelled), 1.0, "{policy}");
        let held = ["portcullis_inflight_requests", "portcullis_inflight_bytes"];
        eventually("nothing is held any more", async || {
            let metrics = gateway.metrics().await;
            (held.map(|name| metrics.sum(name, &[])) == [0.0; 2]).then_some(())
        })
        .await;
    }
}

#[tokio::test]
async fn no_size_and_no_end_hides_a_request_of_a_stream() {
    let Some(shared) = shared() else { return };
    let digits = Model::digits(shared);
    let limits = "[server]\nmax_inspected_bytes = \"16KiB\"\n";
    for policy in ["monitor", "block"] {
        let upstream = Upstream::streaming("triton", |request: &Bytes| vec![wrapped(&id_of(request))]).await;
        let guarded = digits.guarded(&format!("policy = \"{policy}\""));
        let gateway = Gateway::start(&format!("{limits}{}", in_front_of(upstream.address, &[guarded]))).await;
        let examples = digits.examples(&gateway).await;
        let sound = frame(&request(&digits, "1", &examples.clean).encode_to_vec());
        let large = frame(&[&[0xfa, 0x3f, 0xa0, 0x9c, 0x01][..], &[0; 20_000]].concat());
        let call = |pieces: &[&[u8]]| Call { body: pieces.concat().into(), ..Call::new(STREAM, b"") };

        let answer = gateway.call(call(&[&large, &sound, &sound[..100]])).await;
        assert_eq!(answer.code(), Code::Ok, "{}", answer.error());
        let answers: Vec<String> = answer.messages().iter().map(told).collect();
        let cannot = |reason: &str| format!(" (refused: the input cannot be examined ({reason}))");
        let expected = if policy == "block" {
            vec![cannot("too_large"), "1".to_owned(), cannot("malformed")]
        } else {
            vec![String::new(), "1".to_owned()]
        };
        assert_eq!(answers, expected, "{policy}");

        let answer = gateway.call(call(&[&sound, &[0, 0x7f, 0xff, 0xff, 0xff, 1, 2, 3]])).await;
        assert_eq!(answer.code(), Code::ResourceExhausted, "{policy}: a claim beyond what may pass ends the stream");
        let metrics = gateway.metrics_after(5).await;
        assert_eq!(metrics.sum("portcullis_decisions_total", &[("reason", "too_large")]), 2.0, "{policy}");
        assert_eq!(decisions(&metrics), 5.0, "{policy}");
    }
}

#[tokio::test]
async fn what_the_upstream_says_for_itself_crosses() {
    let Some(shared) = shared() else { return };
    let digits = Model::digits(shared);
    // A server without streams.
    let upstream = Upstream::start(|_| crate::support::Answer::status(Code::Unimplemented, "no%20streams")).await;
    let gateway = Gateway::start(&in_front_of(upstream.address, &[digits.guarded("policy = \"block\"")])).await;
    let answer = gateway.call(Call::stream(&[digits.request(&digits.pictures().0[..1])])).await;
    assert_eq!((answer.code(), answer.error()), (Code::Unimplemented, "no streams".to_owned()));
    let gateway = Gateway::launch(&in_front_of(([127, 0, 0, 1], 1).into(), &[digits.guarded("")])).await;
    let answer = gateway.call(Call::stream::<ModelInferRequest>(&[])).await;
    assert_eq!(answer.code(), Code::Unavailable);
}

#[tokio::test]
async fn tritonclient_streams_to_embedded_models() {
    let Some(shared) = shared() else { return };
    let digits = Model::digits(shared);
    for policy in ["block", "annotate"] {
        let gateway = Gateway::start(&embedded(&[digits.guarded(&format!("policy = \"{policy}\""))])).await;
        let Examples { clean, suspicious } = digits.examples(&gateway).await;
        let pixels = [clean.pixels(), suspicious.pixels(), clean.pixels()].concat();
        let ask = async |model: &str, header: serde_json::Value| {
            let answer = python::client(json!({
                "command": "stream", "url": gateway.clients.to_string(), "model": model, "input": "image",
                "array": { "shape": [3, 1, 28, 28], "values": pixels }, "header": header,
            }))
            .await;
            answer["answers"].as_array().unwrap_or_else(|| panic!("{answer}")).clone()
        };
        let alone: ModelInferResponse =
            gateway.call(Call::infer(&digits.request(std::slice::from_ref(&clean)))).await.decode();
        let logits: Vec<f32> = alone.raw_output_contents[0]
            .chunks(4)
            .map(|value| f32::from_le_bytes(value.try_into().expect("four bytes")))
            .collect();
        let answers = ask("digits", json!(null)).await;
        assert_eq!(answers.len(), 3);
        for (number, decision) in [(0, "clean"), (1, "suspicious"), (2, "clean")] {
            let answer = &answers[number];
            if policy == "block" && decision == "suspicious" {
                assert!(answer["error"].as_str().is_some_and(|error| error.starts_with(REFUSED)), "{answer}");
                continue;
            }
            assert_eq!(answer["id"], number.to_string(), "{answer}");
            assert_eq!(answer["parameters"]["triton_final_response"], true, "{answer}");
            if policy == "annotate" {
                assert_eq!(answer["parameters"]["portcullis_decision"], decision, "{answer}");
            }
            if decision == "clean" {
                let values = answer["values"].as_array().expect("numbers").iter();
                let values: Vec<f32> = values.map(|value| value.as_f64().expect("a number") as f32).collect();
                assert_eq!(values, logits, "the same answer as alone");
            }
        }
        let answers = ask("nobody", json!(null)).await;
        assert_eq!(answers.len(), 3, "an error leaves the stream going: {answers:?}");
        assert!(answers[2]["error"].as_str().is_some_and(|error| error.contains("no model 'nobody'")), "{answers:?}");
        let ended = ask("nobody", json!({ "triton_grpc_error": "true" })).await;
        assert_eq!(ended.last().expect("an answer")["code"], "StatusCode.NOT_FOUND", "{ended:?}");
    }
}

#[tokio::test]
async fn a_stream_to_mlserver_is_examined_through_mlserver_itself() {
    let Some(shared) = shared() else { return };
    let server = mlserver(shared).await;
    let digits = Model::digits_of(server, shared);
    let settings = "policy = \"block\"\ntime_budget = \"60s\"";
    let gateway = Gateway::start(&in_front_of(server, &[digits.guarded(settings)])).await;
    let Examples { clean, suspicious } = digits.examples(&gateway).await;
    let requests = |pictures: &[&Picture]| -> Vec<ModelInferRequest> {
        pictures.iter().map(|picture| request(&digits, "", picture)).collect()
    };
    let call = Call::stream(&requests(&[&clean, &clean]));
    let without = Connection::open(server).await.send(call.clone()).await;
    let with = gateway.call(call).await;
    assert_eq!((with.code(), with.messages().len()), (Code::Ok, 2));
    let output = |message: &Bytes| ModelInferResponse::decode(message.clone()).expect("bare").raw_output_contents;
    assert_eq!(
        with.messages().iter().map(output).collect::<Vec<_>>(),
        without.messages().iter().map(output).collect::<Vec<_>>()
    );
    let answer = gateway.call(Call::stream(&requests(&[&clean, &suspicious, &clean]))).await;
    assert_eq!((answer.code(), answer.messages().len()), (Code::PermissionDenied, 1), "{}", answer.error());
    let metrics = gateway.metrics_after(4).await;
    assert_eq!(metrics.decisions("digits", "suspicious"), 1.0);
}
