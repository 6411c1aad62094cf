//! The meaning of inputs that take tokens of texts.

use super::text::for_pictures;
use super::{Section, Signature, find_port};
use crate::config::{Input, TokenInput};
use crate::model::contract::TokenSpec;
use crate::model::onnx_model::Port;
use crate::model::tokenizer::Tokenizer;
use crate::tensor::Datatype;

/// What the model's ports tell, those of marks and of parts by their names; `None` only with a mistake.
pub(super) fn resolve(
    configured: &Input,
    tokens: &TokenInput,
    signature: &Signature,
    section: &mut Section<'_>,
) -> Option<TokenSpec> {
    let mut ids = Vec::new();
    let (mut mask, mut types) = (None, None);
    let is_named = |port: &Port| configured.name.as_ref().is_some_and(|name| name.value == port.name);
    for port in &signature.inputs {
        let beside = match port.name.to_ascii_lowercase() {
            _ if is_named(port) => None,
            name if name.contains("mask") => Some(&mut mask),
            name if name.contains("type") || name.contains("segment") => Some(&mut types),
            _ => None,
        };
        let Some(beside) = beside else {
            ids.push(port.clone());
            continue;
        };
        if let Some(other) = beside.replace(port) {
            let message =
                format!("the model takes '{}' beside '{}', which is not known of tokens", port.name, other.name);
            section.wrong(None, message);
        }
    }
    let name = configured.name.as_ref().map(|name| (name.value.as_str(), &name.at));
    let port = find_port("input", name, &ids, section)?;
    if let Some(other) = ids.iter().find(|other| other.name != port.name) {
        section.wrong(None, format!("the model takes '{}' too, which is not known of tokens of text", other.name));
    }
    for (key, at) in for_pictures(configured).filter(|(key, _)| *key != "datatype") {
        let message = format!("input.{key} is for pictures, and input '{}' takes tokens of text", port.name);
        section.wrong(Some(at), message);
    }
    if let Some(datatype) = configured.datatype.as_ref().filter(|datatype| datatype.value != port.datatype) {
        section.wrong(Some(&datatype.at), format!("the model's input is {}, not {}", port.datatype, datatype.value));
    }
    if let Some(encoded) = &configured.encoded {
        section.wrong(Some(&encoded.at), "input.encoded is for pictures, and input.tokens for text".into());
    }
    let alike = |other: &&Port| (other.datatype, &other.shape) == (port.datatype, &port.shape);
    for other in [mask, types].into_iter().flatten().filter(|other| !alike(other)) {
        section.wrong(None, format!("input '{}' has another shape or type than '{}'", other.name, port.name));
    }
    let ([_, length], Datatype::Int64 | Datatype::Int32) = (&port.shape[..], port.datatype) else {
        let message = format!("input '{}' must be INT64 or INT32 of the shape [N, length] to take tokens", port.name);
        section.wrong(None, message);
        return None;
    };
    let (file, most) = (&tokens.tokenizer, tokens.max_length.as_ref().map(|most| most.value));
    let tokenizer = Tokenizer::load(&file.value, *length, most)
        .map_err(|error| section.wrong(Some(&file.at), error.to_string()))
        .ok()?;
    let named = |port: Option<&Port>| port.map(|port| port.name.clone());
    Some(TokenSpec {
        name: port.name.clone(),
        datatype: port.datatype,
        length: *length,
        mask: named(mask),
        types: named(types),
        text: tokens.text.as_ref().map(|text| text.value.clone()),
        tokenizer,
    })
}
