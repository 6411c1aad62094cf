//! What attacks made, kept in a folder: a set an attack, so that nothing is made twice.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use portcullis::data::{AdversarialSet, AttackResult, Sample};
use portcullis::model::fingerprint;
use portcullis::profile::{InputId, Profile};
use portcullis::report::Trial;
use serde::{Deserialize, Serialize};

use super::campaign::Campaign;
use crate::cli::assess::Made;
use crate::cli::pictures;

/// What lies beside an adversarial set.
#[derive(Serialize, Deserialize)]
struct Record {
    /// Tells one campaign from another: attack, model, profile, seeds and goals.
    campaign: String,
    attack: String,
    definition: String,
    queries: Option<Vec<usize>>,
}

/// The folder.
pub struct Store {
    folder: PathBuf,
    /// Tells what is attacked from anything else.
    identity: String,
}

impl Store {
    pub fn open(folder: &Path, profile: &Profile, seeds: &[Sample]) -> Result<Self> {
        std::fs::create_dir_all(folder).with_context(|| format!("cannot make the folder {}", folder.display()))?;
        let ids: Vec<InputId> = seeds.iter().map(|seed| InputId::from(&seed.picture)).collect();
        Ok(Self { folder: folder.to_owned(), identity: fingerprint(&(profile, ids)) })
    }

    /// What an earlier run of the same campaign made.
    pub fn kept(&self, campaign: &Campaign) -> Option<Made> {
        let record: Record = serde_json::from_slice(&std::fs::read(self.path(campaign, "json")).ok()?).ok()?;
        if record.campaign != self.fingerprint(campaign) {
            return None;
        }
        let set = AdversarialSet::open(self.path(campaign, "npz")).ok()?;
        let result = set.results().first()?;
        let is_whole = result.pictures.len() == campaign.samples.len();
        is_whole.then(|| campaign.made(result.pictures.clone(), record.queries))
    }

    /// Keeps it, unless it is there already.
    pub fn keep(&self, campaign: &Campaign, made: &Made, trial: &Trial) -> Result<()> {
        if self.kept(campaign).is_some() {
            return Ok(());
        }
        let name = campaign.title().replace(' ', "_");
        let successful = trial.outcomes.iter().map(|outcome| outcome.fooled).collect();
        let result = AttackResult { name, pictures: made.pictures.clone(), successful };
        AdversarialSet::new(campaign.samples.to_vec(), vec![result])?.save(self.path(campaign, "npz"))?;
        let record = Record {
            campaign: self.fingerprint(campaign),
            attack: campaign.title(),
            definition: campaign.definition.clone(),
            queries: made.queries.clone(),
        };
        pictures::write(&self.path(campaign, "json"), &serde_json::to_vec_pretty(&record)?)
    }

    fn fingerprint(&self, campaign: &Campaign) -> String {
        let goals: Vec<String> = campaign.seeds.iter().map(|seed| format!("{:?}", seed.goal)).collect();
        fingerprint(&(&self.identity, campaign.title(), &campaign.definition, goals))
    }

    fn path(&self, campaign: &Campaign, extension: &str) -> PathBuf {
        let readable = |letter: char| if letter.is_alphanumeric() || letter == '-' { letter } else { '_' };
        let name: String = campaign.title().chars().map(readable).collect();
        self.folder.join(format!("{name}.{extension}"))
    }
}
