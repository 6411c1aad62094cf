//! The envelope of an event on its way to a collector: CloudEvents 1.0, structured mode.

use serde_json::{Value, json};

use super::finding;
use crate::evidence::Detection;

/// The media type of a CloudEvent in JSON.
pub const CONTENT_TYPE: &str = "application/cloudevents+json; charset=utf-8";

/// The detection's finding in its envelope. Source and id together are unique.
pub fn cloud_event(detection: &Detection, tells_client: bool) -> Value {
    let finding = finding(detection, tells_client);
    json!({
        "specversion": "1.0",
        "id": detection.id,
        "source": "urn:portcullis",
        "type": "portcullis.detection.v1",
        "subject": detection.model,
        "time": humantime::format_rfc3339_millis(detection.time).to_string(),
        "datacontenttype": "application/json",
        "dataschema": "https://schema.ocsf.io/1.5.0/classes/detection_finding",
        "data": finding,
    })
}
