//! Another configuration while calls go on: taken up as a whole, or refused as a whole.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::Value;
use tonic::Code;

use crate::support::gateway::embedded;
use crate::support::{Answer, Call, Gateway, Metrics, Model, eventually, shared};

/// The configuration whose files are looked at this often; `0s` for never.
fn looking(every: &str, models: &[String]) -> String {
    format!("[server]\nreload_every = \"{every}\"\n{}", embedded(models))
}

fn reloads(metrics: &Metrics) -> [f64; 3] {
    ["applied", "refused", "unchanged"]
        .map(|result| metrics.sum("portcullis_config_reloads_total", &[("result", result)]))
}

/// Waits until so many reloads were applied, refused and without change.
async fn reloaded(gateway: &Gateway, expected: [f64; 3]) -> Metrics {
    eventually("it reloads", async || Some(gateway.metrics().await).filter(|metrics| reloads(metrics) == expected))
        .await
}

/// The score above which `model` flags.
fn threshold(metrics: &Metrics, model: &str) -> f64 {
    metrics.sum("portcullis_detector_threshold", &[("model", model), ("detector", "combined")])
}

/// Writes the profile at `from` to `to`, with all thresholds out of reach.
fn make_lenient(from: &Path, to: &Path, threshold: f64) {
    let mut profile: Value = serde_json::from_slice(&std::fs::read(from).expect("a profile")).expect("JSON");
    for rate in profile["rates"].as_array_mut().expect("rates") {
        rate["threshold"] = threshold.into();
    }
    std::fs::write(to, profile.to_string()).expect("writable");
}

#[tokio::test]
async fn another_policy_is_taken_up_and_no_request_is_lost() {
    let Some(shared) = shared() else { return };
    let digits = Model::digits(shared);
    let gateway = Gateway::start(&looking("0s", &[digits.guarded("policy = \"monitor\"")])).await;
    let call = Call::infer(&digits.request(&digits.pictures().0[..1]));
    let annotated = |answer: &Answer| {
        assert_eq!(answer.code(), Code::Ok, "{}", answer.error());
        answer.metadata.contains_key("portcullis-decision")
    };
    let done = Arc::new(AtomicBool::new(false));
    let mut clients = Vec::new();
    for _ in 0..4 {
        let (connection, call, done) = (gateway.connect().await, call.clone(), done.clone());
        let mut answers = vec![annotated(&connection.send(call.clone()).await)];
        clients.push(tokio::spawn(async move {
            let mut last = false;
            while !last {
                last = done.load(Ordering::Relaxed);
                answers.push(annotated(&connection.send(call.clone()).await));
            }
            answers
        }));
    }
    gateway.metrics_after(20).await;
    gateway.configure(&looking("0s", &[digits.guarded("policy = \"annotate\"")]));
    gateway.signal("HUP");
    reloaded(&gateway, [1.0, 0.0, 0.0]).await;
    done.store(true, Ordering::Relaxed);
    let mut answered = 0;
    for client in clients {
        let annotated = client.await.expect("no answer was lost");
        answered += annotated.len();
        assert_eq!(annotated.first().zip(annotated.last()), Some((&false, &true)));
        assert!(annotated.is_sorted(), "after the first answer under the new policy none comes under the old one");
    }
    assert_eq!(gateway.metrics_after(answered).await.sum("portcullis_decisions_total", &[]), answered as f64);
}

#[tokio::test]
async fn a_wrong_configuration_is_refused_with_every_mistake_and_the_old_one_stays() {
    let Some(shared) = shared() else { return };
    let digits = Model::digits(shared);
    let right = looking("0s", &[digits.guarded("policy = \"annotate\"")]);
    let gateway = Gateway::start(&right).await;
    let is_as_before = async || {
        let answer = gateway.call(Call::infer(&digits.request(&digits.pictures().0[..1]))).await;
        assert!(answer.metadata.contains_key("portcullis-decision"), "{answer:?}");
        assert!(gateway.is_ready().await);
    };
    // Lines of the log arrive when they arrive.
    let refused_for = async |mistake: &str| {
        let is_told = |line: &String| line.contains("is refused") && line.contains(mistake);
        eventually(mistake, async || gateway.log().iter().any(is_told).then_some(())).await;
    };

    gateway.configure(&looking("0s", &[digits.guarded("policy = \"bloc\"\ncolour = \"blue\"")]));
    gateway.signal("HUP");
    reloaded(&gateway, [0.0, 1.0, 0.0]).await;
    for mistake in ["bloc", "colour"] {
        refused_for(mistake).await;
    }
    is_as_before().await;

    let absent = digits.guarded("").replace("profile = \"", "profile = \"/nowhere");
    gateway.configure(&looking("0s", &[absent]));
    gateway.signal("HUP");
    reloaded(&gateway, [0.0, 2.0, 0.0]).await;
    refused_for("cannot read the profile /nowhere").await;
    is_as_before().await;

    gateway.configure(&format!("[workers]\ncount = 1\n{}", right.replace("[server]", "[server]\nmax_connections = 7")));
    gateway.signal("HUP");
    reloaded(&gateway, [0.0, 3.0, 0.0]).await;
    for key in ["server.max_connections has changed, which takes a restart", "workers.count"] {
        refused_for(key).await;
    }
    is_as_before().await;

    gateway.configure(&right);
    gateway.signal("HUP");
    reloaded(&gateway, [1.0, 3.0, 0.0]).await;
    gateway.signal("HUP");
    reloaded(&gateway, [1.0, 3.0, 1.0]).await;
    is_as_before().await;
}

#[tokio::test]
async fn a_profile_behind_a_link_that_is_turned_elsewhere_is_taken_up_by_itself() {
    let Some(shared) = shared() else { return };
    let digits = Model::digits(shared);
    // As Kubernetes mounts a ConfigMap: a link to a folder, replaced by a link to another.
    let volume = tempfile::tempdir().expect("a temporary folder");
    let at = |name: &str| volume.path().join(name);
    let link = |folder: &str| {
        std::os::unix::fs::symlink(folder, at("next")).expect("a link");
        std::fs::rename(at("next"), at("data")).expect("the link is replaced");
    };
    for folder in ["old", "new"] {
        std::fs::create_dir(at(folder)).expect("a folder");
    }
    std::fs::copy(digits.profile(), at("old/digits.json")).expect("a copy");
    make_lenient(&digits.profile(), &at("new/digits.json"), 1e6);
    link("old");
    let model = digits.section(&at("data/digits.json"), "policy = \"block\"");
    let gateway = Gateway::start(&looking("20ms", &[model])).await;
    let examples = digits.examples(&gateway).await;
    let call = || Call::infer(&digits.request(std::slice::from_ref(&examples.suspicious)));
    assert_eq!(gateway.call(call()).await.code(), Code::PermissionDenied);
    link("new");
    let metrics = reloaded(&gateway, [1.0, 0.0, 0.0]).await;
    assert_eq!(threshold(&metrics, "digits"), 1e6, "metrics follow");
    assert_eq!(gateway.call(call()).await.code(), Code::Ok);
}

#[tokio::test]
async fn models_come_and_go_with_what_is_served() {
    let Some(shared) = shared() else { return };
    let [digits, another] = [Model::digits(shared), Model::one_at_a_time(shared)];
    let gateway = Gateway::start(&looking("0s", &[digits.guarded("")])).await;
    let code = async |model: &Model| gateway.call(Call::infer(&model.request(&digits.pictures().0[..1]))).await.code();
    assert_eq!((code(&digits).await, code(&another).await), (Code::Ok, Code::NotFound));
    assert!(threshold(&gateway.metrics().await, "digits").is_finite());
    gateway.configure(&looking("0s", &[another.guarded("")]));
    gateway.signal("HUP");
    let metrics = reloaded(&gateway, [1.0, 0.0, 0.0]).await;
    assert_eq!((code(&digits).await, code(&another).await), (Code::NotFound, Code::Ok));
    assert!(threshold(&metrics, "digits").is_nan(), "of a model that is gone nothing is known");
    assert!(threshold(&metrics, "one_at_a_time").is_finite());
    assert_eq!(metrics.decisions("digits", "clean") + metrics.decisions("digits", "suspicious"), 1.0, "counters stay");
}
