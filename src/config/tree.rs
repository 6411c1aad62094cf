//! What was typed: the TOML file as a tree whose every node knows where it came from, and overrides of it.

use std::borrow::Cow;
use std::collections::BTreeMap;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::mistake::{Location, Mistake};

/// Prefix of the variables that override the file.
const PREFIX: &str = "PORTCULLIS_";
/// What separates the parts of a key in a variable's name.
const SEPARATOR: &str = "__";
/// The most parts of an override's key: more than any key has, and few enough for a stack.
const MOST_PARTS: usize = 16;

/// A value and where it was typed.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) value: Value,
    pub(super) at: Location,
}

/// What was typed.
#[derive(Debug, Clone)]
pub(super) enum Value {
    String(String),
    Integer(i64),
    Float(f64),
    Boolean(bool),
    Array(Vec<Node>),
    Table(BTreeMap<String, Node>),
    /// Dates and numbers out of range: nothing here takes them.
    Other(&'static str),
}

impl Value {
    /// What it is, for messages.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::String(_) => "a string",
            Self::Integer(_) => "an integer",
            Self::Float(_) => "a number",
            Self::Boolean(_) => "true or false",
            Self::Array(_) => "a list",
            Self::Table(_) => "a table",
            Self::Other(kind) => kind,
        }
    }
}

/// Parses TOML as far as it goes; every syntax error is a mistake.
pub(super) fn parse(text: &str, mistakes: &mut Vec<Mistake>) -> Node {
    let (table, errors) = DeTable::parse_recoverable(text);
    let lines = Lines::of(text);
    mistakes.extend(errors.iter().map(|error| Mistake {
        at: error.span().map_or(Location::Default, |span| lines.at(span.start)),
        message: error.message().to_owned(),
    }));
    Node { value: Value::Table(table_nodes(table.into_inner(), &|offset| lines.at(offset))), at: Location::Line(1) }
}

/// Byte offsets at which lines start.
struct Lines(Vec<usize>);

impl Lines {
    fn of(text: &str) -> Self {
        Self(std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect())
    }

    fn at(&self, offset: usize) -> Location {
        Location::Line(self.0.partition_point(|&start| start <= offset))
    }
}

type Place<'a> = &'a dyn Fn(usize) -> Location;

fn table_nodes(table: DeTable<'_>, place: Place<'_>) -> BTreeMap<String, Node> {
    table
        .into_iter()
        .map(|(key, value)| {
            let at = place(key.span().start);
            let value = match node(value, place) {
                // A table's span may start anywhere; its key tells where the reader will look.
                Node { value: value @ Value::Table(_), .. } => value,
                node => node.value,
            };
            (key.into_inner().into_owned(), Node { value, at })
        })
        .collect()
}

fn node(value: Spanned<DeValue<'_>>, place: Place<'_>) -> Node {
    let at = place(value.span().start);
    let value = match value.into_inner() {
        DeValue::String(text) => Value::String(Cow::into_owned(text)),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            .map_or(Value::Other("a number out of range"), Value::Integer),
        DeValue::Float(number) => number.as_str().parse().map_or(Value::Other("a number out of range"), Value::Float),
        DeValue::Boolean(value) => Value::Boolean(value),
        DeValue::Datetime(_) => Value::Other("a date"),
        DeValue::Array(items) => Value::Array(items.into_iter().map(|item| node(item, place)).collect()),
        DeValue::Table(table) => Value::Table(table_nodes(table, place)),
    };
    Node { value, at }
}

/// The overrides: keys as lists of parts, in the order in which they apply.
pub(super) fn overrides(
    environment: impl IntoIterator<Item = (String, String)>,
    flags: &[(String, String)],
) -> Vec<(Vec<String>, String, Location)> {
    let mut variables: Vec<(String, String)> = environment
        .into_iter()
        .filter(|(name, _)| name.strip_prefix(PREFIX).is_some_and(|key| key.contains(SEPARATOR)))
        .collect();
    variables.sort();
    let from_environment = variables.into_iter().map(|(name, value)| {
        let key = name[PREFIX.len()..].split(SEPARATOR).map(str::to_owned).collect();
        (key, value, Location::Environment(name))
    });
    let from_flags = flags
        .iter()
        .map(|(key, value)| (key.split('.').map(str::to_owned).collect(), value.clone(), Location::Flag(key.clone())));
    from_environment.chain(from_flags).collect()
}

impl Node {
    /// Sets the value at `key`. Tables on the way are made; items of lists are found by index or by `name`.
    pub(super) fn set(&mut self, key: &[String], text: &str, at: &Location) -> Result<(), String> {
        if key.len() > MOST_PARTS {
            return Err(format!("no key has more than {MOST_PARTS} parts"));
        }
        self.set_part(key, text, at)
    }

    /// Sets the value of a key of a table at the top, unless there is one.
    pub(super) fn fill(&mut self, table: &str, key: &str, value: Self) {
        let Value::Table(root) = &mut self.value else { return };
        let empty = || Self { value: Value::Table(BTreeMap::new()), at: value.at.clone() };
        if let Value::Table(table) = &mut root.entry(table.to_owned()).or_insert_with(empty).value {
            table.entry(key.to_owned()).or_insert(value);
        }
    }

    fn set_part(&mut self, key: &[String], text: &str, at: &Location) -> Result<(), String> {
        let Some((part, rest)) = key.split_first() else {
            *self = typed(text, at)?;
            return Ok(());
        };
        match &mut self.value {
            Value::Table(table) => {
                let known = table.keys().find(|known| known.eq_ignore_ascii_case(part)).cloned();
                let name = known.unwrap_or_else(|| part.to_ascii_lowercase());
                let empty = || Node { value: Value::Table(BTreeMap::new()), at: at.clone() };
                table.entry(name).or_insert_with(empty).set_part(rest, text, at)
            }
            Value::Array(items) => {
                let position = part.parse().ok().filter(|&index: &usize| index < items.len());
                let position = position.or_else(|| items.iter().position(|item| item.is_named(part)));
                match position {
                    Some(position) => items[position].set_part(rest, text, at),
                    None => Err(format!("there is no '{part}'")),
                }
            }
            _ => Err(format!("'{part}' lies inside something that is no table")),
        }
    }

    fn is_named(&self, wanted: &str) -> bool {
        let Value::Table(table) = &self.value else { return false };
        let Some(Node { value: Value::String(name), .. }) = table.get("name") else { return false };
        name.eq_ignore_ascii_case(wanted)
    }
}

/// The text as a TOML value if it is one, else as a string; an error where it was meant as a list.
fn typed(text: &str, at: &Location) -> Result<Node, String> {
    let string = || Node { value: Value::String(text.to_owned()), at: at.clone() };
    match DeValue::parse(text).map(|value| node(value, &|_| at.clone())) {
        Ok(Node { value: Value::Other(_), .. }) => Ok(string()),
        Ok(node) => Ok(node),
        Err(_) if text.starts_with('[') && text.ends_with(']') => {
            Err(format!("'{text}' is no list; write numbers as 0.5 and strings in quotes"))
        }
        Err(_) => Ok(string()),
    }
}
