//! Programs that nobody here wrote: `tritonclient` as a client, MLServer as an upstream.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{LazyLock, Mutex, PoisonError};

use serde_json::Value;
use tokio::sync::OnceCell;

use super::{root, scratch};

/// The interpreter that has the packages of `tests/support/requirements.txt`.
fn interpreter() -> PathBuf {
    let python = std::env::var_os("PORTCULLIS_TEST_PYTHON").map(PathBuf::from);
    let python = python.unwrap_or_else(|| root().join("target/venv/bin/python"));
    assert!(
        python.exists(),
        "{} is missing: run `make setup`, or name a Python that has tests/support/requirements.txt in PORTCULLIS_TEST_PYTHON",
        python.display()
    );
    python
}

/// A program of `tests/support` that ends when its standard input does, at the latest with the test run.
struct Program {
    _process: Child,
    input: ChildStdin,
    lines: BufReader<ChildStdout>,
    log: PathBuf,
}

impl Program {
    fn start(script: &str, arguments: &[String]) -> Self {
        Self::logged(script, arguments, &scratch().join(script).with_extension("log"))
    }

    fn logged(script: &str, arguments: &[String], log: &Path) -> Self {
        std::fs::create_dir_all(log.parent().expect("a folder")).expect("writable");
        let mut process = Command::new(interpreter())
            .arg(root().join("tests/support").join(script))
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(File::create(log).expect("writable"))
            .spawn()
            .expect("Python starts");
        let (input, output) = (process.stdin.take().expect("a pipe"), process.stdout.take().expect("a pipe"));
        Self { _process: process, input, lines: BufReader::new(output), log: log.to_owned() }
    }

    fn ask(&mut self, question: &Value) -> Value {
        writeln!(self.input, "{question}").expect("the program reads");
        serde_json::from_str(&self.line()).expect("the program answers in JSON")
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.lines.read_line(&mut line).expect("readable");
        assert!(!line.is_empty(), "the Python program ended; see {}", self.log.display());
        line
    }
}

/// Has the client program do one thing and gives its answer; see `tests/support/client.py`.
pub async fn client(request: Value) -> Value {
    static CLIENT: LazyLock<Mutex<Program>> =
        LazyLock::new(|| Mutex::new(Program::start("client.py", &["serve".to_owned()])));
    let ask = move || CLIENT.lock().unwrap_or_else(PoisonError::into_inner).ask(&request);
    tokio::task::spawn_blocking(ask).await.expect("the client answers")
}

/// A client of `tests/support/conformance`, a program of its own.
pub struct Candidate(Program);

impl Candidate {
    /// Starts the client of this name.
    pub fn start(name: &str) -> Self {
        let log = scratch().join("conformance").join(name).with_extension("log");
        Self(Program::logged("conformance/run.py", &[name.to_owned()], &log))
    }

    /// What it answers; see `tests/support/conformance/run.py`.
    pub fn ask(&mut self, question: &Value) -> Value {
        self.0.ask(question)
    }
}

/// A browser without a window.
pub struct Browser(Program);

impl Browser {
    /// Starts one that logs under `name`; `None`, with a word, where there is no Chromium.
    pub fn start(name: &str) -> Option<Self> {
        let log = scratch().join("browser").join(name).with_extension("log");
        let mut program = Program::logged("browser.py", &[], &log);
        let said: Value = serde_json::from_str(&program.line()).expect("the program answers in JSON");
        if let Some(missing) = said["missing"].as_str() {
            eprintln!("skipped: {missing}; install Debian's `chromium`, or name one in PORTCULLIS_TEST_CHROMIUM");
            return None;
        }
        Some(Self(program))
    }

    /// Has it do something, with what came of it; see `tests/support/browser.py`. Nothing may go wrong, nor may a page.
    pub fn tell(&mut self, order: &Value) -> Value {
        let answer = self.ask(order);
        assert_eq!(answer["trouble"], Value::Array(Vec::new()), "after {order}");
        answer["answer"].clone()
    }

    /// As [`Browser::tell`], where a page may be refused.
    pub fn tell_refused(&mut self, order: &Value) -> Value {
        let answer = self.ask(order);
        let trouble = answer["trouble"].as_array().expect("a list");
        let is_refusal = |said: &Value| said.as_str().is_some_and(|said| said.contains("401 (Unauthorized)"));
        assert!(trouble.iter().all(is_refusal), "after {order}: {trouble:?}");
        answer["answer"].clone()
    }

    fn ask(&mut self, order: &Value) -> Value {
        let answer = self.0.ask(order);
        assert!(answer.get("error").is_none(), "{order}: {}", answer["error"]);
        answer
    }
}

/// MLServer with ONNX models.
struct MlServer {
    addresses: Addresses,
    _program: Program,
}

/// Where a server speaks the protocol.
#[derive(Clone, Copy)]
pub struct Addresses {
    pub grpc: SocketAddr,
    pub rest: SocketAddr,
}

impl MlServer {
    /// Starts a server of `models`: names and files.
    async fn start(models: &[(&str, &Path)]) -> Self {
        let models: Vec<String> = models.iter().map(|(name, path)| format!("{name}={}", path.display())).collect();
        let start = move || {
            let mut program = Program::start("mlserver/serve.py", &models);
            let line = program.line();
            let addresses = line.trim().strip_prefix("ready ").and_then(|addresses| {
                let (grpc, rest) = addresses.split_once(' ')?;
                Some(Addresses { grpc: grpc.parse().ok()?, rest: rest.parse().ok()? })
            });
            Self { addresses: addresses.unwrap_or_else(|| panic!("unexpected: {line}")), _program: program }
        };
        tokio::task::spawn_blocking(start).await.expect("MLServer starts")
    }
}

/// The address of the one MLServer of this test run, which hosts the digits' classifiers and the spam filter.
pub async fn mlserver(shared: &Path) -> SocketAddr {
    mlserver_addresses(shared).await.grpc
}

/// As [`mlserver`], with the address for REST.
pub async fn mlserver_addresses(shared: &Path) -> Addresses {
    static SERVER: OnceCell<MlServer> = OnceCell::const_new();
    let digits = shared.join("models/mnist_cnn.onnx");
    let one_at_a_time = shared.join("models/mnist_cntk.onnx");
    let spam = shared.join("models/sms_spam.onnx");
    let models = [("digits", digits.as_path()), ("one_at_a_time", one_at_a_time.as_path()), ("spam", spam.as_path())];
    SERVER.get_or_init(|| MlServer::start(&models)).await.addresses
}
