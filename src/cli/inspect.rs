//! `portcullis inspect`

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use portcullis::data::decode_picture;
use portcullis::detect::{Decision, Observation, Panel};
use portcullis::gateway::{Inspected, Operator, lineup_with_profile};
use portcullis::profile::Profile;
use portcullis::report::Table;
use portcullis::tensor::Picture;
use serde_json::json;

use super::peer::{self, Peer};
use super::pictures::Watcher;
use super::{Common, evidence, setup};

#[derive(clap::Args)]
pub struct Arguments {
    /// Pictures: PNG, JPEG, WebP or PNM; or the id of a detection that was kept.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
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

pub fn run(common: &Common, arguments: &Arguments) -> Result<()> {
    if let [id] = arguments.files.as_slice()
        && let Some(id) = id.to_str().filter(|_| !id.exists()).and_then(|id| id.parse().ok())
    {
        return evidence::show_kept(common, id);
    }
    let inspected = match &arguments.gateway {
        Some(url) => through_gateway(arguments, url)?,
        None => here(common, arguments)?,
    };
    for (path, inspected) in arguments.files.iter().zip(&inspected) {
        if common.json {
            println!("{}", json!({ "file": path, "verdict": inspected }));
        } else {
            show(path, inspected);
        }
    }
    Ok(())
}

fn read(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}

fn through_gateway(arguments: &Arguments, url: &str) -> Result<Vec<Inspected>> {
    let model = arguments.model.as_deref().context("name the model with --model: the gateway may guard several")?;
    let token = arguments.token_file.as_deref().map(peer::token).transpose()?;
    let runtime = setup::small_runtime()?;
    let operator = runtime.block_on(Operator::connect(&arguments.peer.endpoint(url)?, token.as_deref()))?;
    let inspect = |path: &PathBuf| {
        let inspected = runtime.block_on(operator.inspect(model, read(path)?));
        inspected.with_context(|| format!("cannot inspect {}", path.display()))
    };
    arguments.files.iter().map(inspect).collect()
}

fn here(common: &Common, arguments: &Arguments) -> Result<Vec<Inspected>> {
    let config = common.load()?;
    let model = setup::choose(&config, arguments.model.as_deref())?;
    let loader = setup::offline_loader(&config)?;
    let runtime = setup::small_runtime()?;
    let (mut lineup, profile) =
        lineup_with_profile(model, &loader).map_err(|mistakes| setup::mistakes(&config, mistakes))?;
    let threshold = profile.rate(&model.profile.value, model.fpr)?.threshold;
    let teacher = setup::offline_teacher(&config, model, &loader, &mut lineup, &runtime)?;
    let input = &lineup.identity.input;
    let pictures: Vec<Picture> = arguments
        .files
        .iter()
        .map(|path| {
            decode_picture(&read(path)?, Some((input.height, input.width)), input.preparation())
                .with_context(|| format!("cannot decode {}", path.display()))
        })
        .collect::<Result<_>>()?;
    let watcher = Watcher { panel: &lineup.panel, teacher: &teacher, workers: &loader.workers };
    let observed = watcher.observe("inspecting", pictures.len(), pictures.into_iter().map(Ok))?;
    observed
        .into_iter()
        .zip(&arguments.files)
        .map(|((_, observation), path)| {
            let observation = observation.with_context(|| format!("{} could not be examined", path.display()))?;
            judge(&lineup.panel, &profile, threshold, &observation)
        })
        .collect()
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
    })
}

fn show(path: &Path, inspected: &Inspected) {
    let Inspected { decision, reason, score, threshold, p_value, .. } = inspected;
    println!("{}: {}", path.display(), decision.to_uppercase());
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
    println!("{predictions}\n");
}
