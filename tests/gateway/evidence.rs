//! Evidence: what is kept of detections, within bounds, and what becomes of requests when it cannot be kept.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use portcullis::data::AdversarialSet;
use portcullis::proto::inference::ModelInferRequest;
use portcullis::tensor::Picture;
use serde_json::Value;
use sha2::{Digest, Sha256};
use tempfile::TempDir;
use tonic::Code;

use crate::support::gateway::{embedded, portcullis};
use crate::support::{Call, Gateway, Model, eventually, shared};

const EVENTS: &str = "portcullis_audit_events_total";

/// Digits under guard, and a folder for evidence.
struct Desk {
    folder: TempDir,
    digits: Model,
    gateway: Gateway,
    clean: Picture,
    suspicious: Picture,
}

impl Desk {
    /// With these keys in the section `evidence`.
    async fn new(shared: &Path, keys: &str) -> Self {
        Self::in_shell(shared, keys, "true").await
    }

    /// As [`Desk::new`], after the shell has run a command that limits what the gateway may do.
    async fn in_shell(shared: &Path, keys: &str, limit: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let digits = Model::digits(shared);
        // However busy the machine is, everything is examined.
        let model = digits.guarded("policy = \"block\"\ntime_budget = \"1m\"");
        let store = folder.path().join("kept");
        let configuration = format!("[evidence]\nstore = {store:?}\n{keys}\n{}", embedded(&[model]));
        let gateway = Gateway::limited(&configuration, limit).await;
        let examples = digits.examples(&gateway).await;
        Self { folder, digits, gateway, clean: examples.clean, suspicious: examples.suspicious }
    }

    fn store(&self) -> PathBuf {
        self.folder.path().join("kept")
    }

    async fn send(&self, pictures: &[&Picture]) -> Code {
        let pictures: Vec<Picture> = pictures.iter().map(|&picture| picture.clone()).collect();
        self.gateway.call(Call::infer(&self.digits.request(&pictures))).await.code()
    }

    /// Waits until so many detections came to this end.
    async fn wait(&self, result: &str, count: usize) {
        eventually(&format!("{count} detections are {result}"), async || {
            let metrics = self.gateway.metrics().await;
            let labels = [("sink", "evidence"), ("result", result)];
            (metrics.sum(EVENTS, &labels) >= count as f64).then_some(())
        })
        .await;
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let mut command = portcullis();
        command.args(arguments).args(["--log", "warn", "--config"]).arg(&self.gateway.configuration);
        command.output().expect("the binary runs")
    }

    /// What a command says on standard output.
    fn says(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("text")
    }

    fn list(&self) -> Vec<Value> {
        let lines = self.says(&["evidence", "list", "--json"]);
        lines.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    }

    fn files(&self) -> Vec<String> {
        let mut names = Vec::new();
        for day in std::fs::read_dir(self.store()).expect("a folder") {
            let day = day.expect("readable").path();
            names.extend(
                std::fs::read_dir(day)
                    .into_iter()
                    .flatten()
                    .map(|file| file.expect("readable").file_name().into_string().expect("text")),
            );
        }
        names
    }
}

fn sha256(request: &ModelInferRequest) -> String {
    hex::encode(Sha256::digest(&request.raw_input_contents[0]))
}

#[tokio::test]
async fn suspicious_inputs_are_kept_with_all_that_was_found_and_clean_ones_are_not() {
    let Some(shared) = shared() else { return };
    let desk = Desk::new(shared, "").await;
    assert_eq!(desk.send(&[&desk.clean]).await, Code::Ok);
    let request = desk.digits.request(std::slice::from_ref(&desk.suspicious));
    let answer = desk.gateway.call(Call::infer(&request)).await;
    let (_, id) = answer
        .error()
        .rsplit_once("(id ")
        .map(|(told, id)| (told.to_owned(), id.trim_end_matches(')').to_owned()))
        .expect("the client is told an id");
    desk.wait("delivered", 1).await;

    let listed = desk.list();
    assert_eq!(listed.len(), 1, "what is clean is nobody's business");
    let shown: Value = serde_json::from_str(&desk.says(&["evidence", "show", &id, "--json"])).expect("JSON");
    assert_eq!(shown, listed[0]);
    assert_eq!(shown["id"], id.as_str());
    assert_eq!((&shown["decision"], &shown["action"]), (&"suspicious".into(), &"block".into()));
    let item = &shown["items"][0];
    assert_eq!(item["sha256"], sha256(&request).as_str(), "of the tensor as it was sent");
    assert_eq!(item["verdict"]["evidence"][0]["detector"], "cntk.surprise");
    let sources: Vec<&str> = item["predictions"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|one| one["source"].as_str().expect("text"))
        .collect();
    assert_eq!(sources, ["original", "student cntk"]);
    assert!(shown["client"]["address"].as_str().expect("an address").starts_with("127.0.0.1:"), "{shown}");

    let pictures = desk.folder.path().join("pictures");
    desk.says(&["evidence", "show", &id, "--out", pictures.to_str().expect("text")]);
    let file = std::fs::read(pictures.join(format!("{id}.0.png"))).expect("8 bits are enough");
    assert_eq!(portcullis::data::decode_picture(&file, &Default::default()).expect("a picture"), desk.suspicious);

    let people = desk.says(&["inspect", &id]);
    for word in [id.as_str(), "suspicious", "student cntk", "from 127.0.0.1"] {
        assert!(people.contains(word), "'{word}' is missing from {people}");
    }
}

#[tokio::test]
async fn what_was_captured_is_an_adversarial_set() {
    let Some(shared) = shared() else { return };
    let desk = Desk::new(shared, "").await;
    desk.send(&[&desk.clean, &desk.suspicious]).await;
    desk.send(&[&desk.suspicious]).await;
    desk.wait("delivered", 2).await;
    let file = desk.folder.path().join("captured.npz");
    let file = file.to_str().expect("text");
    desk.says(&["evidence", "export", "--out", file]);
    let set = AdversarialSet::open(file).expect("an adversarial set");
    let captured = set.result("captured").expect("it has a name");
    assert_eq!(captured.pictures, vec![desk.suspicious.clone(); 2], "clean neighbours are not captured");
    assert_eq!(captured.successful, [true; 2], "the student sees another digit");
    let data = shared.join("data/mnist");
    let benign = ["--data", data.to_str().expect("text"), "--count", "20"];
    let report = desk.says(&[&["evaluate", "--adversarial", file, "--json"], &benign[..]].concat());
    assert!(report.contains("captured"), "evaluate reads it: {report}");
}

#[tokio::test]
async fn privacy_leaves_out_inputs_hashes_and_clients() {
    let Some(shared) = shared() else { return };
    for (contents, has_hash) in [("hashes", true), ("records", false)] {
        let desk = Desk::new(shared, &format!("contents = \"{contents}\"\nclients = false")).await;
        desk.send(&[&desk.suspicious]).await;
        desk.wait("delivered", 1).await;
        let [kept] = &desk.list()[..] else { panic!("one detection") };
        assert_eq!((kept["items"][0]["sha256"].is_string(), kept["client"].is_null()), (has_hash, true), "{contents}");
        assert!(desk.files().iter().all(|name| name.ends_with(".json")), "{contents}: {:?}", desk.files());
    }
}

#[tokio::test]
async fn nothing_is_kept_where_nobody_asked_for_it() {
    let Some(shared) = shared() else { return };
    let digits = Model::digits(shared);
    let gateway = Gateway::start(&embedded(&[digits.guarded("")])).await;
    let mut list = portcullis();
    list.args(["evidence", "list", "--config"]).arg(&gateway.configuration);
    let output = list.output().expect("the binary runs");
    assert!(!output.status.success());
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(told.contains("set evidence.store, or say where with --store"), "{told}");
    assert_eq!(gateway.metrics().await.matching(EVENTS, &[("sink", "evidence")]).count(), 0);
}

#[tokio::test]
async fn an_id_leads_nowhere_but_to_evidence() {
    let Some(shared) = shared() else { return };
    let desk = Desk::new(shared, "").await;
    std::fs::write(desk.folder.path().join("secret.json"), "{}").expect("writable");
    for id in ["../secret", "..%2fsecret", "2026-01-01/../../secret", "/etc/passwd", "secret.json"] {
        let output = desk.run(&["evidence", "show", id]);
        assert_eq!(output.status.code(), Some(2), "{id} is a usage error");
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(told.contains("is no detection's id"), "{told}");
    }
    let unknown = desk.run(&["evidence", "show", "01928f6e-7c1b-7a3d-9f2e-3b1c5d7e9f01"]);
    let told = String::from_utf8_lossy(&unknown.stderr).into_owned();
    assert!(told.contains("there is no evidence of 01928f6e"), "{told}");
}

#[tokio::test]
async fn the_oldest_evidence_makes_room_for_the_latest() {
    const MOST: f64 = 12_288.0;
    let Some(shared) = shared() else { return };
    let desk = Desk::new(shared, &format!("max_bytes = {MOST}").replace(".0", "")).await;
    for sent in 1..=30 {
        desk.send(&[&desk.suspicious]).await;
        desk.wait("delivered", sent).await;
    }
    let metrics = eventually("there is room", async || {
        let metrics = desk.gateway.metrics().await;
        (metrics.sum("portcullis_evidence_bytes", &[]) <= MOST).then_some(metrics)
    })
    .await;
    let removed = metrics.sum("portcullis_evidence_removed_total", &[("reason", "size")]);
    let listed = desk.list();
    assert!(removed > 0.0 && listed.len() < 30);
    assert!(listed.len() >= 30 - removed as usize, "no more is removed than is told");
    assert_eq!(listed.len() + removed as usize, 30);
    assert_eq!(listed.len(), desk.files().iter().filter(|name| name.ends_with(".png")).count(), "inputs go too");
}

/// What a full disk must not change: requests are answered as ever, and what is lost is counted.
async fn requests_go_on(desk: &Desk) {
    for _ in 0..5 {
        assert_eq!(desk.send(&[&desk.clean]).await, Code::Ok);
        assert_eq!(desk.send(&[&desk.suspicious]).await, Code::PermissionDenied);
    }
    desk.wait("failed", 1).await;
    assert!(desk.gateway.is_ready().await);
    let log = desk.gateway.log();
    let complaints = log.iter().filter(|line| line.contains("evidence cannot be kept")).count();
    assert_eq!(complaints, 1, "it is said once: {log:?}");
}

#[tokio::test]
async fn a_disk_that_takes_no_more_does_not_disturb_requests() {
    let Some(shared) = shared() else { return };
    // Files of the gateway may hold nothing, and the signal that would come with it is ignored.
    let desk = Desk::in_shell(shared, "", "trap '' XFSZ; ulimit -f 0").await;
    requests_go_on(&desk).await;
    let whole: Vec<String> = desk.files().into_iter().filter(|name| name.ends_with(".json")).collect();
    assert!(whole.is_empty(), "no half record is left: {whole:?}");
}

#[tokio::test]
async fn a_full_file_system_does_not_disturb_requests() {
    let Some(shared) = shared() else { return };
    let desk = Desk::new(shared, "").await;
    let mount = Command::new("mount").args(["-t", "tmpfs", "-o", "size=4k", "tmpfs"]).arg(desk.store()).output();
    if !mount.is_ok_and(|mount| mount.status.success()) {
        return eprintln!("skipped: file systems may not be mounted here");
    }
    let _mounted = Mounted(desk.store());
    requests_go_on(&desk).await;
}

/// A file system that goes with the test.
struct Mounted(PathBuf);

impl Drop for Mounted {
    fn drop(&mut self) {
        // What stays mounted is seen by whoever looks; there is nobody else to tell.
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}

#[tokio::test]
async fn a_folder_that_cannot_be_made_is_a_mistake_before_anything_is_bound() {
    let Some(shared) = shared() else { return };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("file");
    std::fs::write(&file, "no folder").expect("writable");
    let store = file.join("kept");
    let model = Model::digits(shared).guarded("");
    let path = folder.path().join("portcullis.toml");
    std::fs::write(&path, format!("[evidence]\nstore = {store:?}\n{}", embedded(&[model]))).expect("writable");
    let output = portcullis().args(["serve", "--config"]).arg(&path).output().expect("the binary runs");
    assert_eq!(output.status.code(), Some(64));
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(told.contains("line 2: evidence.store: cannot use the folder"), "{told}");
}
