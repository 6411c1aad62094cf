//! What the values of a graph were when it was run once.

use std::collections::HashMap;

use super::graph::{Graph, Name, Port, Value};
use crate::tensor::{Elements, Tensor};

/// Shapes of all values and contents of whole numbers, as one run has shown them. Operators whose answer's shape hangs on
/// numbers inside the graph need no shape arithmetic then.
#[derive(Debug, Clone, Default)]
pub struct Trace {
    shapes: HashMap<Value, Vec<usize>>,
    integers: HashMap<Value, Vec<i64>>,
}

impl Graph {
    /// The same graph, every value that a node makes being an output: what a [`Trace`] is taken of.
    pub fn exposed(&self) -> Self {
        let made = self.nodes.iter().flat_map(|node| node.outputs.iter().flatten());
        let mut exposed = self.clone();
        exposed.outputs = made.map(|&value| Port { value, kind: None }).collect();
        exposed
    }
}

impl Trace {
    /// From the inputs and the outputs of one run of `graph`, [exposed](Graph::exposed). Every value must have a name, as
    /// in a graph that was read.
    pub fn new<'a>(graph: &Graph, run: impl IntoIterator<Item = &'a Tensor>) -> Self {
        let named = graph.names.iter().enumerate().filter_map(|(index, name)| match name {
            Name::Given(name) => Some((name.as_str(), Value(index))),
            Name::Numbered(_) => None,
        });
        let named: HashMap<&str, Value> = named.collect();
        let mut trace = Self::default();
        for tensor in run {
            if let Some(&value) = named.get(tensor.name.as_str()) {
                trace.note(value, &tensor.shape, &tensor.elements);
            }
        }
        for constant in &graph.constants {
            trace.note(constant.value, &constant.shape, &constant.elements);
        }
        trace
    }

    fn note(&mut self, value: Value, shape: &[usize], elements: &Elements) {
        self.shapes.insert(value, shape.to_vec());
        let integers = match elements {
            Elements::Int64(values) => values.clone(),
            Elements::Int32(values) => values.iter().map(|&value| value.into()).collect(),
            _ => return,
        };
        self.integers.insert(value, integers);
    }

    /// The sides of a value; the first is the batch's.
    pub(super) fn shape(&self, value: Value) -> Option<&[usize]> {
        self.shapes.get(&value).map(Vec::as_slice)
    }

    /// The whole numbers that a value holds.
    pub(super) fn integers(&self, value: Value) -> Option<&[i64]> {
        self.integers.get(&value).map(Vec::as_slice)
    }
}
