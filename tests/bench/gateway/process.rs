//! The processes between which requests travel.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::{Metrics, root, upstream};

/// A server that is killed when the benchmark is over.
pub struct Process {
    /// Where clients connect.
    pub address: SocketAddr,
    /// Where a gateway's operators connect.
    pub admin: Option<SocketAddr>,
    child: Child,
}

impl Process {
    /// The classifier's server: this program, in its other role.
    pub fn upstream() -> Self {
        let program = std::env::current_exe().expect("a program");
        let mut child = Command::new(program)
            .arg(upstream::ARGUMENT)
            .current_dir(root())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the upstream starts");
        let mut line = String::new();
        let mut stdout = BufReader::new(child.stdout.take().expect("a pipe"));
        stdout.read_line(&mut line).expect("the upstream's address");
        Self { address: line.trim().parse().expect("an address"), admin: None, child }
    }

    /// A gateway in front of the server at `upstream`, with all example classifiers under guard.
    pub fn gateway(upstream: SocketAddr, policy: &str) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
        command.args(["--config", "deploy/examples/five_classifiers.toml", "--log", "info", "--log-format", "json"]);
        command.args(["--set", "upstream.embedded=false", "--set", &format!("upstream.grpc=http://{upstream}")]);
        for (model, ..) in super::MODELS {
            command.args(["--set", &format!("models.{model}.policy={policy}")]);
        }
        command.args(["serve", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"]);
        let mut child = command.current_dir(root()).stderr(Stdio::piped()).spawn().expect("the gateway starts");
        let mut stderr = BufReader::new(child.stderr.take().expect("a pipe"));
        let mut addresses = Vec::new();
        let mut log = String::new();
        while addresses.len() < 2 {
            let mut line = String::new();
            if stderr.read_line(&mut line).expect("a log") == 0 {
                panic!("the gateway ended:\n{log}");
            }
            addresses.extend(address_in(&line));
            log += &line;
        }
        // A full pipe would stop the gateway.
        std::thread::spawn(move || stderr.read_to_end(&mut Vec::new()));
        Self { address: addresses[0], admin: Some(addresses[1]), child }
    }

    /// What Prometheus would scrape from a gateway now.
    pub async fn metrics(admin: SocketAddr) -> Metrics {
        let mut stream = tokio::net::TcpStream::connect(admin).await.expect("the admin port answers");
        stream.write_all(b"GET /metrics HTTP/1.0\r\n\r\n").await.expect("the admin port listens");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.expect("the admin port answers");
        Metrics::parse(answer.split_once("\r\n\r\n").expect("HTTP").1)
    }
}

fn address_in(line: &str) -> Option<SocketAddr> {
    let event: Value = serde_json::from_str(line).ok()?;
    event["message"].as_str()?.starts_with("listening for").then(|| event["address"].as_str()?.parse().ok())?
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
