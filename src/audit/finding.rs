//! A detection as an OCSF Detection Finding (Open Cybersecurity Schema Framework 1.5, class 2004, profile Security Control).

use std::net::SocketAddr;

use serde_json::{Value, json};

use crate::detect::{Action, Decision};
use crate::evidence::{Client, Detection, Item, unix_millis};

/// The version of OCSF.
const OCSF: &str = "1.5.0";
/// The version of MITRE ATLAS that techniques are named by.
const ATLAS: &str = "5.0.0";
/// Items that a finding tells of at most: collectors take no large events.
const MOST_ITEMS: usize = 16;

/// A number of OCSF's and its name.
type Named = (u8, &'static str);

/// The finding as JSON. Without `tells_client` it says nothing of who sent the request.
pub fn finding(detection: &Detection, tells_client: bool) -> Value {
    let client = detection.client.as_ref().filter(|_| tells_client);
    let is_suspicious = detection.decision == Decision::Suspicious;
    let (severity_id, severity) = severity(detection);
    let (action_id, action) = action(detection.action);
    let (disposition_id, disposition) = disposition(detection.action);
    let time = unix_millis(detection.time);
    let message = message(detection);
    let mut finding = json!({
        "activity_id": 1,
        "activity_name": "Create",
        "category_uid": 2,
        "category_name": "Findings",
        "class_uid": 2004,
        "class_name": "Detection Finding",
        "type_uid": 200_401,
        "type_name": "Detection Finding: Create",
        "time": time,
        "severity_id": severity_id,
        "severity": severity,
        "status_id": 1,
        "status": "New",
        "action_id": action_id,
        "action": action,
        "disposition_id": disposition_id,
        "disposition": disposition,
        "is_alert": is_suspicious,
        "message": message,
        "metadata": {
            "version": OCSF,
            "uid": detection.id,
            "profiles": ["security_control"],
            "product": {
                "name": "Portcullis",
                "vendor_name": "Portcullis",
                "version": env!("CARGO_PKG_VERSION"),
            },
        },
        "finding_info": {
            "uid": detection.id,
            "title": if is_suspicious { "Suspected adversarial input" } else { "Input that could not be examined" },
            "desc": message,
            "created_time": time,
            "types": ["ML01:2023 Input Manipulation Attack"],
            "analytic": analytic(detection),
            "attacks": if is_suspicious { attacks() } else { json!([]) },
        },
        "resources": [{ "type": "Classifier", "name": detection.model }],
        "evidences": [evidence(detection, client)],
        "observables": observables(detection),
    });
    if let Some(trace_id) = &detection.trace_id {
        finding["metadata"]["correlation_uid"] = json!(trace_id);
    }
    if is_suspicious {
        finding["attacks"] = finding["finding_info"]["attacks"].clone();
    }
    finding
}

/// What came through is worse than what was stopped.
fn severity(detection: &Detection) -> Named {
    let is_stopped = matches!(detection.action, Action::Block | Action::Restore);
    match (detection.decision, detection.reason) {
        (Decision::Suspicious, _) if is_stopped => (3, "Medium"),
        (Decision::Suspicious, _) => (4, "High"),
        (_, Some(reason)) if reason.is_clients_fault() => (2, "Low"),
        _ => (1, "Informational"),
    }
}

fn action(action: Action) -> Named {
    match action {
        Action::Pass => (3, "Observed"),
        Action::Block => (2, "Denied"),
        Action::Annotate | Action::Restore => (4, "Modified"),
    }
}

fn disposition(action: Action) -> Named {
    match action {
        Action::Pass => (15, "Detected"),
        Action::Annotate => (18, "Tagged"),
        Action::Block => (2, "Blocked"),
        Action::Restore => (11, "Corrected"),
    }
}

fn message(detection: &Detection) -> String {
    let Detection { model, batch, action, .. } = detection;
    let (what, action) = (detection.items.len().max(1), action.name());
    let p_value = detection.worst().map_or(String::new(), |(_, verdict)| format!(", p-value {:.2e}", verdict.p_value));
    match detection.reason {
        Some(reason) => format!("A request to {model} could not be examined ({}): {action}", reason.name()),
        None if *batch > 1 => {
            format!("A request to {model} is suspicious ({what} of {batch} items told{p_value}): {action}")
        }
        None => format!("A request to {model} is suspicious{p_value}: {action}"),
    }
}

/// The detector that spoke loudest of the worst item.
fn analytic(detection: &Detection) -> Value {
    let evidence = detection.worst().map(|(_, verdict)| verdict.evidence.iter()).into_iter().flatten();
    let loudest = evidence.min_by(|one, other| one.p_value.total_cmp(&other.p_value));
    let name = loudest.map_or("none", |evidence| evidence.detector.as_str());
    json!({ "type_id": 3, "type": "Statistical", "name": name })
}

/// MITRE ATLAS: how the input was made, and what for.
fn attacks() -> Value {
    let attack = |tactic: [&str; 2], technique: [&str; 2]| {
        json!({
            "version": ATLAS,
            "tactic": { "uid": tactic[0], "name": tactic[1] },
            "technique": { "uid": technique[0], "name": technique[1] },
        })
    };
    json!([
        attack(["AML.TA0001", "AI Attack Staging"], ["AML.T0043", "Craft Adversarial Data"]),
        attack(["AML.TA0007", "Defense Evasion"], ["AML.T0015", "Evade AI Model"]),
    ])
}

/// What the finding rests on: the record, shortened to the items that matter, and where it came from.
fn evidence(detection: &Detection, client: Option<&Client>) -> Value {
    let record = Detection { client: None, items: flagged(detection).cloned().collect(), ..detection.clone() };
    let mut evidence = json!({ "data": record });
    if let Some(address) = client.and_then(|client| client.address.parse::<SocketAddr>().ok()) {
        evidence["src_endpoint"] = json!({ "ip": address.ip(), "port": address.port() });
    }
    if let Some(subject) = client.and_then(|client| client.subject.as_ref()) {
        evidence["actor"] = json!({ "user": { "name": subject } });
    }
    evidence
}

fn observables(detection: &Detection) -> Vec<Value> {
    let hashes = flagged(detection).filter_map(|item| item.sha256.as_ref());
    let observable =
        |hash| json!({ "name": "evidences[].data.items[].sha256", "type_id": 8, "type": "Hash", "value": hash });
    hashes.map(observable).collect()
}

fn flagged(detection: &Detection) -> impl Iterator<Item = &Item> {
    detection.items.iter().filter(|item| item.decision() != Decision::Clean).take(MOST_ITEMS)
}
