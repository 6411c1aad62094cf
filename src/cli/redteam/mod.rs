//! `portcullis redteam`

mod access;
mod campaign;
mod seeds;
mod store;
mod texts;
mod through;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use portcullis::attack::{Level, Suite};
use portcullis::config::Policy;
use portcullis::gateway::{OfflineTeacher, lineup_with_profile};
use portcullis::model::InputSpec;
use portcullis::report::{Assessment, Trial};

use self::access::Access;
use self::campaign::Campaign;
use self::store::Store;
use super::assess::{self, Judge};
use super::peer::Peer;
use super::pictures::{BenignArguments, Watcher};
use super::{Common, setup};

#[derive(clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    benign: BenignArguments,
    /// Pictures that are attacked; 100 if not given, 16 with --quick.
    #[arg(long, value_name = "N")]
    seeds: Option<usize>,
    /// A first answer within two minutes: few attacks, few pictures. The same as --suite quick.
    #[arg(long, conflicts_with = "suite")]
    quick: bool,
    /// Which attacks on pictures; on text there is one suite. full, quick, library (those of docs/attacks.md), or those of
    /// the paper of feature squeezing for a data set: squeezing-mnist, squeezing-cifar10, squeezing-imagenet.
    #[arg(long, default_value_t = Suite::Full)]
    suite: Suite,
    /// Largest change of a pixel, in 8-bit steps, where an attack has one and the suite leaves it open.
    #[arg(long, default_value_t = 8.0, value_parser = super::steps_of_255)]
    eps: f32,
    /// Seed of the attacks.
    #[arg(long, default_value_t = 1)]
    attack_seed: u64,
    /// Only these levels: oblivious, transfer, black-box, adaptive.
    #[arg(long, value_delimiter = ',', value_name = "LEVEL")]
    levels: Vec<Level>,
    /// Only these attacks, whatever their level: pgd, cw_2, square, ...
    #[arg(long, value_delimiter = ',', value_name = "NAME")]
    attacks: Vec<String>,
    /// What the classifier is to be made to read: any-other, next, least-likely, or a class by name or number. Several
    /// repeat every attack.
    #[arg(long, value_delimiter = ',', value_name = "TARGET", default_value = "any-other")]
    targets: Vec<String>,
    /// Adversarial sets, or folders of such, whose seeds must not be attacked or held against: those that something was
    /// chosen by.
    #[arg(long, value_name = "NPZ")]
    exclude: Vec<PathBuf>,
    /// Labelled messages that attacks on text take words from; those that are attacked if not given.
    #[arg(long, value_name = "PATH")]
    words: Option<PathBuf>,
    /// Other configured models that examples are made on to be carried over, beside the students.
    #[arg(long, value_delimiter = ',', value_name = "MODEL")]
    surrogates: Vec<String>,
    /// A running gateway to ask (http://host:port, https://host:port or unix:path) instead of one that is started here.
    #[arg(long, value_name = "URL")]
    gateway: Option<String>,
    #[command(flatten)]
    peer: Peer,
    /// Where the adversarial sets go, one an attack, and the report as page and JSON. What is there already is not made
    /// again, so that an interrupted run goes on where it stopped.
    #[arg(long, value_name = "DIR", default_value = "redteam")]
    out: PathBuf,
    /// The guarded model; not needed where only one is configured.
    #[arg(long)]
    model: Option<String>,
}

const SEEDS: usize = 100;
const QUICK_SEEDS: usize = 16;

pub fn run(common: &Common, arguments: &Arguments) -> Result<()> {
    let mut config = common.load()?;
    // The gateway that is attacked refuses what it flags, whatever the one in production does.
    config.models.iter_mut().for_each(|model| model.policy = Policy::Block);
    let model = setup::choose(&config, arguments.model.as_deref())?;
    let loader = setup::offline_loader(&config)?;
    let (lineup, profile) =
        lineup_with_profile(model, &loader).map_err(|mistakes| setup::mistakes(&config, mistakes))?;
    let classifier = lineup.teacher.clone().context("a red team needs the classifier's file: give the model's path")?;
    let teacher = OfflineTeacher::Local(classifier.clone());
    let watcher = Watcher { panel: &lineup.panel, teacher: &teacher, workers: &loader.workers };
    let InputSpec::Picture(input) = &lineup.identity.input else {
        let assessment = texts::assess(arguments, (&watcher, &profile), &classifier)?;
        return assess::publish(common, &assessment, Some(&arguments.out));
    };

    let dataset = arguments.benign.open(input)?;
    let classes = assess::class_names(dataset.classes().as_deref(), lineup.identity.output.classes);
    let targets = arguments.targets.iter().map(|text| campaign::target(text, &classes)).collect::<Result<Vec<_>>>()?;
    let chosen = seeds::choose(&dataset, &profile, &watcher, &targets, arguments)?;
    let judge = Judge { watcher: &watcher, profile: &profile, classes: &classes };
    let benign = judge.benign(chosen.benign)?;
    let access = Access::open(&config, &lineup, &profile, &loader, arguments)?;
    let campaigns = campaign::plan(arguments, &targets, &classes, &chosen.seeds, &access)?;
    let store = Store::open(&arguments.out, &profile, &chosen.seeds)?;
    let (trials, not_made) = fight(access, campaigns, &store, &judge)?;
    let assessment = Assessment::new(&profile, &benign, trials, not_made);
    assess::publish(common, &assessment, Some(&arguments.out))
}

type NotMade = Vec<(String, String)>;

/// Makes what is not there yet, and judges everything.
fn fight(mut access: Access, campaigns: Vec<Campaign>, store: &Store, judge: &Judge) -> Result<(Vec<Trial>, NotMade)> {
    announce(&mut access, &campaigns, store)?;
    let (mut trials, mut not_made) = (Vec::new(), Vec::new());
    let count = campaigns.len();
    for (at, campaign) in (1..).zip(&campaigns) {
        let made = match store.kept(campaign) {
            Some(made) => made,
            None => match access.run(campaign, &format!("{at}/{count} {}", campaign.title())) {
                Ok(made) => made,
                Err(reason) => {
                    not_made.push((campaign.title(), format!("{reason:#}")));
                    continue;
                }
            },
        };
        let trial = judge.trial(campaign.labels(), &campaign.samples, &made)?;
        store.keep(campaign, &made, &trial)?;
        trials.push(trial);
    }
    access.close()?;
    Ok((trials, not_made))
}

/// Says how long what is still to be made will take at most.
fn announce(access: &mut Access, campaigns: &[Campaign], store: &Store) -> Result<()> {
    let missing: Vec<&Campaign> = campaigns.iter().filter(|campaign| store.kept(campaign).is_none()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let longest = missing.iter().map(|campaign| access.estimate(campaign)).sum::<Result<Duration>>()?;
    eprintln!(
        "{} attacks on {} pictures, {} to be made: at most about {}",
        campaigns.len(),
        missing[0].samples.len(),
        missing.len(),
        humantime::format_duration(Duration::from_secs(longest.as_secs().max(1)))
    );
    Ok(())
}

impl Arguments {
    fn suite(&self) -> Suite {
        if self.quick { Suite::Quick } else { self.suite }
    }

    fn seeds(&self) -> usize {
        self.seeds.unwrap_or(if self.suite() == Suite::Quick { QUICK_SEEDS } else { SEEDS })
    }
}
