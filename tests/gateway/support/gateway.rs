//! A running `portcullis serve`.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use portcullis::proto::inference::ModelInferRequest;
use portcullis::proto::portcullis::v1::inspect_request::Input;
use portcullis::proto::portcullis::v1::inspector_client::InspectorClient;
use portcullis::proto::portcullis::v1::{InspectRequest, Tensor, Verdict};
use serde_json::Value;
use tempfile::TempDir;
use tokio::sync::mpsc;
use tonic::transport::{Channel, Endpoint};

use super::{Answer, Call, Connection, Metrics, eventually, root};

/// A command of the real binary, run in the package's folder and with nobody's settings but the test's.
pub fn portcullis() -> Command {
    without_settings(Command::new(env!("CARGO_BIN_EXE_portcullis")))
}

/// The command with nobody's settings but the test's.
fn without_settings(mut command: Command) -> Command {
    let settings =
        std::env::vars().map(|(key, _)| key).filter(|key| key.starts_with("PORTCULLIS_") || key.starts_with("OTEL_"));
    settings.for_each(|key| {
        command.env_remove(key);
    });
    command.current_dir(root()).stdin(Stdio::null());
    command
}

/// The configuration of a gateway that serves its models itself.
pub fn embedded(models: &[String]) -> String {
    format!("[upstream]\nembedded = true\n{}", models.concat())
}

/// The configuration of a gateway in front of a server.
pub fn in_front_of(upstream: SocketAddr, models: &[String]) -> String {
    format!("[upstream]\ngrpc = \"http://{upstream}\"\n{}", models.concat())
}

/// Any free port.
pub const FREE: &str = "127.0.0.1:0";

/// A gateway that is killed when the test is over; its log is shown where the test failed.
pub struct Gateway {
    /// Where clients connect.
    pub clients: SocketAddr,
    /// Where REST clients connect, if they may.
    pub rest: Option<SocketAddr>,
    /// Where operators connect.
    pub admin: SocketAddr,
    /// The file that it was configured by.
    pub configuration: PathBuf,
    process: Child,
    log: Arc<Mutex<Vec<String>>>,
    output: Arc<Mutex<Vec<String>>>,
    _folder: Option<TempDir>,
}

impl Gateway {
    /// Starts a gateway with this configuration and waits until it is ready.
    pub async fn start(configuration: &str) -> Self {
        Self::launch(configuration).await.ready().await
    }

    /// Starts a gateway with this configuration and waits until it listens.
    pub async fn launch(configuration: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("portcullis.toml");
        std::fs::write(&path, configuration).expect("the configuration is written");
        let mut gateway = Self::of_file(&path, &[]).await;
        gateway._folder = Some(folder);
        gateway
    }

    /// Starts a gateway with the configuration in this file, and settings over it, and waits until it listens.
    pub async fn of_file(configuration: &Path, settings: &[String]) -> Self {
        Self::at([FREE, FREE], configuration, settings).await
    }

    /// As [`Gateway::start`], after the shell has run a command that limits what it may do, such as `ulimit -f 0`.
    pub async fn limited(configuration: &str, limit: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("portcullis.toml");
        std::fs::write(&path, configuration).expect("the configuration is written");
        let mut command = without_settings(Command::new("sh"));
        command.args(["-c", &format!("{limit}; exec \"$0\" \"$@\"")]).arg(env!("CARGO_BIN_EXE_portcullis"));
        let mut gateway = Self::spawned(command, [FREE, FREE], &path, &[]).await;
        gateway._folder = Some(folder);
        gateway.ready().await
    }

    /// As [`Gateway::of_file`], with clients and operators at these addresses.
    pub async fn at(addresses: [&str; 2], configuration: &Path, settings: &[String]) -> Self {
        Self::spawned(portcullis(), addresses, configuration, settings).await
    }

    /// As [`Gateway::at`], by a command that takes the arguments of the real binary.
    async fn spawned(
        mut command: Command,
        [clients, admin]: [&str; 2],
        configuration: &Path,
        settings: &[String],
    ) -> Self {
        let mut process = command
            .args(["serve", "--listen", clients, "--admin-listen", admin, "--log-format", "json"])
            .args(["--log", "info,portcullis=debug", "--config"])
            .arg(configuration)
            .args(settings.iter().flat_map(|setting| ["--set", setting]))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        let output = Arc::new(Mutex::new(Vec::new()));
        let (stdout, lines) = (BufReader::new(process.stdout.take().expect("a pipe")), output.clone());
        std::thread::spawn(move || {
            stdout.lines().map_while(Result::ok).for_each(|line| lines.lock().expect("unpoisoned").push(line));
        });
        let log = Arc::new(Mutex::new(Vec::new()));
        let stderr = BufReader::new(process.stderr.take().expect("a pipe"));
        let (found, mut addresses) = mpsc::unbounded_channel();
        let lines = log.clone();
        std::thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                if let Some(listening) = listening_in(&line) {
                    // Nobody looks for addresses any more once all are known.
                    let _ = found.send(listening);
                }
                lines.lock().expect("unpoisoned").push(line);
            }
        });
        let (mut clients, mut rest) = (None, None);
        let admin = loop {
            match addresses.recv().await {
                Some((whom, address)) if whom == "clients" => clients = Some(address),
                Some((whom, address)) if whom == "REST clients" => rest = Some(address),
                Some((_, address)) => break address,
                None => {
                    // Standard error has ended: the process is gone or going.
                    let status = process.wait().expect("it ended");
                    panic!("serve ended with {status}:\n{}", log.lock().expect("unpoisoned").join("\n"));
                }
            }
        };
        let clients = clients.expect("the clients' port is named before the operators'");
        Self { clients, rest, admin, configuration: configuration.to_owned(), process, log, output, _folder: None }
    }

    /// The gateway once it is ready.
    pub async fn ready(self) -> Self {
        eventually("the gateway is ready", async || self.is_ready().await.then_some(())).await;
        self
    }

    /// A new connection to the clients' port.
    pub async fn connect(&self) -> Connection {
        Connection::open(self.clients).await
    }

    /// Sends one call over a connection of its own.
    pub async fn call(&self, call: Call) -> Answer {
        self.connect().await.send(call).await
    }

    /// Sends one request over HTTP/1.1 to the port for REST.
    pub async fn rest(&self, request: http::Request<Bytes>) -> http::Response<Bytes> {
        super::http1::send(self.rest.expect("REST is served"), request).await
    }

    /// What the admin port answers over HTTP: status and text.
    pub async fn get(&self, path: &str) -> (u16, String) {
        super::http1::get(self.admin, path).await
    }

    /// Whether `/readyz` says so.
    pub async fn is_ready(&self) -> bool {
        self.get("/readyz").await.0 == 200
    }

    /// What Prometheus would scrape now.
    pub async fn metrics(&self) -> Metrics {
        let (status, text) = self.get("/metrics").await;
        assert_eq!(status, 200, "{text}");
        Metrics::parse(&text)
    }

    /// What Prometheus would scrape once `requests` inference requests were decided.
    pub async fn metrics_after(&self, requests: usize) -> Metrics {
        eventually("every request is decided", async || {
            Some(self.metrics().await)
                .filter(|metrics| metrics.sum("portcullis_decisions_total", &[]) >= requests as f64)
        })
        .await
    }

    /// The operator's services.
    pub async fn inspector(&self) -> InspectorClient<Channel> {
        InspectorClient::new(self.operator().await)
    }

    /// A gRPC channel to the admin port.
    pub async fn operator(&self) -> Channel {
        let endpoint = Endpoint::from_shared(self.admin_url()).expect("an URL");
        endpoint.connect().await.expect("the admin port answers")
    }

    /// What the operator is told of these pictures, as one batch.
    pub async fn inspect(&self, request: &ModelInferRequest) -> Vec<Verdict> {
        let input = &request.inputs[0];
        let tensor = Tensor {
            datatype: input.datatype.clone(),
            shape: input.shape.clone(),
            contents: request.raw_input_contents[0].clone(),
        };
        let request = InspectRequest { model: request.model_name.clone(), input: Some(Input::Tensor(tensor)) };
        self.inspector().await.inspect(request).await.expect("a verdict").into_inner().items
    }

    /// The address of the admin port as an URL.
    pub fn admin_url(&self) -> String {
        format!("http://{}", self.admin)
    }

    /// Its number among the system's processes.
    pub fn process_id(&self) -> u32 {
        self.process.id()
    }

    /// The log so far.
    pub fn log(&self) -> Vec<String> {
        self.log.lock().expect("unpoisoned").clone()
    }

    /// The lines of its standard output so far.
    pub fn output(&self) -> Vec<String> {
        self.output.lock().expect("unpoisoned").clone()
    }

    /// What the admin port answers to a POST without a body: status and text.
    pub async fn post(&self, path: &str, headers: &[(&str, &str)]) -> (u16, String) {
        super::http1::ask(self.admin, "POST", path, headers).await
    }

    /// Sends it a signal such as `TERM`, by which Kubernetes asks it to end.
    pub fn signal(&self, signal: &str) {
        let sent = Command::new("kill").arg(format!("-{signal}")).arg(self.process.id().to_string()).status();
        assert!(sent.expect("kill runs").success());
    }

    /// Writes another configuration over its own, of which it is not told.
    pub fn configure(&self, configuration: &str) {
        std::fs::write(&self.configuration, configuration).expect("the configuration is written");
    }

    /// Waits until it has ended.
    pub async fn end(&mut self) -> ExitStatus {
        eventually("the gateway ends", async || self.process.try_wait().expect("it is ours to wait for")).await
    }
}

/// For whom it listens, and where, if the line says so; the unspecified address for a Unix socket, which has none.
fn listening_in(line: &str) -> Option<(String, SocketAddr)> {
    let event: Value = serde_json::from_str(line).ok()?;
    let whom = event["message"].as_str()?.strip_prefix("listening for ")?;
    let address = event["address"].as_str()?.parse().unwrap_or(SocketAddr::from(([0, 0, 0, 0], 0)));
    Some((whom.to_owned(), address))
}

impl Drop for Gateway {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
        if std::thread::panicking() {
            eprintln!("the gateway's log:\n{}", self.log().join("\n"));
        }
    }
}
