//! Graphs that are built here load in ONNX Runtime, and answer what their operators promise.
#![expect(clippy::expect_used, reason = "a test whose case can't be set up fails")]

use portcullis::model::{OnnxModel, Port, Runtime, Workers};
use portcullis::onnx::{Attribute, Convolution, Graph, GraphError, Pooling, Value};
use portcullis::proto::onnx::ModelProto;
use portcullis::tensor::{Datatype, Elements, Tensor};
use proptest::prelude::*;
use prost::Message;

/// Loads the graph from a file.
fn load(graph: &Graph) -> OnnxModel {
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    std::fs::write(&file, graph.encode(&[]).expect("a sound graph")).expect("writable");
    let runtime = Runtime::load(None).expect("ONNX Runtime");
    OnnxModel::load(&runtime, file.path(), 1, 1).expect("a model")
}

fn answers(graph: &Graph, inputs: Vec<Tensor>) -> Vec<Tensor> {
    let model = load(graph);
    let workers = Workers::start(1, 1).expect("a thread");
    workers.submit_waiting(move |worker| model.run(worker, &inputs, &[])).wait().expect("a worker").expect("an answer")
}

fn assert_close(actual: &[f32], expected: &[f32]) {
    assert_eq!(actual.len(), expected.len());
    let close = actual.iter().zip(expected).all(|(a, b)| (a - b).abs() <= 1e-5 * b.abs().max(1.0));
    assert!(close, "{actual:?} instead of {expected:?}");
}

/// Numbers from -1 to 1 that look arbitrary.
fn numbers(count: usize, seed: usize) -> Vec<f32> {
    (0..count).map(|index| ((index * 7919 + seed * 104_729) % 201) as f32 / 100.0 - 1.0).collect()
}

/// A small network with one of everything that a student is made of, on 8-bit pictures as clients send them.
struct Network {
    filters: Vec<f32>,
    bias: Vec<f32>,
    shift: Vec<f32>,
    matrix: Vec<f32>,
    offset: Vec<f32>,
}

const HEIGHT: usize = 7;
const WIDTH: usize = 5;
const CHANNELS: usize = 4;
const FILTERS: usize = 6;
const GROUPS: usize = 2;
const KERNEL: usize = 3;
const CLASSES: usize = 3;

impl Network {
    fn new() -> Self {
        Self {
            filters: numbers(FILTERS * CHANNELS / GROUPS * KERNEL * KERNEL, 1),
            bias: numbers(FILTERS, 2),
            shift: numbers(FILTERS, 3),
            matrix: numbers(FILTERS * CLASSES, 4),
            offset: numbers(CLASSES, 5),
        }
    }

    fn graph(&self) -> Graph {
        let mut graph = Graph::new("network");
        let image = [None, Some(HEIGHT), Some(WIDTH), Some(CHANNELS)];
        let image = graph.input("image", Datatype::Uint8, &image);
        let scale = graph.constant("scale", &[], vec![1.0 / 255.0_f32]);
        let filters =
            graph.constant("stem.weight", &[FILTERS, CHANNELS / GROUPS, KERNEL, KERNEL], self.filters.clone());
        let bias = graph.constant("stem.bias", &[FILTERS], self.bias.clone());
        let shift = graph.constant("shift", &[FILTERS, 1, 1], self.shift.clone());
        let matrix = graph.constant("head.weight", &[FILTERS, CLASSES], self.matrix.clone());
        let offset = graph.constant("head.bias", &[CLASSES], self.offset.clone());

        let pixels = graph.cast(image, Datatype::Fp32);
        let pixels = graph.mul(pixels, scale);
        let pixels = graph.transpose(pixels, &[0, 3, 1, 2]);
        let convolution = Convolution { stride: [2, 1], padding: [1, 0], groups: GROUPS };
        let features = graph.conv(pixels, filters, Some(bias), convolution);
        let features = graph.relu(features);
        let features = graph.add(features, shift);
        let features = graph.global_average_pool(features);
        let features = graph.flatten(features);
        let logits = graph.gemm(features, matrix, offset);
        let probabilities = graph.softmax(logits);
        graph.output(probabilities, "probabilities", Datatype::Fp32, &[None, Some(CLASSES)]);
        graph
    }

    /// What the graph answers on one picture (height x width x channels), computed the long way.
    fn probabilities(&self, picture: &[u8]) -> Vec<f32> {
        let features: Vec<f32> = (0..FILTERS).map(|filter| self.feature(picture, filter)).collect();
        let logit = |class| {
            let products =
                features.iter().enumerate().map(|(row, feature)| feature * self.matrix[row * CLASSES + class]);
            products.sum::<f32>() + self.offset[class]
        };
        let exponentials: Vec<f32> = (0..CLASSES).map(|class| f32::exp(logit(class))).collect();
        let sum: f32 = exponentials.iter().sum();
        exponentials.iter().map(|exponential| exponential / sum).collect()
    }

    /// The mean of one filter's answers after ReLU, shifted.
    fn feature(&self, picture: &[u8], filter: usize) -> f32 {
        let tops = (0..=HEIGHT + 2 - KERNEL).step_by(2);
        let places: Vec<(usize, usize)> =
            tops.flat_map(|top| (0..=WIDTH - KERNEL).map(move |left| (top, left))).collect();
        let sum: f32 = places.iter().map(|&place| self.response(picture, filter, place).max(0.0)).sum();
        sum / places.len() as f32 + self.shift[filter]
    }

    /// What a filter answers at a place whose row counts the line of zeros above the picture.
    fn response(&self, picture: &[u8], filter: usize, (top, left): (usize, usize)) -> f32 {
        let depth = CHANNELS / GROUPS;
        let first_channel = filter / (FILTERS / GROUPS) * depth;
        let size = depth * KERNEL * KERNEL;
        let mut response = self.bias[filter];
        for (index, weight) in self.filters[filter * size..][..size].iter().enumerate() {
            let (channel, row, column) = (index / (KERNEL * KERNEL), index / KERNEL % KERNEL, index % KERNEL);
            let Some(row) = (top + row).checked_sub(1).filter(|&row| row < HEIGHT) else { continue };
            let pixel = picture[(row * WIDTH + left + column) * CHANNELS + first_channel + channel];
            response += weight * f32::from(pixel) / 255.0;
        }
        response
    }
}

#[test]
fn a_network_answers_what_its_operators_promise() {
    let network = Network::new();
    let size = HEIGHT * WIDTH * CHANNELS;
    let batch: Vec<u8> = (0..3 * size).map(|index| (index * 97 % 256) as u8).collect();
    let image = Tensor::new("image", vec![3, HEIGHT, WIDTH, CHANNELS], Elements::Uint8(batch.clone())).expect("pixels");
    let answers = answers(&network.graph(), vec![image]);
    let expected: Vec<f32> = batch.chunks(size).flat_map(|picture| network.probabilities(picture)).collect();
    assert_eq!((answers.len(), answers[0].shape.as_slice()), (1, &[3, CLASSES][..]));
    assert_close(&answers[0].elements.to_f32().expect("numbers"), &expected);
}

#[test]
fn the_signature_is_what_was_asked_for_even_where_names_look_numbered() {
    let mut graph = Graph::new("names");
    let image = graph.input("Relu_2", Datatype::Fp32, &[None, Some(3), None, None]);
    let first = graph.relu(image);
    let second = graph.relu(first);
    graph.output(second, "Relu_1", Datatype::Fp32, &[None, Some(3), None, None]);
    graph.output(second, "again", Datatype::Fp32, &[None, Some(3), None, None]);
    graph.output(image, "as it came", Datatype::Fp32, &[None, Some(3), None, None]);
    let model = load(&graph);
    let port =
        |name: &str| Port { name: name.into(), datatype: Datatype::Fp32, shape: vec![None, Some(3), None, None] };
    assert_eq!(model.inputs(), [port("Relu_2")]);
    assert_eq!(model.outputs(), [port("Relu_1"), port("again"), port("as it came")]);
}

/// Runs what `body` builds on a tensor that holds 1, 2, 3...
fn assert_operator(input: &[usize], body: impl FnOnce(&mut Graph, Value) -> Value, shape: &[usize], expected: &[f32]) {
    let mut graph = Graph::new("operator");
    let x = graph.input("x", Datatype::Fp32, &vec![None; input.len()]);
    let y = body(&mut graph, x);
    graph.output(y, "y", Datatype::Fp32, &vec![None; shape.len()]);
    let counted = (1..=input.iter().product()).map(|number: usize| number as f32).collect();
    let x = Tensor::new("x", input.to_vec(), Elements::Fp32(counted)).expect("as many as the shape says");
    let answer = answers(&graph, vec![x]).remove(0);
    assert_eq!(answer.shape, shape);
    assert_close(&answer.elements.to_f32().expect("numbers"), expected);
}

#[test]
fn convolutions_and_poolings_move_as_they_are_told() {
    let summing = |graph: &mut Graph, x| {
        let ones = graph.constant("ones", &[1, 1, 2, 2], vec![1.0_f32; 4]);
        graph.conv(x, ones, None, Convolution::default())
    };
    assert_operator(&[1, 1, 3, 3], summing, &[1, 1, 2, 2], &[12.0, 16.0, 24.0, 28.0]);
    let pooling = Pooling { size: [2, 2], stride: [2, 1], padding: [1, 0] };
    let largest = |graph: &mut Graph, x| graph.max_pool(x, pooling);
    assert_operator(&[1, 1, 3, 3], largest, &[1, 1, 2, 2], &[2.0, 3.0, 8.0, 9.0]);
    let mean = |graph: &mut Graph, x| graph.average_pool(x, pooling);
    assert_operator(&[1, 1, 3, 3], mean, &[1, 1, 2, 2], &[1.5, 2.5, 6.0, 7.0]);
}

#[test]
fn batch_normalisation_uses_the_statistics_it_is_given() {
    let normalised = |graph: &mut Graph, x| {
        let rows = [("scale", [2.0, 1.0]), ("bias", [1.0, 0.0]), ("mean", [1.0, 3.0]), ("variance", [3.0, 0.0])];
        let rows = rows.map(|(name, row)| graph.constant(name, &[2], Vec::<f32>::from(row)));
        graph.batch_norm(x, rows, 1.0)
    };
    assert_operator(&[1, 2, 1, 2], normalised, &[1, 2, 1, 2], &[1.0, 2.0, 0.0, 1.0]);
}

#[test]
fn dimensions_are_picked_made_and_merged() {
    let columns = |graph: &mut Graph, x| graph.gather(x, &[2, 0], 1);
    assert_operator(&[2, 3], columns, &[2, 2], &[3.0, 1.0, 6.0, 4.0]);
    let rows = |graph: &mut Graph, x| graph.gather(x, &[1], 0);
    assert_operator(&[2, 3], rows, &[1, 3], &[4.0, 5.0, 6.0]);
    let around = |graph: &mut Graph, x| graph.unsqueeze(x, &[0, 2]);
    assert_operator(&[2], around, &[1, 2, 1], &[1.0, 2.0]);
    let split = |graph: &mut Graph, x| graph.reshape(x, &[0, -1, 2]);
    assert_operator(&[1, 4], split, &[1, 2, 2], &[1.0, 2.0, 3.0, 4.0]);
}

#[test]
fn an_operator_without_a_call_of_its_own_is_a_node() {
    let twice = |graph: &mut Graph, x| graph.node("Concat", &[x, x], [("axis", Attribute::Int(0))]);
    assert_operator(&[1, 2], twice, &[2, 2], &[1.0, 2.0, 1.0, 2.0]);
}

#[test]
fn a_file_says_who_made_it_and_keeps_its_metadata() {
    let pairs = [("teacher", "1f3c"), ("temperature", "4"), ("note", "agrees with Größe, 標識")];
    let bytes = Network::new().graph().encode(&pairs).expect("a sound graph");
    let model = ModelProto::decode(bytes.as_slice()).expect("an ONNX file");
    let kept: Vec<_> = model.metadata_props.iter().map(|entry| (entry.key.as_str(), entry.value.as_str())).collect();
    assert_eq!(kept, pairs);
    assert_eq!(
        (model.producer_name.as_str(), model.producer_version.as_str()),
        ("portcullis", env!("CARGO_PKG_VERSION"))
    );
}

#[test]
fn the_same_graph_is_the_same_file() {
    let encode = || Network::new().graph().encode(&[]).expect("a sound graph");
    assert_eq!(encode(), encode());
}

mod what_does_not_fit_is_named {
    use super::*;

    fn problem(graph: &Graph) -> String {
        graph.encode(&[]).expect_err("a mistake").to_string()
    }

    #[test]
    fn two_tensors_of_one_name() {
        let mut graph = Graph::new("twins");
        let image = graph.input("image", Datatype::Fp32, &[None]);
        graph.output(image, "image", Datatype::Fp32, &[None]);
        assert_eq!(graph.encode(&[]), Err(GraphError::SameName("image".into())));
    }

    #[test]
    fn a_constant_that_is_not_as_long_as_its_shape_says() {
        let mut graph = Graph::new("short");
        graph.constant("stem.weight", &[2, 2], vec![1.0_f32; 3]);
        let problem = problem(&graph);
        assert_eq!(
            problem,
            "the constant 'stem.weight' is wrong: shape [2, 2] of FP32 needs 4 elements, got 3 elements"
        );
    }

    #[test]
    fn a_value_of_another_graph() {
        let mut other = Graph::new("other");
        let values: Vec<Value> = ["a", "b", "c"].map(|name| other.input(name, Datatype::Fp32, &[None])).into();
        let mut graph = Graph::new("mine");
        graph.input("image", Datatype::Fp32, &[None]);
        graph.relu(values[2]);
        assert!(problem(&graph).starts_with("'Relu_1' takes a value"));
        let mut graph = Graph::new("mine");
        graph.output(values[2], "logits", Datatype::Fp32, &[None]);
        assert!(problem(&graph).starts_with("'logits' takes a value"));
    }
}

/// Any tensor of up to three dimensions, whatever the bits of its numbers.
fn constant() -> impl Strategy<Value = (Vec<usize>, Elements)> {
    prop::collection::vec(1_usize..5, 0..4).prop_flat_map(|shape| {
        let count = shape.iter().product::<usize>();
        let floats = prop::collection::vec(any::<u32>().prop_map(f32::from_bits), count).prop_map(Elements::from);
        let integers = prop::collection::vec(any::<i64>(), count).prop_map(Elements::from);
        (Just(shape), prop_oneof![floats, integers])
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_constant_comes_out_of_the_runtime_bit_for_bit((shape, elements) in constant()) {
        let mut graph = Graph::new("constant");
        let value = graph.constant("constant", &shape, elements.clone());
        let sides: Vec<_> = shape.iter().copied().map(Some).collect();
        graph.output(value, "answer", elements.datatype(), &sides);
        let answer = answers(&graph, Vec::new()).remove(0);
        prop_assert_eq!(answer.shape, shape);
        prop_assert_eq!(answer.elements.datatype(), elements.datatype());
        prop_assert_eq!(answer.elements.to_raw(), elements.to_raw());
    }
}
