//! TLS on the clients' port and to the upstream: who is let in, who is believed, and certificates that change.

use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{ClientConfig, ProtocolVersion, ServerConfig};
use tonic::Code;

use crate::support::gateway::{embedded, portcullis};
use crate::support::http1::ask_over;
use crate::support::tls::{self, Issued};
use crate::support::wire::MODEL_INFER;
use crate::support::{Answer, Authority, Call, Connection, Gateway, Model, Upstream, eventually, python, shared};

const HEALTH: &str = "/grpc.health.v1.Health/Check";
const SERVING: &[u8] = b"\x08\x01";

/// A folder with a certificate, `gateway`, and the authority of clients, `clients.pem`.
fn folder(own: &Issued, clients: &Authority) -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    own.write(folder.path(), "gateway");
    std::fs::write(folder.path().join("clients.pem"), &clients.pem).expect("writable");
    folder
}

/// A gateway whose clients' port has TLS from the files of this folder, with `more` lines in that section.
async fn secured(folder: &Path, more: &str, model: &Model) -> Gateway {
    let configuration = format!(
        "{}\n[server.tls]\ncertificate = \"gateway.pem\"\nkey = \"gateway.key\"\n{more}\n",
        embedded(&[model.guarded("")])
    );
    let path = folder.join("portcullis.toml");
    std::fs::write(&path, configuration).expect("writable");
    Gateway::of_file(&path, &[]).await.ready().await
}

/// What the clients' port says about its health, or why it says nothing.
async fn health(gateway: &Gateway, client: &ClientConfig) -> Result<Answer, String> {
    let stream = tls::connect(gateway.clients, "localhost", client).await.map_err(|error| error.to_string())?;
    let connection = Connection::over(stream, "localhost").await;
    connection.try_send(Call::new(HEALTH, b"")).await.map_err(|error| format!("{error:?}"))
}

/// The alert with which the clients' port turns a client away: under TLS 1.3 it comes after the client's own handshake.
async fn refusal(gateway: &Gateway, client: &ClientConfig) -> String {
    let mut stream = tls::connect(gateway.clients, "localhost", client).await.expect("the gateway shows itself first");
    stream.read_u8().await.expect_err("the client is turned away").to_string()
}

#[tokio::test]
async fn clients_speak_tls_1_2_or_1_3_and_nothing_else() {
    let Some(shared) = shared() else { return };
    let authority = Authority::new("ours");
    let folder = folder(&authority.issue("localhost"), &authority);
    let gateway = secured(folder.path(), "", &Model::digits(shared)).await;
    for (version, spoken) in [(&TLS12, ProtocolVersion::TLSv1_2), (&TLS13, ProtocolVersion::TLSv1_3)] {
        let client = authority.client_of(&[version], None);
        let stream = tls::connect(gateway.clients, "localhost", &client).await.expect("a handshake");
        assert_eq!(stream.get_ref().1.protocol_version(), Some(spoken));
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
        let answer = Connection::over(stream, "localhost").await.send(Call::new(HEALTH, b"")).await;
        assert_eq!(answer.bytes(), SERVING);
    }
    let http_1 = tls::connect_as(gateway.clients, "localhost", &authority.client(None), b"http/1.1").await;
    assert!(http_1.expect_err("gRPC is HTTP/2").to_string().contains("NoApplicationProtocol"));
    let plain = gateway.connect().await.try_send(Call::new(HEALTH, b"")).await;
    plain.expect_err("plain text is no longer spoken");
}

#[tokio::test]
async fn tls_1_1_is_turned_away_with_its_alert() {
    let Some(shared) = shared() else { return };
    let authority = Authority::new("ours");
    let folder = folder(&authority.issue("localhost"), &authority);
    let gateway = secured(folder.path(), "", &Model::digits(shared)).await;
    let mut stream = TcpStream::connect(gateway.clients).await.expect("somebody listens");
    // A client's first message: version 1.1, 32 random bytes, one cipher suite, no compression, one signature algorithm.
    let version = [22, 3, 1, 0, 55, 1, 0, 0, 51, 3, 2];
    let offer = [0, 0, 2, 0, 0x2f, 1, 0, 0, 8, 0, 13, 0, 4, 0, 2, 4, 3];
    stream.write_all(&[&version[..], &[7; 32], &offer].concat()).await.expect("sent");
    let mut alert = [0; 7];
    stream.read_exact(&mut alert).await.expect("an alert");
    let [record, .., level, description] = alert;
    assert_eq!((record, level, description), (21, 2, 70), "a fatal alert: protocol_version");
}

#[tokio::test]
async fn with_an_authority_of_clients_only_its_clients_are_let_in() {
    let Some(shared) = shared() else { return };
    let (ours, theirs) = (Authority::new("ours"), Authority::new("theirs"));
    let folder = folder(&ours.issue("localhost"), &ours);
    let gateway = secured(folder.path(), "client_ca = \"clients.pem\"", &Model::digits(shared)).await;
    let known = health(&gateway, &ours.client(Some(&ours.issue("client")))).await;
    assert_eq!(known.expect("let in").bytes(), SERVING);
    let strangers = [ours.client(None), ours.client(Some(&theirs.issue("client")))];
    let expired = ours.client(Some(&ours.issue_until("client", 2020)));
    for (stranger, alert) in
        strangers.into_iter().chain([expired]).zip(["CertificateRequired", "UnknownCA", "CertificateExpired"])
    {
        let refused = refusal(&gateway, &stranger).await;
        assert!(refused.contains(alert), "{refused}");
    }
    // The file of authorities is reread, too.
    std::fs::write(folder.path().join("clients.pem"), &theirs.pem).expect("writable");
    eventually("the other authority's clients are let in", async || {
        health(&gateway, &ours.client(Some(&theirs.issue("client")))).await.ok()
    })
    .await;
    health(&gateway, &ours.client(Some(&ours.issue("client")))).await.expect_err("and ours no longer");
}

#[tokio::test]
async fn tritonclient_and_grpcio_speak_mutual_tls_with_it() {
    let Some(shared) = shared() else { return };
    let authority = Authority::new("ours");
    let folder = folder(&authority.issue("localhost"), &authority);
    authority.issue("client").write(folder.path(), "client");
    let gateway = secured(folder.path(), "client_ca = \"clients.pem\"", &Model::digits(shared)).await;
    let [ca, certificate, key] = ["clients.pem", "client.pem", "client.key"].map(|name| folder.path().join(name));
    let ask = async |command: Value| {
        let mut request = json!({
            "url": format!("localhost:{}", gateway.clients.port()), "ca": ca, "certificate": certificate, "key": key,
        });
        let (request_keys, command) = (request.as_object_mut().expect("an object"), command.as_object().cloned());
        request_keys.extend(command.expect("an object"));
        python::client(request).await
    };
    let answer = ask(json!({ "command": "meta", "model": "digits" })).await;
    assert_eq!(answer["model_ready"], true, "{answer}");
    let answer = ask(json!({ "command": "raw", "method": HEALTH, "hex": "" })).await;
    assert_eq!((&answer["code"], &answer["responses"][0]), (&json!("OK"), &json!("0801")), "{answer}");
}

#[tokio::test]
async fn a_renewed_certificate_is_served_without_a_restart_and_a_broken_one_is_not() {
    const EXPIRY: &str = "portcullis_tls_certificate_expiry_timestamp_seconds";
    let Some(shared) = shared() else { return };
    let (before, after) = (Authority::new("before"), Authority::new("after"));
    let folder = folder(&before.issue_until("localhost", 2098), &before);
    let gateway = secured(folder.path(), "", &Model::digits(shared)).await;
    let expiry = async || gateway.metrics().await.sum(EXPIRY, &[("role", "server")]);
    let (first, trusting_before, trusting_after) = (expiry().await, before.client(None), after.client(None));
    assert_eq!(first, 4_070_822_400.0, "the end of 2098");
    let stream = tls::connect(gateway.clients, "localhost", &trusting_before).await.expect("a handshake");
    let long_lived = Connection::over(stream, "localhost").await;

    // A certificate without its key, as while files are written one after the other.
    let renewed = after.issue_until("localhost", 2099);
    std::fs::write(folder.path().join("gateway.pem"), &renewed.certificate).expect("writable");
    let refused = "new credentials cannot be used";
    eventually("the half of it is refused", async || gateway.log().into_iter().find(|line| line.contains(refused)))
        .await;
    assert_eq!(health(&gateway, &trusting_before).await.expect("the former one stays").bytes(), SERVING);
    assert_eq!(expiry().await, first);

    renewed.write(folder.path(), "gateway");
    eventually("the new one is served", async || health(&gateway, &trusting_after).await.ok()).await;
    assert!(expiry().await > first);
    health(&gateway, &trusting_before).await.expect_err("the former one is gone");
    assert_eq!(long_lived.send(Call::new(HEALTH, b"")).await.bytes(), SERVING, "connections outlive certificates");
}

#[tokio::test]
async fn clients_who_connect_and_say_nothing_hold_nobody_up() {
    let Some(shared) = shared() else { return };
    let authority = Authority::new("ours");
    let folder = folder(&authority.issue("localhost"), &authority);
    let mut gateway = secured(folder.path(), "", &Model::digits(shared)).await;
    let mut silent = Vec::new();
    for _ in 0..64 {
        silent.push(TcpStream::connect(gateway.clients).await.expect("somebody listens"));
    }
    assert_eq!(health(&gateway, &authority.client(None)).await.expect("served").bytes(), SERVING);
    gateway.signal("TERM");
    assert_eq!(gateway.end().await.code(), Some(0));
    let grace_ended = gateway.log().into_iter().find(|line| line.contains("when the grace ended"));
    assert_eq!(grace_ended, None, "nor the end");
}

/// The configuration of a gateway in front of a server behind TLS, with these lines on how to reach it.
fn in_front_of(upstream: &Upstream, reach: &str, model: &Model) -> String {
    let port = upstream.address.port();
    format!("[upstream]\ngrpc = \"https://localhost:{port}\"\n{reach}\n{}", model.guarded("policy = \"monitor\""))
}

async fn start(folder: &Path, configuration: &str) -> Gateway {
    let path = folder.join("portcullis.toml");
    std::fs::write(&path, configuration).expect("writable");
    Gateway::of_file(&path, &[]).await
}

fn server(authority: &Authority, name: &str) -> ServerConfig {
    authority.server(&authority.issue(name))
}

#[tokio::test]
async fn an_upstream_behind_tls_gets_and_gives_every_byte() {
    let Some(shared) = shared() else { return };
    let (digits, authority) = (Model::digits(shared), Authority::new("ours"));
    let upstream = Upstream::behind(server(&authority, "localhost"), |_| Answer::message(b"theirs")).await;
    let folder = folder(&authority.issue("gateway"), &authority);
    let tls = "[upstream.tls]\nca = \"clients.pem\"\ncertificate = \"gateway.pem\"\nkey = \"gateway.key\"";
    let gateway = start(folder.path(), &in_front_of(&upstream, tls, &digits)).await.ready().await;
    let call = Call::infer(&digits.request(&digits.pictures().0[..1]));
    assert_eq!(gateway.call(call.clone()).await.bytes(), b"theirs"[..]);
    let seen = &upstream.seen(MODEL_INFER)[0];
    assert_eq!(seen.body, call.body);
    let expiry = gateway
        .metrics()
        .await
        .sum("portcullis_tls_certificate_expiry_timestamp_seconds", &[("role", "upstream_client")]);
    assert_eq!(expiry, 4_133_894_400.0, "the end of 2100");
}

#[tokio::test]
async fn an_upstream_may_go_by_another_name_than_its_host() {
    let Some(shared) = shared() else { return };
    let (digits, authority) = (Model::digits(shared), Authority::new("ours"));
    let upstream = Upstream::behind(server(&authority, "classifier.internal"), |_| Answer::message(b"theirs")).await;
    let folder = folder(&authority.issue("gateway"), &authority);
    let tls = "[upstream.tls]\nca = \"clients.pem\"\ncertificate = \"gateway.pem\"\nkey = \"gateway.key\"\n\
               server_name = \"classifier.internal\"";
    let gateway = start(folder.path(), &in_front_of(&upstream, tls, &digits)).await.ready().await;
    let answer = gateway.call(Call::infer(&digits.request(&digits.pictures().0[..1]))).await;
    assert_eq!(answer.bytes(), b"theirs"[..]);
}

#[tokio::test]
async fn an_upstream_that_is_not_who_it_should_be_gets_nothing() {
    let Some(shared) = shared() else { return };
    let (digits, ours, theirs) = (Model::digits(shared), Authority::new("ours"), Authority::new("theirs"));
    let folder = folder(&ours.issue("gateway"), &ours);
    let with = "[upstream.tls]\nca = \"clients.pem\"\ncertificate = \"gateway.pem\"\nkey = \"gateway.key\"";
    let without = "[upstream.tls]\nca = \"clients.pem\"";
    let cases = [
        (server(&ours, "elsewhere"), with, "not valid for name"),
        (server(&theirs, "localhost"), with, "UnknownIssuer"),
        // Under TLS 1.3 the server refuses after the handshake; whether its alert or its end is seen first is open.
        (server(&ours, "localhost"), without, "cannot be reached"),
    ];
    for (server, tls, reason) in cases {
        let upstream = Upstream::behind(server, |_| Answer::message(b"theirs")).await;
        let gateway = start(folder.path(), &in_front_of(&upstream, tls, &digits)).await;
        let answer = gateway.call(Call::infer(&digits.request(&digits.pictures().0[..1]))).await;
        assert_eq!(answer.code(), Code::Unavailable);
        assert!(answer.error().contains(reason), "{reason}: {}", answer.error());
        assert!(upstream.seen(MODEL_INFER).is_empty());
        assert_eq!(gateway.get("/readyz").await.0, 503);
    }
}

#[tokio::test]
async fn whom_to_believe_about_the_upstream_is_reread() {
    let Some(shared) = shared() else { return };
    let (digits, before, after) = (Model::digits(shared), Authority::new("before"), Authority::new("after"));
    let upstream = Upstream::behind(server(&after, "localhost"), |_| Answer::message(b"theirs")).await;
    let folder = folder(&after.issue("gateway"), &before);
    let tls = "[upstream.tls]\nca = \"clients.pem\"\ncertificate = \"gateway.pem\"\nkey = \"gateway.key\"";
    let gateway = start(folder.path(), &in_front_of(&upstream, tls, &digits)).await;
    let call = Call::infer(&digits.request(&digits.pictures().0[..1]));
    assert_eq!(gateway.call(call.clone()).await.code(), Code::Unavailable);
    std::fs::write(folder.path().join("clients.pem"), &after.pem).expect("writable");
    assert_eq!(gateway.ready().await.call(call).await.bytes(), b"theirs"[..]);
}

#[tokio::test]
async fn operators_have_tls_over_either_http() {
    let Some(shared) = shared() else { return };
    let authority = Authority::new("ours");
    let folder = folder(&authority.issue("localhost"), &authority);
    std::fs::write(folder.path().join("tokens"), "a-token-for-operators\n").expect("writable");
    let configuration = format!(
        "{}\n[admin]\ntoken_file = \"tokens\"\n[admin.tls]\ncertificate = \"gateway.pem\"\nkey = \"gateway.key\"\n",
        embedded(&[Model::digits(shared).guarded("")])
    );
    let gateway = start(folder.path(), &configuration).await;
    let client = authority.client(None);
    let stream = tls::connect_as(gateway.admin, "localhost", &client, b"http/1.1").await.expect("a handshake");
    assert_eq!(ask_over(stream, "GET", "/livez", &[("host", "localhost")]).await.2, "live\n");

    let ask = |arguments: &[&str]| {
        let url = format!("https://localhost:{}", gateway.admin.port());
        let arguments = arguments.iter().map(|&argument| if argument == "URL" { &url } else { argument });
        let output = portcullis().current_dir(folder.path()).args(arguments).output().expect("the binary runs");
        let said = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8(said).expect("text"))
    };
    let healthcheck = ["healthcheck", "--timeout", "1m", "--admin", "URL"];
    let trusting = [&healthcheck[..], &["--ca", "clients.pem"]].concat();
    eventually("it is ready", async || (ask(&trusting) == (Some(0), "ready\n".into())).then_some(())).await;
    let (code, said) = ask(&healthcheck);
    assert!(code == Some(1) && said.contains("nothing says which authorities to trust"), "{said}");
    let picture = image::GrayImage::new(28, 28);
    picture.save(folder.path().join("blank.png")).expect("writable");
    let inspect = ["inspect", "blank.png", "--model", "digits", "--gateway", "URL", "--ca", "clients.pem"];
    let (code, said) = ask(&[&inspect[..], &["--token-file", "tokens"]].concat());
    assert!(code == Some(0) && said.contains("cntk.surprise"), "{said}");
    let (code, said) = ask(&inspect);
    assert!(code == Some(1) && said.contains("operators' tokens"), "{said}");
}

#[test]
fn files_that_are_not_what_they_should_be_are_mistakes_before_anything_is_bound() {
    let Some(shared) = shared() else { return };
    let authority = Authority::new("ours");
    let folder = folder(&authority.issue("localhost"), &authority);
    let path = folder.path();
    authority.issue("localhost").write(path, "other");
    std::fs::write(path.join("empty.pem"), "").expect("writable");
    std::fs::write(path.join("tokens"), "guess\n").expect("writable");
    let configuration = "[server.tls]\ncertificate = \"gateway.pem\"\nkey = \"other.key\"\n\
                         [admin]\ntoken_file = \"tokens\"\n\
                         [admin.tls]\ncertificate = \"empty.pem\"\nkey = \"gateway.key\"\n\
                         [upstream]\ngrpc = \"https://localhost:8081\"\n\
                         [upstream.tls]\nca = \"gateway.key\"\n";
    let configuration = format!("{configuration}{}", Model::digits(shared).guarded(""));
    std::fs::write(path.join("portcullis.toml"), configuration).expect("writable");
    for command in [&["config", "check"][..], &["serve"]] {
        let output = portcullis().args(command).arg("--config").arg(path.join("portcullis.toml")).output();
        let output = output.expect("the binary runs");
        let said = String::from_utf8(output.stderr).expect("text").replace(&format!("{}/", path.display()), "");
        assert_eq!(output.status.code(), Some(64), "{said}");
        let mistakes: Vec<&str> = said.lines().filter(|line| line.starts_with("  line ")).collect();
        let expected = [
            "  line 3: other.key does not belong to the certificate",
            "  line 5: tokens holds a token that is not 16 or more printable ASCII characters",
            "  line 7: empty.pem holds no certificate in PEM",
            "  line 12: gateway.key holds no certificate in PEM",
        ];
        assert_eq!(mistakes.len(), expected.len(), "{said}");
        for (mistake, expected) in mistakes.iter().zip(expected) {
            assert!(mistake.starts_with(expected), "{mistake}");
        }
    }
}
