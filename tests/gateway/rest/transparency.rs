//! Under `monitor` nobody can tell the gateway from the classifier over HTTP either.

use bytes::Bytes;
use http::{Request, StatusCode};

use super::{INFER, document, forms, in_json, logits, post, scripted, zipped};
use crate::support::wire::headers;
use crate::support::{Answer, Gateway, Upstream, http1};

/// Sends a request without and with the gateway, and checks that neither client nor upstream could tell.
async fn crosses(upstream: &Upstream, gateway: &Gateway, mut request: Request<Bytes>) {
    let decoration = [("authorization", "Bearer t"), ("x-twice", "one"), ("x-twice", "two"), ("host", "classifier")];
    request.headers_mut().extend(headers(&decoration));
    let path = request.uri().path_and_query().expect("a path").to_string();
    let without = http1::send(upstream.address, request.clone()).await;
    let with = gateway.rest(request).await;
    assert_eq!(
        (with.status(), with.headers(), with.body()),
        (without.status(), without.headers(), without.body()),
        "{path}"
    );
    let seen = upstream.seen(&path);
    let [.., directly, through] = &seen[..] else { panic!("the upstream saw both requests") };
    assert_eq!(through, directly);
}

#[tokio::test]
async fn requests_and_answers_cross_byte_for_byte() {
    let Some((gateway, upstream, examples)) = scripted("policy = \"monitor\"", |_| document(&logits([0.0; 10]))).await
    else {
        return;
    };
    for request in forms(&[&examples.suspicious]) {
        crosses(&upstream, &gateway, request).await;
    }
    for path in ["/v2/models/digits/versions/3/infer", "/v2/models/%64igits/infer?a=b%2fc", "/v2/models/other/infer"] {
        let mut request = in_json(&[&examples.clean]);
        *request.uri_mut() = path.parse().expect("a path");
        crosses(&upstream, &gateway, request).await;
    }
    crosses(&upstream, &gateway, post(INFER, "no JSON at all")).await;
    let metrics = gateway.metrics_after(8).await;
    assert_eq!(metrics.decisions("digits", "suspicious"), 4.0);
    assert_eq!(metrics.decisions("other", "unguarded"), 1.0);
    assert_eq!([metrics.decisions("digits", "clean"), metrics.decisions("digits", "undecided")], [2.0, 1.0]);
}

#[tokio::test]
async fn what_is_no_inference_crosses_whole() {
    let Some((gateway, upstream, _)) = scripted("policy = \"block\"", |body| Answer {
        http: StatusCode::IM_A_TEAPOT,
        metadata: headers(&[("content-type", "text/plain"), ("x-answer", "one"), ("x-answer", "two")]),
        body: body.clone(),
        trailers: None,
    })
    .await
    else {
        return;
    };
    let large: Vec<u8> = (0..20 << 20).map(|index: u32| index.to_le_bytes()[1]).collect();
    for (method, path, body) in [
        ("GET", "/v2/health/ready", Bytes::new()),
        ("GET", "/v2/models/digits?x=y", Bytes::new()),
        ("POST", "/v2/repository/index", Bytes::from_static(b"{}")),
        ("PUT", "/anything/at//all", Bytes::from_static(b"anything")),
        ("POST", "/v2/models/digits/trace/setting", large.into()),
    ] {
        let request = Request::builder().method(method).uri(path).body(body).expect("a request");
        crosses(&upstream, &gateway, request).await;
    }
    assert_eq!(gateway.metrics().await.sum("portcullis_decisions_total", &[]), 0.0);
}

#[tokio::test]
async fn errors_and_compressed_answers_cross_as_they_are() {
    let Some((gateway, upstream, examples)) = scripted("policy = \"block\"", |body| {
        let mut answer = document(&logits([0.0; 10]));
        if body.starts_with(b"\x1f\x8b") {
            answer.body = zipped(&post("/", answer.body)).into_body();
            let length = answer.body.len().to_string();
            let encoding = [("content-encoding", "gzip"), ("content-length", &length)];
            answer.metadata = headers(&encoding);
            return answer;
        }
        Answer { http: StatusCode::IM_A_TEAPOT, ..answer }
    })
    .await
    else {
        return;
    };
    let clean = in_json(&[&examples.clean]);
    crosses(&upstream, &gateway, zipped(&clean)).await;
    crosses(&upstream, &gateway, clean).await;
    let metrics = gateway.metrics_after(2).await;
    let disagreements = metrics.sum("portcullis_replica_disagreements_total", &[]);
    assert_eq!(disagreements, 1.0, "the compressed answer is read for its prediction, the error is not");
}
