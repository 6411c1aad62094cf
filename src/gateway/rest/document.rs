//! The JSON document of a request or an answer, read with a bound on what it takes in memory.
//!
//! Whatever two servers could read differently, such as a key that comes twice, is not read at all.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::marker::PhantomData;

use bytes::Bytes;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

use super::data;
use crate::detect::Reason;
use crate::gateway::message::room::Held;
use crate::proto::inference::InferParameter;
use crate::proto::inference::infer_parameter::ParameterChoice;

/// Tensors of a document, dimensions of a tensor and parameters of either, at most.
const TENSORS: usize = 256;
const DIMENSIONS: usize = 64;
const PARAMETERS: usize = 64;

/// How many of the bytes behind the document are a tensor's.
pub(super) const BINARY_SIZE: &str = "binary_data_size";

/// A request or an answer.
#[derive(serde::Deserialize)]
pub(super) struct Document<'a> {
    pub(super) id: Option<String>,
    pub(super) model_name: Option<String>,
    pub(super) model_version: Option<String>,
    #[serde(borrow, default)]
    pub(super) parameters: Parameters<'a>,
    #[serde(borrow, default)]
    pub(super) inputs: AtMost<Tensor<'a>, TENSORS>,
    #[serde(borrow, default)]
    pub(super) outputs: AtMost<Tensor<'a>, TENSORS>,
}

/// A tensor, or the name of one that is asked for.
#[derive(serde::Deserialize)]
pub(super) struct Tensor<'a> {
    pub(super) name: String,
    #[serde(default)]
    pub(super) datatype: String,
    #[serde(default)]
    pub(super) shape: AtMost<i64, DIMENSIONS>,
    #[serde(borrow, default)]
    pub(super) parameters: Parameters<'a>,
    #[serde(borrow)]
    pub(super) data: Option<&'a RawValue>,
}

impl<'a> Document<'a> {
    /// # Errors
    /// That it is no such document.
    pub(super) fn read(text: &'a [u8]) -> Result<Self, Reason> {
        serde_json::from_slice(text).map_err(|error| {
            tracing::debug!(%error, "the message is no document that can be read");
            Reason::Malformed
        })
    }
}

impl Tensor<'_> {
    /// Its bytes as gRPC would carry them: the next of those `behind` the document, or its JSON data made bytes, which take
    /// what `hold` gives them. Nothing where it has neither.
    ///
    /// # Errors
    /// When it has both, or either is not what it should be.
    pub(super) fn contents(
        &self,
        behind: &mut Bytes,
        hold: impl FnOnce(usize) -> Result<Held, Reason>,
    ) -> Result<Option<Bytes>, Reason> {
        match (self.parameters.0.get(BINARY_SIZE), self.data) {
            (Some(size), None) => {
                let size = serde_json::from_str::<usize>(size.get()).ok().filter(|&size| size <= behind.len());
                Ok(Some(behind.split_to(size.ok_or(Reason::Malformed)?)))
            }
            (None, Some(data)) => data::read(data, &self.datatype, hold).map(Some),
            (None, None) => Ok(None),
            (Some(_), Some(_)) => Err(Reason::Malformed),
        }
    }
}

/// Parameters, each once, unread until they are looked for.
#[derive(Default)]
pub(super) struct Parameters<'a>(HashMap<Cow<'a, str>, &'a RawValue>);

impl Parameters<'_> {
    /// As gRPC would carry them; what is neither text, number nor truth goes as its JSON.
    pub(super) fn to_protobuf(&self) -> HashMap<String, InferParameter> {
        let parameter = |(key, value): (&Cow<'_, str>, &&RawValue)| {
            let text = value.get();
            let value = if text.starts_with(['{', '[']) { None } else { serde_json::from_str(text).ok() };
            let choice = match value {
                Some(Value::Bool(value)) => ParameterChoice::BoolParam(value),
                Some(Value::String(value)) => ParameterChoice::StringParam(value),
                Some(Value::Number(number)) => match (number.as_i64(), number.as_u64(), number.as_f64()) {
                    (Some(value), ..) => ParameterChoice::Int64Param(value),
                    (_, Some(value), _) => ParameterChoice::Uint64Param(value),
                    (.., value) => ParameterChoice::DoubleParam(value.unwrap_or(f64::NAN)),
                },
                _ => ParameterChoice::StringParam(text.to_owned()),
            };
            (key.clone().into_owned(), InferParameter { parameter_choice: Some(choice) })
        };
        self.0.iter().map(parameter).collect()
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Parameters<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Unique;
        impl<'de> Visitor<'de> for Unique {
            type Value = Parameters<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("parameters")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut parameters = HashMap::new();
                while let Some((key, value)) = map.next_entry::<Key<'de>, _>()? {
                    if parameters.len() == PARAMETERS || parameters.insert(key.0, value).is_some() {
                        return Err(A::Error::custom("too many parameters, or one of them twice"));
                    }
                }
                Ok(Parameters(parameters))
            }
        }
        deserializer.deserialize_map(Unique)
    }
}

/// A key, not copied where it needs no unescaping.
#[derive(serde::Deserialize)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

/// A list of no more than `N`, so that short text does not swell.
pub(super) struct AtMost<T, const N: usize>(pub(super) Vec<T>);

impl<T, const N: usize> Default for AtMost<T, N> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: Deserialize<'de>, const N: usize> Deserialize<'de> for AtMost<T, N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Bounded<T, const N: usize>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>, const N: usize> Visitor<'de> for Bounded<T, N> {
            type Value = AtMost<T, N>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(formatter, "a list of at most {N}")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
                let mut list = Vec::new();
                while let Some(item) = items.next_element()? {
                    if list.len() == N {
                        return Err(A::Error::invalid_length(N + 1, &self));
                    }
                    list.push(item);
                }
                Ok(AtMost(list))
            }
        }
        deserializer.deserialize_seq(Bounded(PhantomData))
    }
}

/// The text with parameters put into the document's own, all else as it was; `None` where it is no document.
pub(super) fn annotated(text: &[u8], parameters: &[(&str, &str)]) -> Option<Vec<u8>> {
    let entry = |(key, value): &(&str, &str)| format!("{}:{}", Value::from(*key), Value::from(*value));
    let entries = parameters.iter().map(entry).collect::<Vec<_>>().join(",");
    let document: Parameters<'_> = serde_json::from_slice(text).ok()?;
    let (object, entries) = match document.0.get("parameters") {
        Some(theirs) => (theirs.get().as_bytes(), entries),
        None => (text.trim_ascii(), format!("\"parameters\":{{{entries}}}")),
    };
    let inside = object.strip_prefix(b"{")?.strip_suffix(b"}")?;
    let comma = if inside.trim_ascii().is_empty() { "" } else { "," };
    // `inside` lies in the text: the entries go before the brace that ends it.
    let brace = inside.as_ptr_range().end.addr() - text.as_ptr().addr();
    Some([&text[..brace], comma.as_bytes(), entries.as_bytes(), &text[brace..]].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_put_in_and_nothing_else_is_touched() {
        let annotated = |text: &str| {
            let annotated = annotated(text.as_bytes(), &[("a", "b"), ("c", "\"d\"")])?;
            Some(String::from_utf8(annotated).unwrap())
        };
        let ours = r#""a":"b","c":"\"d\"""#;
        for (text, expected) in [
            (r#"{"x":0.10}"#, format!(r#"{{"x":0.10,"parameters":{{{ours}}}}}"#)),
            ("{ } ", format!(r#"{{ "parameters":{{{ours}}}}} "#)),
            (r#"{"parameters":{},"x":1}"#, format!(r#"{{"parameters":{{{ours}}},"x":1}}"#)),
            (r#"{"x":1, "parameters" : {"n": 9 } }"#, format!(r#"{{"x":1, "parameters" : {{"n": 9 ,{ours}}} }}"#)),
        ] {
            assert_eq!(annotated(text), Some(expected));
        }
        for other in ["", "[]", "1", "{", r#"{"parameters":null}"#, r#"{"parameters":[]}"#, "no JSON"] {
            assert_eq!(annotated(other), None, "{other}");
        }
    }

    #[test]
    fn what_servers_read_differently_is_not_read() {
        let many = |one: &str, times: usize| vec![one; times].join(",");
        for text in [
            r#"{"inputs":[],"inputs":[]}"#,
            r#"{"inputs":[{"name":"a","data":[1],"data":[2]}]}"#,
            r#"{"inputs":[{"name":"a","shape":[1],"sh\u0061pe":[2]}]}"#,
            r#"{"inputs":[{"name":"a","parameters":{"b":1,"b":2}}]}"#,
            r#"{"inputs":[{"name":"a","parameters":{"b":1,"\u0062":2}}]}"#,
            r#"{"inputs":[{"name":"a","shape":[1.5]}]}"#,
            r#"{"inputs":{}}"#,
            r#"{"inputs":[]} {}"#,
            "\u{feff}{}",
            &format!(r#"{{"inputs":[{}]}}"#, many(r#"{"name":""}"#, TENSORS + 1)),
            &format!(r#"{{"inputs":[{{"name":"a","shape":[{}]}}]}}"#, many("1", DIMENSIONS + 1)),
        ] {
            assert_eq!(Document::read(text.as_bytes()).err(), Some(Reason::Malformed), "{text}");
        }
        assert_eq!(Document::read(b"{\"id\":\"\xff\"}").err(), Some(Reason::Malformed));
        let deep = format!(r#"{{"other":{}1{},"inputs":[]}}"#, "[".repeat(100_000), "]".repeat(100_000));
        assert!(Document::read(deep.as_bytes()).is_ok(), "depth that nobody looks at does no harm");
    }
}
