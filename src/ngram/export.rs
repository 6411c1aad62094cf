//! A student as an ONNX file with its teacher's contract.

use super::{FitError, Student};
use crate::onnx::{Attribute, Graph, Value};
use crate::tensor::{Datatype, OutputKind};

/// What an exported student takes and answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextContract {
    /// Name of its input.
    pub input: String,
    /// Whether it takes `N x 1` strings, not `N`.
    pub has_column: bool,
    /// Name of its output, `N x classes`.
    pub output: String,
    /// What the output means.
    pub kind: OutputKind,
}

/// What shorter messages of a batch are filled up with: no character, so that no row has it.
const FILLING: &str = "";

impl Student {
    /// The file's content, with these pairs of key and value as metadata. The file needs ONNX Runtime's own operator
    /// `Tokenizer` beside the standard ones, and no locale.
    ///
    /// # Errors
    /// When the graph can't be written.
    pub fn export(&self, contract: &TextContract, metadata: &[(&str, &str)]) -> Result<Vec<u8>, FitError> {
        Ok(self.graph(contract).encode(metadata)?)
    }

    fn graph(&self, contract: &TextContract) -> Graph {
        let mut graph = Graph::new("portcullis");
        let column = contract.has_column.then_some(Some(1));
        let shape: Vec<Option<usize>> = [None].into_iter().chain(column).collect();
        let given = graph.input(&contract.input, Datatype::Bytes, &shape);
        let characters = characters(&mut graph, given);
        let counts = self.counts(&mut graph, characters);
        // A row counts once however often it occurs, and all of a message have length 1 together.
        let present = graph.node("Sign", &[counts], []);
        let keepdims = [("axes", Attribute::Ints(vec![1])), ("keepdims", Attribute::Int(1))];
        let length = graph.node("ReduceL2", &[present], keepdims);
        let one = graph.constant("one", &[], vec![1.0_f32]);
        let length = graph.node("Max", &[length, one], []);
        let shares = graph.node("Div", &[present, length], []);
        let weights = graph.constant("weights", &[self.ngrams.count(), self.classes], self.weights.clone());
        let bias = graph.constant("bias", &[self.classes], self.bias.clone());
        let mut answer = graph.gemm(shares, weights, bias);
        if contract.kind == OutputKind::Probabilities {
            answer = graph.softmax(answer);
        }
        graph.output(answer, &contract.output, Datatype::Fp32, &[None, Some(self.classes)]);
        graph
    }

    /// How often each row of characters occurs: `N x rows`.
    fn counts(&self, graph: &mut Graph, characters: Value) -> Value {
        let by_length = self.ngrams.by_length();
        let mut pool = vec![];
        let mut starts = vec![];
        let mut places = vec![];
        for rows in &by_length {
            starts.push(pool.len() as i64);
            for (row, place) in rows {
                pool.extend(row.chars().map(String::from));
                places.push(i64::from(*place));
            }
        }
        let attributes = [
            ("mode", Attribute::Text("TF".to_owned())),
            ("min_gram_length", Attribute::Int(1)),
            ("max_gram_length", Attribute::Int(by_length.len() as i64)),
            ("max_skip_count", Attribute::Int(0)),
            ("pool_strings", Attribute::Texts(pool)),
            ("ngram_counts", Attribute::Ints(starts)),
            ("ngram_indexes", Attribute::Ints(places)),
        ];
        graph.node("TfIdfVectorizer", &[characters], attributes)
    }
}

/// The characters of each message, one a string: `N x longest`.
fn characters(graph: &mut Graph, messages: Value) -> Value {
    let messages = graph.reshape(messages, &[-1]);
    let attributes = [
        ("mark", Attribute::Int(0)),
        ("mincharnum", Attribute::Int(1)),
        ("pad_value", Attribute::Text(FILLING.to_owned())),
        ("separators", Attribute::Texts(vec![String::new()])),
    ];
    graph.contributed("Tokenizer", &[messages], attributes)
}
