//! Reading a table key by key: types are checked, ranges are checked, and what nobody asked for is a mistake.

use std::collections::BTreeMap;

use super::mistake::{Located, Location, Mistake};
use super::tree::{Node, Value};

/// Names closer than this are offered as what may have been meant (Jaro-Winkler similarity, of 1).
const SIMILAR: f64 = 0.8;

/// A table that is being read.
pub(super) struct Section<'a> {
    /// Its place, such as `models[0].input`; empty at the top.
    path: String,
    /// Where it starts.
    pub(super) at: Location,
    table: BTreeMap<String, Node>,
    asked: Vec<&'static str>,
    pub(super) mistakes: &'a mut Vec<Mistake>,
}

/// A type that a node can be read as.
pub(super) trait FromNode: Sized {
    /// What is expected, for messages.
    const EXPECTED: &'static str;

    /// The value, or `None` where the node is of another type; `Err` says what is wrong with a value of the right one.
    fn from_node(node: &Node) -> Option<Result<Self, String>>;
}

impl<'a> Section<'a> {
    /// The node as a section; a mistake, and an empty section, where it is no table.
    pub(super) fn new(path: String, node: Node, mistakes: &'a mut Vec<Mistake>) -> Self {
        let Node { value, at } = node;
        let table = match value {
            Value::Table(table) => table,
            other => {
                mistakes.push(Mistake { at: at.clone(), message: format!("{path} is {}, not a table", other.kind()) });
                BTreeMap::new()
            }
        };
        Self { path, at, table, asked: Vec::new(), mistakes }
    }

    /// The full name of a key.
    pub(super) fn name(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    /// Notes a mistake about a key.
    pub(super) fn wrong(&mut self, at: Location, key: &str, problem: impl std::fmt::Display) {
        let message = format!("{} {problem}", self.name(key));
        self.mistakes.push(Mistake { at, message });
    }

    /// Whether the key was typed.
    pub(super) fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    /// The raw value of a key, if it was typed.
    pub(super) fn take(&mut self, key: &'static str) -> Option<Node> {
        self.asked.push(key);
        self.table.remove(key)
    }

    /// The value of a key, if it was typed and is right.
    pub(super) fn optional<T: FromNode>(&mut self, key: &'static str) -> Option<Located<T>> {
        let node = self.take(key)?;
        match T::from_node(&node) {
            Some(Ok(value)) => Some(Located { value, at: node.at }),
            Some(Err(problem)) => {
                self.wrong(node.at, key, problem);
                None
            }
            None => {
                self.wrong(node.at, key, format_args!("must be {}, not {}", T::EXPECTED, node.value.kind()));
                None
            }
        }
    }

    /// The value of a key, which must be there.
    pub(super) fn required<T: FromNode>(&mut self, key: &'static str) -> Option<Located<T>> {
        if !self.table.contains_key(key) {
            self.asked.push(key);
            self.wrong(self.at.clone(), key, "is missing");
            return None;
        }
        self.optional(key)
    }

    /// The value of a key, or its default.
    pub(super) fn or<T: FromNode>(&mut self, key: &'static str, default: T) -> T {
        self.optional(key).map_or(default, |located| located.value)
    }

    /// A table below this one; where it was not typed, an empty one that starts where this one does.
    pub(super) fn section(&mut self, key: &'static str) -> Section<'_> {
        let empty = Node { value: Value::Table(BTreeMap::new()), at: self.at.clone() };
        let node = self.take(key).unwrap_or(empty);
        Section::new(self.name(key), node, self.mistakes)
    }

    /// Reads each table of a list of tables.
    pub(super) fn sections<T>(&mut self, key: &'static str, mut read: impl FnMut(Section<'_>) -> Option<T>) -> Vec<T> {
        let Some(node) = self.take(key) else { return Vec::new() };
        let Value::Array(items) = node.value else {
            self.wrong(node.at, key, format_args!("must be a list of tables ([[{key}]]), not {}", node.value.kind()));
            return Vec::new();
        };
        let name = self.name(key);
        items
            .into_iter()
            .enumerate()
            .filter_map(|(index, item)| read(Section::new(format!("{name}[{index}]"), item, self.mistakes)))
            .collect()
    }

    /// Ends the reading: whatever is left was not asked for.
    pub(super) fn end(self) {
        for (key, node) in &self.table {
            let near = self.asked.iter().map(|asked| (strsim::jaro_winkler(asked, key), asked));
            let nearest = near.max_by(|a, b| a.0.total_cmp(&b.0)).filter(|(similarity, _)| *similarity >= SIMILAR);
            let hint = match nearest {
                Some((_, asked)) => format!("; did you mean '{asked}'?"),
                None => format!("; known here: {}", self.asked.join(", ")),
            };
            let message = format!("{} is not a known key{hint}", self.name(key));
            self.mistakes.push(Mistake { at: node.at.clone(), message });
        }
    }
}
