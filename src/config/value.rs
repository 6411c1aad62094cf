//! What a value that was typed can be read as: sizes, durations, addresses, names, and lists of them.

use std::path::PathBuf;
use std::time::Duration;

use super::address::{Address, Reach};
use super::evidence::Contents;
use super::mistake::Located;
use super::section::FromNode;
use super::tree::{Node, Value};
use super::types::{Measure, OnUndecided, Policy, Predictions};
use crate::tensor::{Colour, Datatype, Filter, Fit, Layout, OutputKind};

/// Names and numbers of the gRPC statuses that a refusal may have.
const BLOCK_STATUSES: [(&str, i32); 6] = [
    ("PERMISSION_DENIED", 7),
    ("INVALID_ARGUMENT", 3),
    ("FAILED_PRECONDITION", 9),
    ("ABORTED", 10),
    ("OUT_OF_RANGE", 11),
    ("UNAUTHENTICATED", 16),
];

/// A number of bytes.
pub(super) struct Size(pub(super) usize);

/// The number of a gRPC status that a refusal may have.
pub(super) struct BlockStatus(pub(super) i32);

impl FromNode for Size {
    const EXPECTED: &'static str = "a size such as \"64MiB\" or a number of bytes";

    fn from_node(node: &Node) -> Option<Result<Self, String>> {
        match &node.value {
            Value::Integer(bytes) => Some(usize::try_from(*bytes).map(Size).map_err(|_| "must not be negative".into())),
            Value::String(text) => Some(parse_size(text).ok_or_else(|| format!("must be {}", Self::EXPECTED))),
            _ => None,
        }
    }
}

fn parse_size(text: &str) -> Option<Size> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let unit: usize = match text[digits..].trim() {
        "" | "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return None,
    };
    text[..digits].parse::<usize>().ok()?.checked_mul(unit).map(Size)
}

impl FromNode for String {
    const EXPECTED: &'static str = "a string";

    fn from_node(node: &Node) -> Option<Result<Self, String>> {
        match &node.value {
            Value::String(text) if text.is_empty() => Some(Err("must not be empty".into())),
            Value::String(text) => Some(Ok(text.clone())),
            _ => None,
        }
    }
}

impl FromNode for PathBuf {
    const EXPECTED: &'static str = "a path";

    fn from_node(node: &Node) -> Option<Result<Self, String>> {
        String::from_node(node).map(|text| text.map(PathBuf::from))
    }
}

impl FromNode for bool {
    const EXPECTED: &'static str = "true or false";

    fn from_node(node: &Node) -> Option<Result<Self, String>> {
        match node.value {
            Value::Boolean(value) => Some(Ok(value)),
            _ => None,
        }
    }
}

impl FromNode for usize {
    const EXPECTED: &'static str = "a whole number";

    fn from_node(node: &Node) -> Option<Result<Self, String>> {
        match node.value {
            Value::Integer(number) => Some(Self::try_from(number).map_err(|_| "must not be negative".into())),
            _ => None,
        }
    }
}

impl FromNode for u32 {
    const EXPECTED: &'static str = usize::EXPECTED;

    fn from_node(node: &Node) -> Option<Result<Self, String>> {
        let narrow = |number: usize| Self::try_from(number).map_err(|_| "must be a number of 32 bits".to_owned());
        usize::from_node(node).map(|number| number.and_then(narrow))
    }
}

impl FromNode for f64 {
    const EXPECTED: &'static str = "a number";

    fn from_node(node: &Node) -> Option<Result<Self, String>> {
        match node.value {
            Value::Integer(number) => Some(Ok(number as Self)),
            Value::Float(number) if number.is_finite() => Some(Ok(number)),
            Value::Float(_) => Some(Err("must be finite".into())),
            _ => None,
        }
    }
}

impl FromNode for f32 {
    const EXPECTED: &'static str = "a number";

    fn from_node(node: &Node) -> Option<Result<Self, String>> {
        let narrow = |number: f64| match number as Self {
            narrow if narrow.is_finite() => Ok(narrow),
            _ => Err("must be a number of 32 bits, at most 3.4e38".to_owned()),
        };
        f64::from_node(node).map(|number| number.and_then(narrow))
    }
}

impl<T: FromNode> FromNode for Vec<T> {
    const EXPECTED: &'static str = "a list";

    fn from_node(node: &Node) -> Option<Result<Self, String>> {
        let Value::Array(items) = &node.value else { return None };
        let item = |item: &Node| {
            T::from_node(item)
                .unwrap_or_else(|| Err(format!("must hold {} only, not {}", T::EXPECTED, item.value.kind())))
        };
        Some(items.iter().map(item).collect())
    }
}

impl<T: FromNode> FromNode for Located<T> {
    const EXPECTED: &'static str = T::EXPECTED;

    fn from_node(node: &Node) -> Option<Result<Self, String>> {
        Some(T::from_node(node)?.map(|value| Self { value, at: node.at.clone() }))
    }
}

impl FromNode for [f32; 2] {
    const EXPECTED: &'static str = "a list of two numbers";

    fn from_node(node: &Node) -> Option<Result<Self, String>> {
        let numbers = Vec::<f32>::from_node(node)?;
        Some(numbers.and_then(|numbers| Self::try_from(numbers).map_err(|_| "must hold two numbers".into())))
    }
}

impl FromNode for Address {
    const EXPECTED: &'static str = "an address such as \"127.0.0.1:8001\"";

    fn from_node(node: &Node) -> Option<Result<Self, String>> {
        let Value::String(text) = &node.value else { return None };
        Some(text.parse())
    }
}

/// A duration that may be nothing.
pub(super) struct Pause(pub(super) Duration);

impl FromNode for Pause {
    const EXPECTED: &'static str = Duration::EXPECTED;

    fn from_node(node: &Node) -> Option<Result<Self, String>> {
        let Value::String(text) = &node.value else { return None };
        let duration = humantime::parse_duration(text);
        Some(duration.map(Self).map_err(|_| format!("must be {}", Self::EXPECTED)))
    }
}

impl FromNode for Duration {
    const EXPECTED: &'static str = "a duration such as \"250ms\"";

    fn from_node(node: &Node) -> Option<Result<Self, String>> {
        let Value::String(text) = &node.value else { return None };
        Some(match humantime::parse_duration(text) {
            Ok(duration) if !duration.is_zero() => Ok(duration),
            Ok(_) => Err("must be longer than nothing".into()),
            Err(_) => Err(format!("must be {}", Self::EXPECTED)),
        })
    }
}

/// Implements [`FromNode`] for a type whose values have names.
macro_rules! named {
    ($type:ty, $expected:literal, $($name:literal => $value:expr),+ $(,)?) => {
        impl FromNode for $type {
            const EXPECTED: &'static str = $expected;

            fn from_node(node: &Node) -> Option<Result<Self, String>> {
                let Value::String(text) = &node.value else { return None };
                Some(match text.as_str() {
                    $($name => Ok($value),)+
                    _ => Err(format!("must be {}, not \"{text}\"", Self::EXPECTED)),
                })
            }
        }
    };
}

named!(Policy, "\"monitor\", \"annotate\", \"block\" or \"restore\"",
    "monitor" => Self::Monitor, "annotate" => Self::Annotate, "block" => Self::Block, "restore" => Self::Restore);
named!(OnUndecided, "\"pass\" or \"block\"", "pass" => Self::Pass, "block" => Self::Block);
named!(Reach, "\"loopback\" or \"anywhere\"", "loopback" => Self::Loopback, "anywhere" => Self::Anywhere);
named!(Contents, "\"inputs\", \"hashes\" or \"records\"",
    "inputs" => Self::Inputs, "hashes" => Self::Hashes, "records" => Self::Records);
named!(Predictions, "\"upstream\" or \"replica\"", "upstream" => Self::Upstream, "replica" => Self::Replica);
named!(Measure, "\"kl\", \"jensen_shannon\" or \"surprise\"",
    "kl" => Self::Kl, "jensen_shannon" => Self::JensenShannon, "surprise" => Self::Surprise);
named!(Layout, "\"NCHW\" or \"NHWC\"", "NCHW" => Self::Nchw, "NHWC" => Self::Nhwc);
named!(Colour, "\"rgb\", \"bgr\" or \"grey\"",
    "rgb" => Self::Rgb, "bgr" => Self::Bgr, "grey" => Self::Grey, "gray" => Self::Grey);
named!(Fit, "\"stretch\", \"crop\" or \"pad\"", "stretch" => Self::Stretch, "crop" => Self::Crop, "pad" => Self::Pad);
named!(Filter, "\"nearest\", \"area\", \"bilinear\", \"bicubic\" or \"lanczos\"",
    "nearest" => Self::Nearest, "area" => Self::Area, "bilinear" => Self::Bilinear, "bicubic" => Self::Bicubic,
    "lanczos" => Self::Lanczos);
named!(OutputKind, "\"logits\" or \"probabilities\"",
    "logits" => Self::Logits, "probabilities" => Self::Probabilities);

impl FromNode for Datatype {
    const EXPECTED: &'static str = "a datatype such as \"FP32\"";

    fn from_node(node: &Node) -> Option<Result<Self, String>> {
        let Value::String(text) = &node.value else { return None };
        Some(text.parse().map_err(|_| format!("must be {}", Self::EXPECTED)))
    }
}

impl FromNode for BlockStatus {
    const EXPECTED: &'static str = "the name of a gRPC status";

    fn from_node(node: &Node) -> Option<Result<Self, String>> {
        let Value::String(text) = &node.value else { return None };
        let found = BLOCK_STATUSES.into_iter().find(|(name, _)| name == text);
        Some(found.map(|(_, code)| Self(code)).ok_or_else(|| match text.as_str() {
            "UNAVAILABLE" => "must not be UNAVAILABLE: clients would send the input again".to_owned(),
            _ => format!("must be one of {}", BLOCK_STATUSES.map(|(name, _)| name).join(", ")),
        }))
    }
}
