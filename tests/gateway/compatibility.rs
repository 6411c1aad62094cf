//! Clients that nobody here wrote, in front of servers of which one was not written here either: what works is in
//! docs/compatibility.md, and what is there works.

use std::fmt::Write;
use std::net::SocketAddr;
use std::path::Path;

use portcullis::tensor::Picture;
use serde_json::{Value, json};

use crate::rest::{embedded_rest, in_front_of_rest};
use crate::support::python::{self, Addresses, Candidate, mlserver, mlserver_addresses};
use crate::support::{Gateway, Model, root, shared};

/// Files of `tests/support/conformance`.
const CLIENTS: [&str; 6] = ["triton_grpc", "triton_aio", "kserve_grpc", "plain_grpc", "triton_http", "kserve_rest"];
/// More than the 4 MiB that gRPC takes by default.
const LARGE: usize = 1400;
const POLICIES: [&str; 3] = ["annotate", "block", "restore"];
/// What is tried: its name, the policy, the pictures, and how it reads in the table.
const FEATURES: [(&str, &str, Pictures, &str); 18] = [
    ("live", "block", Pictures::Clean(1), "is the server alive?"),
    ("ready", "block", Pictures::Clean(1), "is the server ready?"),
    ("model ready", "block", Pictures::Clean(1), "is the model ready?"),
    ("server metadata", "block", Pictures::Clean(1), "metadata of the server"),
    ("model metadata", "block", Pictures::Clean(1), "metadata of the model"),
    ("raw contents", "annotate", Pictures::Clean(1), "inference, raw contents"),
    ("typed contents", "annotate", Pictures::Clean(1), "inference, typed contents or JSON"),
    ("stream", "annotate", Pictures::Clean(1), "streaming inference"),
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
    /// Where it is without a gateway, unless it is one.
    bare: Option<Addresses>,
}

impl Server {
    async fn start(title: String, configuration: impl Fn(String) -> String) -> Self {
        let mut gateways = Vec::new();
        for policy in POLICIES {
            gateways.push(Gateway::start(&configuration(format!("policy = \"{policy}\""))).await);
        }
        Self { title, gateways, bare: None }
    }

    /// What works for a client, in a word of the tables.
    fn tells(&self, client: &mut Candidate, policy: &str, mut question: Value) -> &'static str {
        question["urls"] = urls(self.under(policy).clients, self.under(policy).rest.expect("REST is served"));
        let answer = client.ask(&question);
        match (answer["works"].as_bool(), self.bare) {
            (None, _) => "–",
            (Some(true), _) => "yes",
            (Some(false), Some(Addresses { grpc, rest })) => {
                question["urls"] = urls(grpc, rest);
                if client.ask(&question)["works"] == json!(false) { "neither" } else { self.fails(&answer) }
            }
            (Some(false), None) => self.fails(&answer),
        }
    }

    fn fails(&self, answer: &Value) -> &'static str {
        eprintln!("{}: {}", self.title, answer["why"]);
        "no"
    }

    fn under(&self, policy: &str) -> &Gateway {
        let position = POLICIES.iter().position(|known| *known == policy).expect("a policy of the test's");
        &self.gateways[position]
    }
}

async fn servers(digits: &Model, shared: &Path) -> [Server; 2] {
    let Addresses { grpc, rest } = mlserver_addresses(shared).await;
    let meta = python::client(json!({ "command": "meta", "url": grpc.to_string() })).await;
    let version = meta["server"]["version"].as_str().expect("a version");
    let theirs = Server::start(format!("MLServer {version}"), |settings| {
        in_front_of_rest(grpc, rest, &[digits.guarded(&settings)])
    })
    .await;
    [
        Server::start("The embedded upstream".into(), |settings| embedded_rest(&[digits.guarded(&settings)])).await,
        Server { bare: Some(Addresses { grpc, rest }), ..theirs },
    ]
}

/// Where clients find a gateway or a server.
fn urls(grpc: SocketAddr, rest: SocketAddr) -> Value {
    json!({ "grpc": grpc.to_string(), "rest": rest.to_string() })
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
                "feature": feature, "count": count, "picture": picture.pixels(), "logits": expected,
            });
            let cells = clients.each_mut().map(|client| server.tells(client, policy, question.clone()));
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
