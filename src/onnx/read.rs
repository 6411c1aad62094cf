//! A graph from an ONNX file.

use std::collections::{BTreeMap, HashMap};

use half::f16;
use prost::Message;

use super::graph::{Attribute, Constant, Graph, Name, Node, Port, Value};
use super::write::data_type;
use crate::proto::onnx::attribute_proto::AttributeType;
use crate::proto::onnx::tensor_proto::DataLocation;
use crate::proto::onnx::tensor_shape_proto::dimension;
use crate::proto::onnx::{AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto, type_proto};
use crate::tensor::{Datatype, Elements, TensorError};

/// Why a file is no graph that can be worked on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// It is not ONNX.
    #[error("it is no ONNX file: {0}")]
    NotOnnx(String),
    /// A node or an output takes what nothing before it makes.
    #[error("'{taker}' takes '{name}', which nothing before it makes")]
    Unknown {
        /// The node or output.
        taker: String,
        /// The tensor that is missing.
        name: String,
    },
    /// The elements of a constant are missing or of a type that is not read.
    #[error("the constant '{name}' cannot be read: {problem}")]
    Constant {
        /// Its name.
        name: String,
        /// What is wrong.
        problem: String,
    },
}

impl Graph {
    /// Reads an ONNX model (`.onnx`). Everything is kept that [`Graph::encode`] writes: functions, metadata and notes
    /// are not.
    ///
    /// # Errors
    /// When the bytes are no sound model, or its weights lie in other files.
    pub fn decode(bytes: &[u8]) -> Result<Self, ReadError> {
        let model = ModelProto::decode(bytes).map_err(|error| ReadError::NotOnnx(error.to_string()))?;
        let graph = model.graph.ok_or_else(|| ReadError::NotOnnx("it holds no graph".to_owned()))?;
        let mut reader = Reader { graph: Self::new(graph.name.clone()), known: HashMap::new() };
        reader.graph.operator_sets = model.opset_import.into_iter().map(|set| (set.domain, set.version)).collect();
        reader.read(graph)?;
        Ok(reader.graph)
    }
}

/// The graph as far as it is read, and which names are taken.
struct Reader {
    graph: Graph,
    known: HashMap<String, Value>,
}

impl Reader {
    fn read(&mut self, graph: GraphProto) -> Result<(), ReadError> {
        for tensor in graph.initializer {
            let constant = |problem| ReadError::Constant { name: tensor.name.clone(), problem };
            let shape = sides(&tensor.dims).ok_or_else(|| constant("a side is negative".to_owned()))?;
            let elements = elements(&tensor, &shape).map_err(constant)?;
            let value = self.name(tensor.name.clone());
            self.graph.constants.push(Constant { value, shape, elements });
        }
        for input in graph.input {
            // Old files list their constants among the inputs.
            if !self.known.contains_key(&input.name) {
                let port = Port { value: self.name(input.name.clone()), kind: kind(&input) };
                self.graph.inputs.push(port);
            }
        }
        for node in graph.node {
            self.node(node)?;
        }
        for output in graph.output {
            let port = Port { value: self.find(&output.name, "the model's output")?, kind: kind(&output) };
            self.graph.outputs.push(port);
        }
        Ok(())
    }

    fn node(&mut self, node: NodeProto) -> Result<(), ReadError> {
        let taker = format!("{} {}", node.op_type, node.name);
        let present = |name: &String| !name.is_empty();
        let inputs = node.input.iter().map(|name| present(name).then(|| self.find(name, &taker)).transpose());
        let inputs = inputs.collect::<Result<Vec<_>, _>>()?;
        let outputs = node.output.into_iter().map(|name| (!name.is_empty()).then(|| self.name(name))).collect();
        let attributes: BTreeMap<_, _> =
            node.attribute.into_iter().map(|message| (message.name.clone(), attribute(message))).collect();
        self.graph.nodes.push(Node { operator: node.op_type, domain: node.domain, inputs, outputs, attributes });
        Ok(())
    }

    fn name(&mut self, name: String) -> Value {
        let value = self.graph.value(Name::Given(name.clone()));
        self.known.insert(name, value);
        value
    }

    fn find(&self, name: &str, taker: &str) -> Result<Value, ReadError> {
        let unknown = || ReadError::Unknown { taker: taker.trim().to_owned(), name: name.to_owned() };
        self.known.get(name).copied().ok_or_else(unknown)
    }
}

fn attribute(message: AttributeProto) -> Attribute {
    match message.r#type() {
        AttributeType::Int => Attribute::Int(message.i),
        AttributeType::Ints => Attribute::Ints(message.ints),
        AttributeType::Float => Attribute::Float(message.f),
        AttributeType::String => match String::from_utf8(message.s.to_vec()) {
            Ok(text) => Attribute::Text(text),
            Err(_) => Attribute::Other(message.into()),
        },
        _ => Attribute::Other(message.into()),
    }
}

fn sides(dimensions: &[i64]) -> Option<Vec<usize>> {
    dimensions.iter().map(|&side| usize::try_from(side).ok()).collect()
}

/// Datatype and shape, where both are stated.
fn kind(info: &ValueInfoProto) -> Option<(Datatype, Vec<Option<usize>>)> {
    let type_proto::Value::TensorType(tensor) = info.r#type.as_ref()?.value.as_ref()?;
    let side = |value: &Option<dimension::Value>| match value {
        Some(dimension::Value::DimValue(side)) => usize::try_from(*side).ok(),
        _ => None,
    };
    let shape = tensor.shape.as_ref()?.dim.iter().map(|dimension| side(&dimension.value)).collect();
    Some((datatype(tensor.elem_type)?, shape))
}

fn datatype(number: i32) -> Option<Datatype> {
    Datatype::all().find(|&candidate| data_type(candidate) == number)
}

/// The elements of a tensor, which ONNX stores as raw bytes or in a field that suits their type.
fn elements(tensor: &TensorProto, shape: &[usize]) -> Result<Elements, String> {
    if tensor.data_location() == DataLocation::External {
        return Err("it lies in another file; save the model as one file".to_owned());
    }
    let datatype = datatype(tensor.data_type).ok_or_else(|| format!("its type {} is not known", tensor.data_type))?;
    let small = || tensor.int32_data.iter();
    let elements = match datatype {
        Datatype::Bytes => Elements::Bytes(tensor.string_data.clone()),
        _ if !tensor.raw_data.is_empty() => Elements::from_raw(datatype, shape, &tensor.raw_data).map_err(told)?,
        Datatype::Fp32 => Elements::Fp32(tensor.float_data.clone()),
        Datatype::Fp64 => Elements::Fp64(tensor.double_data.clone()),
        Datatype::Int64 => Elements::Int64(tensor.int64_data.clone()),
        Datatype::Uint64 => Elements::Uint64(tensor.uint64_data.clone()),
        Datatype::Uint32 => Elements::Uint32(tensor.uint64_data.iter().map(|&value| value as u32).collect()),
        Datatype::Int32 => Elements::Int32(tensor.int32_data.clone()),
        Datatype::Int16 => Elements::Int16(small().map(|&value| value as i16).collect()),
        Datatype::Int8 => Elements::Int8(small().map(|&value| value as i8).collect()),
        Datatype::Uint16 => Elements::Uint16(small().map(|&value| value as u16).collect()),
        Datatype::Uint8 => Elements::Uint8(small().map(|&value| value as u8).collect()),
        Datatype::Bool => Elements::Bool(small().map(|&value| value != 0).collect()),
        Datatype::Fp16 => Elements::Fp16(small().map(|&value| f16::from_bits(value as u16)).collect()),
    };
    elements.check_count(shape).map_err(told)?;
    Ok(elements)
}

fn told(error: TensorError) -> String {
    error.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::onnx::{Convolution, Pooling};

    #[test]
    fn what_is_read_is_what_was_written() {
        let mut graph = Graph::new("small");
        let x = graph.input("x", Datatype::Fp32, &[None, Some(1), Some(4), Some(4)]);
        let weight = graph.constant("weight", &[2, 1, 3, 3], vec![0.5; 18]);
        let maps = graph.conv(x, weight, None, Convolution { padding: [1, 1], ..Convolution::default() });
        let pooled = graph.max_pool(maps, Pooling { size: [2, 2], stride: [2, 2], padding: [0, 0] });
        let flat = graph.flatten(pooled);
        graph.output(flat, "y", Datatype::Fp32, &[None, Some(8)]);
        let bytes = graph.encode(&[]).unwrap();
        let read = Graph::decode(&bytes).unwrap();
        assert_eq!(read.encode(&[]).unwrap(), bytes);
        assert!(read.find("weight").is_some() && read.find("w").is_none());
    }

    #[test]
    fn constants_may_lie_in_the_field_of_their_type() {
        let fields = TensorProto {
            dims: vec![2],
            data_type: data_type(Datatype::Fp16),
            int32_data: vec![0x3c00, 0xc000],
            ..TensorProto::default()
        };
        let halves = Elements::Fp16(vec![f16::from_f32(1.0), f16::from_f32(-2.0)]);
        assert_eq!(elements(&fields, &[2]), Ok(halves));
        assert!(elements(&fields, &[3]).unwrap_err().contains("3 elements"));
        let elsewhere = TensorProto { data_location: DataLocation::External.into(), ..fields };
        assert!(elements(&elsewhere, &[2]).unwrap_err().contains("another file"));
    }

    #[test]
    fn a_broken_file_is_named_as_such() {
        assert!(matches!(Graph::decode(b"not a model"), Err(ReadError::NotOnnx(_))));
        let node = NodeProto { op_type: "Relu".into(), input: vec!["x".into()], ..NodeProto::default() };
        let graph = GraphProto { node: vec![node], ..GraphProto::default() };
        let model = ModelProto { graph: Some(graph), ..ModelProto::default() };
        let error = Graph::decode(&model.encode_to_vec()).unwrap_err();
        assert_eq!(error.to_string(), "'Relu' takes 'x', which nothing before it makes");
    }
}
