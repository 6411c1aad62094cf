//! `portcullis demo`

mod story;
mod subjects;
mod told;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use portcullis::config::{Config, GuardedModel};
use portcullis::gateway::{Answer, Client, Operator, lineup_with_profile};
use portcullis::profile::Lineup;

use self::story::About;
use self::subjects::{Kind, Victim};
use self::told::Told;
use super::in_process::Running;
use super::{Common, pictures, setup};

/// Calls under way at once.
const AT_ONCE: usize = 8;
/// Metrics that are quoted.
const QUOTED: [&str; 2] = ["portcullis_decisions_total{", "portcullis_actions_total{"];

#[derive(clap::Args)]
pub struct Arguments {
    /// What is attacked: traffic signs, or bags in an X-ray scanner.
    #[arg(value_enum, default_value_t = About::Signs)]
    about: About,
    /// Leave the gateway running, to be looked at, until it is interrupted.
    #[arg(long)]
    keep: bool,
    /// Where to draw the contact sheet.
    #[arg(long, value_name = "PNG", default_value = "target/demo/contact_sheet.png")]
    sheet: PathBuf,
}

pub fn run(common: &Common, arguments: &Arguments) -> Result<()> {
    let story = arguments.about.story();
    let path = Path::new(story.config);
    if !path.exists() {
        bail!("the demonstration needs {}, which is not there (run it in the project's folder)", story.config);
    }
    let config = Config::load(path, std::env::vars(), &common.set)?;
    let model = setup::choose(&config, None)?;
    let loader = setup::loader(&config, config.workers.queue)?;
    let (mut lineup, profile) =
        lineup_with_profile(model, &loader).map_err(|mistakes| setup::mistakes(&config, mistakes))?;
    let classifier = lineup.teacher.take().context("the demonstration needs the classifier's file")?;
    let victim = Victim::new(story, classifier, &loader)?;
    let kinds = victim.kinds(&profile)?;

    let runtime = tokio::runtime::Runtime::new().context("cannot start the asynchronous runtime")?;
    let running = runtime.block_on(Running::start(&config, loader))?;
    let sent = runtime.block_on(send(&running, &lineup, &kinds))?;
    let told = Told::new(story, &victim.classes, model.fpr, &kinds, &sent);
    let sheet = told.draw(&arguments.sheet)?;
    let metrics = runtime.block_on(quoted(&running))?;
    if common.json {
        told.print_json(&running, &sheet, &metrics);
    } else {
        told.print(&running, &sheet, &metrics);
    }
    runtime.block_on(stop(running, arguments.keep, model))
}

/// Stops the gateway, at once or when the user has seen enough.
async fn stop(running: Running, keep: bool, model: &GuardedModel) -> Result<()> {
    if keep {
        eprintln!("The gateway goes on until you press Ctrl-C. To look around:");
        eprintln!("  {}/ in a browser", running.admin);
        eprintln!("  curl {}/metrics", running.admin);
        eprintln!("  portcullis inspect --gateway {} --model {} FILE.png", running.admin, model.name.value);
        tokio::signal::ctrl_c().await?;
    }
    running.stop().await
}

/// Sends everything through the gateway; the answers stand as the kinds and their subjects do.
async fn send(running: &Running, lineup: &Lineup, kinds: &[Kind]) -> Result<Vec<Vec<Answer>>> {
    let client = Client::connect(&running.clients, lineup.identity.clone()).await?;
    let bar = pictures::progress("sending", kinds.iter().map(|kind| kind.subjects.len()).sum());
    let mut answers = Vec::new();
    for kind in kinds {
        let pictures = kind.subjects.iter().map(|subject| subject.picture.clone());
        answers.push(client.classify_all(pictures, AT_ONCE, || bar.inc(1)).await?);
    }
    bar.finish_and_clear();
    Ok(answers)
}

/// The lines of the metrics that tell what was decided and done, without those that are zero.
async fn quoted(running: &Running) -> Result<Vec<String>> {
    let (_, metrics) = Operator::connect(&running.admin, None).await?.get("/metrics").await?;
    let wanted = |line: &&str| QUOTED.iter().any(|name| line.starts_with(name)) && !line.ends_with(" 0");
    Ok(metrics.lines().filter(wanted).map(str::to_owned).collect())
}
