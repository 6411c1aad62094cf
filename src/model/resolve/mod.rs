//! From what is configured and what a model's signature tells to what is meant.

mod picture;
mod text;
mod tokens;

use super::contract::{InputSpec, OutputSpec};
use super::onnx_model::Port;
use crate::config::{Input, Location, Mistake, Output};
use crate::tensor::{Datatype, OutputKind};

/// What a model takes and answers, as its file or its server tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    /// Its inputs.
    pub inputs: Vec<Port>,
    /// Its outputs.
    pub outputs: Vec<Port>,
}

/// Collects what is wrong with one section.
struct Section<'a> {
    /// Where the section starts.
    at: &'a Location,
    mistakes: Vec<Mistake>,
}

impl Section<'_> {
    fn wrong(&mut self, at: Option<&Location>, message: String) {
        self.mistakes.push(Mistake { at: at.unwrap_or(self.at).clone(), message });
    }
}

/// The meaning of a model's input: what is configured, completed by the signature and sensible defaults. `BYTES` are text,
/// unless the configuration says how a server decodes pictures in them; whole numbers are tokens of text if it names their
/// tokenizer, whose file is read.
///
/// # Errors
/// Everything that is missing or contradicts the signature.
pub fn resolve_input(configured: &Input, signature: &Signature) -> Result<InputSpec, Vec<Mistake>> {
    let mut section = Section { at: &configured.at, mistakes: Vec::new() };
    let name = configured.name.as_ref().map(|name| (name.value.as_str(), &name.at));
    let takes_bytes = signature.inputs.iter().any(|port| port.datatype == Datatype::Bytes);
    if let Some(tokens) = configured.tokens.as_ref().filter(|_| !takes_bytes) {
        let spec = tokens::resolve(configured, tokens, signature, &mut section).map(InputSpec::Tokens);
        return spec.filter(|_| section.mistakes.is_empty()).ok_or(section.mistakes);
    }
    let spec = find_port("input", name, &signature.inputs, &mut section).and_then(|port| {
        let is_text = port.datatype == Datatype::Bytes && configured.encoded.is_none();
        if is_text {
            text::resolve(configured, port, &mut section).map(InputSpec::Text)
        } else {
            picture::resolve(configured, port, &mut section).map(InputSpec::Picture)
        }
    });
    spec.filter(|_| section.mistakes.is_empty()).ok_or(section.mistakes)
}

/// The meaning of a model's output: what is configured, completed by the signature and, for the kind, by its name. Where it
/// is not named, it is the only one, or the only one of floating-point numbers.
///
/// # Errors
/// Everything that is missing or contradicts the signature.
pub fn resolve_output(configured: &Output, signature: &Signature) -> Result<OutputSpec, Vec<Mistake>> {
    let mut section = Section { at: &configured.at, mistakes: Vec::new() };
    let name = configured.name.as_ref().map(|name| (name.value.as_str(), &name.at));
    let scores: Vec<&Port> = signature.outputs.iter().filter(|port| port.datatype.is_float()).collect();
    let port = match (name, scores.as_slice()) {
        // Beside scores a label or names of classes tell nothing.
        (None, [only]) => Some(*only),
        _ => find_port("output", name, &signature.outputs, &mut section),
    };
    let kind =
        configured.kind.as_ref().map(|kind| kind.value).or_else(|| port.and_then(|port| kind_by_name(&port.name)));
    if kind.is_none() && port.is_some() {
        section.wrong(None, "output.kind is missing: say \"logits\" or \"probabilities\"".into());
    }
    let classes = port.and_then(|port| port.shape.get(1..)?.iter().copied().product::<Option<usize>>());
    if let (Some(port), None | Some(0 | 1)) = (port, classes) {
        section.wrong(None, format!("output '{}' does not tell how many classes there are", port.name));
    }
    match (port, kind, classes) {
        (Some(port), Some(kind), Some(classes)) if section.mistakes.is_empty() => {
            Ok(OutputSpec { name: port.name.clone(), kind, classes })
        }
        _ => Err(section.mistakes),
    }
}

fn find_port<'a>(
    what: &str,
    name: Option<(&str, &Location)>,
    ports: &'a [Port],
    section: &mut Section<'_>,
) -> Option<&'a Port> {
    let names = || ports.iter().map(|port| format!("'{}'", port.name)).collect::<Vec<_>>().join(", ");
    match (name, ports) {
        (Some((name, at)), _) => {
            let port = ports.iter().find(|port| port.name == name);
            if port.is_none() {
                section.wrong(Some(at), format!("the model has no {what} '{name}'; it has {}", names()));
            }
            port
        }
        (None, [port]) => Some(port),
        (None, _) => {
            section.wrong(None, format!("{what}.name is missing: the model has {}", names()));
            None
        }
    }
}

fn kind_by_name(name: &str) -> Option<OutputKind> {
    let name = name.to_ascii_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| name.contains(word));
    if says(&["logit"]) {
        Some(OutputKind::Logits)
    } else if says(&["prob", "softmax"]) {
        Some(OutputKind::Probabilities)
    } else {
        None
    }
}
