//! A real Prometheus.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{eventually, http1, root};

/// A Prometheus that scrapes one target each second, with the rules of `deploy/prometheus`; it ends with the test.
pub struct Prometheus {
    address: SocketAddr,
    process: Child,
    _folder: TempDir,
}

impl Prometheus {
    /// Starts one; `None`, with a word, where there is no Prometheus.
    pub async fn start(target: SocketAddr) -> Option<Self> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        // YAML is more than JSON, and takes JSON.
        let configuration = json!({
            "global": { "scrape_interval": "1s", "evaluation_interval": "1s" },
            "rule_files": [root().join("deploy/prometheus/rules.yml"), root().join("deploy/prometheus/alerts.yml")],
            "scrape_configs": [{ "job_name": "portcullis", "static_configs": [{ "targets": [target.to_string()] }] }],
        });
        let path = folder.path().join("prometheus.yml");
        std::fs::write(&path, configuration.to_string()).expect("writable");
        let started = Command::new(program())
            .arg(format!("--config.file={}", path.display()))
            .arg(format!("--storage.tsdb.path={}", folder.path().join("data").display()))
            .arg("--web.listen-address=127.0.0.1:0")
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn();
        let Ok(mut process) = started else {
            eprintln!("skipped: there is no Prometheus; `make setup` fetches it where there is apt");
            return None;
        };
        let mut lines = BufReader::new(process.stderr.take().expect("a pipe")).lines().map_while(Result::ok);
        let address = lines.find_map(|line| {
            let (_, address) = line.split_once("msg=\"Listening on\" address=")?;
            address.trim().parse().ok()
        });
        std::thread::spawn(move || lines.for_each(drop));
        let address = address.expect("Prometheus listens");
        let prometheus = Self { address, process, _folder: folder };
        eventually("Prometheus is ready", async || (http1::get(address, "/-/ready").await.0 == 200).then_some(()))
            .await;
        Some(prometheus)
    }

    /// What its API says.
    pub async fn get(&self, path: &str) -> Value {
        let (code, text) = http1::get(self.address, path).await;
        assert_eq!(code, 200, "{path}: {text}");
        serde_json::from_str(&text).expect("JSON")
    }

    /// The values of an expression now, those that are numbers.
    pub async fn query(&self, expression: &str) -> Vec<f64> {
        let expression = utf8_percent_encode(expression, NON_ALPHANUMERIC);
        let answer = self.get(&format!("/api/v1/query?query={expression}")).await;
        let samples = answer["data"]["result"].as_array().expect("a vector").clone();
        let values = samples.iter().filter_map(|sample| sample["value"][1].as_str()?.parse::<f64>().ok());
        values.filter(|value| !value.is_nan()).collect()
    }
}

/// That of `make setup`, else the one of the PATH.
fn program() -> PathBuf {
    let fetched = root().join("target/prometheus/prometheus");
    if fetched.exists() { fetched } else { "prometheus".into() }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
