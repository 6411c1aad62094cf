//! The processes: a gateway, and a classifier's server that is killed and stopped.

use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::process::{Child, ChildStdin, Command, Stdio};

use serde_json::Value;

use crate::support::gateway::portcullis;
use crate::support::{Metrics, eventually, root};
use crate::{support, upstream};

/// A gateway under `block` in front of the server at some address, with a replica of the signs' classifier.
pub struct GatewayProcess {
    pub clients: SocketAddr,
    pub admin: SocketAddr,
    child: Child,
}

impl GatewayProcess {
    pub fn start(upstream: SocketAddr) -> Self {
        let mut command = portcullis();
        command.args(["--config", "deploy/examples/signs.toml", "--log", "info", "--log-format", "json"]);
        for setting in [
            "upstream.embedded=false",
            &format!("upstream.grpc=http://{upstream}"),
            "models.signs.on_undecided=block",
            "models.signs.time_budget=10s",
            "server.max_inflight_bytes=256MiB",
        ] {
            command.args(["--set", setting]);
        }
        command.args(["serve", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"]);
        let mut child = command.stderr(Stdio::piped()).spawn().expect("the gateway starts");
        let mut stderr = BufReader::new(child.stderr.take().expect("a pipe"));
        let (mut addresses, mut log) = (Vec::new(), String::new());
        while addresses.len() < 2 {
            let mut line = String::new();
            if stderr.read_line(&mut line).expect("a log") == 0 {
                panic!("the gateway ended:\n{log}");
            }
            addresses.extend(address_in(&line));
            log += &line;
        }
        // A full pipe would stop the gateway.
        std::thread::spawn(move || std::io::copy(&mut stderr, &mut std::io::sink()));
        Self { clients: addresses[0], admin: addresses[1], child }
    }

    pub async fn ready(&self) {
        let ready = async || (support::http1::get(self.admin, "/readyz").await.0 == 200).then_some(());
        eventually("the gateway is ready", ready).await;
    }

    pub async fn metrics(&self) -> Metrics {
        Metrics::parse(&support::http1::get(self.admin, "/metrics").await.1)
    }

    /// What is counted once nothing is under way or held any more, and as many requests are decided as were sent.
    pub async fn settled(&self, sent: usize) -> Metrics {
        let mut metrics = self.metrics().await;
        for _ in 0..300 {
            let under_way =
                metrics.sum("portcullis_inflight_requests", &[]) + metrics.sum("portcullis_inflight_bytes", &[]);
            if under_way == 0.0 && metrics.sum("portcullis_decisions_total", &[]) >= sent as f64 {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            metrics = self.metrics().await;
        }
        metrics
    }

    /// Resident memory, in bytes.
    pub fn resident(&self) -> usize {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("it lives");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("its memory");
        line.trim().trim_end_matches(" kB").parse::<usize>().expect("a number") << 10
    }
}

fn address_in(line: &str) -> Option<SocketAddr> {
    let event: Value = serde_json::from_str(line).ok()?;
    event["message"].as_str()?.starts_with("listening for").then(|| event["address"].as_str()?.parse().ok())?
}

impl Drop for GatewayProcess {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}

/// The classifier's server: this program, in its other role.
pub struct UpstreamProcess {
    address: SocketAddr,
    child: Child,
    orders: ChildStdin,
}

impl UpstreamProcess {
    pub fn start() -> Self {
        let program = std::env::current_exe().expect("a program");
        let mut command = Command::new(program);
        command.arg(upstream::ARGUMENT).current_dir(root()).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("the upstream starts");
        let mut line = String::new();
        let mut stdout = BufReader::new(child.stdout.take().expect("a pipe"));
        stdout.read_line(&mut line).expect("the upstream's address");
        let orders = child.stdin.take().expect("a pipe");
        Self { address: line.trim().parse().expect("an address"), child, orders }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on it answers as this order says: see [`upstream::serve`].
    pub fn order(&mut self, order: &str) {
        writeln!(self.orders, "{order}").expect("the upstream listens");
    }

    /// Sends it a signal, such as `STOP`.
    pub fn signal(&self, signal: &str) {
        let sent = Command::new("kill").arg(format!("-{signal}")).arg(self.child.id().to_string()).status();
        assert!(sent.expect("kill runs").success());
    }
}

impl Drop for UpstreamProcess {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}

fn end(child: &mut Child) {
    // It may have ended already.
    let _ = child.kill();
    let _ = child.wait();
}
