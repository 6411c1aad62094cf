//! Asking a running gateway to examine a picture.

use serde::Serialize;
use tonic::transport::Endpoint;

use crate::detect::Evidence;
use crate::gateway::upstream::RemoteError;
use crate::proto::portcullis::v1::inspect_request::Input;
use crate::proto::portcullis::v1::inspector_client::InspectorClient;
use crate::proto::portcullis::v1::{InspectRequest, Verdict};

/// Largest answer that is read.
const LARGEST_ANSWER: usize = 16 << 20;

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
}

/// Has the gateway whose admin port is at `url` examine one encoded picture as `model`'s input.
///
/// # Errors
/// When the gateway can't be reached or refuses.
pub async fn inspect_through(url: &str, model: &str, picture: Vec<u8>) -> Result<Inspected, RemoteError> {
    let unreachable = |error: tonic::transport::Error| RemoteError::Unreadable(error.to_string());
    let channel = Endpoint::from_shared(url.to_owned())
        .map_err(unreachable)?
        .connect()
        .await
        .map_err(|error| RemoteError::Unreadable(format!("no gateway answers at {url}: {error}")))?;
    let mut client = InspectorClient::new(channel).max_decoding_message_size(LARGEST_ANSWER);
    let request = InspectRequest { model: model.to_owned(), input: Some(Input::Picture(picture.into())) };
    let answer = client.inspect(request).await.map_err(RemoteError::Status)?.into_inner();
    let verdict = answer.items.into_iter().next().unwrap_or_default();
    Ok(inspected(verdict))
}

fn inspected(verdict: Verdict) -> Inspected {
    let decision = verdict.decision().as_str_name().trim_start_matches("DECISION_").to_ascii_lowercase();
    let evidence = verdict.evidence.into_iter().map(|evidence| Evidence {
        detector: evidence.detector,
        score: evidence.score,
        p_value: evidence.p_value,
    });
    let predictions = verdict
        .predictions
        .into_iter()
        .map(|prediction| (prediction.source, prediction.top_class as usize, prediction.probability));
    Inspected {
        decision,
        reason: verdict.reason,
        score: verdict.score,
        threshold: verdict.threshold,
        p_value: verdict.p_value,
        evidence: evidence.collect(),
        predictions: predictions.collect(),
    }
}
