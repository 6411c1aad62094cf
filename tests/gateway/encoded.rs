//! Encoded pictures are examined as their server sees them, and reach it as they were sent.

use std::net::SocketAddr;

use bytes::Bytes;
use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::PngEncoder;
use image::{ExtendedColorType, ImageEncoder};
use portcullis::proto::inference::model_infer_request::InferInputTensor;
use portcullis::proto::inference::model_infer_response::InferOutputTensor;
use portcullis::proto::inference::{ModelInferRequest, ModelInferResponse};
use portcullis::proto::portcullis::v1::InspectRequest;
use portcullis::proto::portcullis::v1::inspect_request::Input;
use portcullis::tensor::{Elements, Picture};
use prost::Message;
use tonic::Code;

use crate::support::gateway::{in_front_of, portcullis};
use crate::support::python::mlserver;
use crate::support::upstream::Seen;
use crate::support::wire::MODEL_INFER;
use crate::support::{Answer, Call, Connection, Gateway, Model, Upstream, shared};

/// Pictures are sent so many times as high and wide as the classifier takes them.
const LARGER: usize = 2;
const SIDE: usize = 28 * LARGER;
const BLOCK: &str = "policy = \"block\"\non_undecided = \"pass\"\ntime_budget = \"60s\"";

fn enlarged(picture: &Picture) -> Vec<u8> {
    let pixels = picture.to_interleaved_u8();
    (0..SIDE * SIDE).map(|at| pixels[at / SIDE / LARGER * 28 + at % SIDE / LARGER]).collect()
}

fn png(picture: &Picture) -> Bytes {
    let mut file = Vec::new();
    let write =
        PngEncoder::new(&mut file).write_image(&enlarged(picture), SIDE as u32, SIDE as u32, ExtendedColorType::L8);
    write.expect("a picture");
    file.into()
}

fn jpeg(picture: &Picture) -> Bytes {
    let mut file = Vec::new();
    let write = JpegEncoder::new_with_quality(&mut file, 100);
    write.write_image(&enlarged(picture), SIDE as u32, SIDE as u32, ExtendedColorType::L8).expect("a picture");
    file.into()
}

/// The request for these files, in a list.
fn request(files: &[Bytes]) -> ModelInferRequest {
    ModelInferRequest {
        model_name: "digits".into(),
        inputs: vec![InferInputTensor {
            name: "file".into(),
            datatype: "BYTES".into(),
            shape: vec![files.len() as i64],
            ..Default::default()
        }],
        raw_input_contents: vec![Elements::Bytes(files.to_vec()).to_raw()],
        ..Default::default()
    }
}

/// A server for which everything is a zero.
fn zeros(seen: &Seen) -> Answer {
    if seen.path != MODEL_INFER {
        return Answer::status(Code::Unimplemented, "this server only infers");
    }
    let request = ModelInferRequest::decode(&seen.body[5..]).expect("a request");
    let items = request.inputs[0].shape[0];
    let logits = [20.0_f32, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0].repeat(items as usize);
    Answer::of(&ModelInferResponse {
        model_name: "digits".into(),
        outputs: vec![InferOutputTensor {
            name: "logits".into(),
            datatype: "FP32".into(),
            shape: vec![items, 10],
            ..Default::default()
        }],
        raw_output_contents: vec![logits.into_iter().flat_map(f32::to_le_bytes).collect()],
        ..Default::default()
    })
}

/// A gateway in front of [`zeros`] that has the classifier's file.
async fn gateway(settings: &str) -> Option<(Gateway, Upstream, Model)> {
    let digits = Model::digits_in_files(shared()?);
    let upstream = Upstream::start(zeros).await;
    let gateway = Gateway::start(&in_front_of(upstream.address, &[digits.guarded(settings)])).await;
    Some((gateway, upstream, digits))
}

/// The first of these pictures that is answered with this code.
async fn first(connection: &Connection, pictures: &[Picture], code: Code) -> Picture {
    for picture in pictures {
        if connection.send(Call::infer(&request(&[png(picture)]))).await.code() == code {
            return picture.clone();
        }
    }
    panic!("no picture is answered with {code:?}");
}

#[tokio::test]
async fn replica_and_server_lead_to_the_decisions_that_pixels_lead_to() {
    let Some(shared) = shared() else { return };
    let (files, pixels, server) =
        (Model::digits_in_files(shared), Model::squeezed_digits(shared), mlserver(shared).await);
    let annotate = |source: &str| format!("policy = \"annotate\"\ntime_budget = \"60s\"\npredictions = \"{source}\"");
    let (benign, adversarial) = pixels.pictures();
    // What is sent as a file has 8 bits.
    let pictures = [&benign[..8], &adversarial[..8]].concat();
    let pictures: Vec<Picture> = pictures.iter().map(portcullis::tensor::to_8_bit).collect();
    let mut decisions = Vec::new();
    for (model, source) in [(&pixels, "replica"), (&files, "replica"), (&files, "upstream")] {
        let gateway = Gateway::start(&in_front_of(server, &[model.guarded(&annotate(source))])).await;
        let connection = gateway.connect().await;
        let mut told = Vec::new();
        for batch in pictures.chunks(1).chain([&pictures[..]]) {
            let files: Vec<Bytes> = batch.iter().map(png).collect();
            let request = if std::ptr::eq(model, &pixels) { pixels.request(batch) } else { request(&files) };
            let answer = connection.send(Call::infer(&request)).await;
            answer.bytes();
            told.push(answer.metadata["portcullis-decision"].to_str().expect("ASCII").to_owned());
        }
        let metrics = gateway.metrics_after(pictures.len() + 1).await;
        assert_eq!(metrics.sum("portcullis_replica_disagreements_total", &[]), 0.0, "{source}");
        decisions.push(told);
    }
    assert!(["clean", "suspicious"].iter().all(|one| decisions[0].iter().any(|told| told == one)), "{decisions:?}");
    assert_eq!(decisions[1], decisions[0], "by the replica");
    assert_eq!(decisions[2], decisions[0], "by the server");
}

#[tokio::test]
async fn files_reach_the_server_as_they_were_sent_and_only_suspicious_ones_are_refused() {
    let Some((gateway, upstream, digits)) = gateway(BLOCK).await else { return };
    let connection = gateway.connect().await;
    let (benign, adversarial) = digits.pictures();
    let clean = first(&connection, &benign, Code::Ok).await;
    let suspicious = first(&connection, &adversarial, Code::PermissionDenied).await;
    for (files, code) in [
        (vec![jpeg(&clean)], Code::Ok),
        (vec![png(&clean), jpeg(&clean), png(&clean)], Code::Ok),
        (vec![png(&clean), png(&suspicious), jpeg(&clean)], Code::PermissionDenied),
    ] {
        let call = Call::infer(&request(&files));
        let answer = connection.send(call.clone()).await;
        assert_eq!(answer.code(), code, "{}", answer.error());
        assert_eq!(upstream.seen(MODEL_INFER).last().expect("a call").body, call.body);
    }
    let mut column = request(&[png(&clean), png(&clean)]);
    column.inputs[0].shape = vec![2, 1];
    assert_eq!(connection.send(Call::infer(&column)).await.code(), Code::Ok);

    let input = Some(Input::Picture(png(&suspicious)));
    let inspected = gateway.inspector().await.inspect(InspectRequest { model: "digits".into(), input }).await;
    let told = &inspected.expect("a verdict").into_inner().items[0];
    let in_a_tensor = &gateway.inspect(&request(&[png(&suspicious)])).await[0];
    assert_eq!((told.decision, told.score), (in_a_tensor.decision, in_a_tensor.score));
}

#[tokio::test]
async fn a_file_that_cannot_be_read_is_refused_whatever_its_neighbours() {
    let Some((gateway, _, digits)) = gateway(BLOCK).await else { return };
    let connection = gateway.connect().await;
    let (benign, _) = digits.pictures();
    let good = png(&first(&connection, &benign, Code::Ok).await);
    let spoilt = |spoil: &dyn Fn(&mut ModelInferRequest)| {
        let mut request = request(std::slice::from_ref(&good));
        spoil(&mut request);
        request
    };
    let many = spoilt(&|request| {
        // Empty files, but their pixels would take more memory than may be inspected.
        request.inputs[0].shape = vec![50_000];
        request.raw_input_contents = vec![vec![0; 200_000].into()];
    });
    let hostile = [
        ("picture", request(&[good.slice(..good.len() / 2)])),
        ("picture", request(&[Bytes::from_static(b"GIF89a, but longer than the shortest file")])),
        ("picture", request(&[good.clone(), Bytes::from(vec![0; 60]), good.clone()])),
        ("picture", request(&[good.clone(), Bytes::new(), good.clone()])),
        ("picture", request(&[Bytes::from_static(include_bytes!("../support/pictures/moving.png"))])),
        ("picture", request(&[Bytes::from_static(include_bytes!("../support/pictures/cmyk.jpg"))])),
        ("shape", request(&[])),
        ("shape", spoilt(&|request| request.inputs[0].shape = vec![2])),
        ("shape", spoilt(&|request| request.inputs[0].shape = vec![1, 1, 1])),
        ("too_large", many),
        ("datatype", spoilt(&|request| request.inputs[0].datatype = "UINT8".into())),
        ("input_missing", spoilt(&|request| request.inputs[0].name = "image".into())),
    ];
    for (reason, request) in &hostile {
        let answer = connection.send(Call::infer(request)).await;
        assert_eq!(answer.code(), Code::InvalidArgument, "{reason}: {}", answer.error());
        assert!(answer.error().contains(&format!("({reason})")), "{reason}: {}", answer.error());
    }
    assert_eq!(connection.send(Call::infer(&request(&[good]))).await.code(), Code::Ok);
    assert!(gateway.is_ready().await, "bad files make nobody unready");
    let metrics = gateway.metrics().await;
    assert_eq!(metrics.sum("portcullis_decisions_total", &[("reason", "picture")]), 6.0);
}

#[tokio::test]
async fn a_file_of_more_pixels_than_may_be_inspected_is_refused() {
    let Some(shared) = shared() else { return };
    let (digits, upstream) = (Model::digits_in_files(shared), Upstream::start(zeros).await);
    let configuration = in_front_of(upstream.address, &[digits.guarded(BLOCK)]);
    let gateway = Gateway::start(&format!("server.max_inspected_pixels = 3135\n{configuration}")).await;
    let answer = gateway.call(Call::infer(&request(&[png(&digits.pictures().0[0])]))).await;
    assert_eq!(answer.code(), Code::InvalidArgument);
    assert!(answer.error().contains("(too_large)"), "{}", answer.error());
}

#[tokio::test]
async fn a_profile_that_was_calibrated_for_another_server_is_refused() {
    let Some(shared) = shared() else { return };
    let address = SocketAddr::from(([127, 0, 0, 1], 1));
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("portcullis.toml");
    let digits = Model::digits_in_files(shared).guarded("");
    std::fs::write(&path, in_front_of(address, &[digits])).expect("writable");
    let check = |settings: &[&str]| {
        let mut command = portcullis();
        command.args(["config", "check", "--config"]).arg(&path).args(settings).output().expect("the binary runs")
    };
    assert!(check(&[]).status.success());
    let other = check(&["--set", "models.0.input.encoded.resize=crop"]);
    let told = String::from_utf8_lossy(&other.stderr);
    assert!(!other.status.success() && told.contains("was made for another model input or output"), "{told}");
}

#[tokio::test]
async fn squeezed_copies_are_sent_as_files_of_the_classifiers_size() {
    let settings = "policy = \"annotate\"\npredictions = \"upstream\"\ntime_budget = \"60s\"";
    let Some((gateway, upstream, digits)) = gateway(settings).await else { return };
    let files: Vec<Bytes> = digits.pictures().0[..3].iter().map(png).collect();
    let answer = gateway.call(Call::infer(&request(&files))).await;
    answer.bytes();
    assert_ne!(answer.metadata["portcullis-decision"], "undecided");
    let seen = upstream.seen(MODEL_INFER);
    let [_, copies] = &seen[..] else { panic!("the request and the copies') are {} calls", seen.len()) };
    let copies = ModelInferRequest::decode(&copies.body[5..]).expect("a request");
    let input = &copies.inputs[0];
    assert_eq!((input.name.as_str(), input.datatype.as_str(), &input.shape[..]), ("file", "BYTES", &[6][..]));
    let elements = Elements::from_raw(portcullis::tensor::Datatype::Bytes, &[6], &copies.raw_input_contents[0]);
    let Ok(Elements::Bytes(files)) = elements else { panic!("six files") };
    for (index, file) in files.iter().enumerate() {
        let copy = image::load_from_memory_with_format(file, image::ImageFormat::Png).expect("a PNG file").into_luma8();
        assert_eq!(copy.dimensions(), (28, 28));
        // The first squeezer leaves one bit, the second mixes neighbours.
        let is_black_and_white = copy.pixels().all(|pixel| [0, 255].contains(&pixel.0[0]));
        assert_eq!(is_black_and_white, index < 3, "copy {index}");
    }
}
