//! `portcullis evidence export`

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Result, bail, ensure};
use portcullis::data::{AdversarialSet, AttackResult, Sample};
use portcullis::evidence::{DetectionId, Input, Kept, Store, StoreError};

use super::{Place, is_wanted};
use crate::cli::texts::set::{self, AdversarialText};
use crate::cli::{Common, pictures};

/// The attack under whose name captured inputs are exported.
const CAPTURED: &str = "captured";

#[derive(clap::Args)]
pub struct Arguments {
    /// Only these detections; all that were kept if none is given.
    ids: Vec<DetectionId>,
    /// The file. Of pictures an NPZ: `x` holds the inputs, `y` the classes that squeezed copies and students give them,
    /// `adv_captured` the inputs again, `ok_captured` whether the classifier said otherwise. Of texts JSON lines, `.jsonl`,
    /// with `text` and that class as `label`.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Only detections of this model.
    #[arg(long)]
    model: Option<String>,
    #[command(flatten)]
    place: Place,
}

/// A suspicious input, with the class that the classifier saw and the one that the others saw.
struct Captured {
    id: DetectionId,
    input: Input,
    class: usize,
    label: usize,
}

pub async fn run(common: &Common, arguments: &Arguments) -> Result<()> {
    let store = arguments.place.open(common)?;
    let ids = if arguments.ids.is_empty() { store.ids().await? } else { arguments.ids.clone() };
    let (mut inputs, mut models) = (Vec::new(), BTreeSet::new());
    for id in ids {
        let kept = match store.read(id).await {
            Ok(kept) if is_wanted(&kept, arguments.model.as_deref()) => kept,
            Ok(_) => continue,
            Err(StoreError::Missing(_)) if arguments.ids.is_empty() => continue,
            Err(error) => return Err(error.into()),
        };
        let mut found = captured(&store, id, &kept).await?;
        if !found.is_empty() {
            models.insert(kept.detection.model.clone());
        }
        inputs.append(&mut found);
    }
    if models.len() > 1 {
        bail!("inputs of several models were kept; choose one with --model: {}", Vec::from_iter(models).join(", "));
    }
    let count = inputs.len();
    write(&arguments.out, inputs)?;
    if common.json {
        println!("{}", serde_json::json!({ "file": arguments.out, "inputs": count }));
    } else {
        println!("{count} inputs in {}", arguments.out.display());
    }
    Ok(())
}

async fn captured(store: &Store, id: DetectionId, kept: &Kept) -> Result<Vec<Captured>> {
    let mut captured = Vec::new();
    for input in &kept.inputs {
        let item = kept.detection.items.iter().find(|item| item.index == input.item);
        let Some((item, verdict)) = item.and_then(|item| Some((item, item.verdict.as_ref()?))) else { continue };
        let label = item.consensus().unwrap_or(verdict.class);
        captured.push(Captured { id, input: store.input(id, input).await?, class: verdict.class, label });
    }
    Ok(captured)
}

/// Writes the inputs as a set of their kind.
fn write(path: &Path, inputs: Vec<Captured>) -> Result<()> {
    let (mut seeds, mut successful, mut texts) = (Vec::new(), Vec::new(), Vec::new());
    for Captured { id, input, class, label } in inputs {
        match input {
            Input::Picture(picture) => {
                let picture = Arc::unwrap_or_clone(picture);
                seeds.push(Sample { picture, label: Some(label), name: id.to_string() });
                successful.push(class != label);
            }
            Input::Text(message) => texts.push(adversarial(&message.text, label)),
        }
    }
    match (seeds.is_empty(), texts.is_empty()) {
        (true, true) => bail!("no suspicious input was kept that could be exported"),
        (false, false) => bail!("the model took pictures and later texts: name the detections of one kind"),
        (true, false) => {
            let is_named_so = path.extension() == Some(OsStr::new("jsonl"));
            ensure!(is_named_so, "texts become JSON lines: name the file .jsonl, not {}", path.display());
            pictures::write(path, &set::lines(&texts)?)
        }
        (false, true) => {
            let pictures = seeds.iter().map(|seed| seed.picture.clone()).collect();
            let attack = AttackResult { name: CAPTURED.to_owned(), pictures, successful };
            Ok(AdversarialSet::new(seeds, vec![attack])?.save(path)?)
        }
    }
}

/// A captured text as a red team would tell of it. What it was made of, nobody knows.
fn adversarial(text: &str, label: usize) -> AdversarialText {
    AdversarialText {
        level: String::new(),
        attack: CAPTURED.to_owned(),
        seed: text.to_owned(),
        label,
        wanted: None,
        text: text.to_owned(),
        queries: 0,
    }
}
