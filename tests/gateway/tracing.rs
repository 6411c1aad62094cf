//! Traces: what a client began goes on through the gateway to the classifier, and whoever collects them disturbs nobody.

use std::net::SocketAddr;

use bytes::Bytes;
use http::HeaderMap;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use portcullis::proto::inference::{ModelInferRequest, ModelInferResponse, ModelStreamInferResponse};
use portcullis::tensor::Picture;
use prost::Message;
use serde_json::{Value, json};
use tonic::Code;

use crate::support::collector::{Collector, Span, tree};
use crate::support::gateway::{embedded, in_front_of};
use crate::support::models::digits_response;
use crate::support::upstream::nobody_on;
use crate::support::wire::{MODEL_INFER, STREAM, headers};
use crate::support::{Answer, Authority, Call, Connection, Gateway, Model, Upstream, eventually, shared};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const CLIENTS: &str = "00f067aa0ba902b7";
const SPANS: &str = "portcullis_spans_total";
const INFER: &str = "/v2/models/digits/infer";
/// What an examination of squeezed digits by a replica consists of.
const EXAMINED: [&str; 8] = [
    "receive > examine",
    "receive > examine > decode",
    "receive > examine > infer classifier",
    "receive > examine > infer classifier",
    "receive > examine > infer classifier",
    "receive > examine > score",
    "receive > examine > squeeze bit_depth(1)",
    "receive > examine > squeeze median(2,2)",
];

fn traceparent(sampled: bool) -> String {
    format!("00-{TRACE}-{CLIENTS}-0{}", u8::from(sampled))
}

/// The section that has traces go to this address.
fn section(collector: SocketAddr, more: &str) -> String {
    format!("[tracing]\nendpoint = \"http://{collector}\"\n{more}\n")
}

/// Guarded digits in front of a server that answers over gRPC and REST.
struct Scene {
    collector: Collector,
    upstream: Upstream,
    gateway: Gateway,
    digits: Model,
    clean: Picture,
    suspicious: Picture,
}

impl Scene {
    /// With these keys in the section `tracing`, and these settings of the model.
    async fn new(tracing: &str, settings: &str) -> Option<Self> {
        let digits = Model::squeezed_digits(shared()?);
        let collector = Collector::start().await;
        let logits = json!({ "name": "logits", "datatype": "FP32", "shape": [1, 10], "data": vec![0.0; 10] });
        let upstream = Upstream::start(move |seen| match seen.path.as_str() {
            INFER => in_json(&json!({ "outputs": [logits] })),
            _ => Answer::of(&digits_response([0.0; 10])),
        })
        .await;
        let (grpc, model) = (upstream.address, digits.guarded(&format!("time_budget = \"1m\"\n{settings}")));
        let rest = format!("[server]\nrest_listen = \"127.0.0.1:0\"\n{}", section(collector.address, tracing));
        let behind = in_front_of(grpc, &[model]).replacen("grpc", &format!("rest = \"http://{grpc}\"\ngrpc"), 1);
        let gateway = Gateway::start(&format!("{rest}{behind}")).await;
        let examples = digits.examples(&gateway).await;
        Some(Self { collector, upstream, gateway, digits, clean: examples.clean, suspicious: examples.suspicious })
    }

    fn infer(&self, picture: &Picture) -> Call {
        Call::infer(&self.digits.request(std::slice::from_ref(picture)))
    }

    /// What the upstream was told last by a call of this path.
    fn told(&self, path: &str) -> HeaderMap {
        self.upstream.seen(path).pop().expect("it was called").metadata
    }
}

fn in_json(document: &Value) -> Answer {
    let body = Bytes::from(document.to_string());
    let metadata = headers(&[("content-type", "application/json"), ("content-length", &body.len().to_string())]);
    Answer { http: http::StatusCode::OK, metadata, body, trailers: None }
}

fn only(spans: &[Span], kind: SpanKind) -> &Span {
    let mut of_kind = spans.iter().filter(|span| span.kind == kind);
    let (Some(span), None) = (of_kind.next(), of_kind.next()) else { panic!("one of {kind:?}: {spans:#?}") };
    span
}

/// The headers but those that tell of traces.
fn others(headers: &HeaderMap) -> HeaderMap {
    let is_other = |name: &str| !["traceparent", "tracestate"].contains(&name);
    headers
        .iter()
        .filter(|(name, _)| is_other(name.as_str()))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

#[tokio::test]
async fn a_clients_trace_goes_on_to_the_upstream_and_tells_all_that_was_done() {
    let Some(scene) = Scene::new("service_name = \"edge\"", "policy = \"monitor\"").await else { return };
    let call = scene.infer(&scene.clean).with("traceparent", &traceparent(true)).with("tracestate", "a=1,  b=2");
    let call = call.with("x-twice", "one").with("x-twice", "two");
    Connection::open(scene.upstream.address).await.send(call.clone()).await;
    let directly = scene.told(MODEL_INFER);
    let answer = scene.gateway.call(call).await;
    assert_eq!(answer.code(), Code::Ok);

    let spans = scene.collector.trace(TRACE, 10).await;
    let mut expected = vec!["receive"];
    expected.extend(EXAMINED);
    expected.push("receive > send");
    assert_eq!(tree(&spans), expected);
    let (received, sent) = (only(&spans, SpanKind::Server), only(&spans, SpanKind::Client));
    assert_eq!(received.parent, CLIENTS);
    let told = scene.told(MODEL_INFER);
    assert_eq!(told["traceparent"], format!("00-{TRACE}-{}-01", sent.id));
    assert_eq!(told["tracestate"], "a=1,  b=2");
    assert_eq!(others(&told), others(&directly), "all else is as it came");
    let is_within = |span: &&Span| span.time[0] >= received.time[0] && span.time[0] <= span.time[1];
    assert!(spans.iter().all(|span| is_within(&span)), "{spans:#?}");

    for span in [received, sent] {
        assert_eq!(span.name, "inference.GRPCInferenceService/ModelInfer");
        assert_eq!((span.service.as_str(), span.is_error), ("edge", false));
        assert_eq!([span.attribute("rpc.system"), span.attribute("rpc.method")], ["grpc", "ModelInfer"]);
        assert_eq!(span.attribute("rpc.service"), "inference.GRPCInferenceService");
        assert_eq!(span.attribute("rpc.grpc.status_code"), "0");
    }
    let port = scene.upstream.address.port().to_string();
    assert_eq!([sent.attribute("server.address"), sent.attribute("server.port")], ["127.0.0.1", &port]);
    let examined = spans.iter().find(|span| span.name == "examine").expect("it was examined");
    let told = ["model", "decision", "action"].map(|key| examined.attribute(&format!("portcullis.{key}")));
    assert_eq!(told, ["digits", "clean", "pass"]);
    let keys = spans.iter().flat_map(|span| span.attributes.keys());
    assert!(keys.clone().all(|key| !["score", "class", "p_value"].iter().any(|word| key.contains(word))), "{spans:#?}");
}

#[tokio::test]
async fn requests_over_rest_are_traced_likewise() {
    let Some(scene) = Scene::new("", "policy = \"block\"").await else { return };
    let request = |picture: &Picture| {
        let input = json!({ "name": "image", "datatype": "FP32", "shape": [1, 1, 28, 28], "data": picture.pixels() });
        let request = http::Request::post(INFER).header("content-type", "application/json");
        let request = request.header("traceparent", traceparent(true)).header("tracestate", "a=1");
        request.body(Bytes::from(json!({ "inputs": [input] }).to_string())).expect("a request")
    };
    assert_eq!(scene.gateway.rest(request(&scene.suspicious)).await.status(), 403);
    let spans = scene.collector.trace(TRACE, 10).await;
    let mut expected = vec!["receive"];
    expected.extend(EXAMINED);
    expected.push("receive > send");
    assert_eq!(tree(&spans), expected);
    let (received, sent) = (only(&spans, SpanKind::Server), only(&spans, SpanKind::Client));
    assert_eq!(received.parent, CLIENTS);
    assert_eq!(received.name, "POST /v2/models/{model}/infer");
    assert_eq!((received.attribute("http.response.status_code"), received.is_error), ("403", false));
    assert_eq!(sent.attribute("http.response.status_code"), "200");
    let told = scene.told(INFER);
    assert_eq!(told["traceparent"], format!("00-{TRACE}-{}-01", sent.id));
    assert_eq!(told["tracestate"], "a=1");
    let examined = spans.iter().find(|span| span.name == "examine").expect("it was examined");
    let told = ["decision", "action"].map(|key| examined.attribute(&format!("portcullis.{key}")));
    assert_eq!(told, ["suspicious", "block"]);
}

#[tokio::test]
async fn each_request_of_a_stream_has_an_examination_of_its_own() {
    let Some(shared) = shared() else { return };
    let digits = Model::squeezed_digits(shared);
    let collector = Collector::start().await;
    let upstream = Upstream::streaming("triton", |request| {
        let id = ModelInferRequest::decode(request.clone()).expect("a request").id;
        let response = ModelInferResponse { id, ..digits_response([0.0; 10]) };
        vec![ModelStreamInferResponse { infer_response: Some(response), ..Default::default() }.encode_to_vec().into()]
    })
    .await;
    for policy in ["monitor", "block"] {
        let model = digits.guarded(&format!("time_budget = \"1m\"\npolicy = \"{policy}\""));
        let configuration = section(collector.address, "") + &in_front_of(upstream.address, &[model]);
        let gateway = Gateway::start(&configuration).await;
        let clean = digits.examples(&gateway).await.clean;
        let requests = [digits.request(std::slice::from_ref(&clean)), digits.request(&[clean])];
        let trace = format!("{}{}", &TRACE[..31], policy.len());
        let traceparent = format!("00-{trace}-{CLIENTS}-01");
        assert_eq!(gateway.call(Call::stream(&requests).with("traceparent", &traceparent)).await.code(), Code::Ok);
        let spans = collector.trace(&trace, 18).await;
        let mut expected = vec!["receive"];
        expected.extend(EXAMINED.iter().flat_map(|span| [*span, *span]));
        expected.push("receive > send");
        assert_eq!(tree(&spans), expected, "{policy}");
        let sent = only(&spans, SpanKind::Client);
        let told = upstream.seen(STREAM).pop().expect("a stream").metadata;
        assert_eq!(told["traceparent"], format!("00-{trace}-{}-01", sent.id));
    }
}

#[tokio::test]
async fn models_within_and_students_are_told_of_by_name() {
    let Some(shared) = shared() else { return };
    let digits = Model::digits(shared);
    let collector = Collector::start().await;
    let model = digits.guarded("time_budget = \"1m\"");
    let gateway = Gateway::start(&(section(collector.address, "") + &embedded(&[model]))).await;
    let clean = digits.examples(&gateway).await.clean;
    let call = Call::infer(&digits.request(&[clean])).with("traceparent", &traceparent(true));
    assert_eq!(gateway.call(call).await.code(), Code::Ok);
    let spans = collector.trace(TRACE, 6).await;
    let expected = [
        "receive",
        "receive > examine",
        "receive > examine > decode",
        "receive > examine > infer student",
        "receive > examine > score",
        "receive > infer classifier",
    ];
    assert_eq!(tree(&spans), expected);
    let models = ["student", "classifier"].map(|role| {
        let span = spans.iter().find(|span| span.attribute("portcullis.role") == role);
        span.expect("it was asked").attribute("portcullis.model")
    });
    assert_eq!(models, ["cntk", "digits"]);
}

#[tokio::test]
async fn what_the_gateway_asks_of_the_upstream_itself_belongs_to_the_clients_trace() {
    let Some(shared) = shared() else { return };
    let (server, collector) =
        (Gateway::start(&embedded(&[Model::digits(shared).guarded("")])).await, Collector::start().await);
    let digits = Model::digits_of(server.clients, shared);
    let upstream = Upstream::start(|_| Answer::of(&digits_response([0.0; 10]))).await;
    let model = digits.guarded("time_budget = \"1m\"");
    let gateway = Gateway::start(&(section(collector.address, "") + &in_front_of(upstream.address, &[model]))).await;
    let (benign, _) = digits.pictures();
    let call = Call::infer(&digits.request(&benign[..1])).with("traceparent", &traceparent(true));
    gateway.call(call).await;
    let of_copies = "receive > examine > infer classifier > send";
    let spans = eventually("copies were asked about", async || {
        let spans = collector.spans();
        tree(&spans).iter().any(|path| path == of_copies).then_some(spans)
    })
    .await;
    let sent: Vec<String> =
        spans.iter().filter(|span| span.kind == SpanKind::Client).map(|span| span.id.clone()).collect();
    let told: Vec<String> = upstream
        .seen(MODEL_INFER)
        .iter()
        .map(|seen| seen.metadata["traceparent"].to_str().expect("ASCII")[36..52].to_owned())
        .collect();
    assert!(told.len() >= 2 && told.iter().all(|id| sent.contains(id)), "{told:?} are not {sent:?}");
}

#[tokio::test]
async fn the_client_decides_what_is_traced_and_the_ratio_where_it_says_nothing() {
    let Some(scene) = Scene::new("ratio = 0.0", "policy = \"monitor\"").await else { return };
    let unsampled = scene.infer(&scene.clean).with("traceparent", &traceparent(false));
    assert_eq!(scene.gateway.call(unsampled).await.code(), Code::Ok);
    let told = scene.told(MODEL_INFER);
    let told = told["traceparent"].to_str().expect("ASCII");
    assert!(told.starts_with(&format!("00-{TRACE}-")) && told.ends_with("-00"), "the upstream is told as much: {told}");
    assert_eq!(scene.gateway.call(scene.infer(&scene.clean)).await.code(), Code::Ok);
    let told = scene.told(MODEL_INFER);
    assert!(told["traceparent"].to_str().expect("ASCII").ends_with("-00"), "{told:?}");
    // Spans come in their order: had there been others, they would be there by now.
    let sampled = scene.infer(&scene.clean).with("traceparent", &traceparent(true));
    assert_eq!(scene.gateway.call(sampled).await.code(), Code::Ok);
    scene.collector.trace(TRACE, 10).await;
    assert_eq!(scene.collector.spans().len(), 10, "{:#?}", scene.collector.spans());
}

#[tokio::test]
async fn a_context_that_cannot_be_read_begins_a_trace_anew() {
    let Some(scene) = Scene::new("", "policy = \"monitor\"").await else { return };
    let long = "0".repeat(4096);
    for hostile in
        ["nonsense", &long, &traceparent(true).replace('4', "G"), &format!("00-{}-{CLIENTS}-01", "0".repeat(32))]
    {
        let call = scene.infer(&scene.clean).with("traceparent", hostile).with("tracestate", "a=1");
        assert_eq!(scene.gateway.call(call).await.code(), Code::Ok, "{hostile}");
        let told = scene.told(MODEL_INFER);
        let context = told["traceparent"].to_str().expect("ASCII");
        assert!(context.len() == 55 && !context.contains(TRACE), "{context}");
        assert!(!told.contains_key("tracestate"), "it belongs to a trace that nobody knows");
        let spans = scene.collector.trace(&context[3..35], 10).await;
        assert_eq!(only(&spans, SpanKind::Server).parent, "");
    }
}

/// Requests are answered as ever, and that some spans are lost is counted.
async fn loses_spans_only(collector: SocketAddr) -> Option<Gateway> {
    let shared = shared()?;
    let digits = Model::squeezed_digits(shared);
    let model = digits.guarded("time_budget = \"1m\"\npolicy = \"block\"");
    let tracing = section(collector, "max_pending_spans = 8\ntimeout = \"1m\"");
    let gateway = Gateway::start(&(tracing + &embedded(&[model]))).await;
    let examples = digits.examples(&gateway).await;
    let [clean, suspicious] = [examples.clean, examples.suspicious].map(|picture| digits.request(&[picture]));
    let connection = gateway.connect().await;
    eventually("spans are lost", async || {
        assert_eq!(connection.send(Call::infer(&clean)).await.code(), Code::Ok);
        assert_eq!(connection.send(Call::infer(&suspicious)).await.code(), Code::PermissionDenied);
        (gateway.metrics().await.sum(SPANS, &[("result", "dropped")]) > 0.0).then_some(())
    })
    .await;
    assert_eq!(gateway.metrics().await.sum(SPANS, &[("result", "delivered")]), 0.0);
    Some(gateway)
}

#[tokio::test]
async fn a_collector_that_is_away_costs_nothing_but_spans() {
    let away = nobody_on("127.0.0.1:0".parse().expect("an address"));
    let Some(mut gateway) = loses_spans_only(away.local_addr().expect("an address")).await else { return };
    gateway.signal("INT");
    assert!(gateway.end().await.success());
    assert!(gateway.log().iter().all(|line| !line.contains("in time")), "it does not wait for who is away");
}

#[tokio::test]
async fn a_collector_that_hangs_costs_nothing_but_spans() {
    let collector = Collector::start().await;
    collector.hold(true);
    loses_spans_only(collector.address).await;
}

#[tokio::test]
async fn spans_arrive_once_the_collector_answers_again() {
    let Some(scene) = Scene::new("timeout = \"1s\"", "policy = \"monitor\"").await else { return };
    scene.collector.hold(true);
    let call = scene.infer(&scene.clean).with("traceparent", &traceparent(true));
    assert_eq!(scene.gateway.call(call).await.code(), Code::Ok);
    let told = |what: &'static str| {
        let gateway = &scene.gateway;
        eventually(what, async move || gateway.log().iter().any(|line| line.contains(what)).then_some(()))
    };
    told("traces do not arrive").await;
    scene.collector.hold(false);
    scene.collector.trace(TRACE, 10).await;
    told("traces arrive again").await;
    assert!(scene.gateway.metrics().await.sum(SPANS, &[("result", "delivered")]) >= 10.0);
}

#[tokio::test]
async fn what_is_left_is_sent_at_the_end() {
    let Some(mut scene) = Scene::new("", "policy = \"monitor\"").await else { return };
    let call = scene.infer(&scene.clean).with("traceparent", &traceparent(true));
    assert_eq!(scene.gateway.call(call).await.code(), Code::Ok);
    scene.gateway.signal("INT");
    assert!(scene.gateway.end().await.success());
    let spans: Vec<Span> = scene.collector.spans().into_iter().filter(|span| span.trace == TRACE).collect();
    assert_eq!(spans.iter().filter(|span| span.kind != SpanKind::Internal).count(), 2, "{spans:#?}");
}

#[tokio::test]
async fn a_detection_and_the_log_lead_to_the_trace() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("audit.jsonl");
    // The section ends where the next begins.
    let audit = format!("[audit.file]\npath = {file:?}");
    let Some(scene) = Scene::new(&audit, "policy = \"block\"").await else { return };
    let call = scene.infer(&scene.suspicious).with("traceparent", &traceparent(true));
    assert_eq!(scene.gateway.call(call).await.code(), Code::PermissionDenied);
    let line = eventually("the detection is told", async || {
        std::fs::read_to_string(&file).ok()?.lines().next().map(str::to_owned)
    })
    .await;
    let finding: Value = serde_json::from_str(&line).expect("JSON");
    assert_eq!(finding["metadata"]["correlation_uid"], TRACE);
    assert_eq!(finding["evidences"][0]["data"]["trace_id"], TRACE);
    let spans = scene.collector.trace(TRACE, 10).await;
    let examined = spans.iter().find(|span| span.name == "examine").expect("it was examined");
    assert_eq!(finding["metadata"]["uid"], examined.attribute("portcullis.id"));
    for message in ["suspicious request", "call ended"] {
        eventually(message, async || {
            let log = scene.gateway.log();
            let events = log.iter().filter_map(|line| serde_json::from_str::<Value>(line).ok());
            events.into_iter().find(|event| event["message"] == message && event["span"]["trace_id"] == TRACE)
        })
        .await;
    }
}

#[tokio::test]
async fn the_collector_is_shown_a_token_and_headers_and_believed_by_its_certificate() {
    let Some(shared) = shared() else { return };
    let authority = Authority::new("ours");
    let folder = tempfile::tempdir().expect("a temporary folder");
    authority.issue("gateway").write(folder.path(), "gateway");
    std::fs::write(folder.path().join("ca.pem"), &authority.pem).expect("writable");
    std::fs::write(folder.path().join("token"), "a-token-of-the-collectors\n").expect("writable");
    std::fs::write(folder.path().join("headers"), "# of the collector's\nx-api-key: a:key\nx-tenant: signs\n")
        .expect("writable");
    let collector = Collector::behind(authority.server(&authority.issue("localhost"))).await;
    let digits = Model::squeezed_digits(shared);
    let tracing = format!(
        "[tracing]\nendpoint = \"https://localhost:{}\"\ntoken_file = \"token\"\nheaders_file = \"headers\"\n\
         [tracing.tls]\nca = \"ca.pem\"\ncertificate = \"gateway.pem\"\nkey = \"gateway.key\"\n",
        collector.address.port()
    );
    let path = folder.path().join("portcullis.toml");
    std::fs::write(&path, tracing + &embedded(&[digits.guarded("")])).expect("writable");
    let gateway = Gateway::of_file(&path, &[]).await.ready().await;
    let (benign, _) = digits.pictures();
    gateway.call(Call::infer(&digits.request(&benign[..1])).with("traceparent", &traceparent(true))).await;
    collector.trace(TRACE, 2).await;
    let shown = [("authorization", "Bearer a-token-of-the-collectors"), ("x-api-key", "a:key"), ("x-tenant", "signs")];
    for (header, expected) in shown {
        assert!(collector.shown(header).iter().all(|value| value == expected), "{header}");
    }
}

#[tokio::test]
async fn where_nobody_traces_contexts_cross_as_they_came() {
    let Some(shared) = shared() else { return };
    let digits = Model::squeezed_digits(shared);
    let upstream = Upstream::start(|_| Answer::of(&digits_response([0.0; 10]))).await;
    let gateway = Gateway::start(&in_front_of(upstream.address, &[digits.guarded("")])).await;
    let (benign, _) = digits.pictures();
    let request = digits.request(&benign[..1]);
    for (context, state) in [(traceparent(true).as_str(), "a=1,  b=2"), ("nonsense", "more, nonsense")] {
        let call = Call::infer(&request).with("traceparent", context).with("tracestate", state);
        Connection::open(upstream.address).await.send(call.clone()).await;
        gateway.call(call).await;
        let seen = upstream.seen(MODEL_INFER);
        let [.., directly, through] = &seen[..] else { panic!("the upstream saw both calls") };
        assert_eq!(through, directly);
    }
    gateway.call(Call::infer(&request)).await;
    assert!(!upstream.seen(MODEL_INFER).pop().expect("a call").metadata.contains_key("traceparent"));
    assert_eq!(gateway.metrics().await.matching(SPANS, &[]).count(), 0);
    assert!(gateway.log().iter().all(|line| !line.contains("trace_id")));
}
