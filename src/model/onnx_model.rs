//! An ONNX model with one session a worker, or one on a GPU.

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use ort::session::builder::{GraphOptimizationLevel, PrepackedWeights, SessionBuilder};
use ort::session::{Session, SessionInputValue};
use ort::value::{DynValue, Outlet, TensorElementType, TensorRef, ValueType};
use sha2::{Digest, Sha256};

use super::device::register;
use super::runtime::{Busy, Runtime};
use super::workers::WorkerId;
use crate::config::Device;
use crate::tensor::{Datatype, Elements, Tensor};

/// Why a model could not be loaded or run.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ModelError {
    /// The file could not be read.
    #[error("cannot read the model {}: {problem}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        problem: String,
    },
    /// The file is no model that ONNX Runtime can load.
    #[error("{} is not a usable ONNX model: {problem}", .path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// What ONNX Runtime said, on one line.
        problem: String,
    },
    /// The inputs do not fit the model, or it failed on them.
    #[error("the model refused its input: {0}")]
    Run(String),
    /// An output has a type that the protocol cannot carry.
    #[error("output '{0}' has a type that cannot be sent")]
    OutputType(String),
}

/// A tensor of a model's signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Port {
    /// Its name.
    pub name: String,
    /// Its element type.
    pub datatype: Datatype,
    /// Its dimensions; `None` where any size goes.
    pub shape: Vec<Option<usize>>,
}

/// A loaded model: its signature, its identity and its sessions.
pub struct OnnxModel {
    path: PathBuf,
    sha256: String,
    inputs: Vec<Port>,
    outputs: Vec<Port>,
    sessions: Vec<Mutex<Session>>,
    busy: Busy,
}

impl OnnxModel {
    /// Loads the model once for each of `workers` workers; weights that ONNX Runtime repacks are shared. On a GPU it is
    /// loaded once: that runs one prediction at a time in any case, and its memory is dear.
    ///
    /// # Errors
    /// When the file can't be read or is no usable model.
    pub fn load(runtime: &Runtime, path: &Path, workers: usize, intra_threads: usize) -> Result<Self, ModelError> {
        let bytes = std::fs::read(path)
            .map_err(|error| ModelError::Read { path: path.to_owned(), problem: error.to_string() })?;
        Self::from_bytes(runtime, path, &bytes, workers, intra_threads)
    }

    /// As [`OnnxModel::load`], from a file's content; `path` is what errors call it.
    ///
    /// # Errors
    /// When it is no usable model.
    pub fn from_bytes(
        runtime: &Runtime,
        path: &Path,
        bytes: &[u8],
        workers: usize,
        intra_threads: usize,
    ) -> Result<Self, ModelError> {
        let invalid = |error: ort::Error| ModelError::Invalid { path: path.to_owned(), problem: one_line(&error) };
        let prepacked = PrepackedWeights::new();
        let sessions = match runtime.device() {
            Device::Cpu => workers.max(1),
            Device::Cuda(_) => 1,
        };
        let sessions = (0..sessions)
            .map(|_| open_session(runtime, bytes, intra_threads, &prepacked))
            .collect::<Result<Vec<_>, _>>()
            .map_err(invalid)?;
        let ports = |outlets: &[Outlet]| {
            outlets
                .iter()
                .map(|outlet| {
                    port(outlet).ok_or_else(|| ModelError::Invalid {
                        path: path.to_owned(),
                        problem: format!("'{}' is not a tensor of a type that the protocol knows", outlet.name()),
                    })
                })
                .collect::<Result<Vec<_>, _>>()
        };
        let (inputs, outputs) = (ports(sessions[0].inputs())?, ports(sessions[0].outputs())?);
        Ok(Self {
            path: path.to_owned(),
            sha256: hex::encode(Sha256::digest(bytes)),
            inputs,
            outputs,
            sessions: sessions.into_iter().map(Mutex::new).collect(),
            busy: runtime.stopwatch(),
        })
    }

    /// The file it came from.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// SHA-256 of the file, in hexadecimal.
    pub fn sha256(&self) -> &str {
        &self.sha256
    }

    /// What it takes.
    pub fn inputs(&self) -> &[Port] {
        &self.inputs
    }

    /// What it answers.
    pub fn outputs(&self) -> &[Port] {
        &self.outputs
    }

    /// The batch size that the model insists on, where it does.
    pub fn fixed_batch(&self) -> Option<usize> {
        self.inputs.iter().find_map(|input| input.shape.first().copied().flatten())
    }

    /// Runs the model on this worker's session and returns the outputs named in `wanted` (all where it is empty).
    ///
    /// # Errors
    /// When the inputs do not fit.
    pub fn run(&self, worker: WorkerId, inputs: &[Tensor], wanted: &[String]) -> Result<Vec<Tensor>, ModelError> {
        let failed = |error: ort::Error| ModelError::Run(one_line(&error));
        let values = inputs
            .iter()
            .map(|tensor| Ok((Cow::from(tensor.name.as_str()), input_value(tensor)?)))
            .collect::<ort::Result<Vec<_>>>()
            .map_err(failed)?;
        let mut session = self.sessions[worker.0 % self.sessions.len()].lock().unwrap_or_else(PoisonError::into_inner);
        let outputs = self.busy.time(|| session.run(values)).map_err(failed)?;
        outputs
            .iter()
            .filter(|(name, _)| wanted.is_empty() || wanted.iter().any(|wanted| wanted == name))
            .map(|(name, value)| output_tensor(name, &value).ok_or_else(|| ModelError::OutputType(name.to_owned())))
            .collect()
    }
}

fn open_session(
    runtime: &Runtime,
    bytes: &[u8],
    intra_threads: usize,
    prepacked: &PrepackedWeights,
) -> ort::Result<Session> {
    let builder: SessionBuilder = Session::builder(&runtime.environment)?
        .with_optimization_level(GraphOptimizationLevel::All)?
        .with_intra_threads(intra_threads.max(1))?
        .with_intra_op_spinning(false)?
        .with_prepacked_weights(prepacked)?;
    register(builder, runtime.device())?.commit_from_memory(bytes)
}

/// ONNX Runtime's messages run over several lines; ours do not.
pub(super) fn one_line(error: &ort::Error) -> String {
    error.to_string().split_whitespace().collect::<Vec<_>>().join(" ")
}

fn port(outlet: &Outlet) -> Option<Port> {
    let ValueType::Tensor { ty, shape, .. } = outlet.dtype() else { return None };
    Some(Port {
        name: outlet.name().to_owned(),
        datatype: datatype(*ty)?,
        shape: shape.iter().map(|&side| usize::try_from(side).ok()).collect(),
    })
}

fn datatype(element: TensorElementType) -> Option<Datatype> {
    Some(match element {
        TensorElementType::Bool => Datatype::Bool,
        TensorElementType::Uint8 => Datatype::Uint8,
        TensorElementType::Uint16 => Datatype::Uint16,
        TensorElementType::Uint32 => Datatype::Uint32,
        TensorElementType::Uint64 => Datatype::Uint64,
        TensorElementType::Int8 => Datatype::Int8,
        TensorElementType::Int16 => Datatype::Int16,
        TensorElementType::Int32 => Datatype::Int32,
        TensorElementType::Int64 => Datatype::Int64,
        TensorElementType::Float16 => Datatype::Fp16,
        TensorElementType::Float32 => Datatype::Fp32,
        TensorElementType::Float64 => Datatype::Fp64,
        TensorElementType::String => Datatype::Bytes,
        _ => return None,
    })
}

fn input_value(tensor: &Tensor) -> ort::Result<SessionInputValue<'_>> {
    macro_rules! borrowed {
        ($($kind:ident),*) => {
            match &tensor.elements {
                $(Elements::$kind(values) => {
                    TensorRef::from_array_view((tensor.shape.as_slice(), values.as_slice()))?.into()
                })*
                Elements::Bytes(values) => {
                    let strings: Vec<String> =
                        values.iter().map(|value| String::from_utf8_lossy(value).into_owned()).collect();
                    ort::value::Tensor::from_string_array((tensor.shape.as_slice(), strings.as_slice()))?.into()
                }
            }
        };
    }
    Ok(borrowed!(Bool, Uint8, Uint16, Uint32, Uint64, Int8, Int16, Int32, Int64, Fp16, Fp32, Fp64))
}

fn output_tensor(name: &str, value: &DynValue) -> Option<Tensor> {
    macro_rules! owned {
        ($($element:ident => $kind:ident: $type:ty),*) => {
            match value.dtype().tensor_type()? {
                $(TensorElementType::$element => {
                    let (shape, values) = value.try_extract_tensor::<$type>().ok()?;
                    (sides(shape), Elements::$kind(values.to_vec()))
                })*
                TensorElementType::String => {
                    let (shape, strings) = value.try_extract_strings().ok()?;
                    (sides(shape), Elements::Bytes(strings.into_iter().map(Bytes::from).collect()))
                }
                _ => return None,
            }
        };
    }
    let (shape, elements) = owned!(
        Bool => Bool: bool, Uint8 => Uint8: u8, Uint16 => Uint16: u16, Uint32 => Uint32: u32, Uint64 => Uint64: u64,
        Int8 => Int8: i8, Int16 => Int16: i16, Int32 => Int32: i32, Int64 => Int64: i64,
        Float16 => Fp16: half::f16, Float32 => Fp32: f32, Float64 => Fp64: f64
    );
    Tensor::new(name, shape, elements).ok()
}

fn sides(shape: &[i64]) -> Vec<usize> {
    shape.iter().map(|&side| usize::try_from(side).unwrap_or(0)).collect()
}
