//! Real classifiers under guard, calibrated once a test run, and pictures for them.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use portcullis::data::AdversarialSet;
use portcullis::proto::inference::ModelInferRequest;
use portcullis::proto::inference::model_infer_request::InferInputTensor;
use portcullis::tensor::Picture;

use super::gateway::{embedded, portcullis};
use super::scratch;

/// The false-positive rate of all tests: few pictures are enough for it.
const RATE: f64 = 0.05;

/// A guarded model.
pub struct Model {
    /// Its name.
    pub name: &'static str,
    /// Its file.
    pub path: PathBuf,
    /// Its section's tables: input, output, students, detectors.
    tables: String,
    /// Benign pictures to calibrate on.
    benign: PathBuf,
    /// Pictures that tests use, so that calibration may not.
    reserved: PathBuf,
}

impl Model {
    /// Handwritten digits, watched by a second classifier with another preprocessing.
    pub fn digits(shared: &Path) -> Self {
        let student = shared.join("models/mnist_cntk.onnx");
        let tables = format!(
            "[[models.students]]\nname = \"cntk\"\npath = {student:?}\ninput = {{ range = [0, 255] }}\n\
             output = {{ kind = \"logits\" }}\n\
             [[models.detectors]]\nkind = \"disagreement\"\nstudent = \"cntk\"\n"
        );
        Self {
            name: "digits",
            path: shared.join("models/mnist_cnn.onnx"),
            tables,
            benign: shared.join("data/mnist"),
            reserved: shared.join("data/adversarial/mnist_cnn.npz"),
        }
    }

    /// Its section of the configuration with further `settings` such as `policy = "block"`, its profile calibrated.
    pub fn guarded(&self, settings: &str) -> String {
        self.section(&self.profile(), settings)
    }

    fn section(&self, profile: &Path, settings: &str) -> String {
        let Self { name, path, tables, .. } = self;
        format!(
            "[[models]]\nname = \"{name}\"\npath = {path:?}\nprofile = {profile:?}\nfpr = {RATE}\n{settings}\n{tables}"
        )
    }

    /// Its profile, calibrated by the real command when it is first asked for.
    pub fn profile(&self) -> PathBuf {
        static CALIBRATED: Mutex<Option<HashSet<&str>>> = Mutex::new(None);
        let path = scratch().join("profiles").join(self.name).with_extension("json");
        let mut calibrated = CALIBRATED.lock().unwrap_or_else(PoisonError::into_inner);
        let calibrated = calibrated.get_or_insert_default();
        if !calibrated.contains(self.name) {
            self.calibrate(&path);
            calibrated.insert(self.name);
        }
        path
    }

    fn calibrate(&self, profile: &Path) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let configuration = folder.path().join("portcullis.toml");
        std::fs::write(&configuration, embedded(&[self.section(profile, "")])).expect("writable");
        let calibrated = portcullis()
            .args(["calibrate", "--count", "300", "--log", "warn", "--fpr", &RATE.to_string(), "--config"])
            .arg(&configuration)
            .arg("--data")
            .arg(&self.benign)
            .arg("--exclude")
            .arg(&self.reserved)
            .output()
            .expect("the binary runs");
        assert!(calibrated.status.success(), "{}", String::from_utf8_lossy(&calibrated.stderr));
    }

    /// Pictures that it was not calibrated on: benign ones, and the adversarial examples that were made of them.
    pub fn pictures(&self) -> (Vec<Picture>, Vec<Picture>) {
        let set = AdversarialSet::open(&self.reserved).expect("an adversarial set");
        let benign = set.seeds().iter().map(|seed| seed.picture.clone()).collect();
        let successful = set
            .results()
            .iter()
            .flat_map(|attack| attack.pictures.iter().zip(&attack.successful).filter(|(_, successful)| **successful));
        (benign, successful.map(|(picture, _)| picture.clone()).collect())
    }
}

/// The digits' request for these pictures, with raw contents.
pub fn digits_request(pictures: &[&Picture]) -> ModelInferRequest {
    let pixels = pictures.iter().flat_map(|picture| picture.pixels()).flat_map(|pixel| pixel.to_le_bytes());
    ModelInferRequest {
        model_name: "digits".into(),
        inputs: vec![InferInputTensor {
            name: "image".into(),
            datatype: "FP32".into(),
            shape: vec![pictures.len() as i64, 1, 28, 28],
            ..Default::default()
        }],
        raw_input_contents: vec![pixels.collect::<Vec<u8>>().into()],
        ..Default::default()
    }
}
