//! A graph as an ONNX file.

use std::collections::{HashMap, HashSet};

use prost::Message;

use super::graph::{Attribute, Constant, Graph, Name, Node, Port, Value};
use crate::proto::onnx::attribute_proto::AttributeType;
use crate::proto::onnx::tensor_proto::DataType;
use crate::proto::onnx::tensor_shape_proto::{self, Dimension};
use crate::proto::onnx::{
    AttributeProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, StringStringEntryProto, TensorProto,
    TensorShapeProto, TypeProto, ValueInfoProto, type_proto,
};
use crate::tensor::{Datatype, Elements, TensorError};

/// ONNX 1.12 and everything newer read this.
const IR_VERSION: i64 = 8;

/// The name of the first dimension where it may be any.
const BATCH: &str = "N";

/// Why a graph can't be written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GraphError {
    /// Two values were given the same name.
    #[error("two tensors of the graph are named '{0}'; give one of them another name")]
    SameName(String),
    /// A constant's shape and elements disagree.
    #[error("the constant '{name}' is wrong: {problem}")]
    Constant {
        /// Its name.
        name: String,
        /// How they disagree.
        problem: TensorError,
    },
    /// A node or an output was given a value of another graph.
    #[error("'{0}' takes a value that this graph did not make")]
    ForeignValue(String),
}

impl Graph {
    /// The file: an ONNX model with these pairs of key and value as its metadata.
    ///
    /// # Errors
    /// When the parts of the graph do not fit together.
    pub fn encode(&self, metadata: &[(&str, &str)]) -> Result<Vec<u8>, GraphError> {
        let entry = |&(key, value): &(&str, &str)| StringStringEntryProto { key: key.into(), value: value.into() };
        let model = ModelProto {
            ir_version: IR_VERSION,
            producer_name: env!("CARGO_PKG_NAME").into(),
            producer_version: env!("CARGO_PKG_VERSION").into(),
            graph: Some(self.message()?),
            opset_import: self.operator_sets.iter().cloned().map(operator_set).collect(),
            metadata_props: metadata.iter().map(entry).collect(),
            ..ModelProto::default()
        };
        Ok(model.encode_to_vec())
    }

    fn message(&self) -> Result<GraphProto, GraphError> {
        let names = self.distinct_names()?;
        let ports = |ports: &[Port]| ports.iter().map(|port| value_info(port, &names)).collect();
        Ok(GraphProto {
            name: self.name.clone(),
            node: (0..).zip(&self.nodes).map(|(at, node)| node_message(at, node, &names)).collect::<Result<_, _>>()?,
            initializer: self.constants.iter().map(|constant| tensor(constant, &names)).collect::<Result<_, _>>()?,
            input: ports(&self.inputs),
            output: ports(&self.outputs),
            ..GraphProto::default()
        })
    }

    /// The name of each value. Numbers go around names that were given.
    fn distinct_names(&self) -> Result<Vec<String>, GraphError> {
        let mut taken = HashSet::new();
        for name in &self.names {
            if let Name::Given(name) = name
                && !taken.insert(name.clone())
            {
                return Err(GraphError::SameName(name.clone()));
            }
        }
        let mut counts: HashMap<&str, usize> = HashMap::new();
        let mut next = |word| {
            let count = counts.entry(word).or_default();
            loop {
                *count += 1;
                let name = format!("{word}_{count}");
                if taken.insert(name.clone()) {
                    return name;
                }
            }
        };
        let distinct = self.names.iter().map(|name| match name {
            Name::Given(name) => name.clone(),
            Name::Numbered(word) => next(word.as_str()),
        });
        Ok(distinct.collect())
    }
}

fn operator_set((domain, version): (String, i64)) -> OperatorSetIdProto {
    OperatorSetIdProto { domain, version }
}

/// A node is called as its first output is. What is left out has an empty name.
fn node_message(at: usize, node: &Node, names: &[String]) -> Result<NodeProto, GraphError> {
    let named = |value: &Option<Value>| value.map_or(Some(String::new()), |value| names.get(value.0).cloned());
    let output: Vec<String> = node.outputs.iter().filter_map(named).collect();
    let name = output.iter().find(|name| !name.is_empty()).cloned().unwrap_or_else(|| format!("node_{at}"));
    let known = |value: &Option<Value>| named(value).ok_or_else(|| GraphError::ForeignValue(name.clone()));
    Ok(NodeProto {
        input: node.inputs.iter().map(known).collect::<Result<_, _>>()?,
        attribute: node.attributes.iter().map(|(name, attribute)| attribute_message(name, attribute)).collect(),
        op_type: node.operator.clone(),
        domain: node.domain.clone(),
        name,
        output,
        ..NodeProto::default()
    })
}

fn attribute_message(name: &str, attribute: &Attribute) -> AttributeProto {
    let message =
        |kind: AttributeType| AttributeProto { name: name.into(), r#type: kind.into(), ..AttributeProto::default() };
    match attribute {
        &Attribute::Int(i) => AttributeProto { i, ..message(AttributeType::Int) },
        Attribute::Ints(ints) => AttributeProto { ints: ints.clone(), ..message(AttributeType::Ints) },
        &Attribute::Float(f) => AttributeProto { f, ..message(AttributeType::Float) },
        Attribute::Text(text) => AttributeProto { s: text.clone().into(), ..message(AttributeType::String) },
        Attribute::Texts(texts) => {
            let strings = texts.iter().map(|text| text.clone().into()).collect();
            AttributeProto { strings, ..message(AttributeType::Strings) }
        }
        Attribute::Other(other) => *other.clone(),
    }
}

fn tensor(constant: &Constant, names: &[String]) -> Result<TensorProto, GraphError> {
    let Constant { value, shape, elements } = constant;
    let name = &names[value.0];
    elements.check_count(shape).map_err(|problem| GraphError::Constant { name: name.clone(), problem })?;
    let message = TensorProto {
        name: name.clone(),
        dims: shape.iter().copied().map(int).collect(),
        data_type: data_type(elements.datatype()),
        ..TensorProto::default()
    };
    Ok(match elements {
        Elements::Bytes(strings) => TensorProto { string_data: strings.clone(), ..message },
        numbers => TensorProto { raw_data: numbers.to_raw(), ..message },
    })
}

fn value_info(port: &Port, names: &[String]) -> ValueInfoProto {
    let name = names[port.value.0].clone();
    let Some((datatype, shape)) = &port.kind else { return ValueInfoProto { name, ..ValueInfoProto::default() } };
    let dimension = |(index, size): (usize, &Option<usize>)| {
        let value = match size {
            Some(size) => Some(tensor_shape_proto::dimension::Value::DimValue(int(*size))),
            None if index == 0 => Some(tensor_shape_proto::dimension::Value::DimParam(BATCH.into())),
            None => None,
        };
        Dimension { value, ..Dimension::default() }
    };
    let shape = TensorShapeProto { dim: shape.iter().enumerate().map(dimension).collect() };
    let tensor = type_proto::Tensor { elem_type: data_type(*datatype), shape: Some(shape) };
    ValueInfoProto {
        name,
        r#type: Some(TypeProto { value: Some(type_proto::Value::TensorType(tensor)), ..TypeProto::default() }),
        ..ValueInfoProto::default()
    }
}

/// A size as ONNX writes it; none comes near the largest number.
pub(super) fn int(size: usize) -> i64 {
    i64::try_from(size).unwrap_or(i64::MAX)
}

/// ONNX's number of a datatype.
pub(super) fn data_type(datatype: Datatype) -> i32 {
    let data_type = match datatype {
        Datatype::Bool => DataType::Bool,
        Datatype::Uint8 => DataType::Uint8,
        Datatype::Uint16 => DataType::Uint16,
        Datatype::Uint32 => DataType::Uint32,
        Datatype::Uint64 => DataType::Uint64,
        Datatype::Int8 => DataType::Int8,
        Datatype::Int16 => DataType::Int16,
        Datatype::Int32 => DataType::Int32,
        Datatype::Int64 => DataType::Int64,
        Datatype::Fp16 => DataType::Float16,
        Datatype::Fp32 => DataType::Float,
        Datatype::Fp64 => DataType::Double,
        Datatype::Bytes => DataType::String,
    };
    data_type.into()
}
