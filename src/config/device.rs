//! Where models run.

use std::fmt;
use std::str::FromStr;

use super::section::FromNode;
use super::tree::{Node, Value};

/// A processor that runs models.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Device {
    /// The CPU.
    Cpu,
    /// The NVIDIA GPU with this index, by CUDA.
    Cuda(u16),
}

impl fmt::Display for Device {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cpu => formatter.write_str("cpu"),
            Self::Cuda(index) => write!(formatter, "cuda:{index}"),
        }
    }
}

impl FromStr for Device {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            None if text == "cpu" => Ok(Self::Cpu),
            None if text == "cuda" => Ok(Self::Cuda(0)),
            Some(("cuda", index)) => index.parse().map(Self::Cuda).map_err(|_| ()),
            _ => Err(()),
        }
        .map_err(|()| format!("must be {}, not \"{text}\"", Self::EXPECTED))
    }
}

impl FromNode for Device {
    const EXPECTED: &'static str = "\"cpu\", \"cuda\" or, of several GPUs, one such as \"cuda:1\"";

    fn from_node(node: &Node) -> Option<Result<Self, String>> {
        let Value::String(text) = &node.value else { return None };
        Some(text.parse())
    }
}
