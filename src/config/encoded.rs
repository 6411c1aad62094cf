//! What a server does with the encoded pictures that its clients send.

use super::section::Section;
use super::types::EncodedInput;
use crate::tensor::{Filter, Fit, Preparation};

/// Reads `input.encoded`; `None` only with a mistake.
pub(super) fn encoded(mut section: Section<'_>) -> Option<EncodedInput> {
    let name = section.optional("name");
    let resize = section.required::<Fit>("resize");
    let short_side = section.optional::<usize>("short_side");
    if let (Some(side), Some(resize)) = (&short_side, &resize)
        && resize.value != Fit::Crop
    {
        section.wrong(side.at.clone(), "short_side", "is for resize = \"crop\" only");
    }
    let (filter, antialias) = (section.or("filter", Filter::Bilinear), section.or("antialias", true));
    let short_side = short_side.map(|side| side.value);
    let at = section.at.clone();
    section.end();
    Some(EncodedInput { name, preparation: Preparation { resize: resize?.value, short_side, filter, antialias }, at })
}
