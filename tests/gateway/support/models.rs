//! Classifiers under guard, calibrated once a test run by the real command, and pictures for them.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use portcullis::data::AdversarialSet;
use portcullis::proto::inference::model_infer_request::InferInputTensor;
use portcullis::proto::inference::model_infer_response::InferOutputTensor;
use portcullis::proto::inference::{ModelInferRequest, ModelInferResponse};
use portcullis::proto::portcullis::v1::Decision;
use portcullis::tensor::{Datatype, Picture};

use super::gateway::{embedded, in_front_of, portcullis};
use super::{Gateway, onnx, root, scratch};

/// The false-positive rate of all tests: few pictures are enough for it.
pub const RATE: f64 = 0.05;
/// Benign pictures to calibrate on.
const CALIBRATED_ON: usize = 300;
/// Benign and adversarial pictures that one test looks at, at most.
const PICTURES: usize = 40;

/// Two pictures on which the decisions are known.
pub struct Examples {
    pub clean: Picture,
    pub suspicious: Picture,
}

/// A guarded model that takes digits.
pub struct Model {
    /// Its name.
    pub name: &'static str,
    /// Its file; `None` where only a server has it.
    pub path: Option<PathBuf>,
    /// The server that predicts while it is calibrated, instead of the file.
    server: Option<SocketAddr>,
    /// Name of its input tensor, and the value of white there.
    input: (&'static str, f32),
    /// Its section's tables: input, output, students, detectors.
    tables: String,
    /// What tells its profile from those of other tests.
    key: &'static str,
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
            path: Some(shared.join("models/mnist_cnn.onnx")),
            server: None,
            input: ("image", 1.0),
            tables,
            key: "digits",
            benign: shared.join("data/mnist"),
            reserved: shared.join("data/adversarial/mnist_cnn.npz"),
        }
    }

    /// The digits under feature squeezing alone.
    pub fn squeezed_digits(shared: &Path) -> Self {
        Self { tables: squeezing(""), key: "squeezed_digits", ..Self::digits(shared) }
    }

    /// The squeezed digits of a server that takes files of twice their height and width.
    pub fn digits_in_files(shared: &Path) -> Self {
        let input = "input.encoded = { name = \"file\", resize = \"stretch\", filter = \"area\" }\n";
        // Nobody is asked there: the file is at hand.
        let server = Some(SocketAddr::from(([127, 0, 0, 1], 1)));
        Self { tables: squeezing(input), server, key: "digits_in_files", ..Self::digits(shared) }
    }

    /// A filter of short messages, which it calls ham or spam, under squeezers of text.
    pub fn spam(shared: &Path) -> Self {
        let squeezers = "squeezers = [\"invisible+skeleton\", \"nfkc\"]";
        Self {
            name: "spam",
            path: Some(shared.join("models/sms_spam.onnx")),
            tables: format!("[[models.detectors]]\nkind = \"feature_squeezing\"\n{squeezers}\n"),
            key: "spam",
            benign: shared.join("data/sms_spam/SMSSpamCollection"),
            reserved: root().join("tests/support/messages/known.tsv"),
            ..Self::digits(shared)
        }
    }

    /// A small filter of short messages that takes tokens, `wordpiece` or `bytes`; clients send texts in the tensor of this
    /// name, or tokens.
    pub fn of_tokens(filter: &'static str, text: Option<&str>) -> Self {
        let folder = root().join("tests/support/tokens");
        let tokenizer = folder.join(filter).with_extension("json");
        let text = text.map(|name| format!("text = \"{name}\"")).unwrap_or_default();
        let tables = format!(
            "[models.input.tokens]\ntokenizer = {tokenizer:?}\n{text}\n[[models.detectors]]\nkind = \"feature_squeezing\"\n\
             squeezers = [\"invisible+skeleton\", \"invisible+skeleton+leet+spacing+repeats\"]\nhidden = 1\n"
        );
        Self {
            name: "spam",
            path: Some(folder.join(filter).with_extension("onnx")),
            // Who predicts from a replica never asks this server.
            server: Some(SocketAddr::from(([127, 0, 0, 1], 1))),
            tables,
            key: filter,
            benign: folder.join("messages.tsv"),
            reserved: root().join("tests/support/messages/known.tsv"),
            ..Self::digits(root())
        }
    }

    /// The digits under a cascade: the student looks at all of them, squeezing at three of ten benign ones.
    pub fn cascaded_digits(shared: &Path) -> Self {
        let digits = Self::digits(shared);
        let cascade = "[models.cascade]\nfirst = [\"cntk.surprise\"]\nshare = 0.3\n";
        Self { tables: squeezing(&digits.tables) + cascade, key: "cascaded_digits", ..digits }
    }

    /// The squeezed digits where nobody but `server` has the classifier.
    pub fn digits_of(server: SocketAddr, shared: &Path) -> Self {
        Self { path: None, server: Some(server), key: "digits_of_a_server", ..Self::squeezed_digits(shared) }
    }

    /// A classifier of digits that takes one picture a request, under feature squeezing.
    pub fn one_at_a_time(shared: &Path) -> Self {
        Self {
            name: "one_at_a_time",
            path: Some(shared.join("models/mnist_cntk.onnx")),
            input: ("Input3", 255.0),
            tables: squeezing("input = { range = [0, 255] }\noutput = { kind = \"logits\" }\n"),
            key: "one_at_a_time",
            ..Self::digits(shared)
        }
    }

    /// A classifier whose logits are the 16 values of its input, of the type `datatype`, and whose other output is the
    /// class.
    pub fn mirror(datatype: Datatype, shared: &Path) -> Self {
        let path = onnx::mirror(datatype);
        let tables = "output = { name = \"logits\" }\n[[models.detectors]]\nkind = \"feature_squeezing\"\n\
                      squeezers = [\"bit_depth(1)\"]\n";
        Self {
            name: datatype.name(),
            path: Some(path),
            tables: tables.into(),
            key: datatype.name(),
            ..Self::digits(shared)
        }
    }

    /// A mirror that ONNX Runtime cannot run on a picture whose first corner is white.
    pub fn fragile(shared: &Path) -> Self {
        let path = Some(onnx::fragile());
        Self { name: "fragile", path, key: "fragile", ..Self::mirror(Datatype::Fp32, shared) }
    }

    /// A request for one picture of a mirror's.
    pub fn of_pixels(&self, pixels: [f32; 16]) -> ModelInferRequest {
        let raw = pixels.into_iter().flat_map(f32::to_le_bytes).collect();
        let mut request = self.request(&[]);
        request.inputs[0].shape = vec![1, 1, 4, 4];
        ModelInferRequest { raw_input_contents: vec![raw], ..request }
    }

    /// Its section of the configuration with further `settings` such as `policy = "block"`, its profile calibrated.
    pub fn guarded(&self, settings: &str) -> String {
        self.section(&self.profile(), settings)
    }

    /// As [`Model::guarded`], with a profile of the test's own.
    pub fn section(&self, profile: &Path, settings: &str) -> String {
        let Self { name, path, tables, .. } = self;
        let path = path.as_ref().map_or_else(String::new, |path| format!("path = {path:?}\n"));
        format!("[[models]]\nname = \"{name}\"\n{path}profile = {profile:?}\nfpr = {RATE}\n{settings}\n{tables}")
    }

    /// Its profile, calibrated.
    pub fn profile(&self) -> PathBuf {
        static CALIBRATED: Mutex<Option<HashSet<&str>>> = Mutex::new(None);
        let path = scratch().join("profiles").join(self.key).with_extension("json");
        let mut calibrated = CALIBRATED.lock().unwrap_or_else(PoisonError::into_inner);
        let calibrated = calibrated.get_or_insert_default();
        if !calibrated.contains(self.key) {
            self.calibrate(&path);
            calibrated.insert(self.key);
        }
        path
    }

    fn calibrate(&self, profile: &Path) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let configuration = folder.path().join("portcullis.toml");
        let models = [self.section(profile, "")];
        let text = self.server.map_or_else(|| embedded(&models), |server| in_front_of(server, &models));
        std::fs::write(&configuration, text).expect("writable");
        let calibrated = portcullis()
            .args(["calibrate", "--log", "warn", "--count", &CALIBRATED_ON.to_string(), "--fpr", &RATE.to_string()])
            .arg("--config")
            .arg(&configuration)
            .arg("--data")
            .arg(&self.benign)
            .arg("--exclude")
            .arg(&self.reserved)
            .output()
            .expect("the binary runs");
        assert!(calibrated.status.success(), "{}", String::from_utf8_lossy(&calibrated.stderr));
    }

    /// Pictures that it was not calibrated on: benign ones, and adversarial examples.
    pub fn pictures(&self) -> (Vec<Picture>, Vec<Picture>) {
        let set = AdversarialSet::open(&self.reserved).expect("an adversarial set");
        let benign = set.seeds().iter().take(PICTURES).map(|seed| seed.picture.clone()).collect();
        let all = set.results().iter().flat_map(|attack| attack.pictures.iter().zip(&attack.successful));
        let successful = all.filter(|(_, successful)| **successful).map(|(picture, _)| picture.clone());
        (benign, successful.take(PICTURES).collect())
    }

    /// The request for these pictures, with raw contents.
    pub fn request(&self, pictures: &[Picture]) -> ModelInferRequest {
        request(self.name, self.input, pictures)
    }

    /// The request for a picture that nobody can examine, though a server answers: a pixel is whiter than white.
    pub fn unreadable(&self, picture: &Picture) -> ModelInferRequest {
        let mut request = self.request(std::slice::from_ref(picture));
        let raw: Vec<u8> = (2.0 * self.input.1)
            .to_le_bytes()
            .into_iter()
            .chain(request.raw_input_contents[0].iter().copied().skip(4))
            .collect();
        request.raw_input_contents[0] = raw.into();
        request
    }

    /// A benign picture that the gateway holds for clean, and an adversarial one that it holds for suspicious.
    pub async fn examples(&self, gateway: &Gateway) -> Examples {
        let (benign, adversarial) = self.pictures();
        let one = async |pictures: Vec<Picture>, decision: Decision| {
            let verdicts = gateway.inspect(&self.request(&pictures)).await;
            let found = pictures.into_iter().zip(verdicts).find(|(_, verdict)| verdict.decision() == decision);
            found.unwrap_or_else(|| panic!("no picture is {decision:?}")).0
        };
        Examples { clean: one(benign, Decision::Clean).await, suspicious: one(adversarial, Decision::Suspicious).await }
    }
}

/// The digits' request for these pictures, with raw contents.
pub fn digits_request(pictures: &[&Picture]) -> ModelInferRequest {
    request("digits", ("image", 1.0), pictures.iter().copied())
}

fn request<'a>(
    model: &str,
    (input, white): (&str, f32),
    pictures: impl IntoIterator<Item = &'a Picture>,
) -> ModelInferRequest {
    let pixels: Vec<&[f32]> = pictures.into_iter().map(Picture::pixels).collect();
    let raw = pixels.iter().copied().flatten().flat_map(|pixel| (pixel * white).to_le_bytes());
    ModelInferRequest {
        model_name: model.into(),
        inputs: vec![InferInputTensor {
            name: input.into(),
            datatype: "FP32".into(),
            shape: vec![pixels.len() as i64, 1, 28, 28],
            ..Default::default()
        }],
        raw_input_contents: vec![raw.collect()],
        ..Default::default()
    }
}

/// Tables of feature squeezing as usual with digits, after the model's own.
fn squeezing(before: &str) -> String {
    let squeezers = "squeezers = [\"bit_depth(1)\", \"median(2,2)\"]";
    format!("{before}[[models.detectors]]\nkind = \"feature_squeezing\"\n{squeezers}\n")
}

/// What the digits' classifier answers to one picture when these are its logits.
pub fn digits_response(logits: [f32; 10]) -> ModelInferResponse {
    ModelInferResponse {
        model_name: "digits".into(),
        outputs: vec![InferOutputTensor {
            name: "logits".into(),
            datatype: "FP32".into(),
            shape: vec![1, 10],
            ..Default::default()
        }],
        raw_output_contents: vec![logits.into_iter().flat_map(f32::to_le_bytes).collect()],
        ..Default::default()
    }
}
