//! Clients that nobody here wrote, in front of servers of which one was not written here either: what works is in
//! docs/compatibility.md, and what is there works.

use std::fmt::Write;
use std::net::SocketAddr;
use std::path::Path;

use portcullis::tensor::Picture;
use serde_json::{Value, json};

use crate::support::gateway::{embedded, in_front_of};
use crate::support::python::{self, Candidate, mlserver};
use crate::support::{Gateway, Model, root, shared};

/// Files of `tests/support/conformance`.
const CLIENTS: [&str; 4] = ["triton_grpc", "triton_aio", "kserve_grpc", "plain_grpc"];
/// More than the 4 MiB that gRPC takes by default.
const LARGE: usize = 1400;
const POLICIES: [&str; 3] = ["annotate", "block", "restore"];
/// What is tried: its name, the policy, the pictures, and how it reads in the table.
const FEATURES: [(&str, &str, Pictures, &str); 17] = [
    ("live", "block", Pictures::Clean(1), "`ServerLive`"),
    ("ready", "block", Pictures::Clean(1), "`ServerReady`"),
    ("model ready", "block", Pictures::Clean(1), "`ModelReady`"),
    ("server metadata", "block", Pictures::Clean(1), "`ServerMetadata`"),
    ("model metadata", "block", Pictures::Clean(1), "`ModelMetadata`"),
    ("raw contents", "annotate", Pictures::Clean(1), "`ModelInfer`, raw contents"),
    ("typed contents", "annotate", Pictures::Clean(1), "`ModelInfer`, typed contents"),
    ("batch", "annotate", Pictures::Clean(3), "a batch"),
    ("large message", "annotate", Pictures::Clean(LARGE), "a message above 4 MiB"),
    ("gzip", "annotate", Pictures::Clean(1), "gzip"),
    ("deflate", "annotate", Pictures::Clean(1), "deflate"),
    ("deadline", "block", Pictures::Clean(1), "a deadline, kept and missed"),
    ("cancellation", "block", Pictures::Clean(1), "cancellation"),
    ("error", "block", Pictures::Clean(1), "an error of the server's"),
    ("annotation", "annotate", Pictures::Clean(1), "reads the decision under `annotate`"),
    ("refusal", "block", Pictures::Suspicious, "sees the refusal under `block`, once"),
    ("restoration", "restore", Pictures::Suspicious, "reads the decision under `restore`"),
];
const BEGIN: &str = "<!-- From here on by `make compatibility`. -->\n";
const END: &str = "<!-- Up to here. -->\n";

#[derive(Clone, Copy)]
enum Pictures {
    /// So many clean ones, all of them the same.
    Clean(usize),
    /// A suspicious one.
    Suspicious,
}

/// A server behind gateways of every policy.
struct Server {
    title: String,
    gateways: Vec<Gateway>,
}

impl Server {
    async fn start(title: String, configuration: impl Fn(String) -> String) -> Self {
        let mut gateways = Vec::new();
        for policy in POLICIES {
            gateways.push(Gateway::start(&configuration(format!("policy = \"{policy}\""))).await);
        }
        Self { title, gateways }
    }

    fn under(&self, policy: &str) -> &Gateway {
        let position = POLICIES.iter().position(|known| *known == policy).expect("a policy of the test's");
        &self.gateways[position]
    }
}

async fn servers(digits: &Model, shared: &Path) -> [Server; 2] {
    let theirs = mlserver(shared).await;
    let meta = python::client(json!({ "command": "meta", "url": theirs.to_string() })).await;
    let version = meta["server"]["version"].as_str().expect("a version");
    [
        Server::start("The embedded upstream".into(), |settings| embedded(&[digits.guarded(&settings)])).await,
        Server::start(format!("MLServer {version}"), |settings| in_front_of(theirs, &[digits.guarded(&settings)]))
            .await,
    ]
}

/// The logits of one picture, from the server without any gateway.
async fn logits(server: SocketAddr, picture: &Picture) -> Value {
    let array = json!({ "shape": [1, 1, 28, 28], "values": picture.pixels() });
    let question =
        json!({ "command": "infer", "url": server.to_string(), "model": "digits", "input": "image", "array": array });
    python::client(question).await["outputs"]["logits"]["values"].take()
}

fn write_table(tables: &mut String, title: &str, head: &[String], rows: &[(&str, Vec<&str>)]) {
    let mut line = |cells: &[&str]| writeln!(tables, "| {} |", cells.join(" | ")).expect("in memory");
    let head: Vec<&str> = std::iter::once(title).chain(head.iter().map(String::as_str)).collect();
    line(&head);
    line(&vec!["---"; head.len()]);
    for (feature, cells) in rows {
        line(&[&[*feature], &cells[..]].concat());
    }
}

#[tokio::test]
async fn every_client_does_with_every_server_what_the_documentation_says() {
    let Some(shared) = shared() else { return };
    let digits = Model::digits(shared);
    let mut clients = CLIENTS.map(Candidate::start);
    let servers = servers(&digits, shared).await;
    let examples = digits.examples(servers[0].under("block")).await;
    let expected = logits(mlserver(shared).await, &examples.clean).await;
    let versions = clients.each_mut().map(|client| {
        let told = client.ask(&json!({ "feature": null }));
        format!("{} {}", told["name"].as_str().expect("a name"), told["version"].as_str().expect("a version"))
    });
    let mut tables = String::new();
    for server in &servers {
        let rows = FEATURES.map(|(feature, policy, pictures, label)| {
            let (picture, count) = match pictures {
                Pictures::Clean(count) => (&examples.clean, count),
                Pictures::Suspicious => (&examples.suspicious, 1),
            };
            let question = json!({
                "feature": feature, "url": server.under(policy).clients.to_string(), "count": count,
                "picture": picture.pixels(), "logits": expected,
            });
            let cells = clients.each_mut().map(|client| {
                let answer = client.ask(&question);
                match answer["works"].as_bool() {
                    Some(true) => "yes",
                    Some(false) => {
                        eprintln!("{feature}, {}: {}", server.title, answer["why"]);
                        "no"
                    }
                    None => "–",
                }
            });
            (label, cells.to_vec())
        });
        write_table(&mut tables, &server.title, &versions, &rows);
        tables.push('\n');
        let refusals = ("portcullis_actions_total", [("model", "digits"), ("action", "block")]);
        let refused = server.under("block").metrics().await.sum(refusals.0, &refusals.1);
        assert_eq!(refused, CLIENTS.len() as f64, "no client sends again what was refused");
    }
    let path = root().join("docs/compatibility.md");
    let documented = std::fs::read_to_string(&path).expect("readable");
    let (before, rest) = documented.split_once(BEGIN).expect("the beginning of the tables");
    let (_, after) = rest.split_once(END).expect("the end of the tables");
    let found = format!("{before}{BEGIN}\n{tables}{END}{after}");
    if std::env::var_os("UPDATE_COMPATIBILITY").is_some() {
        std::fs::write(&path, &found).expect("writable");
        return;
    }
    let is_new = |line: &&str| documented.lines().all(|known| known != *line);
    let news: Vec<&str> = found.lines().filter(is_new).collect();
    assert!(documented == found, "`make compatibility` would write anew:\n{}", news.join("\n"));
}
