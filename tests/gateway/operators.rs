//! What operators see: probes, versions, verdicts, detections.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use portcullis::proto::portcullis::v1::inspect_request::Input;
use portcullis::proto::portcullis::v1::{Decision, InspectRequest, WatchDetectionsRequest};
use portcullis::tensor::Picture;
use serde_json::Value;
use tonic::Code;

use crate::support::gateway::{embedded, in_front_of, portcullis};
use crate::support::wire::MODEL_INFER;
use crate::support::{Answer, Call, Connection, Gateway, Model, Upstream, shared};

const HEALTH: &str = "/grpc.health.v1.Health/Check";
const REFLECTION: &str = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";
/// A health request about the inference service.
const INFERENCE: &[u8] = b"\x0a\x1einference.GRPCInferenceService";
/// A reflection request for the names of all services.
const LIST_SERVICES: [u8; 2] = [0x3a, 0];

fn png(picture: &Picture) -> Vec<u8> {
    let mut file = std::io::Cursor::new(Vec::new());
    let (width, height) = (picture.width() as u32, picture.height() as u32);
    image::write_buffer_with_format(
        &mut file,
        &picture.to_interleaved_u8(),
        width,
        height,
        image::ExtendedColorType::L8,
        image::ImageFormat::Png,
    )
    .expect("a picture");
    file.into_inner()
}

#[tokio::test]
async fn probes_and_version_answer_on_the_admin_port() {
    let Some(shared) = shared() else { return };
    let gateway = Gateway::start(&embedded(&[Model::digits(shared).guarded("")])).await;
    assert_eq!(gateway.get("/livez").await, (200, "live\n".into()));
    assert_eq!(gateway.get("/readyz").await, (200, "ready\n".into()));
    let (status, version) = gateway.get("/version").await;
    let version: Value = serde_json::from_str(&version).expect("JSON");
    assert_eq!((status, &version["version"]), (200, &env!("CARGO_PKG_VERSION").into()));
    assert!(version["onnxruntime"].as_str().expect("a path").contains("libonnxruntime"));
    assert_eq!(gateway.get("/nothing").await.0, 404);
}

#[tokio::test]
async fn health_and_reflection_answer_over_grpc() {
    let Some(shared) = shared() else { return };
    let gateway = Gateway::start(&embedded(&[Model::digits(shared).guarded("")])).await;
    for address in [gateway.clients, gateway.admin] {
        let connection = Connection::open(address).await;
        for service in [b"", INFERENCE] {
            assert_eq!(connection.send(Call::new(HEALTH, service)).await.bytes(), b"\x08\x01"[..], "serving");
        }
        let nobody = connection.send(Call::new(HEALTH, b"\x0a\x06nobody")).await;
        assert_eq!(nobody.code(), Code::NotFound);
        let services = connection.send(Call::new(REFLECTION, &LIST_SERVICES)).await.bytes();
        let services = String::from_utf8_lossy(&services).into_owned();
        for service in ["inference.GRPCInferenceService", "portcullis.v1.Inspector"] {
            assert!(services.contains(service), "{service}");
        }
    }
}

#[tokio::test]
async fn in_front_of_a_server_reflection_is_the_servers_and_so_is_the_health_of_what_is_not_the_gateways() {
    let Some(shared) = shared() else { return };
    let upstream = Upstream::start(|_| Answer::message(b"theirs")).await;
    let gateway = Gateway::start(&in_front_of(upstream.address, &[Model::digits(shared).guarded("")])).await;
    assert_eq!(gateway.call(Call::new(REFLECTION, &LIST_SERVICES)).await.bytes(), b"theirs"[..]);
    assert_eq!(gateway.call(Call::new(HEALTH, b"")).await.bytes(), b"\x08\x01"[..], "health is the gateway's own");
    assert_eq!(gateway.call(Call::new(HEALTH, INFERENCE)).await.bytes(), b"\x08\x01"[..], "and of what it carries");
    assert!(upstream.seen(HEALTH).is_empty());
    let somebodys = Call::new(HEALTH, b"\x0a\x08somebody");
    assert_eq!(gateway.call(somebodys.clone()).await.bytes(), b"theirs"[..]);
    assert_eq!(upstream.seen(HEALTH)[0].body, somebodys.body);
}

#[tokio::test]
async fn inspecting_gives_a_verdict_and_forwards_nothing() {
    let Some(shared) = shared() else { return };
    let digits = Model::digits(shared);
    let upstream = Upstream::start(|_| Answer::message(b"")).await;
    let gateway = Gateway::start(&in_front_of(upstream.address, &[digits.guarded("")])).await;
    let examples = digits.examples(&gateway).await;
    let mut inspector = gateway.inspector().await;
    for (picture, decision) in [(&examples.clean, Decision::Clean), (&examples.suspicious, Decision::Suspicious)] {
        let input = Some(Input::Picture(png(picture).into()));
        let request = InspectRequest { model: "digits".into(), input };
        let verdict = inspector.inspect(request).await.expect("a verdict").into_inner().items.remove(0);
        assert_eq!(verdict.decision(), decision);
        assert_eq!(verdict.score > verdict.threshold, decision == Decision::Suspicious);
        assert_eq!(verdict.evidence[0].detector, "cntk.surprise");
        let sources: Vec<&str> = verdict.predictions.iter().map(|prediction| prediction.source.as_str()).collect();
        assert_eq!(sources, ["original", "student cntk"]);
    }
    assert!(upstream.seen(MODEL_INFER).is_empty());
    assert_eq!(gateway.metrics().await.sum("portcullis_decisions_total", &[]), 0.0, "no request was decided");
    let unknown = InspectRequest { model: "nobody".into(), input: None };
    assert_eq!(inspector.inspect(unknown).await.expect_err("no such model").code(), Code::NotFound);
    let empty = InspectRequest { model: "digits".into(), input: None };
    assert_eq!(inspector.inspect(empty).await.expect_err("nothing to inspect").code(), Code::InvalidArgument);
}

#[tokio::test]
async fn clients_cannot_ask_for_verdicts() {
    let Some(shared) = shared() else { return };
    let gateway = Gateway::start(&embedded(&[Model::digits(shared).guarded("")])).await;
    for method in ["Inspect", "WatchDetections"] {
        let answer = gateway.call(Call::new(&format!("/portcullis.v1.Inspector/{method}"), b"")).await;
        assert_eq!(answer.code(), Code::Unimplemented, "{method}");
    }
}

#[tokio::test]
async fn detections_are_streamed_to_those_who_watch_the_model() {
    let Some(shared) = shared() else { return };
    let digits = Model::digits(shared);
    let gateway = Gateway::start(&embedded(&[digits.guarded("policy = \"annotate\"")])).await;
    let examples = digits.examples(&gateway).await;
    let mut inspector = gateway.inspector().await;
    let mut watch = async |model: &str| {
        let request = WatchDetectionsRequest { model: model.into() };
        inspector.watch_detections(request).await.expect("a stream").into_inner()
    };
    let (mut of_digits, mut of_another) = (watch("digits").await, watch("another").await);
    gateway.call(Call::infer(&digits.request(&[examples.clean]))).await;
    let answer = gateway.call(Call::infer(&digits.request(&[examples.suspicious]))).await;
    let detection = of_digits.message().await.expect("no error").expect("a detection");
    assert_eq!(answer.metadata["portcullis-id"], detection.id);
    assert_eq!((detection.model.as_str(), detection.action.as_str()), ("digits", "annotate"));
    assert_eq!(detection.decision(), Decision::Suspicious, "what is clean is no detection");
    let nothing = tokio::time::timeout(std::time::Duration::from_millis(50), of_another.message()).await;
    assert!(nothing.is_err(), "nobody detected anything about another model");
}

#[tokio::test]
async fn inspect_says_the_same_here_and_through_a_gateway() {
    let Some(shared) = shared() else { return };
    let digits = Model::digits(shared);
    let gateway = Gateway::start(&embedded(&[digits.guarded("")])).await;
    let examples = digits.examples(&gateway).await;
    let folder = tempfile::tempdir().expect("a temporary folder");
    let files = ["clean.png", "suspicious.png"].map(|name| folder.path().join(name));
    std::fs::write(&files[0], png(&examples.clean)).expect("writable");
    std::fs::write(&files[1], png(&examples.suspicious)).expect("writable");
    let inspect = |options: &[&str]| {
        let mut command = portcullis();
        command.args(["inspect", "--log", "warn", "--config"]).arg(&gateway.configuration).args(options).args(&files);
        let output = command.output().expect("the binary runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("text")
    };
    let here = inspect(&["--json"]);
    assert_eq!(here, inspect(&["--json", "--model", "digits", "--gateway", &gateway.admin_url()]));
    let verdicts: Vec<Value> = here.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(verdicts[0]["verdict"]["decision"], "clean");
    assert_eq!(verdicts[1]["verdict"]["decision"], "suspicious");
    let people = inspect(&[]);
    for word in ["clean.png: CLEAN", "suspicious.png: SUSPICIOUS", "cntk.surprise", "student cntk", "p-value"] {
        assert!(people.contains(word), "'{word}' is missing from {people}");
    }
}

#[tokio::test]
async fn status_shows_a_gateway_at_a_glance() {
    let Some(shared) = shared() else { return };
    let digits = Model::digits(shared);
    let gateway = Gateway::start(&embedded(&[digits.guarded("policy = \"block\"")])).await;
    let examples = digits.examples(&gateway).await;
    for picture in [examples.clean, examples.suspicious] {
        gateway.call(Call::infer(&digits.request(&[picture]))).await;
    }
    gateway.metrics_after(2).await;
    let status = |options: &[&str]| {
        let mut command = portcullis();
        command.args(["status", "--admin", &gateway.admin_url()]).args(options);
        let output = command.output().expect("the binary runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("text")
    };
    let told: Value = serde_json::from_str(&status(&["--json"])).expect("JSON");
    assert_eq!((&told["ready"], &told["readiness"]), (&true.into(), &"ready".into()));
    let digits = told["models"].as_array().expect("a list").iter().find(|model| model["model"] == "digits");
    let digits = digits.expect("it is guarded");
    let counts = ["clean", "suspicious", "undecided", "blocked"].map(|count| digits[count].as_f64());
    assert_eq!(counts, [1.0, 1.0, 0.0, 1.0].map(Some));
    assert!(digits["overhead_seconds"]["p99"].as_f64().expect("a time") > 0.0);
    let people = status(&[]);
    for word in [&format!("portcullis {} on", env!("CARGO_PKG_VERSION")), ": ready", "digits", "p99 ms"] {
        assert!(people.contains(word), "'{word}' is missing from {people}");
    }
    assert!(!people.contains('\u{1b}'), "no colours but on a terminal");
}

#[tokio::test]
async fn tail_shows_detections_as_they_happen() {
    let Some(shared) = shared() else { return };
    let digits = Model::digits(shared);
    let gateway = Gateway::start(&embedded(&[digits.guarded("policy = \"annotate\"")])).await;
    let examples = digits.examples(&gateway).await;
    let tail = |options: &[&str]| {
        let mut command = portcullis();
        command.args(["tail", "-n", "1", "--log", "info", "--admin", &gateway.admin_url()]).args(options);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut process = command.spawn().expect("the binary starts");
        // From then on nothing is missed.
        let mut log = BufReader::new(process.stderr.take().expect("a pipe"));
        let mut line = String::new();
        while !line.contains("watching") {
            line.clear();
            assert!(log.read_line(&mut line).expect("text") > 0, "tail has ended");
        }
        (process, log)
    };
    let watching = [tail(&["--json"]), tail(&["--model", "digits"])];
    let answer = gateway.call(Call::infer(&digits.request(&[examples.suspicious]))).await;
    let id = answer.metadata["portcullis-id"].to_str().expect("text");
    let [told, people] = watching.map(|(process, log)| {
        let output = process.wait_with_output().expect("it ends after one");
        drop(log);
        assert!(output.status.success());
        String::from_utf8(output.stdout).expect("text")
    });
    let told: Value = serde_json::from_str(&told).expect("a line of JSON");
    assert_eq!((&told["id"], &told["decision"]), (&id.into(), &"suspicious".into()));
    assert_eq!(told["items"][0]["evidence"][0]["detector"], "cntk.surprise");
    for word in [id, "suspicious", "digits", "annotate", "by cntk.surprise"] {
        assert!(people.contains(word), "'{word}' is missing from {people}");
    }
}
