//! Texts as tokens and back, as a file of Hugging Face's says.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tokenizers::{ModelWrapper, PaddingParams, PaddingStrategy, TruncationParams};

use crate::tensor::Tokens;

/// Where nothing says how many tokens are read.
const MOST: usize = 512;
/// What padding is called in vocabularies that do not say.
const PADDINGS: [&str; 3] = ["[PAD]", "<pad>", "<|endoftext|>"];

/// Why there are no tokens, or no text of them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenizerError {
    /// The file could not be read.
    #[error("cannot read the tokenizer {}: {problem}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        problem: String,
    },
    /// The file is no tokenizer, or none for as many tokens as it is to give.
    #[error("{} is not a usable tokenizer: {problem}", .path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// A number that stands for no token.
    #[error("{0} is the id of no token")]
    Unknown(i64),
    /// It failed on a text or on tokens.
    #[error("the tokenizer failed: {0}")]
    Failed(String),
}

/// A tokenizer with what it makes of long and short texts. Copies share it. What a profile remembers of it is the file's
/// hash: read from there it makes no tokens.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tokenizer {
    /// SHA-256 of the file, in hexadecimal.
    sha256: String,
    /// Tokens that are read of a text at most; the rest is cut off.
    most: usize,
    #[serde(skip)]
    loaded: Option<Arc<Loaded>>,
}

#[derive(Debug)]
struct Loaded {
    tokenizer: tokenizers::Tokenizer,
    /// Bytes of each token, by its id.
    lengths: HashMap<u32, usize>,
    /// The largest of these.
    longest: usize,
    /// Tokens that stand around a text, and for none of it.
    frame: HashSet<u32>,
    padding: PaddingParams,
}

impl PartialEq for Tokenizer {
    fn eq(&self, other: &Self) -> bool {
        (&self.sha256, self.most) == (&other.sha256, other.most)
    }
}

impl Tokenizer {
    /// Reads a file. A model of a fixed `length` gets as many tokens of every text; `most` tokens are read of one, or as many
    /// as the file says, or else 512.
    ///
    /// # Errors
    /// When it can't be read or is no tokenizer.
    pub fn load(path: &Path, length: Option<usize>, most: Option<usize>) -> Result<Self, TokenizerError> {
        let bytes = std::fs::read(path)
            .map_err(|error| TokenizerError::Read { path: path.to_owned(), problem: error.to_string() })?;
        Self::from_bytes(path, &bytes, length, most)
    }

    /// As [`Tokenizer::load`], from a file's content; `path` is what errors call it.
    ///
    /// # Errors
    /// When it is no tokenizer.
    pub fn from_bytes(
        path: &Path,
        bytes: &[u8],
        length: Option<usize>,
        most: Option<usize>,
    ) -> Result<Self, TokenizerError> {
        let invalid =
            |error: tokenizers::Error| TokenizerError::Invalid { path: path.to_owned(), problem: error.to_string() };
        let mut tokenizer = tokenizers::Tokenizer::from_bytes(bytes).map_err(invalid)?;
        let truncation = tokenizer.get_truncation().cloned();
        let most = most.or_else(|| truncation.as_ref().map(|said| said.max_length)).or(length).unwrap_or(MOST);
        let most = most.min(length.unwrap_or(most)).max(1);
        let truncation = TruncationParams { max_length: most, stride: 0, ..truncation.unwrap_or_default() };
        tokenizer.with_truncation(Some(truncation)).map_err(invalid)?;
        let padding = padding(&tokenizer);
        if let Some(length) = length {
            let strategy = PaddingStrategy::Fixed(length);
            tokenizer.with_padding(Some(PaddingParams { strategy, pad_to_multiple_of: None, ..padding.clone() }));
        }
        let lengths: HashMap<u32, usize> =
            tokenizer.get_vocab(true).into_iter().map(|(token, id)| (id, token.len())).collect();
        let longest = lengths.values().copied().max().unwrap_or_default();
        let loaded = Loaded { frame: frame(&tokenizer), tokenizer, lengths, longest, padding };
        Ok(Self { sha256: hex::encode(Sha256::digest(bytes)), most, loaded: Some(Arc::new(loaded)) })
    }

    /// SHA-256 of the file, in hexadecimal.
    pub fn sha256(&self) -> &str {
        &self.sha256
    }

    /// Tokens that are read of a text at most.
    pub fn most(&self) -> usize {
        self.most
    }

    /// Bytes that the text of one token has at most, about.
    pub fn longest(&self) -> usize {
        self.loaded.as_ref().map_or(0, |loaded| loaded.longest + 1)
    }

    /// The id that stands for no text, and whether it comes first.
    pub fn padding(&self) -> (i64, bool) {
        let padding = self.loaded.as_ref().map(|loaded| &loaded.padding);
        padding.map_or((0, false), |padding| (padding.pad_id.into(), padding.direction.as_ref() == "left"))
    }

    /// The tokens of a text, of which there is one at least.
    ///
    /// # Errors
    /// When it fails.
    pub fn encode(&self, text: &str) -> Result<Tokens, TokenizerError> {
        let encoding = self.loaded()?.tokenizer.encode_fast(text, true).map_err(failed)?;
        let wide = |numbers: &[u32]| numbers.iter().map(|&number| i64::from(number)).collect::<Vec<_>>();
        let (padding, comes_first) = self.padding();
        let (mut ids, mut mask) = (wide(encoding.get_ids()), wide(encoding.get_attention_mask()));
        let mut types = wide(encoding.get_type_ids());
        if ids.is_empty() {
            (ids, mask, types) = (vec![padding], vec![0], vec![0]);
        }
        if mask.iter().all(|&mark| mark == 0) {
            // A model that looked at none of what it takes would divide by zero.
            let at = if comes_first { mask.len() - 1 } else { 0 };
            mask[at] = 1;
        }
        Ok(Tokens { ids, mask, types })
    }

    /// Bytes of the tokens with these ids, a text of which would be about as long.
    ///
    /// # Errors
    /// When an id stands for no token.
    pub fn measure(&self, ids: &[i64]) -> Result<usize, TokenizerError> {
        let lengths = &self.loaded()?.lengths;
        let length =
            |&id: &i64| u32::try_from(id).ok().and_then(|id| lengths.get(&id)).ok_or(TokenizerError::Unknown(id));
        ids.iter().map(length).sum()
    }

    /// What the tokens spell that a model looks at; those that stand around a text are none of it.
    ///
    /// # Errors
    /// When it fails, also for an id that stands for no token.
    pub fn decode(&self, tokens: &Tokens) -> Result<String, TokenizerError> {
        let loaded = self.loaded()?;
        let mut ids = Vec::with_capacity(tokens.ids.len());
        for (at, &id) in tokens.ids.iter().enumerate() {
            let known = u32::try_from(id).map_err(|_| TokenizerError::Unknown(id))?;
            if tokens.mask.get(at) != Some(&0) && !loaded.frame.contains(&known) {
                ids.push(known);
            }
        }
        loaded.tokenizer.decode(&ids, false).map_err(failed)
    }

    fn loaded(&self) -> Result<&Loaded, TokenizerError> {
        self.loaded.as_deref().ok_or_else(|| TokenizerError::Failed("its file was not read".to_owned()))
    }
}

fn failed(error: tokenizers::Error) -> TokenizerError {
    TokenizerError::Failed(error.to_string())
}

/// As the file says, or else with the token that is called so.
fn padding(tokenizer: &tokenizers::Tokenizer) -> PaddingParams {
    let unsaid = || {
        let named = PADDINGS.iter().find_map(|name| Some((tokenizer.token_to_id(name)?, *name)));
        let (pad_id, name) = named.unwrap_or_default();
        PaddingParams { pad_id, pad_token: name.to_owned(), ..PaddingParams::default() }
    };
    tokenizer.get_padding().cloned().unwrap_or_else(unsaid)
}

/// Special tokens but that of unknown words, which are a part of the text.
fn frame(tokenizer: &tokenizers::Tokenizer) -> HashSet<u32> {
    let unknown = match tokenizer.get_model() {
        ModelWrapper::BPE(model) => model.unk_token.clone(),
        ModelWrapper::WordPiece(model) => Some(model.unk_token.clone()),
        ModelWrapper::WordLevel(model) => Some(model.unk_token.clone()),
        ModelWrapper::Unigram(_) => Some("<unk>".to_owned()),
    };
    let special = tokenizer.get_added_tokens_decoder().into_iter().filter(|(_, token)| token.special);
    special.filter(|(_, token)| Some(&token.content) != unknown.as_ref()).map(|(id, _)| id).collect()
}
