//! Unix-domain sockets, on both sides.

use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::path::Path;

use tempfile::TempDir;
use tokio::net::UnixStream;

use crate::support::gateway::{FREE, embedded, portcullis};
use crate::support::wire::MODEL_INFER;
use crate::support::{Answer, Call, Connection, Gateway, Model, Upstream, eventually, shared};

const HEALTH: &str = "/grpc.health.v1.Health/Check";

fn configured(configuration: &str) -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::write(folder.path().join("portcullis.toml"), configuration).expect("writable");
    folder
}

fn unix(path: &Path) -> String {
    format!("unix:{}", path.display())
}

async fn connect(path: &Path) -> Connection {
    Connection::over(UnixStream::connect(path).await.expect("somebody listens"), "localhost").await
}

#[tokio::test]
async fn clients_and_the_upstream_meet_at_unix_sockets() {
    let Some(shared) = shared() else { return };
    let digits = Model::digits(shared);
    let text = format!("[upstream]\ngrpc = \"unix:upstream.sock\"\n{}", digits.guarded("policy = \"monitor\""));
    let folder = configured(&text);
    let [clients, theirs] = ["clients.sock", "upstream.sock"].map(|name| folder.path().join(name));
    let upstream = Upstream::at(&theirs, |_| Answer::message(b"theirs")).await;
    // Somebody who ended without tidying up.
    drop(UnixListener::bind(&clients).expect("a free path"));
    let mut gateway =
        Gateway::at([&unix(&clients), FREE], &folder.path().join("portcullis.toml"), &[]).await.ready().await;
    let mode = std::fs::metadata(&clients).expect("it is there").permissions().mode();
    assert_eq!(mode & 0o777, 0o660, "for the gateway's user and group");
    let call = Call::infer(&digits.request(&digits.pictures().0[..1]));
    assert_eq!(connect(&clients).await.send(call.clone()).await.bytes(), b"theirs"[..]);
    assert_eq!(upstream.seen(MODEL_INFER)[0].body, call.body);
    gateway.signal("TERM");
    assert_eq!(gateway.end().await.code(), Some(0));
    assert!(!clients.exists(), "the file goes with the gateway");
}

#[tokio::test]
async fn operators_can_have_a_unix_socket_too() {
    let Some(shared) = shared() else { return };
    let folder = configured(&embedded(&[Model::digits(shared).guarded("")]));
    let admin = folder.path().join("admin.sock");
    let _gateway = Gateway::at([FREE, &unix(&admin)], &folder.path().join("portcullis.toml"), &[]).await;
    assert_eq!(connect(&admin).await.send(Call::new(HEALTH, b"")).await.code(), tonic::Code::Ok);
    eventually("it is ready", async || {
        let asked = portcullis().args(["healthcheck", "--timeout", "1m", "--admin", &unix(&admin)]).output();
        asked.expect("the binary runs").status.success().then_some(())
    })
    .await;
}

#[tokio::test]
async fn what_is_in_use_or_no_socket_is_left_alone() {
    let Some(shared) = shared() else { return };
    let folder = configured(&embedded(&[Model::digits(shared).guarded("")]));
    let [used, file] = ["used.sock", "file"].map(|name| folder.path().join(name));
    let _listening = UnixListener::bind(&used).expect("a free path");
    std::fs::write(&file, "precious").expect("writable");
    for path in [&used, &file] {
        let mut serve = portcullis();
        serve.args(["serve", "--admin-listen", FREE, "--listen", &unix(path)]);
        let output = serve.arg("--config").arg(folder.path().join("portcullis.toml")).output();
        let output = output.expect("the binary runs");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.code() == Some(1) && said.contains("is it taken?"), "{said}");
        assert!(path.exists());
    }
    assert_eq!(std::fs::read_to_string(&file).expect("readable"), "precious");
}
