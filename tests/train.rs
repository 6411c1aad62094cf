//! Distillation and training by the command line, on pictures that are made here: what comes out, and what a broken
//! input or a full disk leaves behind.
#![cfg(feature = "train")]
#![expect(clippy::expect_used, reason = "a test whose case can't be set up fails")]

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use image::{Rgb, RgbImage};
use portcullis::model::{OnnxModel, Port, Runtime};
use portcullis::onnx::{Convolution, Graph, Value};
use portcullis::tensor::Datatype;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::Value as Json;
use tempfile::TempDir;

const SIDE: u32 = 12;
const PICTURES: usize = 240;
/// How strongly the teacher's classes depend on the mean colour.
const SHARPNESS: f32 = 60.0;

/// A folder with pictures and a teacher, where commands are run.
struct Desk(TempDir);

impl Desk {
    /// Noisy pictures of three tints, a folder a class, in a training and a test half; and a teacher that sees the tint.
    fn new() -> Self {
        let desk = Self(tempfile::tempdir().expect("a temporary folder"));
        let mut random = ChaCha8Rng::seed_from_u64(7);
        for (half, pictures) in [("train", PICTURES), ("test", PICTURES / 4)] {
            for index in 0..pictures {
                let class = index % 3;
                let folder = desk.path().join("data").join(half).join(["blue", "green", "red"][class]);
                std::fs::create_dir_all(&folder).expect("a folder");
                tinted(2 - class, &mut random).save(folder.join(format!("{index}.png"))).expect("writable");
            }
        }
        desk.teacher("teacher.onnx", |graph, image| tint(graph, image, 1.0));
        desk
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn teacher(&self, name: &str, answer: impl FnOnce(&mut Graph, Value) -> Value) {
        let mut graph = Graph::new("teacher");
        let side = Some(SIDE as usize);
        let image = graph.input("bgr", Datatype::Fp32, &[None, Some(3), side, side]);
        let answer = answer(&mut graph, image);
        graph.output(answer, "logits", Datatype::Fp32, &[None, Some(3), Some(1), Some(1)]);
        std::fs::write(self.path().join(name), graph.encode(&[]).expect("a graph")).expect("writable");
    }

    fn command(&self, arguments: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
        command.current_dir(self.path()).args(arguments.split_whitespace()).env("RUST_BACKTRACE", "0");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        if let Some(library) = library() {
            command.env("ORT_DYLIB_PATH", library);
        }
        command
    }

    fn run(&self, arguments: &str) -> Ended {
        ended(self.command(arguments))
    }

    fn names(&self, folder: &str) -> Vec<String> {
        let entries = std::fs::read_dir(self.path().join(folder)).expect("a folder");
        let mut names: Vec<_> =
            entries.map(|entry| entry.expect("readable").file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    fn bytes(&self, file: &str) -> Vec<u8> {
        std::fs::read(self.path().join(file)).expect("readable")
    }
}

/// What a command said and how it ended.
#[derive(Debug)]
struct Ended {
    success: bool,
    stdout: String,
    stderr: String,
}

impl Ended {
    fn json(&self) -> Json {
        assert!(self.success, "{self:?}");
        serde_json::from_str(&self.stdout).expect("JSON on standard output")
    }

    fn failed_saying(&self, words: &[&str]) {
        assert!(!self.success, "{self:?}");
        let said = self.stderr.lines().last().unwrap_or_default();
        assert!(words.iter().all(|word| self.stderr.contains(word)), "{said}");
        assert!(!self.stderr.contains("panicked"), "{}", self.stderr);
    }
}

fn ended(mut command: Command) -> Ended {
    let output = command.output().expect("the program starts");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    Ended { success: output.status.success(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

/// Grey noise in which one channel is lighter.
fn tinted(channel: usize, random: &mut ChaCha8Rng) -> RgbImage {
    RgbImage::from_fn(SIDE, SIDE, |_, _| {
        let mut pixel = [0; 3].map(|_: u8| random.random_range(60..=160));
        pixel[channel] = random.random_range(100..=200);
        Rgb(pixel)
    })
}

/// The mean of each channel from which the answer follows; `sum` is what probabilities would sum to.
fn tint(graph: &mut Graph, image: Value, sum: f32) -> Value {
    let mean = graph.global_average_pool(image);
    let sharp = graph.constant("sharpness", &[1], vec![SHARPNESS * sum / 255.0]);
    graph.mul(mean, sharp)
}

/// Logits that follow the tint, and a faint checkerboard more than that. `image` is in [0, 1].
fn swayed(graph: &mut Graph, image: Value) -> Value {
    let checkerboard = [1.0, -1.0, -1.0, 1.0];
    let weight = |class: usize, channel: usize, at: usize| {
        let tint = if class == channel { SHARPNESS / 4.0 } else { 0.0 };
        tint + SHARPNESS * checkerboard[at] * [1.0, -1.0, 0.0][class]
    };
    let all = (0..3).flat_map(|class| (0..3).flat_map(move |channel| (0..4).map(move |at| (class, channel, at))));
    let weights: Vec<f32> = all.map(|(class, channel, at)| weight(class, channel, at)).collect();
    let kernel = graph.constant("kernel", &[3, 3, 2, 2], weights);
    let answers = graph.conv(image, kernel, None, Convolution { stride: [2, 2], ..Convolution::default() });
    graph.global_average_pool(answers)
}

fn library() -> Option<std::path::PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/onnxruntime");
    let mut entries = std::fs::read_dir(folder).ok()?.filter_map(Result::ok).map(|entry| entry.path());
    entries.find(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("libonnxruntime.so")))
}

/// Distils the blue-first teacher of values from 0 to 255.
const DISTIL: &str = "distill --teacher teacher.onnx --input colour=bgr --input range=[0,255] --data data --json \
                      --learning-rate 0.01 --batch 16";

#[test]
fn a_student_agrees_with_its_teacher_and_takes_and_answers_the_same() {
    let desk = Desk::new();
    let told = desk.run(&format!("{DISTIL} --epochs 6 --out student")).json();
    let right = told["test"]["right"].as_f64().expect("measured on the test half");
    assert!(right >= 0.9, "agreement {right}");
    assert_eq!(told["test"]["pictures"], PICTURES / 4);
    assert!(told["export_difference"].as_f64().expect("compared") <= 1e-4);
    let files = ["MODEL_CARD.md", "learning_curves.png", "learning_curves.svg", "student.onnx"];
    let expected: Vec<_> = files.into_iter().filter(|name| *name != "learning_curves.png").collect();
    let found = desk.names("student");
    assert!(expected.iter().all(|name| found.iter().any(|found| found == name)), "{found:?}");
    assert!(found.iter().all(|name| files.contains(&name.as_str())), "nothing else is left: {found:?}");

    let runtime = Runtime::load(None).expect("ONNX Runtime");
    let ports = |name: &str| -> [Vec<Port>; 2] {
        let model = OnnxModel::load(&runtime, &desk.path().join(name), 1, 1).expect("a model");
        [model.inputs().to_vec(), model.outputs().to_vec()]
    };
    assert_eq!(ports("student/student.onnx"), ports("teacher.onnx"));
    let again = desk.run(&format!("{DISTIL} --epochs 6 --out student"));
    again.failed_saying(&["student.onnx is there already", "--restart"]);
}

#[test]
fn a_training_that_was_killed_goes_on_and_ends_as_if_it_had_not_been() {
    let desk = Desk::new();
    let arguments = format!("{DISTIL} --epochs 5 --robust pgd --steps 2 --eps 4/255");
    let whole = desk.run(&format!("{arguments} --out whole")).json();
    let mut killed = desk.command(&format!("{arguments} --out killed")).spawn().expect("the program starts");
    await_file(&desk.path().join("killed/training.checkpoint"), &mut killed);
    killed.kill().expect("it runs");
    killed.wait().expect("it ends");
    assert!(!desk.path().join("killed/student.onnx").exists(), "it was killed in time");
    let other = desk.run(&format!("{arguments} --seed 2 --out killed"));
    other.failed_saying(&["other data or settings", "--restart"]);
    let resumed = desk.run(&format!("{arguments} --out killed"));
    assert!(resumed.stderr.contains("goes on after epoch"), "{}", resumed.stderr);
    assert_eq!(resumed.json()["epochs"], whole["epochs"]);
    assert!(desk.bytes("killed/student.onnx") == desk.bytes("whole/student.onnx"), "both are the same file");
}

fn await_file(path: &Path, child: &mut Child) {
    let began = Instant::now();
    while !path.exists() {
        assert!(child.try_wait().expect("a child").is_none(), "it ended before there was {}", path.display());
        assert!(began.elapsed() < Duration::from_secs(60), "no {} after a minute", path.display());
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn a_classifier_learns_its_labels_and_says_how_robust_it_is() {
    let desk = Desk::new();
    let arguments = "train --data data --epochs 6 --learning-rate 0.01 --batch 16 --json";
    let told = desk.run(&format!("{arguments} --robust trades --steps 2 --eps 2/255 --out classifier")).json();
    let right = told["test"]["right"].as_f64().expect("measured on the test half");
    assert!(right >= 0.9, "accuracy {right}");
    let perturbed = told["epochs"][5]["perturbed"].as_f64().expect("measured on perturbed pictures");
    assert!((0.0..=1.0).contains(&perturbed));
    let card = String::from_utf8(desk.bytes("classifier/MODEL_CARD.md")).expect("text");
    assert!(card.contains("TRADES") && card.contains("2.0/255") && card.contains("| test half | 60 |"), "{card}");

    let flat = desk.path().join("flat");
    std::fs::create_dir(&flat).expect("a folder");
    for index in 0..30 {
        tinted(0, &mut ChaCha8Rng::seed_from_u64(index)).save(flat.join(format!("{index}.png"))).expect("writable");
    }
    desk.run("train --data flat --out unlabelled").failed_saying(&["has no label", "one folder a class"]);
}

#[test]
fn a_part_of_sorted_pictures_has_all_classes_in_it() {
    let desk = Desk::new();
    let arguments = "train --data data --count 80 --epochs 8 --learning-rate 0.01 --batch 16 --json --out classifier";
    let told = desk.run(arguments).json();
    let right = told["test"]["right"].as_f64().expect("measured on the test half");
    assert!(right >= 0.7, "right on {right}, where one class alone would be a third");
}

#[test]
fn a_sentinel_tells_attacks_from_noise_and_guards_its_classifier() {
    let desk = Desk::new();
    desk.teacher("swayed.onnx", swayed);
    let mut random = ChaCha8Rng::seed_from_u64(11);
    for index in 0..300_u32 {
        let mut tint = [0; 3].map(|_: u8| random.random_range(80..=110));
        tint[index as usize % 3] = random.random_range(120..=150);
        let folder = desk.path().join("smooth").join((index % 3).to_string());
        std::fs::create_dir_all(&folder).expect("a folder");
        RgbImage::from_pixel(SIDE, SIDE, Rgb(tint)).save(folder.join(format!("{index}.png"))).expect("writable");
    }
    let teacher = "sentinel --teacher swayed.onnx --output kind=logits --data smooth --json";
    desk.run(&format!("{teacher} --robust pgd --out robust")).failed_saying(&["attacks already", "--robust"]);
    let told = desk.run(&format!("{teacher} --count 120 --epochs 12 --learning-rate 0.01 --batch 16 --out out")).json();
    let right = told["epochs"][11]["agreement"].as_f64().expect("measured on pictures of its own");
    assert!(right >= 0.95, "right on {right}");
    assert!(told["export_difference"].as_f64().expect("compared") <= 1e-4);
    let told = desk.run(&format!("{teacher} --input colour=bgr --count 60 --epochs 1 --batch 16 --out blue")).json();
    assert!(told["export_difference"].as_f64().expect("compared") <= 1e-4, "blue first");

    let config = "upstream.embedded = true\n[[models]]\nname = \"swayed\"\npath = \"swayed.onnx\"\n\
                  profile = \"profile.json\"\noutput.kind = \"logits\"\nfpr = 0.05\n\
                  [[models.sentinels]]\nname = \"sentinel\"\npath = \"out/sentinel.onnx\"\n\
                  [[models.detectors]]\nkind = \"sentinel\"\nsentinel = \"sentinel\"\n";
    std::fs::write(desk.path().join("portcullis.toml"), config).expect("writable");
    let calibrated = desk.run("calibrate --data smooth --count 200");
    assert!(calibrated.success, "{calibrated:?}");
    let attacked = desk.run("redteam --data smooth --attacks fgsm,selective --seeds 30 --out made --json").json();
    let rate = |part: &Json| part["rate"].as_f64().expect("a share");
    let findings = attacked["findings"].as_array().expect("findings");
    let of_level = |level: &str| findings.iter().find(|finding| finding["level"] == level).expect("it was attacked");
    let (knowing, unknowing) = (of_level("adaptive"), of_level("oblivious"));
    assert!(rate(&unknowing["success"]) >= 0.9 && rate(&unknowing["joint"][0]) <= 0.1, "{unknowing}");
    assert!(rate(&knowing["joint"][0]) > rate(&unknowing["joint"][0]), "who knows the sentinel evades it: {knowing}");
}

#[test]
fn a_picture_that_cannot_be_read_is_named_and_passed_over_or_stops() {
    let desk = Desk::new();
    std::fs::write(desk.path().join("data/train/red/broken.png"), b"no picture").expect("writable");
    let strict = desk.run(&format!("{DISTIL} --epochs 1 --strict --out strict"));
    strict.failed_saying(&["broken.png"]);
    assert!(desk.names("strict").is_empty(), "nothing is half-written");
    let passed = desk.run(&format!("{DISTIL} --epochs 1 --out passed"));
    assert!(passed.stderr.contains("broken.png") && passed.stderr.contains("could not be read: 1"), "{passed:?}");
    let pictures = &passed.json()["pictures"];
    assert_eq!(pictures["training"].as_u64().unwrap() + pictures["validation"].as_u64().unwrap(), PICTURES as u64);
}

#[test]
fn no_pictures_that_were_trained_on_are_called_a_test() {
    let desk = Desk::new();
    for half in ["train", "test"] {
        let arguments = DISTIL.replace("--data data", &format!("--data data/{half}"));
        let told = desk.run(&format!("{arguments} --epochs 1 --out out-{half}")).json();
        assert!(told["test"].is_null(), "{told}");
    }
}

#[test]
fn a_teacher_that_cannot_be_one_is_refused_before_any_work() {
    let desk = Desk::new();
    let mut two = Graph::new("two");
    let shape = [None, Some(3), Some(12), Some(12)];
    let (a, b) = (two.input("a", Datatype::Fp32, &shape), two.input("b", Datatype::Fp32, &shape));
    let sum = two.add(a, b);
    let answer = tint(&mut two, sum, 1.0);
    two.output(answer, "logits", Datatype::Fp32, &[None, Some(3), Some(1), Some(1)]);
    std::fs::write(desk.path().join("two.onnx"), two.encode(&[]).expect("a graph")).expect("writable");
    let refused = |arguments: &str, words: &[&str]| {
        desk.run(&format!("distill --data data --out out {arguments}")).failed_saying(words);
        assert!(desk.names("out").is_empty(), "nothing is half-written");
    };
    refused("--teacher two.onnx", &["'a', 'b'"]);
    refused("--teacher two.onnx --input name=a", &["takes 2 inputs"]);
    refused("--teacher teacher.onnx --output kind=probabilities", &["distribution over its classes", "sum"]);
    refused("--teacher data/train/red/2.png", &["not a usable ONNX model"]);
    refused("--teacher teacher.onnx --input colour=violet", &["colour"]);
}

#[cfg(unix)]
#[test]
fn a_full_disk_is_one_clear_error_and_leaves_nothing_half_written() {
    let desk = Desk::new();
    // No file may grow beyond 64 KiB: the weights do not fit, everything before them does.
    let program = env!("CARGO_BIN_EXE_portcullis");
    let script = format!("trap '' XFSZ; ulimit -f 128; exec {program} {DISTIL} --epochs 1 --out full");
    let mut command = Command::new("sh");
    command.current_dir(desk.path()).args(["-c", &script]);
    if let Some(library) = library() {
        command.env("ORT_DYLIB_PATH", library);
    }
    ended(command).failed_saying(&["cannot write", "File too large"]);
    assert!(desk.names("full").is_empty(), "{:?}", desk.names("full"));
}
