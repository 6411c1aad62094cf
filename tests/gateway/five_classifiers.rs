//! Five real classifiers behind one gateway, as `deploy/examples` configures them.

use std::path::{Path, PathBuf};

use portcullis::data::{Dataset, Options};
use portcullis::profile::Profile;
use portcullis::proto::inference::model_infer_request::InferInputTensor;
use portcullis::proto::inference::{ModelInferRequest, ModelInferResponse};
use portcullis::tensor::Colour;

use crate::support::gateway::portcullis;
use crate::support::models::RATE;
use crate::support::{Call, Connection, Gateway, root, scratch, shared};

/// The models and the data that they are calibrated on.
const CLASSIFIERS: [(&str, &str); 5] = [
    ("mnist", "mnist"),
    ("cifar10", "cifar10"),
    ("gtsrb", "gtsrb"),
    ("squeezenet", "imagenet"),
    ("mobilenetv2", "imagenet"),
];
/// The fewest pictures that are worth calibrating on: this is about five at once, not about rates.
const CALIBRATED_ON: &str = "60";
/// Pictures that each is asked about.
const PICTURES: usize = 12;

fn example() -> PathBuf {
    root().join("deploy/examples/five_classifiers.toml")
}

fn calibrate(model: &str, data: &Path) -> PathBuf {
    let profile = scratch().join("five").join(model).with_extension("json");
    let calibrated = portcullis()
        .args(["calibrate", "--log", "warn", "--model", model, "--count", CALIBRATED_ON, "--fpr", &RATE.to_string()])
        .arg("--config")
        .arg(example())
        .arg("--data")
        .arg(data)
        .arg("--out")
        .arg(&profile)
        .output()
        .expect("the binary runs");
    assert!(calibrated.status.success(), "{model}: {}", String::from_utf8_lossy(&calibrated.stderr));
    profile
}

/// Asks about benign pictures that `profile` has not seen, and gives how many of them were classified correctly.
async fn correctly_classified(connection: &Connection, profile: &Profile, data: &Path) -> usize {
    let input = profile.model.input.pictures().expect("a classifier of pictures");
    let output = &profile.model.output;
    let colour = if input.colour.channels() == 1 { Colour::Grey } else { Colour::Rgb };
    let options = Options { size: Some((input.height, input.width)), colour: Some(colour), ..Options::default() };
    let dataset = Dataset::open(data, &options).expect("benign data");
    let samples = (0..dataset.len()).step_by(dataset.len() / 100).map(|index| dataset.get(index).expect("a sample"));
    let mut correct = 0;
    for sample in samples.filter(|sample| !profile.has_seen(&sample.picture)).take(PICTURES) {
        let values = input.encode(&sample.picture).into_iter().flat_map(f32::to_le_bytes);
        let shape = std::iter::once(1).chain(input.item_shape().map(|side| side as i64));
        let request = ModelInferRequest {
            model_name: profile.model.name.clone(),
            inputs: vec![InferInputTensor {
                name: input.name.clone(),
                datatype: "FP32".into(),
                shape: shape.collect(),
                ..Default::default()
            }],
            raw_input_contents: vec![values.collect()],
            ..Default::default()
        };
        let response: ModelInferResponse = connection.send(Call::infer(&request)).await.decode();
        let values: Vec<f32> = response.raw_output_contents[0]
            .chunks(4)
            .map(|value| f32::from_le_bytes(value.try_into().expect("four bytes")))
            .collect();
        let prediction = output.decode(1, &values).expect("predictions").remove(0).expect("a prediction");
        correct += usize::from(Some(prediction.top().0) == sample.label);
    }
    correct
}

#[tokio::test]
async fn five_classifiers_are_guarded_at_once() {
    let Some(shared) = shared() else { return };
    let data = |folder: &str| shared.join("data").join(folder);
    let profiles = CLASSIFIERS.map(|(model, folder)| (model, folder, calibrate(model, &data(folder))));
    let settings: Vec<String> = profiles
        .iter()
        .flat_map(|(model, _, profile)| {
            [format!("profile={}", profile.display()), format!("fpr={RATE}"), "time_budget=60s".into()]
                .map(|setting| format!("models.{model}.{setting}"))
        })
        .collect();
    let gateway = Gateway::of_file(&example(), &settings).await.ready().await;
    let connection = gateway.connect().await;
    let asked = profiles.iter().map(|(model, folder, profile)| {
        let (connection, profile, data) =
            (connection.clone(), Profile::load(profile).expect("a profile"), data(folder));
        let correct = tokio::spawn(async move { correctly_classified(&connection, &profile, &data).await });
        (*model, correct)
    });
    for (model, correct) in asked.collect::<Vec<_>>() {
        let correct = correct.await.expect("no panic");
        assert!(correct > PICTURES / 2, "{model} classified {correct} of {PICTURES} pictures correctly");
    }
    let metrics = gateway.metrics_after(CLASSIFIERS.len() * PICTURES).await;
    for (model, _) in CLASSIFIERS {
        let examined = metrics.decisions(model, "clean") + metrics.decisions(model, "suspicious");
        assert_eq!(examined, PICTURES as f64, "{model}");
        assert!(metrics.decisions(model, "clean") > PICTURES as f64 / 2.0, "{model}: benign pictures pass");
    }
}
