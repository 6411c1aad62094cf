//! How input tensors encode the tokens of a text.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::ContractError;
use crate::model::tokenizer::{Tokenizer, TokenizerError};
use crate::tensor::{Datatype, Elements, Item, Tensor, TensorError, Tokenised, Tokens};

/// A text is given up unseen where its tokens are so many times as long as it may be: spellings of tokens are longer than
/// what they spell, but not by more.
const SPELT: usize = 4;

/// How input tensors encode a text: as ids of tokens in one of the shape `[N, length]`, and beside it, if the model takes
/// them, marks of what is padding and numbers of parts, in tensors of the same shape.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenSpec {
    /// Name of the tensor of ids.
    pub name: String,
    /// Element type of all tensors: INT64 or INT32.
    pub datatype: Datatype,
    /// Tokens of every text, where the model insists on a number.
    pub length: Option<usize>,
    /// Name of the tensor that says what is padding.
    pub mask: Option<String>,
    /// Name of the tensor that says which part a token belongs to.
    pub types: Option<String>,
    /// Name of the tensor of `BYTES` that clients send in the place of all these, if they do.
    pub text: Option<String>,
    /// What makes tokens of a text.
    pub tokenizer: Tokenizer,
}

impl TokenSpec {
    /// Names of the model's tensors, that of ids first.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        [Some(&self.name), self.mask.as_ref(), self.types.as_ref()].into_iter().flatten().map(String::as_str)
    }

    /// Checks the `shape` of a tensor of ids with no more than `most` texts.
    ///
    /// # Errors
    /// When it is another one, empty, or too large.
    pub fn check(&self, shape: &[usize], most: usize) -> Result<(), ContractError> {
        let name = || self.name.clone();
        let [items, length] = *shape else {
            return Err(ContractError::Tokens { name: name(), problem: format!("shape {shape:?}, not [N, length]") });
        };
        if items == 0 || length == 0 {
            return Err(ContractError::EmptyBatch { name: name() });
        }
        if let Some(expected) = self.length.filter(|&expected| expected != length) {
            let problem = format!("{length} tokens of each text, not {expected}");
            return Err(ContractError::Tokens { name: name(), problem });
        }
        let limits = [("texts", items, most), ("tokens of each text", length, self.tokenizer.most())];
        match limits.into_iter().find(|(_, actual, most)| actual > most) {
            Some((what, actual, most)) => Err(ContractError::TooMany { name: name(), what, actual, most }),
            None => Ok(()),
        }
    }

    /// The tokens of each text: of a tensor of ids and, where they are given, of those beside it.
    ///
    /// # Errors
    /// When a tensor has another shape than that of ids, or another type.
    pub fn rows(
        &self,
        ids: &Tensor,
        mask: Option<&Tensor>,
        types: Option<&Tensor>,
    ) -> Result<Vec<Tokens>, ContractError> {
        let [_, length] = ids.shape[..] else {
            let problem = format!("shape {:?}, not [N, length]", ids.shape);
            return Err(ContractError::Tokens { name: ids.name.clone(), problem });
        };
        let numbers = |tensor: Option<&Tensor>| {
            let Some(tensor) = tensor else { return Ok(Vec::new()) };
            if tensor.shape != ids.shape {
                let problem = format!("shape {:?}, and '{}' has {:?}", tensor.shape, ids.name, ids.shape);
                return Err(ContractError::Tokens { name: tensor.name.clone(), problem });
            }
            self.numbers(tensor)
        };
        let (ids, mask, types) = (self.numbers(ids)?, numbers(mask)?, numbers(types)?);
        let part = |all: &[i64], at| all.get(at..at + length).map(<[i64]>::to_vec).unwrap_or_default();
        let row = |at| Tokens { ids: part(&ids, at), mask: part(&mask, at), types: part(&types, at) };
        Ok((0..ids.len()).step_by(length.max(1)).map(row).collect())
    }

    fn numbers(&self, tensor: &Tensor) -> Result<Vec<i64>, ContractError> {
        match (&tensor.elements, self.datatype) {
            (Elements::Int64(numbers), Datatype::Int64) => Ok(numbers.clone()),
            (Elements::Int32(numbers), Datatype::Int32) => Ok(numbers.iter().map(|&number| number.into()).collect()),
            (elements, expected) => {
                Err(ContractError::Datatype { name: tensor.name.clone(), expected, actual: elements.datatype() })
            }
        }
    }

    /// What was sent as tokens, with the text of up to `most` bytes that they spell. Takes time; memory only once it is clear
    /// how much.
    ///
    /// # Errors
    /// When an id stands for no token, or the text is longer or has a NUL.
    pub fn decode(&self, tokens: Tokens, most: usize) -> Result<Item, ContractError> {
        let name = || self.name.clone();
        let wrong = |error: TokenizerError| match error {
            TokenizerError::Unknown(id) => ContractError::UnknownToken { name: name(), id },
            error => ContractError::Tokens { name: name(), problem: error.to_string() },
        };
        let too_long = |length| ContractError::TextTooLong { name: name(), length, most };
        let length = self.tokenizer.measure(&tokens.ids).map_err(wrong)?;
        if length > most.saturating_mul(SPELT) {
            return Err(too_long(length));
        }
        let text = self.tokenizer.decode(&tokens).map_err(wrong)?;
        if text.len() > most {
            return Err(too_long(text.len()));
        }
        if text.contains('\0') {
            return Err(ContractError::Text { name: name(), problem: "has a NUL, which ends a text for some readers" });
        }
        let tokenizer = self.tokenizer.sha256().to_owned();
        Ok(Item::Tokens(Arc::new(Tokenised { text: text.into(), tokens, tokenizer })))
    }

    /// The tokens of an item as this model takes them: as they were sent, or those of its text.
    ///
    /// # Errors
    /// When the tokenizer fails.
    pub fn tokens(&self, item: &Item) -> Result<Tokens, TokenizerError> {
        let most = self.tokenizer.most();
        let fits = |Tokens { ids, .. }: &Tokens| self.length.map_or(ids.len() <= most, |length| ids.len() == length);
        match item {
            Item::Tokens(sent) if sent.tokenizer == self.tokenizer.sha256() && fits(&sent.tokens) => {
                Ok(sent.tokens.clone())
            }
            item => self.tokenizer.encode(item.text().map_or("", |text| text)),
        }
    }

    /// The item as the gateway gets to see it of a client who means it: where tokens are sent, with what these spell.
    pub fn as_sent(&self, item: Item) -> Item {
        if self.text.is_some() || matches!(item, Item::Tokens(_)) {
            return item;
        }
        let sent = self.tokens(&item).ok().and_then(|tokens| self.decode(tokens, usize::MAX).ok());
        sent.unwrap_or(item)
    }

    /// The input tensors of a batch, shorter texts being padded to the longest one.
    ///
    /// # Errors
    /// Never: there are as many numbers as the shape says.
    pub fn batch(&self, rows: &[&Tokens]) -> Result<Vec<Tensor>, TensorError> {
        let length = rows.iter().map(|row| row.ids.len()).max().unwrap_or_default();
        let (padding, comes_first) = self.tokenizer.padding();
        let filled = |name: &str, of: fn(&Tokens) -> &[i64], unsaid: i64, filler: i64| {
            let mut numbers = Vec::with_capacity(rows.len() * length);
            for row in rows {
                let own = (0..row.ids.len()).map(|at| of(row).get(at).copied().unwrap_or(unsaid));
                let rest = std::iter::repeat_n(filler, length - row.ids.len());
                match comes_first {
                    true => numbers.extend(rest.chain(own)),
                    false => numbers.extend(own.chain(rest)),
                }
            }
            Tensor::new(name, vec![rows.len(), length], self.elements(numbers))
        };
        let ids = filled(&self.name, |row| &row.ids, padding, padding);
        let mask = self.mask.as_deref().map(|name| filled(name, |row| &row.mask, 1, 0));
        let types = self.types.as_deref().map(|name| filled(name, |row| &row.types, 0, 0));
        std::iter::once(ids).chain(mask).chain(types).collect()
    }

    fn elements(&self, numbers: Vec<i64>) -> Elements {
        match self.datatype {
            Datatype::Int32 => {
                Elements::Int32(numbers.into_iter().map(|number| i32::try_from(number).unwrap_or(i32::MAX)).collect())
            }
            _ => Elements::Int64(numbers),
        }
    }
}
