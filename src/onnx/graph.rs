//! A graph that is built value by value.

use std::collections::BTreeMap;

use crate::proto::onnx::AttributeProto;
use crate::tensor::{Datatype, Elements};

/// The operator set that graphs are built with: ONNX 1.12 and everything newer know it.
pub(super) const OPERATOR_SET: i64 = 17;

/// Domain and version of the operators that ONNX Runtime has beside ONNX's own.
const CONTRIBUTED: (&str, i64) = ("com.microsoft", 1);

/// A tensor that flows through the graph that made it: an input, a constant or what a node answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Value(pub(super) usize);

/// A parameter of an operator that does not flow through the graph.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Attribute {
    Int(i64),
    Ints(Vec<i64>),
    Float(f32),
    Text(String),
    Texts(Vec<String>),
    /// One that was read from a file and is of no concern here: it is written as it was.
    Other(Box<AttributeProto>),
}

/// Operators applied to values, from inputs and constants to outputs.
///
/// Building never fails; what does not fit together is told by [`Graph::encode`]. Shapes and datatypes between the nodes
/// are the runtime's to check, when it loads the file.
#[derive(Debug, Clone, PartialEq)]
pub struct Graph {
    pub(super) name: String,
    /// The name of each value.
    pub(super) names: Vec<Name>,
    pub(super) inputs: Vec<Port>,
    pub(super) constants: Vec<Constant>,
    /// In the order in which they were added, so that a node's inputs come before it.
    pub(super) nodes: Vec<Node>,
    pub(super) outputs: Vec<Port>,
    /// The versions of the operator sets that the nodes are written in: domain and version.
    pub(super) operator_sets: Vec<(String, i64)>,
}

/// What a value is called.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Name {
    /// By the caller: it stays as it is.
    Given(String),
    /// After this word; numbered when the graph is written.
    Numbered(String),
}

/// A value that comes in or goes out.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Port {
    pub(super) value: Value,
    /// Its datatype and dimensions, `None` where any size goes; nothing where the runtime finds out by itself.
    pub(super) kind: Option<(Datatype, Vec<Option<usize>>)>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Constant {
    pub(super) value: Value,
    pub(super) shape: Vec<usize>,
    pub(super) elements: Elements,
}

/// One application of an operator.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Node {
    pub(super) operator: String,
    /// Of the operator; empty for ONNX's own.
    pub(super) domain: String,
    /// `None` where an optional input is left out.
    pub(super) inputs: Vec<Option<Value>>,
    /// `None` where nobody asks for an output.
    pub(super) outputs: Vec<Option<Value>>,
    pub(super) attributes: BTreeMap<String, Attribute>,
}

impl Graph {
    /// An empty graph.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            names: Vec::new(),
            inputs: Vec::new(),
            constants: Vec::new(),
            nodes: Vec::new(),
            outputs: Vec::new(),
            operator_sets: vec![(String::new(), OPERATOR_SET)],
        }
    }

    /// What `value` is the softmax of, where it is one: the logits of probabilities.
    pub fn softmaxed(&self, value: Value) -> Option<Value> {
        let made = self.nodes.iter().find(|node| node.outputs.contains(&Some(value)))?;
        (made.operator == "Softmax").then(|| made.inputs.first().copied().flatten()).flatten()
    }

    /// Lets nothing out any more.
    pub fn close(&mut self) {
        self.outputs.clear();
    }

    /// The value of this name, if one was given it.
    pub fn find(&self, name: &str) -> Option<Value> {
        let is_called = |candidate: &Name| matches!(candidate, Name::Given(given) if given == name);
        self.names.iter().position(is_called).map(Value)
    }

    /// A tensor that comes in. `None` in `shape` stands for any size; the first dimension of all inputs and outputs is the
    /// batch, and where it may be any, it is the same for all.
    pub fn input(&mut self, name: impl Into<String>, datatype: Datatype, shape: &[Option<usize>]) -> Value {
        let value = self.value(Name::Given(name.into()));
        self.inputs.push(Port { value, kind: Some((datatype, shape.to_vec())) });
        value
    }

    /// A tensor that is stored in the file, in row-major order. An empty `shape` makes a scalar.
    pub fn constant(&mut self, name: impl Into<String>, shape: &[usize], elements: impl Into<Elements>) -> Value {
        self.store(Name::Given(name.into()), shape.to_vec(), elements.into())
    }

    /// What `operator` of ONNX's operator set 17 answers on these inputs.
    pub fn node(
        &mut self,
        operator: &str,
        inputs: &[Value],
        attributes: impl IntoIterator<Item = (&'static str, Attribute)>,
    ) -> Value {
        let [output] = self.nodes(operator, inputs, attributes);
        output
    }

    /// Applies an operator that gives several answers.
    pub fn nodes<const N: usize>(
        &mut self,
        operator: &str,
        inputs: &[Value],
        attributes: impl IntoIterator<Item = (&'static str, Attribute)>,
    ) -> [Value; N] {
        self.nodes_of("", operator, inputs, attributes)
    }

    /// What `operator` answers that ONNX Runtime has beside ONNX's own: only it runs the graph then.
    pub fn contributed(
        &mut self,
        operator: &str,
        inputs: &[Value],
        attributes: impl IntoIterator<Item = (&'static str, Attribute)>,
    ) -> Value {
        if self.operator_sets.iter().all(|(domain, _)| domain != CONTRIBUTED.0) {
            self.operator_sets.push((CONTRIBUTED.0.to_owned(), CONTRIBUTED.1));
        }
        let [output] = self.nodes_of(CONTRIBUTED.0, operator, inputs, attributes);
        output
    }

    fn nodes_of<const N: usize>(
        &mut self,
        domain: &str,
        operator: &str,
        inputs: &[Value],
        attributes: impl IntoIterator<Item = (&'static str, Attribute)>,
    ) -> [Value; N] {
        let outputs = [(); N].map(|()| self.value(Name::Numbered(operator.to_owned())));
        let attributes = attributes.into_iter().map(|(name, attribute)| (name.to_owned(), attribute)).collect();
        let (operator, domain) = (operator.to_owned(), domain.to_owned());
        let inputs = inputs.iter().copied().map(Some).collect();
        self.nodes.push(Node { operator, domain, inputs, outputs: outputs.map(Some).to_vec(), attributes });
        outputs
    }

    /// Lets `value` out under a name. See [`Graph::input`] for its shape.
    pub fn output(
        &mut self,
        value: Value,
        name: impl Into<String>,
        datatype: Datatype,
        shape: &[Option<usize>],
    ) -> Value {
        let has_a_name = !matches!(self.names.get(value.0), Some(Name::Numbered(_)));
        let value = if has_a_name { self.node("Identity", &[value], []) } else { value };
        self.names[value.0] = Name::Given(name.into());
        self.outputs.push(Port { value, kind: Some((datatype, shape.to_vec())) });
        value
    }

    /// Whole numbers, one-dimensional, that a node takes beside its input.
    pub(super) fn integers(&mut self, word: &str, values: &[i64]) -> Value {
        self.store(Name::Numbered(word.to_owned()), vec![values.len()], values.to_vec().into())
    }

    /// One number that a node takes beside its input.
    pub(super) fn number(&mut self, word: &str, value: f32) -> Value {
        self.store(Name::Numbered(word.to_owned()), Vec::new(), vec![value].into())
    }

    pub(super) fn store(&mut self, name: Name, shape: Vec<usize>, elements: Elements) -> Value {
        let value = self.value(name);
        self.constants.push(Constant { value, shape, elements });
        value
    }

    pub(super) fn value(&mut self, name: Name) -> Value {
        self.names.push(name);
        Value(self.names.len() - 1)
    }
}
