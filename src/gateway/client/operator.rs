//! Asking a running gateway's admin port: what it says, and what it makes of a picture or a text.

use std::time::{Duration, UNIX_EPOCH};

use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use http::header::AUTHORIZATION;
use http::{HeaderValue, Method, Request};
use http_body_util::{BodyExt, Limited};
use serde::Serialize;
use tonic::body::Body;

use super::{LARGEST_ANSWER, connected};
use crate::config::Endpoint;
use crate::detect::Evidence;
use crate::evidence::SqueezedText;
use crate::gateway::upstream::{Channel, RemoteError};
use crate::proto::portcullis::v1::inspect_request::Input;
use crate::proto::portcullis::v1::inspector_client::InspectorClient;
use crate::proto::portcullis::v1::{self, InspectRequest, Tensor, Verdict, WatchDetectionsRequest};
use crate::tensor::Elements;

/// What an examination found, for an operator.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Inspected {
    /// `clean`, `suspicious` or `undecided`.
    pub decision: String,
    /// Why it is undecided; empty otherwise.
    pub reason: String,
    /// The combined score.
    pub score: f64,
    /// The cut that it is held against.
    pub threshold: f64,
    /// Its conformal p-value.
    pub p_value: f64,
    /// What each detector says.
    pub evidence: Vec<Evidence>,
    /// Where each prediction comes from, its class and the class's probability.
    pub predictions: Vec<(String, usize, f64)>,
    /// The text that was examined, where it is one and is told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// What squeezers made of the text.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub copies: Vec<SqueezedText>,
}

/// A detection, for an operator who watches.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Detected {
    /// Its identifier.
    pub id: String,
    /// When it was decided: RFC 3339, UTC.
    pub time: String,
    /// The guarded model.
    pub model: String,
    /// `suspicious` or `undecided`.
    pub decision: String,
    /// Why it is undecided; empty otherwise.
    pub reason: String,
    /// What was done.
    pub action: String,
    /// The request's items.
    pub items: Vec<Inspected>,
}

/// Somebody at a running gateway's admin port.
pub struct Operator {
    channel: Channel,
    credentials: Option<HeaderValue>,
}

impl Operator {
    /// Connects to the admin port at `endpoint`, with the bearer `token` where it asks for one.
    ///
    /// # Errors
    /// When nothing answers there, or a file of its TLS is not what it should be.
    pub async fn connect(endpoint: &Endpoint, token: Option<&str>) -> Result<Self, RemoteError> {
        let credentials = token.map(|token| HeaderValue::try_from(format!("Bearer {token}"))).transpose();
        let mut credentials = credentials.map_err(|_| RemoteError::Unreachable("the token is no token".to_owned()))?;
        credentials.iter_mut().for_each(|credentials| credentials.set_sensitive(true));
        Ok(Self { channel: connected(endpoint).await?, credentials })
    }

    /// The status code and the body of `GET path`.
    ///
    /// # Errors
    /// When no answer comes.
    pub async fn get(&self, path: &str) -> Result<(u16, String), RemoteError> {
        self.ask(Method::GET, path).await
    }

    /// The status code and the body of `POST path` with nothing in it.
    ///
    /// # Errors
    /// When no answer comes.
    pub async fn post(&self, path: &str) -> Result<(u16, String), RemoteError> {
        self.ask(Method::POST, path).await
    }

    async fn ask(&self, method: Method, path: &str) -> Result<(u16, String), RemoteError> {
        let unreadable = |error: String| RemoteError::Unreadable(error);
        let request = Request::builder().method(method).uri(path).body(Body::empty());
        let mut request = request.map_err(|error| unreadable(error.to_string()))?;
        request.headers_mut().extend(self.credentials.clone().map(|credentials| (AUTHORIZATION, credentials)));
        let response = self.channel.send(request).await.map_err(RemoteError::Unreachable)?;
        let code = response.status().as_u16();
        let body = Limited::new(response.into_body(), LARGEST_ANSWER).collect().await;
        let body = body.map_err(|error| unreadable(error.to_string()))?.to_bytes();
        Ok((code, String::from_utf8_lossy(&body).into_owned()))
    }

    /// Has the gateway examine one encoded picture as `model`'s input.
    ///
    /// # Errors
    /// When the gateway refuses or its answer can't be read.
    pub async fn inspect(&self, model: &str, picture: Vec<u8>) -> Result<Inspected, RemoteError> {
        self.examine(model, Input::Picture(picture.into())).await
    }

    /// Has the gateway examine one text as `model`'s input.
    ///
    /// # Errors
    /// When the gateway refuses or its answer can't be read.
    pub async fn inspect_text(&self, model: &str, text: &str) -> Result<Inspected, RemoteError> {
        let elements = Elements::Bytes(vec![Bytes::copy_from_slice(text.as_bytes())]);
        let datatype = elements.datatype().name().to_owned();
        self.examine(model, Input::Tensor(Tensor { datatype, shape: vec![1], contents: elements.to_raw() })).await
    }

    async fn examine(&self, model: &str, input: Input) -> Result<Inspected, RemoteError> {
        let mut client = InspectorClient::new(self.channel.clone()).max_decoding_message_size(LARGEST_ANSWER);
        let message = InspectRequest { model: model.to_owned(), input: Some(input) };
        let mut request = tonic::Request::new(message);
        let headers = self.credentials.clone().map(|credentials| (AUTHORIZATION, credentials));
        request.metadata_mut().as_mut().extend(headers);
        let answer = client.inspect(request).await.map_err(RemoteError::Status)?.into_inner();
        Ok(inspected(answer.items.into_iter().next().unwrap_or_default()))
    }

    /// The detections of `model`, or of all models where it is empty, from now on.
    ///
    /// # Errors
    /// When the gateway refuses; in the stream, when it ends or breaks off.
    pub async fn watch(
        &self,
        model: &str,
    ) -> Result<impl Stream<Item = Result<Detected, RemoteError>> + use<>, RemoteError> {
        let mut client = InspectorClient::new(self.channel.clone()).max_decoding_message_size(LARGEST_ANSWER);
        let mut request = tonic::Request::new(WatchDetectionsRequest { model: model.to_owned() });
        let headers = self.credentials.clone().map(|credentials| (AUTHORIZATION, credentials));
        request.metadata_mut().as_mut().extend(headers);
        let detections = client.watch_detections(request).await.map_err(RemoteError::Status)?.into_inner();
        Ok(detections.map(|detection| detection.map(detected).map_err(RemoteError::Status)))
    }
}

fn detected(detection: v1::Detection) -> Detected {
    let since_epoch = Duration::from_millis(u64::try_from(detection.time_unix_ms).unwrap_or_default());
    Detected {
        decision: named(detection.decision()),
        id: detection.id,
        time: humantime::format_rfc3339_millis(UNIX_EPOCH + since_epoch).to_string(),
        model: detection.model,
        reason: detection.reason,
        action: detection.action,
        items: detection.items.into_iter().map(inspected).collect(),
    }
}

fn named(decision: v1::Decision) -> String {
    decision.as_str_name().trim_start_matches("DECISION_").to_ascii_lowercase()
}

fn inspected(verdict: Verdict) -> Inspected {
    let decision = named(verdict.decision());
    let evidence = verdict.evidence.into_iter().map(|evidence| Evidence {
        detector: evidence.detector,
        score: evidence.score,
        p_value: evidence.p_value,
    });
    let predictions = verdict
        .predictions
        .into_iter()
        .map(|prediction| (prediction.source, prediction.top_class as usize, prediction.probability));
    let copy = |copy: v1::SqueezedText| SqueezedText { squeezer: copy.squeezer, text: copy.text };
    let (text, copies) = verdict.text.map(|text| (text.text, text.copies.into_iter().map(copy).collect())).unzip();
    Inspected {
        decision,
        reason: verdict.reason,
        score: verdict.score,
        threshold: verdict.threshold,
        p_value: verdict.p_value,
        evidence: evidence.collect(),
        predictions: predictions.collect(),
        text,
        copies: copies.unwrap_or_default(),
    }
}
