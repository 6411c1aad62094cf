//! The command line: what it offers, and one clear line and the right exit code for every bad file.
#![expect(clippy::expect_used, reason = "a test whose case can't be set up fails")]

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

const OK: i32 = 0;
const FAILED: i32 = 1;
/// The command line makes no sense.
const USAGE: i32 = 2;
/// The configuration is wrong.
const CONFIGURATION: i32 = 64;

/// What a command said and how it ended.
#[derive(Debug)]
struct Ended {
    code: i32,
    stdout: String,
    stderr: String,
}

/// A folder with a configuration, where commands are run.
struct Desk(TempDir);

impl Desk {
    fn new(configuration: &str) -> Self {
        let desk = Self(tempfile::tempdir().expect("a temporary folder"));
        desk.write("portcullis.toml", configuration);
        desk
    }

    /// A desk with the digits classifier of `../shared`; `None`, with a word, where it is missing.
    fn with_digits() -> Option<Self> {
        let model = shared()?.join("models/mnist_cnn.onnx");
        let desk = Self::new(DIGITS);
        desk.write("digits.onnx", std::fs::read(model).expect("readable"));
        Some(desk)
    }

    /// As [`Desk::with_digits`], with a profile for 5% and 1%.
    fn with_profile() -> Option<Self> {
        let desk = Self::with_digits()?;
        let ended = desk.run(&["calibrate", "--count", "300", "--data", &digits_data()]);
        assert_eq!(ended.code, OK, "{ended:?}");
        Some(desk)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn write(&self, name: &str, contents: impl AsRef<[u8]>) {
        std::fs::write(self.path().join(name), contents).expect("writable");
    }

    fn run(&self, arguments: &[&str]) -> Ended {
        ended(self.command(env!("CARGO_BIN_EXE_portcullis"), arguments))
    }

    /// A command with nobody's settings but the test's.
    fn command(&self, program: impl AsRef<Path>, arguments: &[&str]) -> Command {
        let mut command = Command::new(program.as_ref());
        let settings = std::env::vars().map(|(name, _)| name).filter(|name| name.starts_with("PORTCULLIS_"));
        for name in settings.chain(["COLUMNS".into()]) {
            command.env_remove(name);
        }
        command.args(arguments).current_dir(self.path()).stdin(Stdio::null());
        command
    }
}

fn ended(mut command: Command) -> Ended {
    let output = command.output().expect("it starts");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    let code = output.status.code().expect("it exits");
    Ended { code, stdout: text(output.stdout), stderr: text(output.stderr) }
}

impl Ended {
    /// It failed with this code and said this, one line, nothing else.
    #[track_caller]
    fn says(&self, code: i32, line: &str) {
        self.lists(code, &[line]);
    }

    /// It failed with this code and said these lines, nothing else.
    #[track_caller]
    fn lists(&self, code: i32, lines: &[&str]) {
        let said: Vec<&str> = self.stderr.lines().collect();
        assert_eq!((self.code, self.stdout.as_str()), (code, ""), "{self:?}");
        assert_eq!(said, lines);
    }

    /// It failed with this code and one line that has all of these words.
    #[track_caller]
    fn mentions(&self, code: i32, words: &[&str]) {
        assert_eq!((self.code, self.stderr.lines().count()), (code, 1), "{self:?}");
        assert!(self.stderr.starts_with("portcullis: "), "{self:?}");
        for word in words {
            assert!(self.stderr.contains(word), "'{word}' is not in {self:?}");
        }
    }

    /// The configuration has one mistake, with these words.
    #[track_caller]
    fn mentions_mistake(&self, words: &str) {
        let lines: Vec<&str> = self.stderr.lines().collect();
        assert_eq!((self.code, lines.len()), (CONFIGURATION, 2), "{self:?}");
        assert_eq!(lines[0], "portcullis: 1 mistake in portcullis.toml");
        assert!(lines[1].contains(words), "'{words}' is not in {self:?}");
    }
}

const DIGITS: &str = r#"[upstream]
embedded = true

[[models]]
name = "digits"
path = "digits.onnx"
profile = "digits.json"

[[models.detectors]]
kind = "feature_squeezing"
squeezers = ["bit_depth(1)"]
"#;

fn shared() -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared");
    if !path.exists() {
        println!("skipped: ../shared is missing");
        return None;
    }
    Some(path)
}

fn digits_data() -> String {
    concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data/mnist").to_owned()
}

/// The help of a command and of those below it.
fn help(desk: &Desk, command: &[&str]) -> String {
    let ended = desk.run(&[command, &["--help"]].concat());
    assert_eq!((ended.code, ended.stderr.as_str()), (OK, ""));
    let mut text = format!("$ portcullis {}\n{}", [command, &["--help"]].concat().join(" "), ended.stdout);
    let listed = ended.stdout.lines().skip_while(|line| *line != "Commands:").skip(1);
    for line in
        listed.take_while(|line| !line.is_empty()).filter(|line| line.starts_with("  ") && !line.starts_with("   "))
    {
        let name = line.split_whitespace().next().expect("a name");
        if name != "help" {
            text = format!("{text}\n{}", help(desk, &[command, &[name]].concat()));
        }
    }
    text
}

#[test]
fn every_command_explains_itself() {
    // After a change that is meant: `make snapshots`.
    insta::assert_snapshot!("help", help(&Desk::new(""), &[]));
}

#[test]
fn a_command_line_that_makes_no_sense_is_a_usage_error() {
    let desk = Desk::new(DIGITS);
    let senseless: [&[&str]; 5] = [
        &[],
        &["guard"],
        &["serve", "--port", "1"],
        &["serve", "--set", "policy"],
        &["calibrate", "--data", ".", "--fpr", "2"],
    ];
    for arguments in senseless {
        assert_eq!(desk.run(arguments).code, USAGE, "{arguments:?}");
    }
}

#[test]
fn a_missing_configuration_is_one_line() {
    let desk = Desk::new("");
    for command in [&["serve"][..], &["config", "check"]] {
        desk.run(&[command, &["--config", "other.toml"]].concat()).says(
            CONFIGURATION,
            "portcullis: cannot read the configuration other.toml: No such file or directory (os error 2); \
             name another with --config",
        );
    }
}

#[test]
fn five_mistakes_are_all_reported_by_check_and_by_serve_which_binds_nothing() {
    let desk = Desk::new(
        "[server]\nlisten = \"8001\"\nmax_mesage_bytes = \"1MiB\"\n\n[upstream]\ngrpc = \"http://127.0.0.1:8081\"\n\n\
         [[models]]\nname = \"signs\"\nprofile = \"signs.json\"\npolicy = \"blok\"\nfpr = 0.9\n\n\
         [[models.detectors]]\nkind = \"disagreement\"\nstudent = \"distilled\"\n",
    );
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let taken = taken.local_addr().expect("bound").to_string();
    for command in [&["config", "check"][..], &["serve", "--listen", &taken, "--admin-listen", &taken]] {
        desk.run(command).lists(
            CONFIGURATION,
            &[
                "portcullis: 5 mistakes in portcullis.toml",
                "  line 2: server.listen must be an address such as \"127.0.0.1:8001\" or \"unix:portcullis.sock\"",
                "  line 3: server.max_mesage_bytes is not a known key; did you mean 'max_message_bytes'?",
                "  line 11: models[0].policy must be \"monitor\", \"annotate\", \"block\" or \"restore\", not \"blok\"",
                "  line 12: models[0].fpr must lie above 0 and be at most 0.5",
                "  line 16: detector 'distilled.surprise': there is no student 'distilled'",
            ],
        );
    }
}

#[test]
fn a_port_is_not_laid_open_from_the_command_line() {
    let Some(desk) = Desk::with_profile() else { return };
    desk.run(&["serve", "--listen", "0.0.0.0:0", "--admin-listen", "0.0.0.0:0"]).lists(
        CONFIGURATION,
        &[
            "portcullis: 3 mistakes in portcullis.toml",
            "  server.listen is 0.0.0.0:0, beyond loopback, and plain text: give server.tls, or say server.plaintext = \
             \"anywhere\"",
            "  admin.listen is 0.0.0.0:0, beyond loopback, and plain text: give admin.tls, or say admin.plaintext = \
             \"anywhere\"",
            "  admin.listen is 0.0.0.0:0, beyond loopback, and open to everybody: give admin.token_file or \
             admin.tls.client_ca, or say admin.anonymous = \"anywhere\"",
        ],
    );
}

#[test]
fn a_model_that_is_cut_short_is_refused_before_anything_is_bound() {
    let Some(desk) = Desk::with_profile() else { return };
    let model = std::fs::read(desk.path().join("digits.onnx")).expect("readable");
    desk.write("digits.onnx", &model[..model.len() / 2]);
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let taken = taken.local_addr().expect("bound").to_string();
    for command in [&["config", "check"][..], &["serve", "--listen", &taken, "--admin-listen", &taken]] {
        desk.run(command).lists(
            CONFIGURATION,
            &[
                "portcullis: 1 mistake in portcullis.toml",
                "  line 6: digits.onnx is not a usable ONNX model: Failed to load model because protobuf parsing failed.",
            ],
        );
    }
    desk.run(&["calibrate", "--data", &digits_data()]).mentions_mistake("digits.onnx is not a usable ONNX model");
}

#[test]
fn what_contradicts_the_model_is_a_mistake_with_its_line() {
    let Some(desk) = Desk::with_digits() else { return };
    let text =
        format!("{DIGITS}\n[models.input]\ncolour = \"rgb\"\nwidth = 32\n\n[models.output]\nname = \"scores\"\n");
    desk.write("portcullis.toml", text);
    desk.run(&["calibrate", "--data", &digits_data()]).lists(
        CONFIGURATION,
        &[
            "portcullis: 3 mistakes in portcullis.toml",
            "  line 14: the model's input has 1 channels",
            "  line 15: width is 28 in the model",
            "  line 18: the model has no output 'scores'; it has 'logits'",
        ],
    );
}

#[test]
fn a_profile_must_belong_to_what_it_guards() {
    let Some(desk) = Desk::with_profile() else { return };
    let check = |settings: &[&str]| desk.run(&[&["config", "check"], settings].concat());
    assert_eq!(check(&[]).code, OK);
    check(&["--set", "models.digits.fpr=0.001"])
        .mentions_mistake("digits.json has no threshold for a false-positive rate of 0.001; it has 0.05, 0.01");
    check(&["--set", "models.digits.detectors.0.squeezers=['bit_depth(2)']"])
        .mentions_mistake("was made for another set of detectors");
    check(&["--set", "models.digits.input.range=[0, 255]"])
        .mentions_mistake("was made for another model input or output");
    check(&["--set", "models.digits.profile=none.json"]).mentions_mistake(
        "cannot read the profile none.json: No such file or directory (os error 2); `portcullis calibrate`",
    );

    // A documentation string at the end: the same classifier in another file.
    let mut model = std::fs::read(desk.path().join("digits.onnx")).expect("readable");
    model.extend(b"\x32\x05again");
    desk.write("digits.onnx", model);
    check(&[]).mentions_mistake("was made for another model file (SHA-256)");
    desk.run(&["serve", "--listen", "127.0.0.1:0"]).mentions_mistake("run `portcullis calibrate` again");

    desk.write("digits.json", "{\"format\": 1}");
    check(&[]).mentions_mistake("digits.json is not a profile: missing field");
}

#[test]
fn data_that_are_missing_or_too_few_are_one_line() {
    let Some(desk) = Desk::with_digits() else { return };
    std::fs::create_dir(desk.path().join("notes")).expect("writable");
    desk.write("notes/today.txt", "no picture");
    let calibrate = |arguments: &[&str]| desk.run(&[&["calibrate", "--data"], arguments].concat());
    calibrate(&["notes"]).says(FAILED, "portcullis: no pictures, IDX, CIFAR or NPZ files in notes; found 1 .txt file");
    calibrate(&["nowhere"]).says(FAILED, "portcullis: cannot read nowhere: No such file or directory (os error 2)");
    let data = digits_data();
    calibrate(&[&data, "--count", "30"]).mentions(FAILED, &["30 benign inputs", "at least 60 are needed"]);
    calibrate(&[&data, "--count", "300", "--fpr", "0.001"])
        .mentions(FAILED, &["a false-positive rate of 0.001 needs at least 1498 benign inputs", "got 300"]);
    assert!(!desk.path().join("digits.json").exists(), "nothing is written by a calibration that failed");
}

#[test]
fn rates_that_were_not_insisted_on_are_left_out_in_words() {
    let Some(desk) = Desk::with_digits() else { return };
    let ended = desk.run(&["calibrate", "--count", "300", "--data", &digits_data()]);
    assert_eq!((ended.code, ended.stderr.as_str()), (OK, ""));
    assert!(ended.stdout.contains("not calibrated: a false-positive rate of 0.001 needs"), "{ended:?}");
    let ended = desk.run(&["calibrate", "--count", "300", "--json", "--data", &digits_data()]);
    let summary: serde_json::Value = serde_json::from_str(&ended.stdout).expect("JSON and nothing else");
    assert_eq!(summary["benign_inputs"], 300);
    assert_eq!(summary["rates"].as_array().map(Vec::len), Some(2));
}

#[test]
fn pictures_that_cannot_be_read_are_one_line() {
    let Some(desk) = Desk::with_profile() else { return };
    desk.write("picture.png", "no picture");
    desk.run(&["inspect", "picture.png"]).mentions(FAILED, &["cannot decode picture.png"]);
    desk.run(&["inspect", "none.png"])
        .says(FAILED, "portcullis: cannot read none.png: No such file or directory (os error 2)");
}

#[test]
fn adversarial_sets_that_are_broken_or_of_another_model_are_one_line() {
    let (Some(desk), Some(shared)) = (Desk::with_profile(), shared()) else { return };
    let evaluate = |set: &str| desk.run(&["evaluate", "--count", "10", "--data", &digits_data(), "--adversarial", set]);
    desk.write("set.npz", "no archive");
    evaluate("set.npz").mentions(FAILED, &["set.npz is broken"]);
    let signs = shared.join("data/adversarial/gtsrb_cnn.npz").display().to_string();
    evaluate(&signs).mentions(FAILED, &["was made for another model: its pictures are 32x32x3, the model's 28x28x1"]);
}

#[test]
fn a_model_must_be_named_where_there_are_several() {
    let desk = Desk::new(&DIGITS.replace("digits.json", "a.json"));
    desk.write("digits.onnx", "");
    desk.run(&["calibrate", "--data", ".", "--model", "letters"])
        .says(FAILED, "portcullis: no model 'letters' is configured; there are: digits");
    let second = DIGITS.split_once("\n\n").expect("two parts").1.replace("\"digits\"", "\"letters\"");
    desk.write("portcullis.toml", format!("{DIGITS}\n{second}"));
    desk.run(&["calibrate", "--data", "."])
        .says(FAILED, "portcullis: several models are configured; choose one with --model: digits, letters");
}

#[test]
fn a_gateway_that_does_not_answer_is_one_line() {
    let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port");
    let free = free.to_string();
    Desk::new("").run(&["healthcheck", "--admin", &free]).mentions(FAILED, &["no gateway answers on", &free]);
    let desk =
        Desk::new(&DIGITS.replace("embedded = true", &format!("grpc = \"http://{free}\"")).replace("path = ", "# "));
    desk.run(&["calibrate", "--data", "."])
        .mentions(FAILED, &["cannot ask the upstream", &free, "about model 'digits'"]);
}

#[test]
fn a_port_that_is_taken_is_one_line() {
    let Some(desk) = Desk::with_profile() else { return };
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("bound").to_string();
    let ended = desk.run(&["serve", "--log", "error", "--listen", &address, "--admin-listen", "127.0.0.1:0"]);
    ended.mentions(FAILED, &["cannot listen on", &address, "is it taken?"]);
}

mod the_onnx_runtime_library {
    use super::*;

    const NAME: &str = if cfg!(target_os = "macos") { "libonnxruntime.dylib" } else { "libonnxruntime.so" };

    /// Where `make onnxruntime` has put the library, or where the developer has it.
    fn real_library() -> PathBuf {
        let fetched = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/onnxruntime").join(NAME);
        let library = std::env::var_os("ORT_DYLIB_PATH").map_or(fetched, PathBuf::from);
        assert!(library.exists(), "run `make onnxruntime`");
        library
    }

    fn desk() -> Desk {
        let desk = Desk::new(DIGITS);
        desk.write("digits.onnx", "");
        desk
    }

    fn check(desk: &Desk, library: &str) -> Ended {
        let mut command = desk.command(env!("CARGO_BIN_EXE_portcullis"), &["config", "check"]);
        command.env("ORT_DYLIB_PATH", library);
        ended(command)
    }

    #[test]
    fn is_missed_in_one_line_with_the_command_that_mends_it() {
        let desk = desk();
        check(&desk, "/nowhere/libonnxruntime.so")
            .mentions(FAILED, &["no usable ONNX Runtime", "looked at /nowhere/libonnxruntime.so", "make onnxruntime"]);
        desk.run(&["config", "check", "--set", "workers.onnxruntime=none.so"])
            .mentions(FAILED, &["looked at none.so", "workers.onnxruntime", "make onnxruntime"]);
        // A copy of the program, alone: nothing beside it, nothing below the current folder, nothing in the system.
        let program = desk.path().join("portcullis");
        std::fs::copy(env!("CARGO_BIN_EXE_portcullis"), &program).expect("copied");
        let mut alone = desk.command(&program, &["config", "check"]);
        alone.env_remove("ORT_DYLIB_PATH").env_remove("LD_LIBRARY_PATH");
        let ended = ended(alone);
        if ended.code == CONFIGURATION {
            println!("skipped: this system has an ONNX Runtime of its own");
            return;
        }
        ended.mentions(FAILED, &["no usable ONNX Runtime", NAME, "Run `make onnxruntime`"]);
    }

    #[test]
    fn is_refused_in_one_line_if_it_is_something_else_or_too_old() {
        let desk = desk();
        desk.write("text.so", "no library");
        check(&desk, "./text.so").mentions(FAILED, &["no usable ONNX Runtime", "text.so", "make onnxruntime"]);

        desk.write(
            "old.c",
            "static const void *api(unsigned version) { return 0; }\n\
             static const char *version(void) { return \"1.10.0\"; }\n\
             static const struct { const void *(*api)(unsigned); const char *(*version)(void); } base = { api, version };\n\
             const void *OrtGetApiBase(void) { return &base; }\n",
        );
        let compiled = Command::new("cc")
            .args(["-shared", "-fPIC", "-w", "-o", "libold.so", "old.c"])
            .current_dir(desk.path())
            .status()
            .expect("a C compiler, which linking needs anyway");
        assert!(compiled.success());
        let old = desk.path().join("libold.so").display().to_string();
        check(&desk, &old).mentions(FAILED, &["1.24 or newer", "1.10.0", &old, "make onnxruntime"]);
    }

    #[test]
    fn that_knows_no_gpu_is_no_silent_fallback_for_one() {
        let desk = desk();
        let ended = desk.run(&["config", "check", "--set", "workers.device=cuda"]);
        if !ended.stderr.contains("was built without CUDA") {
            println!("skipped: this ONNX Runtime knows CUDA");
            return;
        }
        // What else is wrong is told with it.
        let told = ["3 mistakes", "--set workers.device", "fetch.sh --gpu", "digits.onnx is not", "digits.json"];
        for command in [&["config", "check"][..], &["serve"]] {
            let arguments = [command, &["--set", "workers.device=cuda:1"]].concat();
            let ended = desk.run(&arguments);
            assert_eq!(ended.code, CONFIGURATION, "{ended:?}");
            assert!(told.iter().all(|told| ended.stderr.contains(told)), "{ended:?}");
        }
    }

    #[test]
    fn is_taken_from_the_first_place_that_has_it() {
        let desk = desk();
        let root = desk.path().canonicalize().expect("it exists");
        let program = root.join("bin/portcullis");
        let folders = ["configured", "named", "bin", "target/onnxruntime", "system"];
        for folder in folders {
            std::fs::create_dir_all(root.join(folder)).expect("writable");
            std::os::unix::fs::symlink(real_library(), root.join(folder).join(NAME)).expect("linked");
        }
        std::fs::copy(env!("CARGO_BIN_EXE_portcullis"), &program).expect("copied");
        let library = |folder: &str| root.join(folder).join(NAME).display().to_string();

        for (missing, folder) in folders.iter().enumerate() {
            let setting = format!("workers.onnxruntime={}", library("configured"));
            let mut arguments = vec!["config", "check", "--log", "debug", "--log-format", "json"];
            if missing == 0 {
                arguments.extend(["--set", &setting]);
            }
            let mut command = desk.command(&program, &arguments);
            command.env_remove("ORT_DYLIB_PATH").env("LD_LIBRARY_PATH", root.join("system"));
            if missing <= 1 {
                command.env("ORT_DYLIB_PATH", library("named"));
            }
            let ended = ended(command);
            let taken = if *folder == "system" { NAME.to_owned() } else { library(folder) };
            assert!(ended.stderr.contains(&format!("\"library\":\"{taken}\"")), "{folder}: {ended:?}");
            if missing >= 2 {
                std::fs::remove_file(library(folder)).expect("removed");
            }
        }
    }
}
