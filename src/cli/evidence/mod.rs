//! `portcullis evidence`

mod export;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result};
use portcullis::config::Storage;
use portcullis::data::write_atomically;
use portcullis::evidence::{DetectionId, Item, Kept, KeptFormat, Message, Store, StoreError};
use portcullis::report::{Column, Table};

use super::texts::copies;
use super::{Common, paint, setup};

#[derive(clap::Subcommand)]
pub enum Command {
    /// Show the latest detections that were kept.
    List(ListArguments),
    /// Show one detection: who sent it, what each detector, squeezer and student made of it.
    Show(ShowArguments),
    /// Write suspicious inputs as an adversarial set, as `evaluate --adversarial` and other programs read it.
    Export(export::Arguments),
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
    /// A folder to write its inputs to, as PNG or NPY, texts as UTF-8.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
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
        Command::Export(arguments) => runtime.block_on(export::run(common, arguments)),
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
        print(&kept, &texts(store, id, &kept).await?);
    }
    let Some(folder) = out else { return Ok(()) };
    std::fs::create_dir_all(folder).with_context(|| format!("cannot make the folder {}", folder.display()))?;
    for input in &kept.inputs {
        let (_, file) = store.input(id, input).await?.to_file()?;
        let path = folder.join(format!("{id}.{}.{}", input.item, input.format.extension()));
        write_atomically(&path, &file).with_context(|| format!("cannot write {}", path.display()))?;
        if !common.json {
            println!("{}", path.display());
        }
    }
    Ok(())
}

/// The texts that were kept, each with its item's place in the batch.
async fn texts(store: &Store, id: DetectionId, kept: &Kept) -> Result<Vec<(usize, Arc<Message>)>> {
    let mut texts = Vec::new();
    for input in kept.inputs.iter().filter(|input| matches!(input.format, KeptFormat::Text(_))) {
        texts.extend(store.input(id, input).await?.text().map(|message| (input.item, message.clone())));
    }
    Ok(texts)
}

fn print(Kept { detection, inputs }: &Kept, texts: &[(usize, Arc<Message>)]) {
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
    for item in &detection.items {
        print_item(item);
        if let Some((_, message)) = texts.iter().find(|(index, _)| *index == item.index) {
            copies::print(&message.text, &message.copies);
        }
    }
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

fn is_wanted(kept: &Kept, model: Option<&str>) -> bool {
    model.is_none_or(|model| kept.detection.model == model)
}
