//! Gradients of ONNX graphs are those that differences show, for every operator with a rule and for whole classifiers.
#![expect(clippy::expect_used, reason = "a test whose case can't be set up fails")]

use std::path::Path;

use portcullis::model::{OnnxModel, Runtime, Workers};
use portcullis::onnx::{Attribute, Convolution, GradientError, Graph, Pooling, Trace, Value};
use portcullis::tensor::{Datatype, Elements, Tensor};

const SHARED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared");
/// Pictures in a batch; shapes are traced with another number.
const BATCH: usize = 3;
const TRACED: usize = 2;
/// What operators are written in where it does not matter.
const OPERATOR_SET: i64 = 17;

/// Numbers from -1 to 1 that look arbitrary, none of them near another or near zero.
fn numbers(count: usize, seed: usize) -> Vec<f32> {
    let spread = |index: usize| ((index * 7919 + seed * 104_729) % 2003) as f32 / 1001.5 - 1.0;
    (0..count).map(|index| spread(index) + if spread(index) < 0.0 { -0.05 } else { 0.05 }).collect()
}

fn tensor(name: &str, shape: &[usize], values: Vec<f32>) -> Tensor {
    Tensor::new(name, shape.to_vec(), Elements::Fp32(values)).expect("a tensor")
}

struct Bench {
    runtime: Runtime,
    traced: usize,
    batch: usize,
}

impl Bench {
    fn new() -> Self {
        Self { runtime: Runtime::load(None).expect("ONNX Runtime"), traced: TRACED, batch: BATCH }
    }

    fn run(&self, graph: &Graph, inputs: Vec<Tensor>) -> Vec<Tensor> {
        let bytes = graph.encode(&[]).expect("a sound graph");
        let model = OnnxModel::from_bytes(&self.runtime, Path::new("a graph"), &bytes, 1, 1).expect("a model");
        let workers = Workers::start(1, 1).expect("a thread");
        let run = workers.submit_waiting(move |worker| model.run(worker, &inputs, &[]));
        run.wait().expect("a worker").expect("an answer")
    }

    /// The largest relative error of `graph`'s gradient along some directions, with respect to `input` of these sides
    /// without the batch, where its values lie in `range`. Differences are taken over several `steps`, shares of the
    /// range: where a model is full of kinks no single one is right everywhere, and the one that agrees best counts.
    fn error(
        &self,
        graph: &Graph,
        [input, output]: [&str; 2],
        sides: &[usize],
        [low, high]: [f32; 2],
        steps: &[f32],
    ) -> Result<f64, GradientError> {
        let scale = (high - low) / 2.0;
        let shape = |batch: usize| [&[batch], sides].concat();
        let count = |batch: usize| shape(batch).iter().product::<usize>();
        let traced = tensor(input, &shape(self.traced), numbers(count(self.traced), 1));
        let mut run = self.run(&graph.exposed(), vec![traced.clone()]);
        run.push(traced);
        let trace = Trace::new(graph, &run);
        let graph = &graph.clone().upgraded(&trace).expect("a graph of today");

        let at = |moved: &[f32]| self.run(graph, vec![tensor(input, &shape(self.batch), moved.to_vec())]);
        let here: Vec<f32> = numbers(count(self.batch), 2).iter().map(|x| low + scale * (x + 1.0)).collect();
        let answer = at(&here).into_iter().find(|tensor| tensor.name == output).expect("the output");
        let worth = numbers(answer.elements.len(), 3);

        let mut backward = graph.clone();
        let free: Vec<Option<usize>> = answer.shape.iter().map(|_| None).collect();
        let cotangent = backward.input("worth", Datatype::Fp32, &free);
        let [x, y] = [input, output].map(|name| backward.find(name).expect("a name"));
        let gradient = backward.gradient(y, cotangent, x, &trace)?;
        backward.output(gradient, "gradient", Datatype::Fp32, &vec![None; sides.len() + 1]);
        let inputs =
            vec![tensor(input, &shape(self.batch), here.clone()), tensor("worth", &answer.shape, worth.clone())];
        let found = self.run(&backward, inputs).into_iter().find(|tensor| tensor.name == "gradient");
        let found = found.expect("a gradient");
        assert_eq!(found.shape, shape(self.batch));
        let found = found.elements.to_f32().expect("numbers");

        let value = |moved: &[f32]| {
            let answer = at(moved).into_iter().find(|tensor| tensor.name == output).expect("the output");
            let answer = answer.elements.to_f32().expect("numbers");
            answer.iter().zip(&worth).map(|(&y, &worth)| f64::from(y) * f64::from(worth)).sum::<f64>()
        };
        let mut largest = 0.0_f64;
        let uphill = numbers(here.len(), 7).iter().zip(&found).map(|(d, g)| d.abs() * g.signum()).collect();
        for direction in [numbers(here.len(), 4), numbers(here.len(), 5), uphill] {
            let moved = |by: f32| here.iter().zip(&direction).map(|(x, d)| x + by * d).collect::<Vec<_>>();
            let slope: f64 = found.iter().zip(&direction).map(|(&g, &d)| f64::from(g) * f64::from(d)).sum();
            let length: f64 = found.iter().map(|&g| f64::from(g).abs()).sum();
            assert!(length > 0.0, "the gradient is zero");
            let error = |step: f32| {
                let difference = (value(&moved(step)) - value(&moved(-step))) / (2.0 * f64::from(step));
                (difference - slope).abs() / difference.abs().max(1e-2 * length)
            };
            largest = largest.max(steps.iter().map(|step| error(step * scale)).fold(f64::INFINITY, f64::min));
        }
        Ok(largest)
    }
}

/// The operator on `x`, with these sides beside the batch, and whatever else `build` adds.
fn graph(sides: &[usize], build: impl Fn(&mut Graph, Value) -> Value) -> Graph {
    graph_of(OPERATOR_SET, sides, build)
}

/// The same, written in an operator set of one's own.
fn graph_of(operator_set: i64, sides: &[usize], build: impl Fn(&mut Graph, Value) -> Value) -> Graph {
    let mut graph = Graph::new("one operator");
    let free: Vec<Option<usize>> = std::iter::once(None).chain(sides.iter().copied().map(Some)).collect();
    let x = graph.input("x", Datatype::Fp32, &free);
    let y = build(&mut graph, x);
    graph.output(y, "y", Datatype::Fp32, &[]);
    // Every value gets a name by being written and read.
    let mut bytes = graph.encode(&[]).expect("a sound graph");
    bytes = unshaped(&bytes, operator_set);
    Graph::decode(&bytes).expect("what was written")
}

/// The model with outputs of any shape, in an operator set of one's own.
fn unshaped(bytes: &[u8], operator_set: i64) -> Vec<u8> {
    use portcullis::proto::onnx::ModelProto;
    use prost::Message;
    let mut model = ModelProto::decode(bytes).expect("a model");
    model.graph.iter_mut().flat_map(|graph| &mut graph.output).for_each(|output| output.r#type = None);
    model.opset_import.iter_mut().for_each(|set| set.version = operator_set);
    model.encode_to_vec()
}

fn ints(graph: &mut Graph, name: &str, values: &[i64]) -> Value {
    graph.constant(name, &[values.len()], values.to_vec())
}

fn holds(sides: &[usize], build: impl Fn(&mut Graph, Value) -> Value) {
    holds_in(OPERATOR_SET, sides, build);
}

fn holds_in(operator_set: i64, sides: &[usize], build: impl Fn(&mut Graph, Value) -> Value) {
    let graph = graph_of(operator_set, sides, build);
    let error = Bench::new().error(&graph, ["x", "y"], sides, [-1.0, 1.0], &[1e-3, 1e-2]).expect("a gradient");
    assert!(error < 1e-3, "operator set {operator_set}: relative error {error:.1e}");
}

#[test]
fn convolutions_with_groups_strides_dilations_and_uneven_pads() {
    let weight = |graph: &mut Graph, shape: [usize; 4]| graph.constant("w", &shape, numbers(shape.iter().product(), 9));
    holds(&[2, 6, 5], |graph, x| {
        let (w, b) = (weight(graph, [4, 2, 3, 3]), graph.constant("b", &[4], numbers(4, 8)));
        graph.conv(x, w, Some(b), Convolution { padding: [1, 1], ..Convolution::default() })
    });
    holds(&[4, 8, 7], |graph, x| {
        let w = weight(graph, [6, 2, 3, 3]);
        graph.conv(x, w, None, Convolution { stride: [2, 3], padding: [1, 0], groups: 2 })
    });
    holds(&[2, 9, 9], |graph, x| {
        let w = weight(graph, [3, 2, 3, 2]);
        let attributes = [
            ("dilations", Attribute::Ints(vec![2, 1])),
            ("pads", Attribute::Ints(vec![0, 1, 2, 0])),
            ("strides", Attribute::Ints(vec![2, 2])),
        ];
        graph.node("Conv", &[x, w], attributes)
    });
    for same in ["SAME_UPPER", "SAME_LOWER", "VALID"] {
        holds(&[1, 8, 8], |graph, x| {
            let w = weight(graph, [2, 1, 3, 3]);
            let attributes = [("auto_pad", Attribute::Text(same.into())), ("strides", Attribute::Ints(vec![2, 2]))];
            graph.node("Conv", &[x, w], attributes)
        });
    }
}

#[test]
fn convolutions_that_move_by_single_pixels() {
    let of_groups = |channels, groups: i64, kernel: [usize; 4], pads: [i64; 4], dilations: [i64; 2]| {
        holds(&[channels, 7, 6], |graph, x| {
            let w = graph.constant("w", &kernel, numbers(kernel.iter().product(), 9));
            let attributes = [
                ("group", Attribute::Int(groups)),
                ("pads", Attribute::Ints(pads.to_vec())),
                ("dilations", Attribute::Ints(dilations.to_vec())),
            ];
            graph.node("Conv", &[x, w], attributes)
        });
    };
    of_groups(8, 1, [5, 8, 3, 2], [2, 1, 0, 0], [1, 1]);
    of_groups(9, 1, [2, 9, 2, 3], [0, 2, 1, 3], [2, 2]);
    of_groups(4, 2, [6, 2, 3, 3], [1, 1, 1, 1], [1, 1]);
    of_groups(3, 3, [3, 1, 3, 3], [1, 0, 2, 1], [1, 1]);
    // More padding than the window reaches.
    of_groups(8, 1, [4, 8, 1, 1], [1, 0, 0, 2], [1, 1]);
}

#[test]
fn matrix_products_turned_either_way() {
    for (turned, shape) in [(0, [5, 4]), (1, [4, 5])] {
        holds(&[5], |graph, x| {
            let (w, b) = (graph.constant("w", &shape, numbers(20, 9)), graph.constant("b", &[4], numbers(4, 8)));
            graph.node("Gemm", &[x, w, b], [("transB", Attribute::Int(turned)), ("alpha", Attribute::Float(0.7))])
        });
    }
    holds(&[5], |graph, x| {
        let w = graph.constant("w", &[4, 5], numbers(20, 9));
        let turned = graph.transpose(x, &[1, 0]);
        let product = graph.node("MatMul", &[w, turned], []);
        graph.transpose(product, &[1, 0])
    });
    holds(&[3, 5], |graph, x| {
        let w = graph.constant("w", &[5, 2], numbers(10, 9));
        graph.node("MatMul", &[x, w], [])
    });
    // Both factors hang on the input, and one is turned.
    holds(&[3, 5], |graph, x| {
        let turned = graph.transpose(x, &[0, 2, 1]);
        graph.node("MatMul", &[x, turned], [])
    });
    holds(&[3], |graph, x| graph.node("Gemm", &[x, x], [("transA", Attribute::Int(1))]));
}

#[test]
fn arithmetic_with_sides_of_one_stretched() {
    for operator in ["Add", "Sub", "Mul", "Div"] {
        for x_is_first in [true, false] {
            holds(&[3, 1, 4], |graph, x| {
                let wide: Vec<f32> = numbers(30, 9).iter().map(|value| value + 2.0 * value.signum()).collect();
                let c = graph.constant("c", &[3, 10, 1], wide);
                let far = graph.constant("far", &[], vec![4.0_f32]);
                let shifted = graph.add(x, far);
                let factors = if x_is_first { [shifted, c] } else { [c, shifted] };
                graph.node(operator, &factors, [])
            });
        }
    }
    holds(&[4], |graph, x| {
        let negative = graph.node("Neg", &[x], []);
        graph.mul(negative, x)
    });
}

#[test]
fn activations() {
    for operator in ["Relu", "Sigmoid", "Tanh", "LeakyRelu", "Identity", "Elu", "Erf", "Exp", "HardSwish"] {
        holds(&[7], |graph, x| graph.node(operator, &[x], []));
    }
    // Slopes beyond both bends, too.
    for operator in ["HardSigmoid", "HardSwish", "Elu", "Erf"] {
        holds(&[20], |graph, x| {
            let wide = graph.constant("wide", &[], vec![5.0_f32]);
            let wide = graph.mul(x, wide);
            graph.node(operator, &[wide], [])
        });
    }
    holds(&[3, 4], |graph, x| {
        let slope = graph.constant("slope", &[3, 1], vec![0.1, 0.2, -0.3]);
        graph.node("PRelu", &[x, slope], [])
    });
    for operator in ["Softmax", "LogSoftmax"] {
        holds(&[4, 3], |graph, x| graph.node(operator, &[x], [("axis", Attribute::Int(1))]));
        holds(&[4], |graph, x| graph.node(operator, &[x], []));
    }
    holds(&[4], |graph, x| {
        let far = graph.constant("far", &[], vec![3.0_f32]);
        let positive = graph.add(x, far);
        graph.node("Log", &[positive], [])
    });
    holds(&[4], |graph, x| {
        let far = graph.constant("far", &[], vec![3.0_f32]);
        let positive = graph.add(x, far);
        graph.node("Sqrt", &[positive], [])
    });
    for form in ["none", "tanh"] {
        holds_in(20, &[9], |graph, x| graph.node("Gelu", &[x], [("approximate", Attribute::Text(form.into()))]));
    }
    holds(&[9], |graph, x| {
        let [low, high] =
            [("low", -0.5_f32), ("high", 0.6)].map(|(name, value)| graph.constant(name, &[], vec![value]));
        graph.node("Clip", &[x, low, high], [])
    });
}

#[test]
fn normalisation_by_fixed_statistics() {
    holds(&[3, 2, 2], |graph, x| {
        let constant = |graph: &mut Graph, name: &str, values| graph.constant(name, &[3], values);
        let statistics = [
            constant(graph, "scale", vec![0.5, -1.0, 2.0]),
            constant(graph, "bias", vec![0.0, 1.0, 0.0]),
            constant(graph, "mean", vec![0.1, 0.2, -0.3]),
            constant(graph, "variance", vec![0.5, 1.5, 1.0]),
        ];
        graph.batch_norm(x, statistics, 1e-3)
    });
}

#[test]
fn normalisation_by_what_comes_in() {
    for (axis, shape) in [(-1, vec![4]), (1, vec![3, 4])] {
        holds(&[3, 4], |graph, x| {
            let count = shape.iter().product();
            let (scale, bias) =
                (graph.constant("scale", &shape, numbers(count, 9)), graph.constant("bias", &shape, numbers(count, 8)));
            graph.node("LayerNormalization", &[x, scale, bias], [("axis", Attribute::Int(axis))])
        });
    }
    for size in [3, 5] {
        holds(&[6, 2, 3], |graph, x| {
            let attributes = [("size", Attribute::Int(size)), ("alpha", Attribute::Float(0.8))];
            graph.node("LRN", &[x], attributes)
        });
    }
}

#[test]
fn powers() {
    let positive = |graph: &mut Graph, x| {
        let far = graph.constant("far", &[], vec![3.0_f32]);
        graph.add(x, far)
    };
    holds(&[3, 2], |graph, x| {
        let (base, exponent) = (positive(graph, x), graph.constant("exponent", &[2], vec![2.5_f32, -1.0]));
        graph.node("Pow", &[base, exponent], [])
    });
    holds(&[3], |graph, x| {
        let exponent = graph.constant("exponent", &[], vec![2_i64]);
        graph.node("Pow", &[x, exponent], [])
    });
    holds(&[3], |graph, x| {
        let base = graph.constant("base", &[], vec![2.5_f32]);
        graph.node("Pow", &[base, x], [])
    });
}

#[test]
fn sums_and_means_over_dimensions() {
    for keep in [0, 1] {
        holds(&[3, 4, 2], |graph, x| {
            let attributes = [("axes", Attribute::Ints(vec![-1, 1])), ("keepdims", Attribute::Int(keep))];
            let mean = graph.node("ReduceMean", &[x], attributes);
            graph.mul(mean, mean)
        });
        holds(&[3, 4, 2], |graph, x| {
            let axes = ints(graph, "axes", &[2]);
            let sum = graph.node("ReduceSum", &[x, axes], [("keepdims", Attribute::Int(keep))]);
            graph.mul(sum, sum)
        });
        holds_in(18, &[3, 4, 2], |graph, x| {
            let axes = ints(graph, "axes", &[1, 3]);
            let mean = graph.node("ReduceMean", &[x, axes], [("keepdims", Attribute::Int(keep))]);
            graph.mul(mean, mean)
        });
    }
}

#[test]
fn transposed_convolutions() {
    holds(&[4, 4, 5], |graph, x| {
        let w = graph.constant("w", &[4, 3, 3, 2], numbers(72, 9));
        let attributes = [
            ("group", Attribute::Int(2)),
            ("strides", Attribute::Ints(vec![2, 3])),
            ("pads", Attribute::Ints(vec![1, 0, 0, 1])),
            ("output_padding", Attribute::Ints(vec![1, 2])),
        ];
        graph.node("ConvTranspose", &[x, w], attributes)
    });
}

#[test]
fn larger_and_smaller_pictures() {
    let text = |value: &str| Attribute::Text(value.to_owned());
    for coordinates in ["half_pixel", "pytorch_half_pixel", "align_corners", "asymmetric"] {
        for mode in ["nearest", "linear"] {
            for scales in [[2.0_f32, 3.0], [0.5, 1.0], [1.7, 0.7]] {
                holds(&[2, 6, 5], |graph, x| {
                    let scales = graph.constant("scales", &[4], vec![1.0, 1.0, scales[0], scales[1]]);
                    let nothing = graph.constant("roi", &[0], Vec::<f32>::new());
                    let attributes = [("mode", text(mode)), ("coordinate_transformation_mode", text(coordinates))];
                    graph.node("Resize", &[x, nothing, scales], attributes)
                });
            }
        }
    }
    for nearest in ["floor", "ceil", "round_prefer_ceil", "round_prefer_floor"] {
        holds(&[1, 6, 5], |graph, x| {
            let scales = graph.constant("scales", &[4], vec![1.0_f32, 1.0, 1.5, 2.0]);
            let nothing = graph.constant("roi", &[0], Vec::<f32>::new());
            graph.node("Resize", &[x, nothing, scales], [("nearest_mode", text(nearest))])
        });
    }
}

#[test]
fn poolings_overlapping_too() {
    holds(&[3, 4, 5], |graph, x| graph.node("GlobalMaxPool", &[x], []));
    for (size, stride, padding) in [([2, 2], [2, 2], [0, 0]), ([3, 3], [2, 2], [1, 1]), ([3, 2], [1, 1], [0, 0])] {
        holds(&[2, 7, 6], |graph, x| graph.max_pool(x, Pooling { size, stride, padding }));
    }
    for padding in [[0, 0], [1, 1]] {
        holds(&[2, 7, 6], |graph, x| graph.average_pool(x, Pooling { size: [3, 2], stride: [2, 1], padding }));
    }
    holds(&[2, 7, 6], |graph, x| {
        let sides = [("kernel_shape", vec![3, 2]), ("strides", vec![2, 1]), ("pads", vec![0, 1, 1, 0])];
        let sides = sides.map(|(name, sides)| (name, Attribute::Ints(sides)));
        graph.node("AveragePool", &[x], sides.into_iter().chain([("count_include_pad", Attribute::Int(1))]))
    });
    holds(&[3, 4, 5], Graph::global_average_pool);
}

#[test]
fn moved_elements() {
    holds(&[2, 3, 4], |graph, x| {
        let flat = graph.flatten(x);
        let weighted = graph.mul(flat, flat);
        graph.reshape(weighted, &[0, 4, 6])
    });
    holds(&[2, 3, 4], |graph, x| graph.transpose(x, &[0, 3, 1, 2]));
    holds(&[2, 3], |graph, x| {
        let other = graph.relu(x);
        let both = graph.node("Concat", &[x, other, x], [("axis", Attribute::Int(-1))]);
        graph.mul(both, both)
    });
    holds(&[3, 7, 9], |graph, x| {
        let named =
            [("starts", vec![0, 1, -8]), ("ends", vec![99, 6, 9]), ("axes", vec![1, 2, 3]), ("steps", vec![1, 2, 3])];
        let [starts, ends, axes, steps] = named.map(|(name, values)| ints(graph, name, &values));
        graph.node("Slice", &[x, starts, ends, axes, steps], [])
    });
    holds(&[3, 5, 2], |graph, x| {
        let places = graph.constant("places", &[2, 3], vec![4_i64, 0, 0, -1, 2, 3]);
        graph.node("Gather", &[x, places], [("axis", Attribute::Int(2))])
    });
    holds(&[3, 5], |graph, x| {
        let place = graph.constant("place", &[], vec![1_i64]);
        graph.node("Gather", &[x, place], [("axis", Attribute::Int(1))])
    });
    holds(&[2, 4], |graph, x| {
        let pads = ints(graph, "pads", &[0, 1, 0, 0, 0, 2]);
        let padded = graph.node("Pad", &[x, pads], []);
        graph.mul(padded, padded)
    });
    holds_in(18, &[2, 4], |graph, x| {
        let (pads, axes) = (ints(graph, "pads", &[1, 2]), ints(graph, "axes", &[-1]));
        let zero = graph.constant("zero", &[], vec![0.0_f32]);
        let padded = graph.node("Pad", &[x, pads, zero, axes], []);
        graph.mul(padded, padded)
    });
    let parts = |graph: &mut Graph, parts: [Value; 2]| {
        let bent = graph.node("Exp", &[parts[1]], []);
        graph.node("Concat", &[bent, parts[0]], [("axis", Attribute::Int(1))])
    };
    for operator_set in [13, 17, 18, 22] {
        holds_in(operator_set, &[4, 3], |graph, x| {
            let lengths = ints(graph, "lengths", &[1, 3]);
            let split = graph.nodes::<2>("Split", &[x, lengths], [("axis", Attribute::Int(1))]);
            parts(graph, split)
        });
    }
    // In halves: what newer sets want to be told, older ones see by themselves.
    holds_in(13, &[4, 3], |graph, x| {
        let halves = graph.nodes::<2>("Split", &[x], [("axis", Attribute::Int(1))]);
        parts(graph, halves)
    });
    // Nothing hangs on the other half.
    holds(&[4, 3], |graph, x| {
        let halves = graph.nodes::<2>("Split", &[x], [("axis", Attribute::Int(1))]);
        graph.node("Exp", &[halves[1]], [])
    });
}

#[test]
fn what_has_no_gradient_is_named() {
    let refused = |build: &dyn Fn(&mut Graph, Value) -> Value| {
        let refused = Bench::new().error(&graph(&[4], build), ["x", "y"], &[4], [-1.0, 1.0], &[1e-3]);
        refused.expect_err("no gradient").to_string()
    };
    let strange = refused(&|graph, x| graph.node("Selu", &[x], []));
    assert!(strange.contains("'Selu'"), "{strange}");
    let nothing = refused(&|graph, x| graph.node("Floor", &[x], []));
    assert!(nothing.contains("does not depend"), "{nothing}");
}

#[test]
fn whole_classifiers_that_people_use() {
    if !Path::new(SHARED).exists() {
        println!("skipped: ../shared is missing");
        return;
    }
    const STEPS: [f32; 6] = [1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3];
    for (file, mut names, sides, range) in [
        ("gtsrb_cnn", ["image", "probabilities"], [3, 32, 32], [0.0, 1.0]),
        ("cifar10_resnet20", ["input", "logits"], [3, 32, 32], [-2.1, 2.6]),
        ("mnist_cnn", ["image", "logits"], [1, 28, 28], [0.0, 1.0]),
        ("chest_xray", ["radiograph", "probabilities"], [1, 128, 128], [0.0, 1.0]),
        ("students/cifar10", ["input", "logits"], [3, 32, 32], [-2.1, 2.6]),
        ("students/gtsrb", ["image", "probabilities"], [3, 32, 32], [0.0, 1.0]),
        ("mnist_cntk", ["Input3", "Plus214_Output_0"], [1, 28, 28], [0.0, 255.0]),
        ("imagenet_squeezenet", ["data_0", "softmaxout_1"], [3, 224, 224], [-124.0, 151.0]),
        ("imagenet_mobilenetv2", ["input", "logits"], [3, 224, 224], [-1.0, 1.0]),
        ("imagenet_mobilenetv1_025_128", ["input", "logits"], [3, 128, 128], [-1.0, 1.0]),
    ] {
        let path = Path::new(SHARED).join("models").join(file).with_extension("onnx");
        let mut graph = Graph::decode(&std::fs::read(path).expect("a file")).expect("a model");
        // Probabilities of noise are those of a class that is sure, and flat: their logits are not.
        let answer = graph.find(names[1]).expect("an answer");
        if let Some(logits) = graph.softmaxed(answer) {
            graph.output(logits, "logits of probabilities", Datatype::Fp32, &[None, None]);
            names[1] = "logits of probabilities";
        }
        // This one takes a single picture.
        let bench = if file == "mnist_cntk" { Bench { traced: 1, batch: 1, ..Bench::new() } } else { Bench::new() };
        let error = bench.error(&graph, names, &sides, range, &STEPS).expect("a gradient");
        println!("{file}: relative error {error:.1e}");
        assert!(error < 1e-2, "{file}: relative error {error:.1e}");
    }
}
