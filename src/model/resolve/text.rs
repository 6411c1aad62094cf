//! The meaning of an input that takes text.

use super::Section;
use crate::config::{Input, Location};
use crate::model::contract::TextSpec;
use crate::model::onnx_model::Port;
use crate::tensor::Datatype;

/// What the model's `port` of `BYTES` tells; `None` only with a mistake.
pub(super) fn resolve(configured: &Input, port: &Port, section: &mut Section<'_>) -> Option<TextSpec> {
    for (key, at) in for_pictures(configured) {
        let remedy = "say in input.encoded how the server decodes them";
        let message = format!(
            "input.{key} is for pictures, and input '{}' is BYTES, which are text; if they are encoded pictures, {remedy}",
            port.name
        );
        section.wrong(Some(at), message);
    }
    if let Some(tokens) = configured.tokens.as_ref().filter(|tokens| !tokens.is_inherited) {
        let message =
            format!("input '{}' is BYTES, which are text: input.tokens is for a model that takes tokens", port.name);
        section.wrong(Some(&tokens.at), message);
    }
    let in_rows = match port.shape[..] {
        [_] => false,
        [_, None | Some(1)] => true,
        _ => {
            section.wrong(None, format!("input '{}' must have the shape [N] or [N, 1] to take text", port.name));
            return None;
        }
    };
    Some(TextSpec { name: port.name.clone(), in_rows })
}

/// The keys that were given and mean something for pictures alone.
pub(super) fn for_pictures(configured: &Input) -> impl Iterator<Item = (&'static str, &Location)> {
    let Input { datatype, layout, colour, channels, height, width, range, bits, mean, std, .. } = configured;
    let datatype = datatype.as_ref().filter(|datatype| datatype.value != Datatype::Bytes);
    let given = [
        ("datatype", datatype.map(|key| &key.at)),
        ("layout", layout.as_ref().map(|key| &key.at)),
        ("colour", colour.as_ref().map(|key| &key.at)),
        ("channels", channels.as_ref().map(|key| &key.at)),
        ("height", height.as_ref().map(|key| &key.at)),
        ("width", width.as_ref().map(|key| &key.at)),
        ("range", range.as_ref().map(|key| &key.at)),
        ("bits", bits.as_ref().map(|key| &key.at)),
        ("mean", mean.as_ref().map(|key| &key.at)),
        ("std", std.as_ref().map(|key| &key.at)),
    ];
    given.into_iter().filter_map(|(key, at)| Some((key, at?)))
}
