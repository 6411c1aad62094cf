//! Where evidence is kept: a folder or an object store.
//!
//! A detection of the id `ID` is `DAY/ID.json`, its inputs `DAY/ID.INDEX.png`, `.npy` or `.txt`, the index being the item's.
//! Days are those of ids, in UTC, so that an id is found without a search.

mod format;
mod keeper;
mod stock;

use std::path::{Path as FilePath, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt};
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::prefix::PrefixStore;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt};
use serde::{Deserialize, Serialize};

pub use format::{KeptFormat, TextFormat};
pub use keeper::Keeper;

use super::detection::Detection;
use super::id::DetectionId;
use super::message::{Message, SqueezedText};
use crate::config::Storage;
use crate::data::{DataError, decode_exactly, encode_exactly};
use crate::evidence::Input;
use crate::tensor::Depth;

/// Evidence is its owner's alone.
#[cfg(unix)]
const MODE: u32 = 0o700;

/// What the variables of object stores' providers begin with.
const PROVIDERS: [&str; 3] = ["AWS_", "GOOGLE_", "AZURE_"];

/// Why evidence cannot be kept or had.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The folder cannot be made or read.
    #[error("cannot use the folder {}: {source}", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The URL leads nowhere, or this build cannot go there.
    #[error("cannot use '{url}': {problem}")]
    Url {
        /// The URL.
        url: String,
        /// Why not.
        problem: String,
    },
    /// There is no such detection.
    #[error("there is no evidence of {0}: it was not kept, or made room for later ones")]
    Missing(DetectionId),
    /// A record or an input is not what it should be.
    #[error("{name} is broken: {problem}")]
    Broken {
        /// The object.
        name: String,
        /// What is wrong.
        problem: String,
    },
    /// The store does not answer, or refuses.
    #[error(transparent)]
    Object(#[from] object_store::Error),
    /// An input cannot be read.
    #[error(transparent)]
    Data(#[from] DataError),
}

/// A detection as it is kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Kept {
    /// The record.
    #[serde(flatten)]
    pub detection: Detection,
    /// The inputs that lie beside it.
    pub inputs: Vec<KeptInput>,
}

/// An input that lies beside a record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptInput {
    /// The item's place in the batch.
    pub item: usize,
    /// What it is.
    pub format: KeptFormat,
    /// Of a picture, how finely its pixels are graded.
    #[serde(default, skip_serializing_if = "Depth::is_8_bit")]
    pub depth: Depth,
    /// Of a text, what squeezers made of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub copies: Vec<SqueezedText>,
}

/// A place where evidence is kept.
#[derive(Clone)]
pub struct Store(Arc<dyn ObjectStore>);

impl Store {
    /// The place, made if it is a folder and not there.
    ///
    /// # Errors
    /// When it cannot be made, or the URL cannot be used.
    pub fn create(storage: &Storage) -> Result<Self, StoreError> {
        if let Storage::Folder(path) = storage {
            make(path).map_err(|source| StoreError::Folder { path: path.clone(), source })?;
        }
        Self::open(storage)
    }

    /// The place as it is.
    ///
    /// # Errors
    /// When it is not there, or the URL cannot be used.
    pub fn open(storage: &Storage) -> Result<Self, StoreError> {
        match storage {
            Storage::Folder(path) => {
                let folder = LocalFileSystem::new_with_prefix(path);
                let folder = folder.map_err(|error| StoreError::Folder { path: path.clone(), source: error.into() })?;
                Ok(Self(Arc::new(folder.with_automatic_cleanup(true))))
            }
            Storage::Url(url) => {
                let wrong = |problem: String| StoreError::Url { url: url.clone(), problem };
                let parsed = url.parse().map_err(|error: url::ParseError| wrong(error.to_string()))?;
                // What credentials and regions there are, the environment says, as for the providers' own tools.
                let is_theirs = |key: &String| PROVIDERS.iter().any(|prefix| key.starts_with(prefix));
                let settings = std::env::vars().filter(|(key, _)| is_theirs(key));
                let settings = settings.map(|(key, value)| (key.to_ascii_lowercase(), value));
                let (store, prefix) =
                    object_store::parse_url_opts(&parsed, settings).map_err(|error| wrong(error.to_string()))?;
                Ok(Self(Arc::new(PrefixStore::new(store, prefix))))
            }
        }
    }

    /// The ids of everything that is kept, the latest first.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn ids(&self) -> Result<Vec<DetectionId>, StoreError> {
        let records = self.0.list(None).try_filter_map(async |object| Ok(record_id(&object.location)));
        let mut ids: Vec<DetectionId> = records.try_collect().await?;
        ids.sort_unstable_by(|one, other| other.cmp(one));
        Ok(ids)
    }

    /// One detection.
    ///
    /// # Errors
    /// When it is not there or broken.
    pub async fn read(&self, id: DetectionId) -> Result<Kept, StoreError> {
        let name = record_name(id);
        let record = match self.0.get(&name).await {
            Err(object_store::Error::NotFound { .. }) => return Err(StoreError::Missing(id)),
            record => record?.bytes().await?,
        };
        serde_json::from_slice(&record).map_err(|error| broken(&name, error))
    }

    /// An input of a detection.
    ///
    /// # Errors
    /// When it is not there or broken.
    pub async fn input(&self, id: DetectionId, input: &KeptInput) -> Result<Input, StoreError> {
        let name = input_name(id, input);
        let file = self.0.get(&name).await?.bytes().await?;
        match input.format {
            KeptFormat::Picture(format) => {
                let picture = decode_exactly(FilePath::new(name.as_ref()), format, input.depth, file.into())?;
                Ok(Input::Picture(Arc::new(picture)))
            }
            KeptFormat::Text(TextFormat::Utf8) => {
                let text = str::from_utf8(&file).map_err(|error| broken(&name, error))?;
                Ok(Input::Text(Arc::new(Message { text: text.into(), copies: input.copies.clone() })))
            }
        }
    }

    /// Keeps a detection with the inputs of its items, whole or not at all. Says how many bytes that took.
    ///
    /// # Errors
    /// When the store refuses.
    async fn keep(&self, id: DetectionId, detection: Detection, inputs: &[Option<Input>]) -> Result<u64, StoreError> {
        let (mut kept, mut bytes) = (Kept { detection, inputs: Vec::new() }, 0);
        for (at, input) in inputs.iter().enumerate() {
            let (Some(input), Some(item)) = (input.clone(), kept.detection.items.get(at)) else { continue };
            let item = item.index;
            let encoded = tokio::task::spawn_blocking(move || encoded(item, &input)).await;
            let encoded = encoded.map_err(std::io::Error::other).flatten();
            let (input, file) = encoded.map_err(|error| broken(&record_name(id), error))?;
            bytes += file.len() as u64;
            let put = self.put(&input_name(id, &input), file.into()).await;
            kept.inputs.push(input);
            if let Err(error) = put {
                self.forget(id, &kept.inputs).await;
                return Err(error);
            }
        }
        // The record comes last: where it is, the inputs are.
        let record = serde_json::to_vec(&kept).map_err(|error| broken(&record_name(id), error))?;
        bytes += record.len() as u64;
        match self.put(&record_name(id), record.into()).await {
            Ok(()) => Ok(bytes),
            Err(error) => {
                self.forget(id, &kept.inputs).await;
                Err(error)
            }
        }
    }

    async fn put(&self, name: &Path, contents: Bytes) -> Result<(), StoreError> {
        self.0.put(name, contents.into()).await?;
        Ok(())
    }

    /// Removes inputs that have no record. What cannot be removed stays: it takes part in what makes room later.
    async fn forget(&self, id: DetectionId, inputs: &[KeptInput]) {
        for input in inputs {
            if let Err(error) = self.0.delete(&input_name(id, input)).await {
                tracing::debug!(%error, %id, "an input without a record could not be removed");
            }
        }
    }

    /// Everything that lies there, or on one day.
    async fn objects(&self, day: Option<&str>) -> Result<Vec<ObjectMeta>, StoreError> {
        let prefix = day.map(Path::from);
        Ok(self.0.list(prefix.as_ref()).try_collect().await?)
    }

    async fn remove(&self, objects: Vec<Path>) -> Result<(), StoreError> {
        let removed = self.0.delete_stream(futures_util::stream::iter(objects.into_iter().map(Ok)).boxed());
        let gone = |error| match error {
            object_store::Error::NotFound { .. } => Ok(Path::default()),
            error => Err(error),
        };
        removed.or_else(async |error| gone(error)).try_for_each(async |_| Ok(())).await?;
        Ok(())
    }
}

/// An item's input as a file.
fn encoded(item: usize, input: &Input) -> std::io::Result<(KeptInput, Vec<u8>)> {
    let (format, file) = input.to_file()?;
    let (depth, copies) = match input {
        Input::Picture(picture) => (picture.depth(), Vec::new()),
        Input::Text(message) => (Depth::default(), message.copies.clone()),
    };
    Ok((KeptInput { item, format, depth, copies }, file))
}

impl Input {
    /// The input as a file, to the pixel or to the character.
    ///
    /// # Errors
    /// When a picture cannot be encoded.
    pub fn to_file(&self) -> std::io::Result<(KeptFormat, Vec<u8>)> {
        match self {
            Self::Picture(picture) => encode_exactly(picture).map(|(format, file)| (KeptFormat::Picture(format), file)),
            Self::Text(message) => Ok((KeptFormat::Text(TextFormat::Utf8), message.text.as_bytes().to_vec())),
        }
    }
}

fn make(path: &FilePath) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, MODE);
    builder.create(path)
}

fn broken(name: &Path, problem: impl std::fmt::Display) -> StoreError {
    StoreError::Broken { name: name.to_string(), problem: problem.to_string() }
}

fn record_name(id: DetectionId) -> Path {
    Path::from_iter([id.day(), format!("{id}.json")])
}

fn input_name(id: DetectionId, input: &KeptInput) -> Path {
    Path::from_iter([id.day(), format!("{id}.{}.{}", input.item, input.format.extension())])
}

/// The detection whose record this is.
fn record_id(name: &Path) -> Option<DetectionId> {
    name.filename()?.strip_suffix(".json")?.parse().ok()
}

/// The detection that an object belongs to.
fn id_of(name: &Path) -> Option<DetectionId> {
    name.filename()?.split('.').next()?.parse().ok()
}
