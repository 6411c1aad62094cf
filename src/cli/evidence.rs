//! `portcullis evidence`

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use portcullis::config::Storage;
use portcullis::data::{AdversarialSet, AttackResult, Sample, encode_exactly, write_atomically};
use portcullis::evidence::{DetectionId, Item, Kept, Store, StoreError};
use portcullis::report::{Column, Table};
use portcullis::tensor::Picture;

use super::{Common, paint, setup};

/// The attack under whose name captured inputs are exported.
const CAPTURED: &str = "captured";

#[derive(clap::Subcommand)]
pub enum Command {
    /// Show the latest detections that were kept.
    List(ListArguments),
    /// Show one detection: who sent it, what each detector, squeezer and student made of it.
    Show(ShowArguments),
    /// Write suspicious inputs as an adversarial set, as `evaluate --adversarial` and other programs read it.
    Export(ExportArguments),
}

/// Where evidence is.
#[derive(clap::Args)]
pub struct Place {
    /// A folder, or the URL of an object store; the configuration's `evidence.store` if not given.
    #[arg(long, value_name = "PLACE")]
    store: Option<String>,
}

#[derive(clap::Args)]
pub struct ListArguments {
    /// Only detections of this model.
    #[arg(long)]
    model: Option<String>,
    /// So many at most.
    #[arg(short = 'n', long, value_name = "N", default_value_t = 20)]
    count: usize,
    #[command(flatten)]
    place: Place,
}

#[derive(clap::Args)]
pub struct ShowArguments {
    /// The detection's id, as annotated or refused clients got it.
    id: DetectionId,
    /// A folder to write its inputs to, as PNG or NPY.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    #[command(flatten)]
    place: Place,
}

#[derive(clap::Args)]
pub struct ExportArguments {
    /// Only these detections; all that were kept if none is given.
    ids: Vec<DetectionId>,
    /// The file: `x` holds the inputs, `y` the classes that squeezed copies and students give them, `adv_captured` the
    /// inputs again, `ok_captured` whether the classifier said otherwise.
    #[arg(long, value_name = "FILE.npz")]
    out: PathBuf,
    /// Only detections of this model.
    #[arg(long)]
    model: Option<String>,
    #[command(flatten)]
    place: Place,
}

pub fn run(common: &Common, command: &Command) -> Result<()> {
    let runtime = setup::small_runtime()?;
    match command {
        Command::List(arguments) => runtime.block_on(list(common, arguments)),
        Command::Show(arguments) => {
            let store = arguments.place.open(common)?;
            runtime.block_on(show(common, &store, arguments.id, arguments.out.as_deref()))
        }
        Command::Export(arguments) => runtime.block_on(export(common, arguments)),
    }
}

/// Shows a detection that the configured store holds.
pub fn show_kept(common: &Common, id: DetectionId) -> Result<()> {
    let store = Place { store: None }.open(common)?;
    setup::small_runtime()?.block_on(show(common, &store, id, None))
}

impl Place {
    fn open(&self, common: &Common) -> Result<Store> {
        let storage = match &self.store {
            Some(place) => Storage::parse(place, Path::new("")),
            None => {
                let store = common.load()?.evidence.store;
                store.context("nothing is kept: set evidence.store, or say where with --store")?.value
            }
        };
        Ok(Store::open(&storage)?)
    }
}

async fn list(common: &Common, arguments: &ListArguments) -> Result<()> {
    let store = arguments.place.open(common)?;
    let mut found = Vec::new();
    for id in store.ids().await? {
        if found.len() == arguments.count {
            break;
        }
        match store.read(id).await {
            Ok(kept) if is_wanted(&kept, arguments.model.as_deref()) => found.push(kept),
            // It has made room for later ones since.
            Ok(_) | Err(StoreError::Missing(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    if common.json {
        found.iter().try_for_each(|kept| serde_json::to_string(kept).map(|line| println!("{line}")))?;
        return Ok(());
    }
    let words = ["id", "time", "model", "decision", "action"].map(Column::text);
    let mut table = Table::new(words.into_iter().chain([Column::number("items"), Column::number("p-value")]));
    for Kept { detection, .. } in &found {
        let p_value = detection.worst().map_or("-".to_owned(), |(_, verdict)| format!("{:.1e}", verdict.p_value));
        table.row([
            detection.id.clone(),
            humantime::format_rfc3339_seconds(detection.time).to_string(),
            detection.model.clone(),
            detection.decision.name().to_owned(),
            detection.action.name().to_owned(),
            detection.batch.to_string(),
            p_value,
        ]);
    }
    println!("{table}");
    Ok(())
}

async fn show(common: &Common, store: &Store, id: DetectionId, out: Option<&Path>) -> Result<()> {
    let kept = store.read(id).await?;
    if common.json {
        println!("{}", serde_json::to_string(&kept)?);
    } else {
        print(&kept);
    }
    let Some(folder) = out else { return Ok(()) };
    std::fs::create_dir_all(folder).with_context(|| format!("cannot make the folder {}", folder.display()))?;
    for input in &kept.inputs {
        let (format, file) = encode_exactly(&store.input(id, input).await?)?;
        let path = folder.join(format!("{id}.{}.{}", input.item, format.extension()));
        write_atomically(&path, &file).with_context(|| format!("cannot write {}", path.display()))?;
        if !common.json {
            println!("{}", path.display());
        }
    }
    Ok(())
}

fn print(Kept { detection, inputs }: &Kept) {
    let time = humantime::format_rfc3339_millis(detection.time);
    let decision = paint::decision(detection.decision.name());
    println!("{} {decision} by {}, {}", detection.id, detection.model, detection.action.name());
    println!("  {time}, {} of {} items told, {} inputs kept", detection.items.len(), detection.batch, inputs.len());
    if let Some(client) = &detection.client {
        let subject = client.subject.as_ref().map_or(String::new(), |subject| format!(", {subject}"));
        println!("  from {}{subject}", client.address);
    }
    if let Some(trace_id) = &detection.trace_id {
        println!("  in the trace {trace_id}");
    }
    if let Some(reason) = detection.reason {
        println!("  {}", reason.name());
    }
    detection.items.iter().for_each(print_item);
}

fn print_item(item: &Item) {
    let hash = item.sha256.as_ref().map_or(String::new(), |hash| format!(", SHA-256 {hash}"));
    println!("\nitem {}: {}{hash}", item.index, item.decision().name());
    let Some(verdict) = &item.verdict else {
        return println!("  {}", item.reason.map_or("", |reason| reason.name()));
    };
    println!(
        "  combined score {:.3}, threshold {:.3}, p-value {:.4}",
        verdict.score, verdict.threshold, verdict.p_value
    );
    let mut detectors = Table::with_numbers("detector", ["score", "p-value"]);
    for evidence in &verdict.evidence {
        let numbers = [evidence.score, evidence.p_value].map(|number| format!("{number:.4}"));
        detectors.row([evidence.detector.clone()].into_iter().chain(numbers));
    }
    println!("{detectors}");
    let mut predictions = Table::with_numbers("prediction on", ["class", "probability"]);
    for prediction in &item.predictions {
        let probability = format!("{:.4}", prediction.probability);
        predictions.row([prediction.source.clone(), prediction.class.to_string(), probability]);
    }
    println!("{predictions}");
}

async fn export(common: &Common, arguments: &ExportArguments) -> Result<()> {
    let store = arguments.place.open(common)?;
    let ids = if arguments.ids.is_empty() { store.ids().await? } else { arguments.ids.clone() };
    let (mut seeds, mut successful, mut models) = (Vec::new(), Vec::new(), BTreeSet::new());
    for id in ids {
        let kept = match store.read(id).await {
            Ok(kept) if is_wanted(&kept, arguments.model.as_deref()) => kept,
            Ok(_) => continue,
            Err(StoreError::Missing(_)) if arguments.ids.is_empty() => continue,
            Err(error) => return Err(error.into()),
        };
        for (picture, class, label) in captured(&store, id, &kept).await? {
            seeds.push(Sample { picture, label: Some(label), name: id.to_string() });
            successful.push(class != label);
            models.insert(kept.detection.model.clone());
        }
    }
    if models.len() > 1 {
        bail!("inputs of several models were kept; choose one with --model: {}", Vec::from_iter(models).join(", "));
    }
    if seeds.is_empty() {
        bail!("no suspicious input was kept that could be exported");
    }
    let pictures: Vec<Picture> = seeds.iter().map(|seed| seed.picture.clone()).collect();
    let count = pictures.len();
    let attack = AttackResult { name: CAPTURED.to_owned(), pictures, successful };
    AdversarialSet::new(seeds, vec![attack])?.save(&arguments.out)?;
    if common.json {
        println!("{}", serde_json::json!({ "file": arguments.out, "inputs": count }));
    } else {
        println!("{count} inputs in {}", arguments.out.display());
    }
    Ok(())
}

/// The suspicious inputs of a detection, each with the class that the classifier saw and the one that the others saw.
async fn captured(store: &Store, id: DetectionId, kept: &Kept) -> Result<Vec<(Picture, usize, usize)>> {
    let mut captured = Vec::new();
    for input in &kept.inputs {
        let item = kept.detection.items.iter().find(|item| item.index == input.item);
        let Some((item, verdict)) = item.and_then(|item| Some((item, item.verdict.as_ref()?))) else { continue };
        let label = item.consensus().unwrap_or(verdict.class);
        captured.push((store.input(id, input).await?, verdict.class, label));
    }
    Ok(captured)
}

fn is_wanted(kept: &Kept, model: Option<&str>) -> bool {
    model.is_none_or(|model| kept.detection.model == model)
}
