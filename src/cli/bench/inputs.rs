//! What requests ask about: pictures or messages of the user's, or random numbers of the shape that the model takes.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use portcullis::config::{Endpoint, Input};
use portcullis::data::{Dataset, Messages, Options, split};
use portcullis::gateway::{Prepared, Remote, signature_of};
use portcullis::model::{InputSpec, PictureSpec, Port, resolve_input};
use portcullis::tensor::{Datatype, Elements, Item, Tensor};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::cli::Common;

/// Bytes of a random text.
const TEXT: usize = 64;

#[derive(clap::Args)]
pub struct InputArguments {
    /// The model to ask.
    #[arg(long)]
    model: String,
    /// Its version; the server's choice if not given.
    #[arg(long, default_value = "", hide_default_value = true)]
    model_version: String,
    /// What to ask about: an image folder, a CSV file of labels, IDX, CIFAR binary or NPZ files, a synthetic set
    /// (`signs[:SEED[:COUNT]]` or `luggage[:SEED[:COUNT]]`), or for a model of text a TSV file of messages. Pixels become
    /// numbers as the configuration says of the model, if it knows it. Random numbers if not given.
    #[arg(long, value_name = "PATH")]
    data: Option<PathBuf>,
    /// Different inputs that are sent in turn.
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..))]
    inputs: u16,
    /// Seed of the random numbers, and of the choice among the data.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

impl InputArguments {
    /// The requests to send, of which there is one at least.
    pub async fn requests(&self, common: &Common, remote: &Remote, endpoint: &Endpoint) -> Result<Vec<Prepared>> {
        let told = remote.metadata(&self.model, &self.model_version).await;
        let told = told.and_then(|metadata| Ok((signature_of(metadata.clone())?, metadata)));
        let (signature, metadata) =
            told.with_context(|| format!("cannot ask {endpoint} what the model '{}' takes", self.model))?;
        let Some(data) = &self.data else { return self.random(&signature.inputs) };
        let input = self.configured(common)?;
        let spec = resolve_input(&input, &signature).map_err(|mistakes| {
            let mistakes = mistakes.into_iter().map(|mistake| mistake.message).collect::<Vec<_>>().join("; ");
            anyhow::anyhow!("cannot tell how the model '{}' is asked: {mistakes}", self.model)
        })?;
        let items = match &spec {
            InputSpec::Picture(spec) => self.pictures(data, spec)?,
            InputSpec::Text(_) | InputSpec::Tokens(_) => self.texts(data)?,
        };
        let name = (self.model.as_str(), self.model_version.as_str());
        let requests = items.into_iter().map(|item| Prepared::of_item(name, &metadata, &spec, item));
        Ok(requests.collect::<Result<_, _>>()?)
    }

    /// What the configuration says of the model's input, if there is one that knows the model.
    fn configured(&self, common: &Common) -> Result<Input> {
        if !common.config.is_file() {
            return Ok(Input::default());
        }
        let models = common.load()?.models;
        let model = models.into_iter().find(|model| model.name.value == self.model);
        Ok(model.map(|model| model.input).unwrap_or_default())
    }

    fn pictures(&self, data: &Path, spec: &PictureSpec) -> Result<Vec<Item>> {
        let dataset = Dataset::open(data, &Options::of(spec))?;
        let samples = dataset.samples_at(self.chosen(dataset.len(), data)?, true);
        Ok(samples.map(|sample| Ok(Item::from(sample?.picture))).collect::<Result<_, portcullis::data::DataError>>()?)
    }

    fn texts(&self, data: &Path) -> Result<Vec<Item>> {
        let messages = Messages::read(data, None)?;
        let chosen = self.chosen(messages.all().len(), data)?;
        Ok(chosen.into_iter().map(|at| Item::from(messages.all()[at].text.clone())).collect())
    }

    fn chosen(&self, count: usize, data: &Path) -> Result<Vec<usize>> {
        let chosen = split(count, self.seed, &[count.min(self.inputs.into())])?.concat();
        if chosen.is_empty() {
            bail!("{} holds nothing to ask about", data.display());
        }
        Ok(chosen)
    }

    fn random(&self, inputs: &[Port]) -> Result<Vec<Prepared>> {
        let mut random = ChaCha8Rng::seed_from_u64(self.seed);
        let mut request = || {
            let tensors = inputs.iter().map(|port| random_tensor(port, &mut random)).collect::<Result<Vec<_>>>()?;
            Ok(Prepared::new(&self.model, &self.model_version, &tensors))
        };
        (0..self.inputs).map(|_| request()).collect()
    }
}

/// A tensor with one item of random contents: floats from 0 to 1, whole numbers of up to 7 bits, or letters.
fn random_tensor(port: &Port, random: &mut ChaCha8Rng) -> Result<Tensor> {
    let batch = std::iter::once(port.shape.first().copied().flatten().unwrap_or(1));
    let item = port.shape.iter().skip(1).copied().collect::<Option<Vec<usize>>>();
    let item =
        item.with_context(|| format!("the input '{}' takes any size: give what to send with --data", port.name))?;
    let shape: Vec<usize> = batch.chain(item).take(port.shape.len()).collect();
    let count = shape.iter().product();
    let elements = match port.datatype {
        Datatype::Bytes => {
            let text =
                |random: &mut ChaCha8Rng| (0..TEXT).map(|_| random.random_range(b'a'..=b'z')).collect::<Vec<u8>>();
            Elements::Bytes((0..count).map(|_| text(random).into()).collect())
        }
        datatype => {
            let largest = if datatype.is_float() { 1.0 } else { 127.0 };
            let numbers = (0..count).map(|_| largest * random.random::<f32>()).collect();
            Elements::from_f32(datatype, numbers)?
        }
    };
    Ok(Tensor::new(port.name.clone(), shape, elements)?)
}
