//! ONNX files.

use portcullis::onnx::{Attribute, Convolution, Graph, Pooling};
use portcullis::proto::onnx::attribute_proto::AttributeType;
use portcullis::proto::onnx::tensor_proto::{DataLocation, DataType};
use portcullis::proto::onnx::{
    AttributeProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorProto, ValueInfoProto,
};
use portcullis::tensor::{Datatype, Elements};
use prost::Message;

use super::Seed;

/// A network, and graphs with whatever else a file may hold.
pub fn graphs() -> Vec<Seed> {
    vec![
        ("network", network().encode(&[("kind", "student")]).expect("the graph is whole")),
        ("constants", constants().encode_to_vec()),
        ("external", external().encode_to_vec()),
    ]
}

fn network() -> Graph {
    let mut graph = Graph::new("network");
    let x = graph.input("x", Datatype::Fp32, &[None, Some(1), Some(4), Some(4)]);
    let weight = graph.constant("weight", &[2, 1, 3, 3], vec![0.5; 18]);
    let maps = graph.conv(x, weight, None, Convolution { padding: [1, 1], ..Convolution::default() });
    let [mean, scale] = ["mean", "scale"].map(|name| graph.constant(name, &[2], vec![0.25, 1.0]));
    let maps = graph.batch_norm(maps, [scale, mean, mean, scale], 1e-5);
    let maps = graph.relu(maps);
    let pooled = graph.max_pool(maps, Pooling { size: [2, 2], stride: [2, 2], padding: [0, 0] });
    let flat = graph.flatten(pooled);
    let taken = graph.gather(flat, &[1, 0, -1], 1);
    let shaped = graph.reshape(taken, &[0, -1]);
    let padded = graph.node("Pad", &[shaped], [("mode", Attribute::Text("constant".into()))]);
    let softmax = graph.softmax(padded);
    graph.output(softmax, "y", Datatype::Fp32, &[None, Some(3)]);
    graph
}

/// Constants of every datatype, in the field of their type or raw.
fn constants() -> ModelProto {
    let tensor = |name: &str, data_type: DataType, dims: &[i64]| TensorProto {
        name: name.into(),
        data_type: data_type.into(),
        dims: dims.to_vec(),
        ..TensorProto::default()
    };
    let raw = |name: &str, data_type, elements: &Elements| TensorProto {
        raw_data: elements.to_raw(),
        ..tensor(name, data_type, &[elements.len() as i64])
    };
    let initializer = vec![
        TensorProto { float_data: vec![0.5, f32::NAN], ..tensor("floats", DataType::Float, &[1, 2]) },
        TensorProto { int32_data: vec![0x3c00, 0xc000], ..tensor("halves", DataType::Float16, &[2]) },
        TensorProto { int32_data: vec![1, 0, -1], ..tensor("booleans", DataType::Bool, &[3]) },
        TensorProto { int64_data: vec![i64::MIN], ..tensor("integer", DataType::Int64, &[]) },
        TensorProto { uint64_data: vec![u64::MAX], ..tensor("unsigned", DataType::Uint32, &[1]) },
        TensorProto { double_data: vec![1e300], ..tensor("doubles", DataType::Double, &[1]) },
        TensorProto { string_data: vec!["free".into(), "prize".into()], ..tensor("strings", DataType::String, &[2]) },
        raw("bytes", DataType::Uint8, &Elements::Uint8(vec![1, 2, 3])),
        raw("shorts", DataType::Int16, &Elements::Int16(vec![-1, 1])),
        tensor("empty", DataType::Float, &[0]),
    ];
    let input = ["x", "floats"].map(|name| ValueInfoProto { name: name.into(), ..ValueInfoProto::default() }).to_vec();
    let attribute = AttributeProto {
        name: "value".into(),
        r#type: AttributeType::Tensor.into(),
        t: Some(tensor("value", DataType::Int8, &[0])),
        ..AttributeProto::default()
    };
    let node = NodeProto {
        op_type: "Custom".into(),
        domain: "com.example".into(),
        input: vec!["x".into(), String::new(), "floats".into()],
        output: vec!["a".into(), String::new(), "b".into()],
        attribute: vec![attribute],
        ..NodeProto::default()
    };
    let output = vec![ValueInfoProto { name: "b".into(), ..ValueInfoProto::default() }];
    model(GraphProto {
        name: "constants".into(),
        initializer,
        input,
        node: vec![node],
        output,
        ..GraphProto::default()
    })
}

/// A constant that lies in another file.
fn external() -> ModelProto {
    let elsewhere = TensorProto {
        name: "w".into(),
        data_type: DataType::Float.into(),
        data_location: DataLocation::External.into(),
        ..TensorProto::default()
    };
    model(GraphProto { initializer: vec![elsewhere], ..GraphProto::default() })
}

fn model(graph: GraphProto) -> ModelProto {
    let opset_import = [("", 17), ("com.example", 1)];
    ModelProto {
        ir_version: 8,
        graph: Some(graph),
        opset_import: opset_import
            .map(|(domain, version)| OperatorSetIdProto { domain: domain.into(), version })
            .to_vec(),
        ..ModelProto::default()
    }
}
