//! From what is configured and what a model's signature tells to what is meant.

use super::contract::{EncodedSpec, InputSpec, OutputSpec};
use super::onnx_model::Port;
use crate::config::{EncodedInput, Input, Located, Location, Mistake, Output};
use crate::tensor::{Colour, Datatype, Layout, OutputKind};

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

/// The meaning of a model's picture input: what is configured, completed by the signature and sensible defaults
/// (three channels are RGB, one is grey; floats range from 0 to 1, unsigned integers over all of their type).
///
/// # Errors
/// Everything that is missing or contradicts the signature.
pub fn resolve_input(configured: &Input, signature: &Signature) -> Result<InputSpec, Vec<Mistake>> {
    let mut section = Section { at: &configured.at, mistakes: Vec::new() };
    let name = configured.name.as_ref().map(|name| (name.value.as_str(), &name.at));
    let Some(port) = find_port("input", name, &signature.inputs, &mut section) else {
        return Err(section.mistakes);
    };
    let port = &decoded(port, configured, &mut section);
    if let Some(datatype) = configured.datatype.as_ref().filter(|datatype| datatype.value != port.datatype) {
        section.wrong(Some(&datatype.at), format!("the model's input is {}, not {}", port.datatype, datatype.value));
    }
    let layout = layout(configured, port, &mut section);
    let (colour, height, width) = geometry(configured, port, layout, &mut section);
    let range = configured.range.as_ref().map_or_else(|| default_range(port.datatype), |range| range.value);
    let channels = colour.map(Colour::channels);
    let mean = per_channel("mean", &configured.mean, 0.0, channels, &mut section);
    let std = per_channel("std", &configured.std, 1.0, channels, &mut section);
    let encoded = configured.encoded.as_ref().map(|encoded| encoded_spec(encoded, port, (height, width), &mut section));
    match (colour, height, width) {
        (Some(colour), Some(height), Some(width)) if section.mistakes.is_empty() => {
            let (name, datatype) = (port.name.clone(), port.datatype);
            Ok(InputSpec { name, datatype, layout, colour, height, width, range, mean, std, encoded })
        }
        _ => Err(section.mistakes),
    }
}

/// The meaning of a model's output: what is configured, completed by the signature and, for the kind, by its name.
///
/// # Errors
/// Everything that is missing or contradicts the signature.
pub fn resolve_output(configured: &Output, signature: &Signature) -> Result<OutputSpec, Vec<Mistake>> {
    let mut section = Section { at: &configured.at, mistakes: Vec::new() };
    let name = configured.name.as_ref().map(|name| (name.value.as_str(), &name.at));
    let port = find_port("output", name, &signature.outputs, &mut section);
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

/// What the model itself takes where the port is a server's for encoded pictures, of which it makes any pixels.
fn decoded(port: &Port, configured: &Input, section: &mut Section<'_>) -> Port {
    if port.datatype != Datatype::Bytes {
        return port.clone();
    }
    if configured.encoded.is_none() {
        let what = "say in input.encoded what the server does with encoded pictures";
        section.wrong(None, format!("input '{}' is BYTES: {what}", port.name));
    }
    let datatype = configured.datatype.as_ref().map_or(Datatype::Fp32, |datatype| datatype.value);
    Port { name: port.name.clone(), datatype, shape: vec![None; 4] }
}

fn encoded_spec(
    configured: &EncodedInput,
    port: &Port,
    (height, width): (Option<usize>, Option<usize>),
    section: &mut Section<'_>,
) -> EncodedSpec {
    let preparation = configured.preparation;
    if let (Some(side), Some(longer)) = (preparation.short_side, height.max(width))
        && side < longer
    {
        section.wrong(Some(&configured.at), format!("encoded.short_side must be at least {longer}, which is cut out"));
    }
    let name = configured.name.as_ref().map_or_else(|| port.name.clone(), |name| name.value.clone());
    EncodedSpec { name, preparation }
}

fn is_channels(side: Option<usize>) -> bool {
    matches!(side, Some(1 | 3))
}

/// The configured layout, else the one in which the channels' dimension is one or three.
fn layout(configured: &Input, port: &Port, section: &mut Section<'_>) -> Layout {
    let [_, first, _, last] = port.shape[..] else {
        section.wrong(None, format!("input '{}' has {} dimensions, a picture has 4", port.name, port.shape.len()));
        return Layout::Nchw;
    };
    match &configured.layout {
        Some(layout) => {
            let channels = if layout.value == Layout::Nchw { first } else { last };
            if let Some(channels) = channels.filter(|_| !is_channels(channels)) {
                section.wrong(Some(&layout.at), format!("in this layout the model's input has {channels} channels"));
            }
            layout.value
        }
        None if is_channels(last) && !is_channels(first) => Layout::Nhwc,
        None => Layout::Nchw,
    }
}

/// Colour, height and width, as far as nothing is wrong with them.
fn geometry(
    configured: &Input,
    port: &Port,
    layout: Layout,
    section: &mut Section<'_>,
) -> (Option<Colour>, Option<usize>, Option<usize>) {
    let [_, a, b, c] = port.shape[..] else { return (None, None, None) };
    let (channels, height, width) = if layout == Layout::Nchw { (a, b, c) } else { (c, a, b) };
    let colour = match (&configured.colour, channels) {
        (Some(colour), Some(channels)) if colour.value.channels() != channels => {
            section.wrong(Some(&colour.at), format!("the model's input has {channels} channels"));
            None
        }
        (Some(colour), _) => Some(colour.value),
        (None, Some(1)) => Some(Colour::Grey),
        (None, Some(3)) => Some(Colour::Rgb),
        (None, _) => {
            section.wrong(None, "input.colour is missing: say \"rgb\", \"bgr\" or \"grey\"".into());
            None
        }
    };
    let mut side = |key: &str, given: &Option<Located<usize>>, told: Option<usize>| match (given, told) {
        (Some(given), Some(told)) if given.value != told => {
            section.wrong(Some(&given.at), format!("{key} is {told} in the model"));
            None
        }
        (Some(given), _) => Some(given.value),
        (None, Some(told)) => Some(told),
        (None, None) => {
            section.wrong(None, format!("input.{key} is missing: the model takes any"));
            None
        }
    };
    (colour, side("height", &configured.height, height), side("width", &configured.width, width))
}

/// One value a channel, as far as it is known how many there are: what is configured, for all of them if it is only
/// one, or the default.
fn per_channel(
    key: &str,
    configured: &Option<Located<Vec<f32>>>,
    default: f32,
    channels: Option<usize>,
    section: &mut Section<'_>,
) -> Vec<f32> {
    let Some(channels) = channels else { return Vec::new() };
    match configured {
        None => vec![default; channels],
        Some(values) if values.value.len() == 1 => vec![values.value[0]; channels],
        Some(values) => {
            let actual = values.value.len();
            if actual != channels {
                section.wrong(Some(&values.at), format!("{key} has {actual} values for {channels} channels"));
            }
            values.value.clone()
        }
    }
}

fn default_range(datatype: Datatype) -> [f32; 2] {
    match datatype {
        Datatype::Uint8 => [0.0, 255.0],
        Datatype::Uint16 => [0.0, 65_535.0],
        _ => [0.0, 1.0],
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
