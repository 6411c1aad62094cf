//! `portcullis inspect`

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, bail, ensure};
use portcullis::data::{Dataset, Options, decode_picture, is_array};
use portcullis::detect::{Decision, Observation, Panel};
use portcullis::evidence::SqueezedText;
use portcullis::gateway::{Inspected, Operator, lineup_with_profile};
use portcullis::model::InputSpec;
use portcullis::profile::Profile;
use portcullis::report::Table;
use portcullis::tensor::{Item, Picture};
use serde_json::json;

use super::peer::{self, Peer};
use super::pictures::Watcher;
use super::texts::copies;
use super::{Common, evidence, setup};

#[derive(clap::Args)]
pub struct Arguments {
    /// Pictures: PNG, JPEG, TIFF, WebP, PNM, or NPY with one; for a model that takes text, files with a text each. Or the id of a detection that
    /// was kept.
    #[arg(required_unless_present = "text", value_name = "FILE")]
    files: Vec<PathBuf>,
    /// A text, for a model that takes such; may be given again.
    #[arg(long, value_name = "TEXT")]
    text: Vec<String>,
    /// The guarded model; not needed where only one is configured.
    #[arg(long)]
    model: Option<String>,
    /// Ask a running gateway, by its admin port, instead of examining here: `http://127.0.0.1:9901`, `https://...` or
    /// `unix:PATH`.
    #[arg(long, value_name = "URL")]
    gateway: Option<String>,
    /// A file with the token that the gateway's admin port asks for; its first, if there are several.
    #[arg(long, value_name = "FILE", requires = "gateway")]
    token_file: Option<PathBuf>,
    #[command(flatten)]
    peer: Peer,
}

/// What is inspected.
enum Subject<'a> {
    File(&'a Path),
    Text(&'a str),
}

impl Subject<'_> {
    fn name(&self) -> String {
        match self {
            Self::File(path) => path.display().to_string(),
            Self::Text(text) => format!("{text:?}"),
        }
    }

    /// As the model takes it; the line end at the end of a text's file is none of the text.
    fn item(&self, input: &InputSpec) -> Result<Item> {
        match (self, input) {
            (Self::Text(text), InputSpec::Text(_) | InputSpec::Tokens(_)) => Ok(Item::from((*text).to_owned())),
            (Self::Text(_), InputSpec::Picture(_)) => bail!("the model takes pictures: give their files"),
            (Self::File(path), InputSpec::Text(_) | InputSpec::Tokens(_)) => {
                let text =
                    String::from_utf8(read(path)?).with_context(|| format!("{} is not UTF-8", path.display()))?;
                Ok(Item::from(text.trim_end_matches(['\r', '\n']).to_owned()))
            }
            (Self::File(path), InputSpec::Picture(spec)) => Ok(picture(path, &Options::of(spec))?.into()),
        }
    }
}

pub fn run(common: &Common, arguments: &Arguments) -> Result<()> {
    if let [id] = arguments.files.as_slice()
        && let Some(id) = id.to_str().filter(|_| !id.exists()).and_then(|id| id.parse().ok())
    {
        return evidence::show_kept(common, id);
    }
    let files = arguments.files.iter().map(|path| Subject::File(path));
    let subjects: Vec<Subject> = files.chain(arguments.text.iter().map(|text| Subject::Text(text))).collect();
    let inspected = match &arguments.gateway {
        Some(url) => through_gateway(arguments, url, &subjects)?,
        None => here(common, arguments, &subjects)?,
    };
    for (subject, inspected) in subjects.iter().zip(&inspected) {
        match subject {
            _ if !common.json => show(&subject.name(), inspected),
            Subject::File(path) => println!("{}", json!({ "file": path, "verdict": inspected })),
            Subject::Text(text) => println!("{}", json!({ "text": text, "verdict": inspected })),
        }
    }
    Ok(())
}

/// The picture in a file, or the only one in an array.
fn picture(path: &Path, options: &Options) -> Result<Picture> {
    if !is_array(path) {
        let picture = decode_picture(&read(path)?, options);
        return picture.with_context(|| format!("cannot decode {}", path.display()));
    }
    let dataset = Dataset::open(path, options)?;
    ensure!(dataset.len() == 1, "{} holds {} pictures: save one", path.display(), dataset.len());
    Ok(dataset.get(0)?.picture)
}

fn read(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}

fn through_gateway(arguments: &Arguments, url: &str, subjects: &[Subject]) -> Result<Vec<Inspected>> {
    let model = arguments.model.as_deref().context("name the model with --model: the gateway may guard several")?;
    let token = arguments.token_file.as_deref().map(peer::token).transpose()?;
    let runtime = setup::small_runtime()?;
    let operator = runtime.block_on(Operator::connect(&arguments.peer.endpoint(url)?, token.as_deref()))?;
    let inspect = |subject: &Subject| {
        let inspected = match subject {
            Subject::File(path) => runtime.block_on(operator.inspect(model, read(path)?)),
            Subject::Text(text) => runtime.block_on(operator.inspect_text(model, text)),
        };
        inspected.with_context(|| format!("cannot inspect {}", subject.name()))
    };
    subjects.iter().map(inspect).collect()
}

fn here(common: &Common, arguments: &Arguments, subjects: &[Subject]) -> Result<Vec<Inspected>> {
    let config = common.load()?;
    let model = setup::choose(&config, arguments.model.as_deref())?;
    let loader = setup::offline_loader(&config)?;
    let runtime = setup::small_runtime()?;
    let (mut lineup, profile) =
        lineup_with_profile(model, &loader).map_err(|mistakes| setup::mistakes(&config, mistakes))?;
    let threshold = profile.rate(&model.profile.value, model.fpr)?.threshold;
    let teacher = setup::offline_teacher(&config, model, &loader, &mut lineup, &runtime)?;
    let input = &lineup.identity.input;
    let items =
        subjects.iter().map(|subject| Ok(input.as_sent(subject.item(input)?))).collect::<Result<Vec<Item>>>()?;
    let watcher = Watcher { panel: &lineup.panel, teacher: &teacher, workers: &loader.workers };
    let observed = watcher.observe("inspecting", items.len(), items.iter().cloned().map(Ok))?;
    observed
        .into_iter()
        .zip(subjects.iter().zip(&items))
        .map(|((_, observation), (subject, item))| {
            let observation = observation.with_context(|| format!("{} could not be examined", subject.name()))?;
            let inspected = judge(&lineup.panel, &profile, threshold, &observation)?;
            Ok(match item.text() {
                Some(text) => with_text(inspected, text, &lineup.panel),
                None => inspected,
            })
        })
        .collect()
}

/// With the text that was examined, and what each squeezer makes of it.
fn with_text(inspected: Inspected, text: &Arc<str>, panel: &Panel) -> Inspected {
    let copies = panel.squeezers().iter().map(|squeezer| SqueezedText::by(squeezer, text)).collect();
    Inspected { text: Some(text.as_ref().to_owned()), copies, ..inspected }
}

fn judge(panel: &Panel, profile: &Profile, threshold: f64, observation: &Observation) -> Result<Inspected> {
    let (evidence, score) = profile.combination.weigh(panel.detectors(), observation)?;
    let decision = if score > threshold { Decision::Suspicious } else { Decision::Clean };
    let predictions = panel.label(observation).map(|(source, distribution)| {
        let (class, probability) = distribution.top();
        (source, class, probability)
    });
    Ok(Inspected {
        decision: decision.name().to_owned(),
        reason: String::new(),
        score,
        threshold,
        p_value: profile.combination.combined.p_value(score),
        evidence,
        predictions: predictions.collect(),
        text: None,
        copies: Vec::new(),
    })
}

fn show(name: &str, inspected: &Inspected) {
    let Inspected { decision, reason, score, threshold, p_value, .. } = inspected;
    println!("{name}: {}", decision.to_uppercase());
    if !reason.is_empty() {
        println!("  {reason}\n");
        return;
    }
    println!("  combined score {score:.3}, threshold {threshold:.3}, p-value {p_value:.4}");
    let mut detectors = Table::with_numbers("detector", ["score", "p-value"]);
    for evidence in &inspected.evidence {
        detectors.row([
            evidence.detector.clone(),
            format!("{:.4}", evidence.score),
            format!("{:.4}", evidence.p_value),
        ]);
    }
    println!("{detectors}");
    let mut predictions = Table::with_numbers("prediction on", ["class", "probability"]);
    for (source, class, probability) in &inspected.predictions {
        predictions.row([source.clone(), class.to_string(), format!("{probability:.4}")]);
    }
    println!("{predictions}");
    if let Some(text) = &inspected.text {
        copies::print(text, &inspected.copies);
    }
    println!();
}
