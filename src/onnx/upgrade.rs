//! Older operator sets brought to the one that gradients are written in.

use super::graph::{Attribute, Graph, Name, Node, Value};
use super::trace::Trace;
use crate::tensor::Elements;

/// The oldest operator set whose arithmetic stretches sides as today.
const OLDEST: i64 = 7;
/// The set that graphs are brought to.
pub(super) const UPGRADED: i64 = 20;

/// Why a graph stays as old as it is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UpgradeError {
    /// The graph is too old.
    #[error("the model is written in ONNX operator set {0}, and {OLDEST} is the oldest that is understood: convert it")]
    TooOld(i64),
    /// An operator is used in a way that newer sets write otherwise.
    #[error("'{operator}' of ONNX operator set {version} cannot be brought up to date: {problem}; convert the model")]
    Operator {
        /// The operator.
        operator: String,
        /// The set that it is written in.
        version: i64,
        /// What is in the way.
        problem: &'static str,
    },
}

impl Graph {
    /// The same graph in operator set 20, or as it is where it is newer. Values stay what they are, so `trace` holds for both.
    ///
    /// # Errors
    /// When it is older than operator set 7, or an operator means what newer ones can't say.
    pub fn upgraded(mut self, trace: &Trace) -> Result<Self, UpgradeError> {
        let version = self.standard_operator_set();
        if version >= UPGRADED {
            return Ok(self);
        }
        if version < OLDEST {
            return Err(UpgradeError::TooOld(version));
        }
        for at in 0..self.nodes.len() {
            if self.nodes[at].domain.is_empty() {
                let operator = self.nodes[at].operator.clone();
                let failed = |problem| UpgradeError::Operator { operator, version, problem };
                self.upgrade(at, version, trace).map_err(failed)?;
            }
        }
        self.operator_sets.retain(|set| !set.0.is_empty());
        self.operator_sets.push((String::new(), UPGRADED));
        Ok(self)
    }

    /// What each operator has changed since, by the set that brought it.
    fn upgrade(&mut self, at: usize, from: i64, trace: &Trace) -> Result<(), &'static str> {
        match self.nodes[at].operator.as_str() {
            "Clip" if from < 11 => {
                let bounds = [("min", f32::MIN), ("max", f32::MAX)];
                let bounds = bounds.map(|(name, default)| float(&mut self.nodes[at], name).unwrap_or(default));
                self.append(at, bounds.map(|bound| (Vec::new(), vec![bound].into())));
            }
            "Pad" if from < 11 => {
                let pads = ints(&mut self.nodes[at], "pads").ok_or("its pads are missing")?;
                let value = float(&mut self.nodes[at], "value").unwrap_or(0.0);
                self.append(at, [(vec![pads.len()], pads.into()), (Vec::new(), vec![value].into())]);
            }
            "Slice" if from < 10 => {
                let node = &mut self.nodes[at];
                let (starts, ends, axes) = (ints(node, "starts"), ints(node, "ends"), ints(node, "axes"));
                let (starts, ends) = starts.zip(ends).ok_or("its places are missing")?;
                let axes = axes.unwrap_or_else(|| (0..starts.len() as i64).collect());
                self.append(at, [starts, ends, axes].map(|numbers| (vec![numbers.len()], numbers.into())));
            }
            "Squeeze" | "Unsqueeze" | "ReduceSum" if from < 13 => self.append_ints(at, "axes"),
            "ReduceMean" | "ReduceMax" | "ReduceMin" | "ReduceProd" | "ReduceL1" | "ReduceL2" | "ReduceSumSquare"
            | "ReduceLogSum" | "ReduceLogSumExp"
                if from < 18 =>
            {
                self.append_ints(at, "axes")
            }
            "Split" if from < 18 => {
                self.append_ints(at, "split");
                let node = &mut self.nodes[at];
                if node.inputs.len() < 2 {
                    let count = Attribute::Int(node.outputs.len() as i64);
                    node.attributes.insert("num_outputs".to_owned(), count);
                }
            }
            "Dropout" => {
                let node = &mut self.nodes[at];
                "Identity".clone_into(&mut node.operator);
                node.attributes.clear();
                node.inputs.truncate(1);
                node.outputs.truncate(1);
            }
            "BatchNormalization" if from < 14 => {
                let node = &mut self.nodes[at];
                node.attributes.remove("spatial");
                node.outputs.truncate(1);
            }
            "Softmax" | "LogSoftmax" if from < 13 => return upgrade_softmax(&mut self.nodes[at], trace),
            "Resize" | "Upsample" if from < 11 => return Err("it knew no coordinates then"),
            _ => {}
        }
        Ok(())
    }

    fn append_ints(&mut self, at: usize, name: &str) {
        if let Some(numbers) = ints(&mut self.nodes[at], name) {
            self.append(at, [(vec![numbers.len()], numbers.into())]);
        }
    }

    /// Gives a node more inputs, of these shapes and contents.
    fn append<const N: usize>(&mut self, at: usize, inputs: [(Vec<usize>, Elements); N]) {
        for (shape, elements) in inputs {
            let input = self.store(Name::Numbered("parameter".to_owned()), shape, elements);
            self.nodes[at].inputs.push(Some(input));
        }
    }

    /// The version of ONNX's own operators.
    pub(super) fn standard_operator_set(&self) -> i64 {
        self.operator_sets.iter().find(|set| set.0.is_empty()).map_or(1, |set| set.1)
    }

    /// The whole numbers that a constant holds.
    pub(super) fn constant_integers(&self, value: Value) -> Option<&[i64]> {
        match &self.constants.iter().find(|constant| constant.value == value)?.elements {
            Elements::Int64(values) => Some(values),
            _ => None,
        }
    }
}

/// The older ones took all dimensions from `axis` on together.
fn upgrade_softmax(node: &mut Node, trace: &Trace) -> Result<(), &'static str> {
    let axis = match node.attributes.get("axis") {
        Some(&Attribute::Int(axis)) => axis,
        _ => 1,
    };
    let shape = node.outputs.first().copied().flatten().and_then(|output| trace.shape(output));
    let shape = shape.ok_or("its shape is not known")?;
    let counted = if axis < 0 { axis + shape.len() as i64 } else { axis };
    let behind = usize::try_from(counted).ok().and_then(|axis| shape.get(axis + 1..));
    if behind.is_none_or(|sides| sides.iter().any(|&side| side != 1)) {
        return Err("it spans several dimensions");
    }
    node.attributes.insert("axis".to_owned(), Attribute::Int(counted));
    Ok(())
}

fn ints(node: &mut Node, name: &str) -> Option<Vec<i64>> {
    match node.attributes.remove(name)? {
        Attribute::Ints(numbers) => Some(numbers),
        _ => None,
    }
}

fn float(node: &mut Node, name: &str) -> Option<f32> {
    match node.attributes.remove(name)? {
        Attribute::Float(number) => Some(number),
        _ => None,
    }
}
