//! A read-only view of inference requests and responses: decoded for the examination, never sent on.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use prost::Message;
use sha2::{Digest, Sha256};

use crate::detect::Reason;
use crate::model::{ContractError, Distribution, InputSpec, OutputSpec, TokenSpec, decode_text};
use crate::proto::inference::model_infer_request::InferInputTensor;
use crate::proto::inference::model_infer_response::InferOutputTensor;
use crate::proto::inference::{InferParameter, InferTensorContents, ModelInferRequest, ModelInferResponse};
use crate::tensor::{Datatype, Elements, Item, Tensor, TensorError, Tokens};

/// Why a tensor could not be read from a message.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub(crate) enum ViewError {
    #[error("the message cannot be decoded")]
    Undecodable,
    #[error("input '{0}' is missing")]
    Missing(String),
    #[error("'{0}' has its contents elsewhere, in shared memory")]
    Elsewhere(String),
    #[error("input '{0}' is given twice")]
    Twice(String),
    #[error("raw and typed contents are mixed")]
    MixedContents,
    #[error("input '{0}': {1}")]
    Tensor(String, TensorError),
    #[error("input '{0}' has shape {1:?}, expected [N] or [N, 1]")]
    Elements(String, Vec<i64>),
    #[error("input '{0}' holds {1} elements, more than the {2} that may be inspected at once")]
    TooMany(String, usize, usize),
    #[error(transparent)]
    Contract(#[from] ContractError),
}

impl ViewError {
    /// The reason under which it is counted.
    pub(crate) fn reason(&self) -> Reason {
        match self {
            Self::Undecodable | Self::MixedContents | Self::Twice(_) => Reason::Malformed,
            Self::Missing(_) => Reason::InputMissing,
            Self::Elsewhere(_) => Reason::SharedMemory,
            Self::TooMany(..) | Self::Contract(ContractError::TextTooLong { .. } | ContractError::TooMany { .. }) => {
                Reason::TooLarge
            }
            Self::Contract(ContractError::Text { .. }) => Reason::Text,
            Self::Tensor(_, TensorError::UnknownDatatype(_)) | Self::Contract(ContractError::Datatype { .. }) => {
                Reason::Datatype
            }
            Self::Tensor(_, TensorError::NotOfType(..)) => Reason::Values,
            Self::Tensor(..)
            | Self::Elements(..)
            | Self::Contract(
                ContractError::Shape { .. } | ContractError::EmptyBatch { .. } | ContractError::Tokens { .. },
            ) => Reason::Shape,
            Self::Contract(_) => Reason::Values,
        }
    }
}

/// Decodes a request; raw contents stay slices of `message`.
pub(crate) fn request(message: Bytes) -> Result<ModelInferRequest, ViewError> {
    ModelInferRequest::decode(message).map_err(|_| ViewError::Undecodable)
}

/// What a client sent in the place of one item.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Sent {
    /// Pixels or a text that were read, and what from, if that was a tensor.
    Item(Item, Option<Origin>),
    /// An encoded picture that is yet to be decoded.
    File(Bytes),
    /// Tokens whose text is yet to be told, and what they were read from.
    Tokens(Tokens, Origin),
}

impl Sent {
    /// What it was read from.
    pub(crate) fn origin(&self) -> Option<Origin> {
        match self {
            Self::Item(_, origin) => origin.clone(),
            Self::File(file) => Some(Origin::Element(file.clone())),
            Self::Tokens(_, origin) => Some(origin.clone()),
        }
    }
}

/// One item as it was sent. Cheap to clone.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Origin {
    /// In a tensor, at this place of the batch.
    Tensor(Arc<Tensor>, usize),
    /// An element of `BYTES`: a file or a text.
    Element(Bytes),
}

impl Origin {
    /// Memory that it keeps, in bytes: its share of a tensor, which its neighbours keep too.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::Tensor(tensor, _) => {
                let elements = tensor.elements.len() * tensor.elements.datatype().size().unwrap_or_default();
                elements / tensor.shape.first().copied().unwrap_or(1).max(1)
            }
            Self::Element(element) => element.len(),
        }
    }

    /// SHA-256 in hexadecimal: of an item's elements in little-endian order, or of a file or a text.
    pub(crate) fn sha256(&self) -> String {
        let bytes = match self {
            Self::Tensor(tensor, index) => tensor.item(*index).elements.to_raw(),
            Self::Element(element) => element.clone(),
        };
        hex::encode(Sha256::digest(bytes))
    }
}

/// The most that is examined of `BYTES`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Most {
    /// Elements of a request.
    pub(crate) elements: usize,
    /// Bytes of a text.
    pub(crate) text: usize,
}

/// What the guarded tensor holds, one an item of the batch; an item that cannot be read does not harm the others.
pub(crate) fn sent(
    request: &ModelInferRequest,
    spec: &InputSpec,
    most: Most,
) -> Result<Vec<Result<Sent, ViewError>>, ViewError> {
    let position = only_position(request, spec.sent_name())?;
    if spec.takes_bytes() {
        check_elements(&request.inputs[position], most.elements)?;
    } else if let InputSpec::Tokens(spec) = spec {
        return tokens(request, position, spec, most.elements);
    }
    sent_in(input_tensor(request, position)?, spec, most.text)
}

/// As [`sent`], of the tensor itself; a text may have `longest` bytes.
pub(crate) fn sent_in(
    tensor: Tensor,
    spec: &InputSpec,
    longest: usize,
) -> Result<Vec<Result<Sent, ViewError>>, ViewError> {
    let actual = tensor.elements.datatype();
    let name = &tensor.name;
    match (spec, tensor.elements) {
        (InputSpec::Picture(spec), elements) if spec.encoded.is_none() => {
            let items = spec.decode(&tensor.shape, &elements)?.into_iter().enumerate();
            let tensor = Arc::new(Tensor { elements, ..tensor });
            let origin = |index| Some(Origin::Tensor(tensor.clone(), index));
            Ok(items.map(|(index, item)| Ok(Sent::Item(item?.into(), origin(index)))).collect())
        }
        (InputSpec::Picture(_), Elements::Bytes(files)) => {
            Ok(files.into_iter().map(|file| Ok(Sent::File(file))).collect())
        }
        (InputSpec::Text(spec), Elements::Bytes(texts)) => {
            let item =
                |text: Bytes| Ok(Sent::Item(Item::Text(spec.decode(&text, longest)?), Some(Origin::Element(text))));
            Ok(texts.into_iter().map(item).collect())
        }
        (InputSpec::Tokens(_), Elements::Bytes(texts)) => {
            let item = |text: Bytes| {
                Ok(Sent::Item(Item::Text(decode_text(name, &text, longest)?), Some(Origin::Element(text))))
            };
            Ok(texts.into_iter().map(item).collect())
        }
        (InputSpec::Tokens(spec), elements) => {
            spec.check(&tensor.shape, usize::MAX)?;
            rows(Tensor { elements, ..tensor }, None, None, spec)
        }
        _ => Err(ContractError::Datatype { name: tensor.name, expected: Datatype::Bytes, actual }.into()),
    }
}

/// The tokens of each text: of the ids in the input at `position` and of what belongs to them. Their shape is checked before
/// anything is read.
fn tokens(
    request: &ModelInferRequest,
    position: usize,
    spec: &TokenSpec,
    most: usize,
) -> Result<Vec<Result<Sent, ViewError>>, ViewError> {
    let input = &request.inputs[position];
    let sides = input.shape.iter().map(|&side| usize::try_from(side)).collect::<Result<Vec<_>, _>>();
    let sides = sides.map_err(|_| ViewError::Tensor(input.name.clone(), TensorError::Shape(input.shape.clone())))?;
    spec.check(&sides, most)?;
    let beside = |name: &Option<String>| match name {
        Some(name) => input_tensor(request, only_position(request, name)?).map(Some),
        None => Ok(None),
    };
    let (mask, types) = (beside(&spec.mask)?, beside(&spec.types)?);
    rows(input_tensor(request, position)?, mask.as_ref(), types.as_ref(), spec)
}

fn rows(
    ids: Tensor,
    mask: Option<&Tensor>,
    types: Option<&Tensor>,
    spec: &TokenSpec,
) -> Result<Vec<Result<Sent, ViewError>>, ViewError> {
    let rows = spec.rows(&ids, mask, types)?;
    let ids = Arc::new(ids);
    let sent = |(at, row)| Ok(Sent::Tokens(row, Origin::Tensor(ids.clone(), at)));
    Ok(rows.into_iter().enumerate().map(sent).collect())
}

/// Refuses a tensor that is no list of `BYTES`, or of more than `most`, before the list is made.
fn check_elements(input: &InferInputTensor, most: usize) -> Result<(), ViewError> {
    let name = || input.name.clone();
    let actual = input.datatype.parse().map_err(|error| ViewError::Tensor(name(), error))?;
    if actual != Datatype::Bytes {
        return Err(ContractError::Datatype { name: name(), expected: Datatype::Bytes, actual }.into());
    }
    let items = match input.shape[..] {
        [items] | [items, 1] if items > 0 => usize::try_from(items).unwrap_or(usize::MAX),
        _ => return Err(ViewError::Elements(name(), input.shape.clone())),
    };
    if items > most { Err(ViewError::TooMany(name(), items, most)) } else { Ok(()) }
}

/// Where the one input of this name is. Two of a name are refused: who knows which of them the classifier takes.
pub(crate) fn only_position(request: &ModelInferRequest, name: &str) -> Result<usize, ViewError> {
    let mut positions = request.inputs.iter().enumerate().filter(|(_, input)| input.name == name);
    match (positions.next(), positions.next()) {
        (Some((position, _)), None) => Ok(position),
        (None, _) => Err(ViewError::Missing(name.to_owned())),
        (Some(_), Some(_)) => Err(ViewError::Twice(name.to_owned())),
    }
}

/// The input tensor at `position` of the request.
pub(crate) fn input_tensor(request: &ModelInferRequest, position: usize) -> Result<Tensor, ViewError> {
    let input = &request.inputs[position];
    let typed = request.inputs.iter().any(|input| input.contents.is_some());
    if typed && !request.raw_input_contents.is_empty() {
        return Err(ViewError::MixedContents);
    }
    if is_elsewhere(&input.parameters) {
        return Err(ViewError::Elsewhere(input.name.clone()));
    }
    let raw = if typed {
        None
    } else {
        let slot = request.inputs[..position].iter().filter(|input| !is_elsewhere(&input.parameters)).count();
        Some(request.raw_input_contents.get(slot).ok_or_else(|| ViewError::Missing(input.name.clone()))?)
    };
    tensor(&input.name, &input.datatype, &input.shape, raw, input.contents.as_ref())
        .map_err(|error| ViewError::Tensor(input.name.clone(), error))
}

/// Checks that all outputs are to come in the answer, where they can be withheld.
pub(crate) fn check_outputs(request: &ModelInferRequest) -> Result<(), ViewError> {
    match request.outputs.iter().find(|output| is_elsewhere(&output.parameters)) {
        Some(output) => Err(ViewError::Elsewhere(output.name.clone())),
        None => Ok(()),
    }
}

/// Whether a tensor with these parameters has its contents in a shared-memory region.
pub(crate) fn is_elsewhere(parameters: &HashMap<String, InferParameter>) -> bool {
    parameters.contains_key("shared_memory_region")
}

fn tensor(
    name: &str,
    datatype: &str,
    shape: &[i64],
    raw: Option<&Bytes>,
    typed: Option<&InferTensorContents>,
) -> Result<Tensor, TensorError> {
    let datatype: Datatype = datatype.parse()?;
    let sides: Vec<usize> = shape
        .iter()
        .map(|&side| usize::try_from(side))
        .collect::<Result<_, _>>()
        .map_err(|_| TensorError::Shape(shape.to_vec()))?;
    let elements = match (raw, typed) {
        (Some(raw), _) => Elements::from_raw(datatype, &sides, raw)?,
        (None, Some(typed)) => typed_elements(datatype, typed)?,
        (None, None) => typed_elements(datatype, &InferTensorContents::default())?,
    };
    Tensor::new(name, sides, elements)
}

/// Typed contents, narrowed to the datatype as the protocol lays down; what does not fit is refused, for servers cut it
/// off or hold it in bounds as they like. FP16 travels raw only.
fn typed_elements(datatype: Datatype, contents: &InferTensorContents) -> Result<Elements, TensorError> {
    Ok(match datatype {
        Datatype::Bool => Elements::Bool(contents.bool_contents.clone()),
        Datatype::Uint8 => Elements::Uint8(narrowed(datatype, &contents.uint_contents)?),
        Datatype::Uint16 => Elements::Uint16(narrowed(datatype, &contents.uint_contents)?),
        Datatype::Uint32 => Elements::Uint32(contents.uint_contents.clone()),
        Datatype::Uint64 => Elements::Uint64(contents.uint64_contents.clone()),
        Datatype::Int8 => Elements::Int8(narrowed(datatype, &contents.int_contents)?),
        Datatype::Int16 => Elements::Int16(narrowed(datatype, &contents.int_contents)?),
        Datatype::Int32 => Elements::Int32(contents.int_contents.clone()),
        Datatype::Int64 => Elements::Int64(contents.int64_contents.clone()),
        Datatype::Fp16 => Elements::Fp16(Vec::new()),
        Datatype::Fp32 => Elements::Fp32(contents.fp32_contents.clone()),
        Datatype::Fp64 => Elements::Fp64(contents.fp64_contents.clone()),
        Datatype::Bytes => Elements::Bytes(contents.bytes_contents.clone()),
    })
}

fn narrowed<W: Copy + Into<i64>, N: TryFrom<W>>(datatype: Datatype, wide: &[W]) -> Result<Vec<N>, TensorError> {
    let narrow = |&number: &W| N::try_from(number).map_err(|_| TensorError::NotOfType(number.into(), datatype));
    wide.iter().map(narrow).collect()
}

/// What a response predicts for each item; an item without a prediction does not harm the others.
pub(crate) type Predictions = Vec<Result<Distribution, Reason>>;

/// The predictions of a response; an error in words for the log where there are none.
pub(crate) fn predictions_of(
    response: &ModelInferResponse,
    spec: &OutputSpec,
    items: usize,
) -> Result<Predictions, String> {
    let position = response
        .outputs
        .iter()
        .position(|output| output.name == spec.name)
        .ok_or_else(|| format!("output '{}' is not in the answer", spec.name))?;
    let tensor = output_tensor(response, position).map_err(|error| error.to_string())?;
    let values = tensor.elements.to_f32().ok_or("the output holds no numbers")?;
    let predictions = spec.decode(items, &values).map_err(|error| error.to_string())?;
    Ok(predictions.into_iter().map(|prediction| prediction.map_err(|_| Reason::Prediction)).collect())
}

/// The output tensor at `position` of the response.
pub(crate) fn output_tensor(response: &ModelInferResponse, position: usize) -> Result<Tensor, TensorError> {
    let InferOutputTensor { name, datatype, shape, contents, .. } = &response.outputs[position];
    tensor(name, datatype, shape, response.raw_output_contents.get(position), contents.as_ref())
}

/// Whether the answer will hold f(x): the guarded output is asked for once, in the message, and as it is.
pub(crate) fn asks_for_plain_output(request: &ModelInferRequest, spec: &OutputSpec) -> bool {
    let mut asked = request.outputs.iter().filter(|output| output.name == spec.name);
    match (asked.next(), asked.next()) {
        (None, _) => request.outputs.is_empty(),
        (Some(_), Some(_)) => false,
        (Some(output), None) => !output.parameters.contains_key("classification") && !is_elsewhere(&output.parameters),
    }
}

#[cfg(test)]
mod tests;
