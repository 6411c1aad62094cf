//! Bearer tokens: who has none sees nothing but probes.

use portcullis::proto::portcullis::v1::WatchDetectionsRequest;
use portcullis::proto::portcullis::v1::inspector_client::InspectorClient;
use tokio::net::TcpStream;
use tonic::metadata::MetadataValue;
use tonic::{Code, Request};

use crate::support::gateway::embedded;
use crate::support::http1::ask_over;
use crate::support::{Call, Connection, Gateway, Model, eventually, shared};

const FIRST: &str = "the-first-of-the-tokens";
const SECOND: &str = "the-second-of-the-tokens";

/// The status and the challenge, if any, of `/metrics` for who brings these credentials.
async fn metrics(gateway: &Gateway, credentials: Option<&str>) -> (u16, Option<String>) {
    let stream = TcpStream::connect(gateway.admin).await.expect("somebody listens");
    let credentials = credentials.map(|credentials| ("authorization", credentials));
    let headers: Vec<(&str, &str)> = [("host", "localhost")].into_iter().chain(credentials).collect();
    let (status, headers, _) = ask_over(stream, "GET", "/metrics", &headers).await;
    (status, headers.get("www-authenticate").map(|challenge| challenge.to_str().expect("text").to_owned()))
}

#[tokio::test]
async fn operators_need_a_token_and_probes_none() {
    let Some(shared) = shared() else { return };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let tokens = folder.path().join("tokens");
    std::fs::write(&tokens, format!("# of the dashboard\n{FIRST}\n")).expect("writable");
    let model = Model::digits(shared).guarded("");
    let gateway = Gateway::start(&format!("[admin]\ntoken_file = {tokens:?}\n{}", embedded(&[model]))).await;

    let refused = (401, Some("Bearer".to_owned()));
    for wrong in [None, Some("Bearer wrong"), Some(FIRST), Some("Bearer # of the dashboard")] {
        assert_eq!(metrics(&gateway, wrong).await, refused, "{wrong:?}");
    }
    let right = format!("Bearer {FIRST}");
    assert_eq!(metrics(&gateway, Some(&right)).await, (200, None));
    for path in ["/version", "/nothing", "/livez/"] {
        assert_eq!(gateway.get(path).await.0, 401, "{path}");
    }
    for probe in ["/livez", "/readyz"] {
        assert_eq!(gateway.get(probe).await.0, 200, "{probe}");
    }
    let connection = Connection::open(gateway.admin).await;
    assert_eq!(connection.send(Call::new("/grpc.health.v1.Health/Check", b"")).await.bytes(), b"\x08\x01"[..]);
    for method in ["Inspect", "WatchDetections"] {
        let call = Call::new(&format!("/portcullis.v1.Inspector/{method}"), b"");
        assert_eq!(connection.send(call.clone()).await.code(), Code::Unauthenticated, "{method}");
        let wrong = call.with("authorization", "Bearer wrong");
        assert_eq!(connection.send(wrong).await.code(), Code::Unauthenticated, "{method}");
    }
    let credentials = MetadataValue::try_from(right).expect("ASCII");
    let mut inspector = InspectorClient::with_interceptor(gateway.operator().await, move |mut request: Request<()>| {
        request.metadata_mut().insert("authorization", credentials.clone());
        Ok(request)
    });
    inspector.watch_detections(WatchDetectionsRequest::default()).await.expect("let in");
}

#[tokio::test]
async fn tokens_are_reread_and_a_broken_file_locks_nobody_out() {
    let Some(shared) = shared() else { return };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let tokens = folder.path().join("tokens");
    std::fs::write(&tokens, FIRST).expect("writable");
    let model = Model::digits(shared).guarded("");
    let gateway = Gateway::start(&format!("[admin]\ntoken_file = {tokens:?}\n{}", embedded(&[model]))).await;
    let is_let_in = async |token: &str| metrics(&gateway, Some(&format!("Bearer {token}"))).await.0 == 200;
    assert!(is_let_in(FIRST).await && !is_let_in(SECOND).await);

    std::fs::write(&tokens, "").expect("writable");
    let refused = "new credentials cannot be used";
    eventually("the empty file is refused", async || gateway.log().into_iter().find(|line| line.contains(refused)))
        .await;
    assert!(is_let_in(FIRST).await);

    std::fs::write(&tokens, SECOND).expect("writable");
    eventually("the new token is known", async || is_let_in(SECOND).await.then_some(())).await;
    assert!(!is_let_in(FIRST).await, "and the old one is not");
    let told = gateway.log().concat();
    assert!(!told.contains(FIRST) && !told.contains(SECOND), "tokens are never logged");
}
