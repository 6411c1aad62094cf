//! Audit events: one for each detection, in a form that security teams' tools read, whatever becomes of who takes them.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use boon::{Compiler, SchemaIndex, Schemas};
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use serde_json::Value;
use tonic::Code;

use crate::support::gateway::embedded;
use crate::support::{Answer, Call, Gateway, Model, Upstream, eventually, root, shared};

const EVENTS: &str = "portcullis_audit_events_total";

/// The schemas that are checked in.
struct Checker {
    schemas: Schemas,
    finding: SchemaIndex,
    event: SchemaIndex,
}

impl Checker {
    fn new() -> Self {
        let (mut schemas, mut compiler) = (Schemas::new(), Compiler::new());
        for name in ["finding", "cloud-event"] {
            let text = std::fs::read_to_string(root().join(format!("deploy/audit/{name}.schema.json")));
            let schema = serde_json::from_str(&text.expect("it is there")).expect("JSON");
            compiler.add_resource(&format!("urn:portcullis:schema:{name}:1"), schema).expect("a schema");
        }
        let mut compile = |name: &str| {
            compiler.compile(&format!("urn:portcullis:schema:{name}:1"), &mut schemas).expect("a sound schema")
        };
        let (finding, event) = (compile("finding"), compile("cloud-event"));
        Self { schemas, finding, event }
    }

    fn check(&self, schema: SchemaIndex, value: &Value) {
        if let Err(error) = self.schemas.validate(value, schema) {
            panic!("{error:#}\n{value:#}");
        }
    }
}

/// Guarded digits of a gateway with these lines before its sections, and requests that are clean, suspicious, and such that
/// cannot be examined.
struct Desk {
    gateway: Gateway,
    requests: [Call; 3],
}

const CLEAN: usize = 0;
const SUSPICIOUS: usize = 1;
const UNREADABLE: usize = 2;

impl Desk {
    async fn new(shared: &Path, audit: &str) -> Self {
        let digits = Model::digits(shared);
        // However busy the machine is, everything is examined.
        let model = digits.guarded("policy = \"block\"\ntime_budget = \"1m\"");
        let gateway = Gateway::start(&format!("{audit}\n{}", embedded(&[model]))).await;
        let examples = digits.examples(&gateway).await;
        let mut unreadable = digits.request(std::slice::from_ref(&examples.clean));
        unreadable.raw_input_contents[0] = vec![0xff; unreadable.raw_input_contents[0].len()].into();
        let [clean, suspicious] = [examples.clean, examples.suspicious].map(|picture| digits.request(&[picture]));
        Self { gateway, requests: [clean, suspicious, unreadable].map(|request| Call::infer(&request)) }
    }

    async fn send(&self, which: usize) -> Code {
        self.gateway.call(self.requests[which].clone()).await.code()
    }

    async fn counted(&self, sink: &str, result: &str) -> f64 {
        self.gateway.metrics().await.sum(EVENTS, &[("sink", sink), ("result", result)])
    }

    /// Waits until so many events came to this end.
    async fn wait(&self, sink: &str, result: &str, count: usize) {
        eventually(&format!("{count} events are {result}"), async || {
            (self.counted(sink, result).await >= count as f64).then_some(())
        })
        .await;
    }

    /// Requests are answered as ever.
    async fn serves(&self) {
        assert_eq!(self.send(CLEAN).await, Code::Ok);
        assert_eq!(self.send(SUSPICIOUS).await, Code::PermissionDenied);
    }
}

fn lines(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).expect("it is there");
    assert!(text.is_empty() || text.ends_with('\n'), "every line is whole");
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

/// An answer over HTTP of this status.
fn status(code: StatusCode) -> Answer {
    Answer { http: code, metadata: HeaderMap::new(), body: Bytes::new(), trailers: None }
}

#[tokio::test]
async fn each_detection_is_one_finding_and_what_is_clean_is_none() {
    let Some(shared) = shared() else { return };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("audit.jsonl");
    let desk = Desk::new(shared, &format!("[audit]\nstdout = true\n[audit.file]\npath = {file:?}\n")).await;
    for which in [CLEAN, SUSPICIOUS, UNREADABLE] {
        desk.send(which).await;
    }
    desk.wait("file", "delivered", 2).await;
    desk.wait("stdout", "delivered", 2).await;
    let findings = lines(&file);
    let checker = Checker::new();
    findings.iter().for_each(|finding| checker.check(checker.finding, finding));
    let [suspicious, unreadable] = &findings[..] else { panic!("two findings: {findings:#?}") };
    let techniques: Vec<&str> = suspicious["finding_info"]["attacks"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|attack| attack["technique"]["uid"].as_str().expect("text"))
        .collect();
    assert_eq!(techniques, ["AML.T0043", "AML.T0015"]);
    assert_eq!((&suspicious["disposition"], &suspicious["severity"]), (&"Blocked".into(), &"Medium".into()));
    assert_eq!(suspicious["finding_info"]["analytic"]["name"], "cntk.surprise");
    assert_eq!(suspicious["evidences"][0]["src_endpoint"]["ip"], "127.0.0.1");
    assert_eq!(suspicious["observables"][0]["value"], suspicious["evidences"][0]["data"]["items"][0]["sha256"]);
    assert_eq!((&unreadable["is_alert"], &unreadable["severity"]), (&false.into(), &"Low".into()));
    assert_eq!(unreadable["evidences"][0]["data"]["reason"], "values");
    assert_eq!(unreadable["finding_info"]["attacks"], Value::Array(Vec::new()), "nobody knows that it is an attack");
    let output =
        eventually("both lines are read", async || Some(desk.gateway.output()).filter(|lines| lines.len() == 2)).await;
    let output: Vec<Value> = output.iter().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(output, findings, "standard output holds the same");
}

#[tokio::test]
async fn who_sent_it_is_left_out_where_that_is_wanted() {
    let Some(shared) = shared() else { return };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("audit.jsonl");
    let desk = Desk::new(shared, &format!("[audit]\nclients = false\n[audit.file]\npath = {file:?}\n")).await;
    desk.send(SUSPICIOUS).await;
    desk.wait("file", "delivered", 1).await;
    assert!(!std::fs::read_to_string(&file).expect("it is there").contains("127.0.0.1"));
}

#[tokio::test]
async fn the_file_is_rotated_and_every_line_stays_whole() {
    let Some(shared) = shared() else { return };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("audit.jsonl");
    let rotated = format!("[audit.file]\npath = {file:?}\nmax_bytes = \"8KiB\"\nkeep = 2\n");
    let desk = Desk::new(shared, &rotated).await;
    for sent in 1..=20 {
        desk.send(SUSPICIOUS).await;
        desk.wait("file", "delivered", sent).await;
    }
    let predecessors = ["audit.jsonl.1", "audit.jsonl.2", "audit.jsonl.3"].map(|name| folder.path().join(name));
    for path in [&file, &predecessors[0], &predecessors[1]] {
        assert!(!lines(path).is_empty());
        assert!(std::fs::metadata(path).expect("it is there").len() <= 8 << 10);
    }
    assert!(!predecessors[2].exists(), "the oldest goes");
}

#[tokio::test]
async fn a_full_disk_does_not_disturb_requests() {
    let Some(shared) = shared() else { return };
    let desk = Desk::new(shared, "[audit.file]\npath = \"/dev/full\"\n").await;
    desk.serves().await;
    desk.wait("file", "failed", 1).await;
    desk.serves().await;
    assert!(desk.gateway.is_ready().await);
}

#[tokio::test]
async fn a_collector_gets_every_event_even_if_it_fails_at_first() {
    let Some(shared) = shared() else { return };
    let asked = Arc::new(AtomicUsize::new(0));
    let collector = Upstream::start(move |_| {
        let fails = asked.fetch_add(1, Ordering::Relaxed) < 2;
        status(if fails { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::ACCEPTED })
    })
    .await;
    let folder = tempfile::tempdir().expect("a temporary folder");
    let token = folder.path().join("token");
    std::fs::write(&token, "# of the collector\nsecret-of-the-collector\n").expect("writable");
    let url = format!("http://{}/events?source=edge", collector.address);
    let desk = Desk::new(shared, &format!("[audit.http]\nurl = {url:?}\ntoken_file = {token:?}\n")).await;
    desk.send(SUSPICIOUS).await;
    desk.wait("http", "delivered", 1).await;
    let seen = collector.seen("/events?source=edge");
    assert_eq!(seen.len(), 3, "twice it was told to come again");
    assert!(seen.iter().all(|one| one.body == seen[0].body), "with the same event");
    assert_eq!(seen[0].metadata["content-type"], "application/cloudevents+json; charset=utf-8");
    assert_eq!(seen[0].metadata["authorization"], "Bearer secret-of-the-collector");
    let event: Value = serde_json::from_slice(&seen[0].body).expect("JSON");
    let checker = Checker::new();
    checker.check(checker.event, &event);
    assert_eq!(event["id"], event["data"]["finding_info"]["uid"]);
    assert_eq!(desk.counted("http", "failed").await, 0.0);
}

#[tokio::test]
async fn what_a_collector_will_never_take_is_not_sent_again() {
    let Some(shared) = shared() else { return };
    let collector = Upstream::start(|_| status(StatusCode::BAD_REQUEST)).await;
    let desk = Desk::new(shared, &format!("[audit.http]\nurl = \"http://{}\"\n", collector.address)).await;
    desk.send(SUSPICIOUS).await;
    desk.wait("http", "failed", 1).await;
    assert_eq!(collector.seen("/").len(), 1);
}

#[tokio::test]
async fn a_collector_that_hangs_holds_up_nobody_and_what_is_lost_is_counted() {
    const PATIENCE: Duration = Duration::from_secs(300);
    let Some(shared) = shared() else { return };
    let collector = Upstream::start(|_| status(StatusCode::ACCEPTED)).await;
    collector.hold(true);
    let url = format!("http://{}/", collector.address);
    let settings = format!("url = {url:?}\ntimeout = \"5m\"\n");
    let mut desk = Desk::new(shared, &format!("[audit]\nmax_pending_bytes = \"8KiB\"\n[audit.http]\n{settings}")).await;
    let began = Instant::now();
    for _ in 0..20 {
        desk.serves().await;
    }
    desk.wait("http", "dropped", 1).await;
    assert!(desk.gateway.is_ready().await);
    desk.gateway.signal("INT");
    assert!(desk.gateway.end().await.success(), "nor does it keep the gateway from ending");
    assert!(began.elapsed() < PATIENCE, "nobody waits for who is told");
}

#[tokio::test]
async fn a_collector_that_does_not_answer_in_time_is_given_up() {
    let Some(shared) = shared() else { return };
    let collector = Upstream::start(|_| status(StatusCode::ACCEPTED)).await;
    collector.hold(true);
    let url = format!("http://{}/", collector.address);
    let settings = "timeout = \"100ms\"\ngive_up_after = \"1s\"\n";
    let desk = Desk::new(shared, &format!("[audit.http]\nurl = {url:?}\n{settings}")).await;
    desk.send(SUSPICIOUS).await;
    desk.wait("http", "failed", 1).await;
    assert_eq!(desk.counted("http", "delivered").await, 0.0);
}
