//! `portcullis demo`

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use portcullis::config::{Config, GuardedModel};
use portcullis::data::{AdversarialSet, Showcase};
use portcullis::gateway::{Answer, Client, Gateway, REVISION, lineup_with_profile};
use portcullis::model::{Classifier, Distribution};
use portcullis::profile::{Lineup, Loader, PictureId, Profile};
use portcullis::report::{ContactSheet, Exhibit, ReportError, Tally};
use portcullis::telemetry;
use portcullis::tensor::Picture;
use serde_json::json;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::pictures::{self, BenignArguments};
use super::{Common, calibrate, http, setup};

/// Benign pictures that calibrate; enough for false-positive rates of 5% and 1%.
const CALIBRATED_ON: usize = 1500;
/// Benign pictures that are sent, from those that are left.
const BENIGN: usize = 400;
/// Pictures of each attack on the contact sheet.
const SHOWN: usize = 2;
/// Calls under way at once.
const AT_ONCE: usize = 8;
/// How long the admin port may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// Metrics that are quoted.
const QUOTED: [&str; 2] = ["portcullis_decisions_total{", "portcullis_actions_total{"];

#[derive(clap::Args)]
pub struct Arguments {
    /// Leave the gateway running, to be looked at, until it is interrupted.
    #[arg(long)]
    keep: bool,
    /// Where to draw the contact sheet.
    #[arg(long, value_name = "PNG", default_value = "target/demo/contact_sheet.png")]
    sheet: PathBuf,
}

pub fn run(common: &Common, arguments: &Arguments) -> Result<()> {
    let showcase = Showcase::traffic_signs(Path::new("."));
    if let Some(missing) = showcase.missing() {
        bail!("the demonstration needs {}, which is not there (run it in the project's folder)", missing.display());
    }
    let config = Config::load(&showcase.config, std::env::vars(), &common.set)?;
    let model = setup::choose(&config, None)?;
    let loader = setup::loader(&config, config.workers.queue)?;
    let (mut lineup, profile) = calibrated(&config, model, &loader, &showcase)?;
    let classifier = lineup.teacher.take().context("the demonstration needs the classifier's file")?;
    let kinds = kinds(&showcase, &lineup, &profile, &classifier)?;

    let runtime = tokio::runtime::Runtime::new().context("cannot start the asynchronous runtime")?;
    let running = runtime.block_on(start(&config, loader))?;
    let sent = runtime.block_on(send(&running, &lineup, &kinds))?;
    let told = Told::new(&showcase, model.fpr, &kinds, &sent);
    let sheet = told.draw(&arguments.sheet)?;
    let metrics = quoted(running.admin)?;
    if common.json {
        told.print_json(&running, &sheet, &metrics);
    } else {
        told.print(&running, &sheet, &metrics);
    }
    runtime.block_on(running.stop(arguments.keep, model))
}

/// The model's parts and a profile that belongs to them, made if there is none.
fn calibrated(
    config: &Config,
    model: &GuardedModel,
    loader: &Loader,
    showcase: &Showcase,
) -> Result<(Lineup, Profile)> {
    if let Ok(ready) = lineup_with_profile(model, loader) {
        return Ok(ready);
    }
    let benign = BenignArguments::test_half(&showcase.benign, CALIBRATED_ON);
    let exclude = [showcase.adversarial.clone()];
    let (profile, _) = calibrate::fit(config, model, loader, &benign, &exclude, None)?;
    calibrate::save(&model.profile.value, &profile)?;
    lineup_with_profile(model, loader).map_err(|mistakes| setup::mistakes(config, mistakes).into())
}

/// A picture that is sent, and what the classifier reads when it is asked without the gateway.
struct Subject {
    picture: Picture,
    reading: Distribution,
    /// The picture that an attack began with, and what is on it.
    seed: Option<(Picture, usize)>,
}

/// Benign pictures, or the successful examples of one attack.
struct Kind {
    name: String,
    made: Option<usize>,
    subjects: Vec<Subject>,
}

/// What is sent: benign pictures that neither the profile nor an attack has used, and what fools the classifier.
fn kinds(showcase: &Showcase, lineup: &Lineup, profile: &Profile, classifier: &Classifier) -> Result<Vec<Kind>> {
    let seeds = pictures::seeds_of(std::slice::from_ref(&showcase.adversarial))?;
    let fresh = BenignArguments::test_half(&showcase.benign, BENIGN);
    let dataset = fresh.open(&lineup.identity.input)?;
    let used = |picture: &Picture| profile.has_seen(picture) || seeds.contains(&PictureId::of(picture));
    let benign = fresh.read(&dataset, used)?.collect::<Result<Vec<_>>>()?;
    let subjects =
        read(classifier, benign)?.into_iter().map(|(picture, reading)| Subject { picture, reading, seed: None });
    let mut kinds = vec![Kind { name: "benign".to_owned(), made: None, subjects: subjects.collect() }];

    let set = AdversarialSet::open(&showcase.adversarial)?;
    let originals = read(classifier, set.seeds().iter().map(|seed| seed.picture.clone()))?;
    for attack in set.results() {
        let readings = read(classifier, attack.pictures.iter().cloned())?;
        let subjects = readings.into_iter().zip(&originals).zip(set.seeds()).filter_map(|((made, original), seed)| {
            let truth = seed.label.filter(|&truth| original.1.top().0 == truth && !profile.has_seen(&seed.picture))?;
            let (picture, reading) = made;
            (reading.top().0 != truth).then(|| Subject { picture, reading, seed: Some((seed.picture.clone(), truth)) })
        });
        kinds.push(Kind { name: attack.name.clone(), made: Some(attack.pictures.len()), subjects: subjects.collect() });
    }
    Ok(kinds)
}

/// What the classifier reads when it is asked directly.
fn read(classifier: &Classifier, pictures: impl IntoIterator<Item = Picture>) -> Result<Vec<(Picture, Distribution)>> {
    pictures
        .into_iter()
        .map(|picture| {
            let shared = Arc::new(picture.clone());
            let reading = classifier.predict_waiting(move || shared).wait().context("the classifier failed")?;
            Ok((picture, reading.context("the classifier failed")?))
        })
        .collect()
}

/// A gateway that runs in this process, on ports of its own.
struct Running {
    clients: SocketAddr,
    admin: SocketAddr,
    shutdown: CancellationToken,
    serving: tokio::task::JoinHandle<()>,
}

async fn start(config: &Config, loader: Loader) -> Result<Running> {
    let exposition = telemetry::install(REVISION)?;
    let gateway =
        Gateway::assemble(config, loader, exposition).map_err(|mistakes| setup::mistakes(config, mistakes))?;
    let free = SocketAddr::from(([127, 0, 0, 1], 0));
    let (clients, admin) = (TcpListener::bind(free).await?, TcpListener::bind(free).await?);
    let shutdown = CancellationToken::new();
    Ok(Running {
        clients: clients.local_addr()?,
        admin: admin.local_addr()?,
        serving: tokio::spawn(gateway.run(clients, admin, shutdown.clone())),
        shutdown,
    })
}

impl Running {
    /// Stops the gateway, at once or when the user has seen enough.
    async fn stop(self, keep: bool, model: &GuardedModel) -> Result<()> {
        if keep {
            eprintln!("The gateway goes on until you press Ctrl-C. To look around:");
            eprintln!("  curl http://{}/metrics", self.admin);
            eprintln!("  portcullis inspect --gateway http://{} --model {} FILE.png", self.admin, model.name.value);
            tokio::signal::ctrl_c().await?;
        }
        self.shutdown.cancel();
        Ok(self.serving.await?)
    }
}

/// Sends everything through the gateway; the answers stand as the kinds and their subjects do.
async fn send(running: &Running, lineup: &Lineup, kinds: &[Kind]) -> Result<Vec<Vec<Answer>>> {
    let client = Client::connect(&format!("http://{}", running.clients), lineup.identity.clone()).await?;
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
fn quoted(admin: SocketAddr) -> Result<Vec<String>> {
    let (_, metrics) = http::get(admin, "/metrics", PATIENCE)?;
    let wanted = |line: &&str| QUOTED.iter().any(|name| line.starts_with(name)) && !line.ends_with(" 0");
    Ok(metrics.lines().filter(wanted).map(str::to_owned).collect())
}

/// What there is to tell in the end.
struct Told {
    fpr: f64,
    tallies: Vec<Tally>,
    exhibits: Vec<Exhibit>,
    example: String,
}

impl Told {
    fn new(showcase: &Showcase, fpr: f64, kinds: &[Kind], sent: &[Vec<Answer>]) -> Self {
        let is_refused = |answer: &Answer| matches!(answer, Answer::Refused(_));
        let tally =
            |(kind, answers): (&Kind, &Vec<Answer>)| Tally::new(&kind.name, kind.made, answers.iter().map(is_refused));
        let chosen: Vec<(&str, &Subject, &Answer)> = kinds
            .iter()
            .zip(sent)
            .flat_map(|(kind, answers)| {
                let pairs = kind.subjects.iter().zip(answers).map(|(subject, answer)| (&*kind.name, subject, answer));
                dangerous_first(showcase, pairs.collect()).into_iter().take(SHOWN)
            })
            .collect();
        let exhibits: Vec<Exhibit> = chosen.iter().filter_map(|chosen| exhibit(showcase, chosen)).collect();
        let example = exhibits.iter().zip(&chosen).next().map(|(exhibit, (.., answer))| tell(exhibit, answer));
        Self {
            fpr,
            tallies: kinds.iter().zip(sent).map(tally).collect(),
            example: example.unwrap_or_default(),
            exhibits,
        }
    }

    /// Draws the contact sheet; says why there is none where no font is installed.
    fn draw(&self, path: &Path) -> Result<String> {
        let title = "Traffic signs that fool the classifier, and what the gateway does about them";
        let shares: Vec<String> =
            self.tallies.iter().map(|tally| format!("{} {:.1}%", tally.kind, 100.0 * tally.refused_share())).collect();
        let notes = [
            "For each attack the first pictures of its set that fool the classifier, dangerous mistakes before others."
                .to_owned(),
            format!("Refused in all, at a threshold for {}% false positives: {}.", 100.0 * self.fpr, shares.join(", ")),
        ];
        match (ContactSheet { title, notes: &notes, exhibits: &self.exhibits }).to_png() {
            Ok(png) => {
                pictures::write(path, &png)?;
                Ok(path.display().to_string())
            }
            Err(error @ ReportError::NoFont) => Ok(error.to_string()),
            Err(error) => Err(error.into()),
        }
    }

    fn print(&self, running: &Running, sheet: &str, metrics: &[String]) {
        println!("{}\n", Tally::table(&self.tallies));
        println!(
            "The policy is to block, at a threshold that was calibrated for {}% false positives. Benign pictures are fresh:\n\
             neither calibration nor an attack has used them. Of each attack those are sent that fool the classifier.\n",
            100.0 * self.fpr
        );
        println!("{}\n", self.example);
        println!("contact sheet  {sheet}");
        println!("metrics        http://{}/metrics", running.admin);
        metrics.iter().for_each(|line| println!("  {line}"));
    }

    fn print_json(&self, running: &Running, sheet: &str, metrics: &[String]) {
        let summary = json!({
            "fpr": self.fpr,
            "pictures": self.tallies,
            "example": self.example,
            "contact_sheet": sheet,
            "clients": format!("http://{}", running.clients),
            "metrics": format!("http://{}/metrics", running.admin),
            "quoted": metrics,
        });
        println!("{summary}");
    }
}

type Sent<'a> = (&'a str, &'a Subject, &'a Answer);

/// Adversarial pictures in their order, dangerous mistakes before others. What the gateway made of them plays no part.
fn dangerous_first<'a>(showcase: &Showcase, sent: Vec<Sent<'a>>) -> Vec<Sent<'a>> {
    let is_dangerous = |(_, subject, _): &Sent<'_>| {
        let truth = subject.seed.as_ref().map(|seed| seed.1);
        truth.is_some_and(|truth| (showcase.is_dangerous)(truth, subject.reading.top().0))
    };
    let adversarial = sent.into_iter().filter(|(_, subject, _)| subject.seed.is_some());
    let (dangerous, others): (Vec<_>, Vec<_>) = adversarial.partition(is_dangerous);
    dangerous.into_iter().chain(others).collect()
}

fn exhibit(showcase: &Showcase, (attack, subject, answer): &Sent<'_>) -> Option<Exhibit> {
    let (original, truth) = subject.seed.as_ref()?;
    let (reading, confidence) = subject.reading.top();
    Some(Exhibit {
        original: original.clone(),
        adversarial: subject.picture.clone(),
        attack: (*attack).to_owned(),
        truth: showcase.class(*truth),
        reading: showcase.class(reading),
        confidence,
        refused: matches!(answer, Answer::Refused(_)),
    })
}

/// One example in words.
fn tell(exhibit: &Exhibit, answer: &Answer) -> String {
    let Exhibit { attack, truth, reading, confidence, .. } = exhibit;
    let change = exhibit.largest_change();
    let says = match answer {
        Answer::Refused(status) => status.clone(),
        Answer::Predicted(_) => format!("nothing; it lets \"{reading}\" pass"),
    };
    format!(
        "An example: a picture of \"{truth}\", its pixels changed by at most {change} of 255 ({attack}), is read by the\n\
         classifier as \"{reading}\", and it is {:.1}% sure. The gateway says:\n  {says}",
        100.0 * confidence
    )
}
