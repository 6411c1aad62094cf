use proptest::prelude::*;

use super::*;
use crate::model::{PictureSpec, TextSpec};
use crate::tensor::{Colour, Depth, Layout, OutputKind};

const MOST: Most = Most { elements: 2, text: 8 };

fn spec() -> InputSpec {
    PictureSpec {
        name: "image".into(),
        datatype: Datatype::Fp32,
        layout: Layout::Nchw,
        colour: Colour::Grey,
        height: 2,
        width: 2,
        range: [0.0, 1.0],
        depth: Depth::EIGHT_BITS,
        mean: vec![0.0],
        std: vec![1.0],
        encoded: None,
    }
    .into()
}

fn raw_request(shape: Vec<i64>, raw: Vec<u8>) -> ModelInferRequest {
    ModelInferRequest {
        inputs: vec![InferInputTensor { name: "image".into(), datatype: "FP32".into(), shape, ..Default::default() }],
        raw_input_contents: vec![raw.into()],
        ..Default::default()
    }
}

#[test]
fn raw_and_typed_contents_read_alike() {
    let values = [0.0_f32, 0.25, 0.5, 1.0];
    let raw = raw_request(vec![1, 1, 2, 2], values.iter().flat_map(|value| value.to_le_bytes()).collect());
    let mut typed = raw.clone();
    typed.raw_input_contents.clear();
    typed.inputs[0].contents = Some(InferTensorContents { fp32_contents: values.to_vec(), ..Default::default() });
    assert_eq!(sent(&raw, &spec(), MOST).unwrap(), sent(&typed, &spec(), MOST).unwrap());
    typed.raw_input_contents = raw.raw_input_contents;
    assert_eq!(sent(&typed, &spec(), MOST), Err(ViewError::MixedContents));
}

#[test]
fn whole_numbers_read_alike_raw_and_typed_and_what_does_not_fit_is_refused() {
    let spec = |datatype, range| {
        let spec = PictureSpec { datatype, range, ..spec().pictures().unwrap().clone() };
        InputSpec::from(PictureSpec { depth: Depth::SIXTEEN_BITS, ..spec })
    };
    let request = |datatype: &str, raw: Vec<u8>, contents: Option<InferTensorContents>| {
        let mut request = raw_request(vec![1, 1, 2, 2], raw);
        request.inputs[0].datatype = datatype.into();
        request.inputs[0].contents = contents;
        request.raw_input_contents.truncate(usize::from(request.inputs[0].contents.is_none()));
        request
    };
    let unsigned = |numbers: [u32; 4]| InferTensorContents { uint_contents: numbers.into(), ..Default::default() };
    let signed = |numbers: [i32; 4]| InferTensorContents { int_contents: numbers.into(), ..Default::default() };
    let (u16s, i16s) = ([0_u16, 255, 256, 65_535], [-1024_i16, -1, 0, 3071]);
    let (uint16, int16) = (spec(Datatype::Uint16, [0.0, 65_535.0]), spec(Datatype::Int16, [-1024.0, 3071.0]));
    let raw = |numbers: &[u8]| numbers.to_vec();
    for (spec, datatype, raw, typed, beyond) in [
        (&uint16, "UINT16", raw(bytemuck::cast_slice(&u16s)), unsigned(u16s.map(u32::from)), unsigned([65_536; 4])),
        (&int16, "INT16", raw(bytemuck::cast_slice(&i16s)), signed(i16s.map(i32::from)), signed([-32_769; 4])),
    ] {
        let read = |request| sent(&request, spec, MOST);
        let items = read(request(datatype, raw, None)).unwrap();
        assert!(items[0].is_ok(), "{items:?}");
        assert_eq!(read(request(datatype, vec![], Some(typed))).unwrap(), items);
        let refused = read(request(datatype, vec![], Some(beyond))).unwrap_err();
        assert_eq!(refused.reason(), Reason::Values, "{refused}");
    }
}

#[test]
fn texts_read_alike_raw_and_typed_and_what_is_none_harms_no_neighbour() {
    let spec = TextSpec { name: "text".into(), in_rows: true }.into();
    let elements = vec![Bytes::from_static(b"free"), Bytes::from_static(b"\xff")];
    let read = |typed: bool, shape: Vec<i64>, elements: &[Bytes]| {
        let contents = InferTensorContents { bytes_contents: elements.to_vec(), ..Default::default() };
        let raw = Elements::Bytes(elements.to_vec()).to_raw();
        let request = ModelInferRequest {
            inputs: vec![InferInputTensor {
                name: "text".into(),
                datatype: "BYTES".into(),
                shape,
                contents: typed.then_some(contents),
                ..Default::default()
            }],
            raw_input_contents: if typed { Vec::new() } else { vec![raw] },
            ..Default::default()
        };
        sent(&request, &spec, MOST)
    };
    for (typed, shape) in [(false, vec![2, 1]), (true, vec![2, 1]), (false, vec![2]), (true, vec![2])] {
        let items = read(typed, shape, &elements).unwrap();
        let origin = Some(Origin::Element(elements[0].clone()));
        assert_eq!(items[0], Ok(Sent::Item(Item::Text("free".into()), origin)));
        assert_eq!(items[1].as_ref().map_err(ViewError::reason), Err(Reason::Text));
    }
    let long = read(true, vec![1], &[Bytes::from_static(b"123456789")]).unwrap().remove(0);
    assert_eq!(long.map_err(|error| error.reason()), Err(Reason::TooLarge));
    let reason = |shape: Vec<i64>, count| read(true, shape, &vec![Bytes::new(); count]).unwrap_err().reason();
    assert_eq!(reason(vec![3], 3), Reason::TooLarge);
    assert_eq!(reason(vec![0], 0), Reason::Shape);
    assert_eq!(reason(vec![1, 2], 2), Reason::Shape);
}

#[test]
fn hostile_requests_have_a_reason_each() {
    let reason = |request: &ModelInferRequest| {
        let items: Result<Vec<Sent>, ViewError> =
            sent(request, &spec(), MOST).and_then(|items| items.into_iter().collect());
        items.unwrap_err().reason()
    };
    assert_eq!(reason(&raw_request(vec![1, 1, 2, -2], vec![0; 16])), Reason::Shape);
    assert_eq!(reason(&raw_request(vec![1, 1, i64::MAX, i64::MAX], vec![0; 16])), Reason::Shape);
    assert_eq!(reason(&raw_request(vec![1, 1, 2, 2], vec![0; 15])), Reason::Shape);
    assert_eq!(reason(&raw_request(vec![0, 1, 2, 2], vec![])), Reason::Shape);
    assert_eq!(reason(&raw_request(vec![1, 1, 2, 2], vec![0xff; 16])), Reason::Values);
    let mut wrong = raw_request(vec![1, 1, 2, 2], vec![0; 16]);
    wrong.inputs[0].datatype = "INT32".into();
    assert_eq!(reason(&wrong), Reason::Datatype);
    wrong.inputs[0].datatype = "NONSENSE".into();
    assert_eq!(reason(&wrong), Reason::Datatype);
    wrong.inputs[0].name = "other".into();
    assert_eq!(reason(&wrong), Reason::InputMissing);
}

proptest! {
    #[test]
    fn no_bytes_panic_the_view(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        if let Ok(request) = request(bytes.clone().into()) {
            let _ = sent(&request, &spec(), MOST);
        }
        let output = OutputSpec { name: "o".into(), kind: OutputKind::Logits, classes: 3 };
        if let Ok(response) = ModelInferResponse::decode(Bytes::from(bytes)) {
            let _ = predictions_of(&response, &output, 1);
        }
    }
}
