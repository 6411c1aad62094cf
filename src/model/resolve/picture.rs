//! The meaning of an input that encodes pictures.

use super::Section;
use crate::config::{EncodedInput, Input, Located};
use crate::model::contract::{EncodedSpec, PictureSpec};
use crate::model::onnx_model::Port;
use crate::tensor::{Colour, Datatype, Layout};

/// What is configured, completed by the model's `port` and sensible defaults (three channels are RGB, one is grey; floats
/// range from 0 to 1, unsigned integers over all of their type); `None` only with a mistake.
pub(super) fn resolve(configured: &Input, port: &Port, section: &mut Section<'_>) -> Option<PictureSpec> {
    let port = &decoded(port, configured);
    if let Some(datatype) = configured.datatype.as_ref().filter(|datatype| datatype.value != port.datatype) {
        section.wrong(Some(&datatype.at), format!("the model's input is {}, not {}", port.datatype, datatype.value));
    }
    let layout = layout(configured, port, section);
    let (colour, height, width) = geometry(configured, port, layout, section);
    let range = configured.range.as_ref().map_or_else(|| default_range(port.datatype), |range| range.value);
    let channels = colour.map(Colour::channels);
    let mean = per_channel("mean", &configured.mean, 0.0, channels, section);
    let std = per_channel("std", &configured.std, 1.0, channels, section);
    let encoded = configured.encoded.as_ref().map(|encoded| encoded_spec(encoded, port, (height, width), section));
    let (name, datatype) = (port.name.clone(), port.datatype);
    let (colour, height, width) = (colour?, height?, width?);
    Some(PictureSpec { name, datatype, layout, colour, height, width, range, mean, std, encoded })
}

/// What the model itself takes where the port is a server's for encoded pictures, of which it makes any pixels.
fn decoded(port: &Port, configured: &Input) -> Port {
    if port.datatype != Datatype::Bytes {
        return port.clone();
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
