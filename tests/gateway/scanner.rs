//! Pictures that are not 8-bit RGB: two energies of 16 bits, as whole numbers with and without a sign and as floats, from
//! their calibration to their detections.

use std::path::{Path, PathBuf};

use portcullis::data::{Sample, write_npz};
use portcullis::tensor::{Datatype, Depth, Picture};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::page::get;
use crate::rest::embedded_rest;
use crate::support::gateway::{embedded, portcullis};
use crate::support::{Gateway, eventually, onnx, python, root, scratch, shared};

const SIDE: usize = 8;
const CALIBRATED_ON: usize = 200;

/// A way for levels to travel.
#[derive(Clone, Copy)]
struct Way {
    datatype: Datatype,
    /// The number of black.
    black: i32,
    /// What of the input the model does not tell.
    input: &'static str,
}

const WAYS: [Way; 3] = [
    Way { datatype: Datatype::Uint16, black: 0, input: "" },
    Way { datatype: Datatype::Int16, black: -32_768, input: "" },
    Way { datatype: Datatype::Fp32, black: 0, input: "input = { range = [0, 65535] }\n" },
];

/// A bag in two energies, of which the first or the second is the brighter one; no two bags are alike.
fn bag(seed: usize) -> Picture {
    let levels: Vec<u16> = (0..2 * SIDE * SIDE)
        .map(|at| {
            let is_brighter = at % 2 == seed % 2;
            let structure = 300 * (at / 2 / SIDE + seed % 7);
            let grain = (at * 7919 + seed * 104_729) % 61;
            (if is_brighter { 36_000 } else { 30_000 } + structure + grain) as u16
        })
        .collect();
    Picture::from_interleaved_levels(2, SIDE, SIDE, &levels, Depth::SIXTEEN_BITS).expect("a picture")
}

/// The same with white specks in the darker energy, so that its mean becomes the higher one.
fn tampered(seed: usize) -> Picture {
    let mut levels = bag(seed).to_interleaved_levels();
    for speck in (0..SIDE * SIDE).filter(|at| at / SIDE % 3 == 1 && at % SIDE % 2 == 1) {
        levels[2 * speck + (seed + 1) % 2] = u16::MAX;
    }
    Picture::from_interleaved_levels(2, SIDE, SIDE, &levels, Depth::SIXTEEN_BITS).expect("a picture")
}

/// The elements of `[N, 2, SIDE, SIDE]` as a client sends them.
fn sent(way: Way, pictures: &[Picture]) -> Value {
    let levels = pictures.iter().flat_map(|picture| {
        let levels = picture.to_interleaved_levels();
        (0..2).flat_map(move |energy| levels.clone().into_iter().skip(energy).step_by(2))
    });
    let numbers: Vec<i32> = levels.map(|level| i32::from(level) + way.black).collect();
    json!({ "shape": [pictures.len(), 2, SIDE, SIDE], "values": numbers })
}

/// The section of a guarded scanner, calibrated on bags in an array of uint16.
fn guarded(way: Way, folder: &Path, settings: &str) -> String {
    let (model, profile) = (onnx::scanner(way.datatype, 1000.0), folder.join("profile.json"));
    let bags = folder.join("bags.npz");
    let samples =
        (0..CALIBRATED_ON).map(|seed| Ok(Sample { picture: bag(seed), label: Some(seed % 2), name: String::new() }));
    write_npz(&bags, &["first".into(), "second".into()], CALIBRATED_ON, samples).expect("written");
    let section = format!(
        "[[models]]\nname = \"scanner\"\npath = {model:?}\nprofile = {profile:?}\nfpr = 0.05\n{settings}\n{}\
         output = {{ kind = \"logits\" }}\n[[models.detectors]]\nkind = \"feature_squeezing\"\n\
         squeezers = [\"bit_depth(6)\", \"median(3,3)\", \"nlm(5,3,4)\"]\n",
        way.input
    );
    let configuration: PathBuf = folder.join("portcullis.toml");
    std::fs::write(&configuration, embedded(std::slice::from_ref(&section))).expect("written");
    let calibrated = portcullis()
        .args(["calibrate", "--log", "warn", "--fpr", "0.05", "--config"])
        .arg(&configuration)
        .arg("--data")
        .arg(&bags)
        .output()
        .expect("the binary runs");
    assert!(calibrated.status.success(), "{}", String::from_utf8_lossy(&calibrated.stderr));
    section
}

async fn serving(way: Way, settings: &str) -> (Gateway, TempDir) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let section = guarded(way, folder.path(), settings);
    (Gateway::start(&embedded_rest(&[section])).await, folder)
}

#[tokio::test]
async fn two_energies_are_examined_whatever_their_type_and_however_they_come() {
    for way in WAYS {
        let (gateway, _folder) = serving(way, "policy = \"block\"\ntime_budget = \"60s\"").await;
        let (grpc, rest) = (gateway.clients.to_string(), gateway.rest.expect("REST is served").to_string());
        for (command, url, form) in [
            ("infer", &grpc, "raw"),
            ("infer", &grpc, "typed"),
            ("http-infer", &rest, "binary"),
            ("http-infer", &rest, "json"),
        ] {
            let infer = async |pictures: &[Picture]| {
                python::client(json!({
                    "command": command, "url": url, "model": "scanner", "input": "scan", "output": "logits",
                    "datatype": way.datatype.name(), "typed": form == "typed", "json": form == "json",
                    "array": sent(way, pictures),
                }))
                .await
            };
            let how = format!("{}, {command}, {form}", way.datatype);
            let benign = infer(&[bag(1000), bag(1001)]).await;
            let logits = benign["outputs"]["logits"]["values"].as_array().expect("logits").clone();
            let logits: Vec<f64> = logits.iter().map(|logit| logit.as_f64().expect("a number")).collect();
            assert!(logits[0] > logits[1] && logits[3] > logits[2], "{how}: {benign}");
            let refused = infer(&[tampered(1000)]).await;
            let message = refused["error"]["message"].as_str().unwrap_or_default();
            assert!(message.contains("suspected to be adversarial"), "{how}: {refused}");
        }
        let metrics = gateway.metrics_after(8).await;
        assert_eq!(metrics.decisions("scanner", "undecided"), 0.0, "{}", way.datatype);
        assert_eq!(metrics.decisions("scanner", "suspicious"), 4.0, "{}", way.datatype);
    }
}

#[tokio::test]
async fn the_example_of_a_radiology_model_starts_once_it_is_calibrated() {
    let Some(shared) = shared() else { return };
    let example = root().join("deploy/examples/radiology.toml");
    let profile = scratch().join("example_radiology.json");
    let calibrated = portcullis()
        .args(["calibrate", "--log", "warn", "--count", "100", "--fpr", "0.05"])
        .arg("--config")
        .arg(&example)
        .arg("--data")
        .arg(shared.join("data/chest_xray"))
        .arg("--out")
        .arg(&profile)
        .output()
        .expect("the binary runs");
    assert!(calibrated.status.success(), "{}", String::from_utf8_lossy(&calibrated.stderr));
    let settings = [format!("models.chest.profile={}", profile.display())];
    let gateway = Gateway::of_file(&example, &settings).await.ready().await;
    let answer = python::client(json!({
        "command": "infer", "url": gateway.clients.to_string(), "model": "chest", "input": "radiograph",
        "array": { "shape": [1, 1, 128, 128], "values": vec![0.5; 128 * 128] },
    }))
    .await;
    assert_eq!(answer["outputs"]["probabilities"]["values"].as_array().map(Vec::len), Some(2), "{answer}");
    assert_eq!(gateway.metrics_after(1).await.decisions("chest", "undecided"), 0.0);
}

#[tokio::test]
async fn a_detection_is_shown_in_false_colours_beside_its_squeezed_copies() {
    let way = WAYS[0];
    let (gateway, _folder) = serving(way, "policy = \"annotate\"\ntime_budget = \"60s\"").await;
    let infer = json!({
        "command": "infer", "url": gateway.clients.to_string(), "model": "scanner", "input": "scan",
        "datatype": "UINT16", "array": sent(way, &[tampered(7)]),
    });
    python::client(infer).await;
    let list = eventually("a detection is listed", async || {
        let (_, list) = gateway.get("/").await;
        list.contains("href=\"/detections/").then_some(list)
    })
    .await;
    let (_, link) = list.split_once("href=\"/detections/").expect("a link");
    let id = link.split('"').next().expect("an id");
    let (_, page) = gateway.get(&format!("/detections/{id}")).await;
    assert!(page.contains("8 × 8 pixels, 2 channels, 65536 levels"), "{page}");
    for path in ["picture", "copies/2", "changes/2"] {
        let response = get(&gateway, &format!("/detections/{id}/items/0/{path}"), &[]).await;
        assert_eq!(response.status(), 200, "{path}");
        let shown = image::load_from_memory(response.body()).expect("a picture").into_rgb8().into_raw();
        assert_eq!(shown.len(), 3 * SIDE * SIDE, "{path}");
        assert!(shown.chunks(3).any(|pixel| pixel[0] != pixel[2]), "{path}: two energies are no grey");
    }
}
