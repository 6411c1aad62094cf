//! The body of a client's request, and of an upstream's answer.

use std::path::Path;
use std::sync::LazyLock;

use bytes::Bytes;
use portcullis::gateway::fuzzing;
use portcullis::model::{
    Distribution, EncodedSpec, InputSpec, OutputSpec, PictureSpec, TextSpec, TokenSpec, Tokenizer,
};
use portcullis::proto::inference::ModelInferRequest;
use portcullis::tensor::{Colour, Datatype, Depth, Filter, Fit, Item, Layout, OutputKind, Picture, Preparation};

use super::memory;

/// Largest message that is read.
const LIMIT: usize = 1 << 16;
/// Files in a message, and pixels in each.
const MOST: usize = 1 << 10;
const STRETCH: Preparation =
    Preparation { resize: Fit::Stretch, short_side: None, filter: Filter::Bilinear, antialias: true };
/// What decoding takes beside the weight: messages of errors.
const SLACK: usize = 1 << 10;

/// The first byte says how the rest is compressed and whether it is a whole body or wants a frame.
pub fn fuzz(input: &[u8]) -> bool {
    let Some((&how, rest)) = input.split_first() else { return false };
    let encoding = [None, Some("gzip"), Some("deflate"), Some("zstd")][usize::from(how % 4)];
    let body = match how & 0x80 {
        0 => compressed_or_not(fuzzing::frame(rest), encoding.is_some()),
        _ => Bytes::copy_from_slice(rest),
    };
    let (message, peak) = memory::peak(|| fuzzing::message(&body, encoding, LIMIT));
    assert!(peak <= 4 * LIMIT, "{} bytes of a body took {peak}", body.len());
    let Some(message) = message else { return false };
    assert!(message.len() <= LIMIT);
    let is_request = read_as_request(&message);
    read_as_answer(message) || is_request
}

fn compressed_or_not(frame: Bytes, compressed: bool) -> Bytes {
    let mut frame = Vec::from(frame);
    frame[0] = compressed.into();
    frame.into()
}

fn read_as_request(message: &Bytes) -> bool {
    let weight = fuzzing::weight(message);
    if weight.is_some_and(|weight| weight > 16 * LIMIT) {
        return false;
    }
    let (request, peak) = memory::peak(|| fuzzing::request(message.clone()));
    if let Some(weight) = weight {
        assert!(peak <= weight + SLACK, "weighed {weight}, took {peak}");
    }
    let Some(request) = request else { return false };
    assert!(weight.is_some(), "what can be decoded can be weighed");
    look_at(&request)
}

/// The tensors of a request, and what the examination and the policy look at; whether there were pictures among them.
pub fn look_at(request: &ModelInferRequest) -> bool {
    for position in 0..request.inputs.len().min(8) {
        if let Some(tensor) = fuzzing::input(request, position) {
            tensor.elements.check_count(&tensor.shape).expect("as many as the shape says");
            assert_eq!(tensor.elements.datatype().name(), request.inputs[position].datatype);
        }
    }
    let mut found = false;
    for spec in inputs() {
        for item in fuzzing::items(request, &spec, MOST) {
            found = true;
            match (&item, &spec) {
                (Item::Picture(picture), InputSpec::Picture(spec)) => check(picture, spec),
                (Item::Text(text), InputSpec::Text(_)) => assert!(text.len() <= MOST && !text.contains('\0')),
                (Item::Tokens(sent), InputSpec::Tokens(_)) => {
                    assert!(sent.text.len() <= MOST && !sent.text.contains('\0') && !sent.tokens.ids.is_empty());
                }
                _ => panic!("an item of another kind than the input takes"),
            }
        }
    }
    for spec in outputs() {
        fuzzing::asks_for_plain_output(request, &spec);
    }
    found
}

fn check(picture: &Picture, spec: &PictureSpec) {
    assert_eq!((picture.height(), picture.width()), (spec.height, spec.width));
    assert_eq!(picture.channels(), spec.colour.channels());
    assert!(picture.pixels().iter().all(|pixel| (0.0..=1.0).contains(pixel)));
}

fn read_as_answer(message: Bytes) -> bool {
    let mut found = false;
    for spec in outputs() {
        for items in [1, 2] {
            let Some(predictions) = fuzzing::predictions(message.clone(), &spec, items) else { continue };
            found = true;
            assert_eq!(predictions.len(), items);
            for prediction in predictions.iter().flatten() {
                let sum: f64 = prediction.probabilities().iter().sum();
                assert!((sum - 1.0).abs() < 1e-6, "probabilities sum to {sum}");
            }
            restore(message.clone(), &spec, items);
        }
    }
    let annotated = fuzzing::annotated(&message, &[("portcullis_decision", "clean")]);
    assert!(annotated.starts_with(&message), "the answer's own bytes stay as they are");
    if let Some(answer) = fuzzing::answer(message) {
        let annotated = fuzzing::answer(annotated).expect("an annotated answer can be read");
        assert!(annotated.parameters.contains_key("portcullis_decision"));
        assert_eq!(annotated.outputs.len(), answer.outputs.len());
    }
    found
}

/// What is put in an answer's place must be read from it.
fn restore(message: Bytes, spec: &OutputSpec, items: usize) {
    let substitute = Distribution::from_probabilities(&[0.25, 0.75]).expect("they sum to 1");
    let Some(restored) = fuzzing::restored(message, spec, &vec![Some(substitute); items]) else { return };
    assert!(fuzzing::answer(restored).is_some_and(|answer| answer.outputs.len() == 1), "a restored answer can be read");
}

/// Ids of a small tokenizer's tokens, with marks of what is padding.
static TOKENS: LazyLock<TokenSpec> = LazyLock::new(|| {
    let file = include_bytes!("../../support/tokens/bytes.json");
    TokenSpec {
        name: "x".into(),
        datatype: Datatype::Int32,
        length: None,
        mask: Some("y".into()),
        types: None,
        text: None,
        tokenizer: Tokenizer::from_bytes(Path::new("bytes.json"), file, None, None).expect("a tokenizer"),
    }
});

fn inputs() -> [InputSpec; 6] {
    let spec = |name: &str, datatype, layout, colour: Colour| PictureSpec {
        name: name.into(),
        datatype,
        layout,
        colour,
        height: 2,
        width: 2,
        range: datatype.whole_range().unwrap_or([0.0, 1.0]),
        depth: Depth::EIGHT_BITS,
        mean: vec![0.25; colour.channels()],
        std: vec![0.5; colour.channels()],
        encoded: None,
    };
    [
        spec("x", Datatype::Fp32, Layout::Nchw, Colour::Grey).into(),
        spec("x", Datatype::Uint8, Layout::Nhwc, Colour::Rgb).into(),
        spec("x", Datatype::Fp16, Layout::Nchw, Colour::Bgr).into(),
        InputSpec::Picture(PictureSpec {
            encoded: Some(EncodedSpec { name: "files".into(), preparation: STRETCH }),
            ..spec("x", Datatype::Fp32, Layout::Nchw, Colour::Rgb)
        }),
        TextSpec { name: "files".into(), in_rows: true }.into(),
        TOKENS.clone().into(),
    ]
}

fn outputs() -> [OutputSpec; 2] {
    [OutputKind::Logits, OutputKind::Probabilities].map(|kind| OutputSpec { name: "y".into(), kind, classes: 2 })
}
