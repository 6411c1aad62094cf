//! The meaning of an input that encodes pictures.

use super::Section;
use crate::config::{EncodedInput, Input, Located};
use crate::model::contract::{EncodedSpec, PictureSpec};
use crate::model::onnx_model::Port;
use crate::tensor::{Colour, Datatype, Depth, Layout};

/// Where nobody says so, more channels than these are no picture's.
const MOST_CHANNELS: usize = 16;

/// What is configured, completed by the model's `port` and sensible defaults (three channels are RGB, one is grey; floats
/// range from 0 to 1, integers of up to 16 bits over all of their type or of their `bits`); `None` only with a mistake.
pub(super) fn resolve(configured: &Input, port: &Port, section: &mut Section<'_>) -> Option<PictureSpec> {
    let port = &decoded(port, configured);
    if let Some(datatype) = configured.datatype.as_ref().filter(|datatype| datatype.value != port.datatype) {
        section.wrong(Some(&datatype.at), format!("the model's input is {}, not {}", port.datatype, datatype.value));
    }
    let layout = layout(configured, port, section);
    let (colour, height, width) = geometry(configured, port, layout, section);
    if let (Some(bits), Some([low, high])) = (&configured.bits, port.datatype.whole_range())
        && f32::from(Depth::of_bits(bits.value).white()) > high - low
    {
        section.wrong(Some(&bits.at), format!("{} has fewer than {} bits", port.datatype, bits.value));
    }
    let bits = configured.bits.as_ref().map(|bits| bits.value);
    let range = configured.range.as_ref().map_or_else(|| default_range(port.datatype, bits), |range| range.value);
    let is_whole = port.datatype.whole_range().is_some();
    let depth = bits.map_or_else(|| Depth::of_range(range, is_whole), Depth::of_bits);
    let channels = colour.map(Colour::channels);
    let mean = per_channel("mean", &configured.mean, 0.0, channels, section);
    let std = per_channel("std", &configured.std, 1.0, channels, section);
    let encoded = configured.encoded.as_ref().map(|encoded| encoded_spec(encoded, port, (height, width), section));
    if let Some(encoded) = &configured.encoded
        && (matches!(channels, Some(2 | 4..)) || !depth.is_8_bit())
    {
        section.wrong(Some(&encoded.at), "encoded pictures have one channel or three, of 8 bits".into());
    }
    let (name, datatype) = (port.name.clone(), port.datatype);
    let (colour, height, width) = (colour?, height?, width?);
    Some(PictureSpec { name, datatype, layout, colour, height, width, range, depth, mean, std, encoded })
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

/// Whether a picture may well have so many channels.
fn is_plausible(channels: usize, configured: &Input) -> bool {
    let said = configured.channels.as_ref().is_some_and(|said| said.value == channels);
    said || channels <= MOST_CHANNELS
}

/// The configured layout, else the one in which the channels' dimension is one or three, else the one in which it is the
/// smaller one.
fn layout(configured: &Input, port: &Port, section: &mut Section<'_>) -> Layout {
    let [_, first, _, last] = port.shape[..] else {
        let hint = match (port.shape.len(), port.datatype) {
            (2, Datatype::Int32 | Datatype::Int64) => "; if it takes tokens of text, name their input.tokens.tokenizer",
            _ => "",
        };
        let (name, sides) = (&port.name, port.shape.len());
        section.wrong(None, format!("input '{name}' has {sides} dimensions, a picture has 4{hint}"));
        return Layout::Nchw;
    };
    let has_colours = |side| matches!(side, Some(1 | 3));
    let layout = match &configured.layout {
        Some(layout) => layout.value,
        None if has_colours(first) => Layout::Nchw,
        None if has_colours(last) => Layout::Nhwc,
        None if last.is_some_and(|last| last < first.unwrap_or(MOST_CHANNELS + 1)) => Layout::Nhwc,
        None => Layout::Nchw,
    };
    let channels = if layout == Layout::Nchw { first } else { last };
    if let Some(channels) = channels.filter(|&channels| !is_plausible(channels, configured)) {
        let at = configured.layout.as_ref().map(|layout| &layout.at);
        let remedy = format!("if that is meant, say channels = {channels}");
        section.wrong(at, format!("in this layout the model's input has {channels} channels; {remedy}"));
    }
    layout
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
    let colour = colour(configured, channels, section);
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

/// What the channels mean, of which the model tells how many there are unless it takes any.
fn colour(configured: &Input, told: Option<usize>, section: &mut Section<'_>) -> Option<Colour> {
    let channels = match (&configured.channels, told) {
        (Some(said), Some(told)) if said.value != told => {
            section.wrong(Some(&said.at), format!("the model's input has {told} channels"));
            return None;
        }
        (said, told) => told.or(said.as_ref().map(|said| said.value)),
    };
    match (&configured.colour, channels) {
        (Some(colour), Some(channels)) if colour.value.channels() != channels => {
            section.wrong(Some(&colour.at), format!("the model's input has {channels} channels"));
            None
        }
        (Some(colour), _) => Some(colour.value),
        (None, Some(channels)) => Some(Colour::of_channels(channels)),
        (None, None) => {
            let problem =
                "input.colour is missing: say \"rgb\", \"bgr\" or \"grey\", or how many input.channels there are";
            section.wrong(None, problem.into());
            None
        }
    }
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

/// All that whole numbers of this type and of so many bits can be; from 0 to 1 for others.
fn default_range(datatype: Datatype, bits: Option<u32>) -> [f32; 2] {
    let Some([low, high]) = datatype.whole_range() else { return [0.0, 1.0] };
    let span = bits.map_or(high - low, |bits| f32::from(Depth::of_bits(bits).white()));
    let low = if low < 0.0 { -(span + 1.0) / 2.0 } else { 0.0 };
    [low, low + span]
}
