//! What is to be made: each attack of each level, for each aim.

use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use portcullis::attack::{Level, Method, Named, Seed, Target};
use portcullis::data::Sample;
use portcullis::tensor::Picture;

use super::Arguments;
use super::access::Access;
use crate::cli::assess::Made;

/// Reads a target: any-other, next, least-likely, or a class by its name or number.
pub fn target(text: &str, classes: &[String]) -> Result<Target> {
    Ok(match text {
        "any-other" => Target::AnyOther,
        "next" => Target::Next,
        "least-likely" => Target::LeastLikely,
        name => {
            let by_name = classes.iter().position(|class| class == name);
            let class = by_name.or_else(|| name.parse().ok().filter(|&class| class < classes.len()));
            Target::Class(class.with_context(|| {
                let count = classes.len();
                format!("there is no class '{name}' among the {count}; a target is any-other, next, least-likely, or a class")
            })?)
        }
    })
}

/// What an attack's name ends with.
fn suffix(target: Target, classes: &[String]) -> String {
    match target {
        Target::AnyOther => String::new(),
        Target::Next => " next".to_owned(),
        Target::LeastLikely => " least-likely".to_owned(),
        Target::Class(class) => format!(" to {}", classes[class]),
    }
}

/// One attack on all seeds.
pub struct Campaign {
    pub level: Level,
    pub name: String,
    pub definition: String,
    pub method: Arc<Method>,
    /// Largest change of a pixel, where there is one.
    pub eps: f32,
    /// Which surrogate it is made on.
    pub surrogate: Option<usize>,
    pub samples: Arc<Vec<Sample>>,
    pub seeds: Arc<Vec<Seed>>,
}

impl Campaign {
    pub fn title(&self) -> String {
        format!("{} {}", self.level, self.name)
    }

    /// What it made, as it is judged.
    pub fn made(&self, pictures: Vec<Picture>, queries: Option<Vec<usize>>) -> Made {
        let (moves_pixels, from_afar) = match self.method.as_ref() {
            Method::Questions(attack) => (attack.moves_pixels(), attack.comes_from_afar()),
            Method::Gradients(_) | Method::Adaptive(_) => (false, false),
        };
        // As far as every pixel changed by eps would be.
        let values = self.seeds.first().map_or(0, |seed| seed.picture.pixels().len());
        let within = from_afar.then(|| f64::from(self.eps) * (values as f64).sqrt());
        let goals = self.seeds.iter().map(|seed| Some(seed.goal)).collect();
        Made { pictures, goals, queries, moves_pixels, within }
    }

    /// Level, attack and definition.
    pub fn labels(&self) -> [String; 3] {
        [self.level.to_string(), self.name.clone(), self.definition.clone()]
    }
}

/// Everything that the arguments ask for.
pub fn plan(
    arguments: &Arguments,
    targets: &[Target],
    classes: &[String],
    samples: &Arc<Vec<Sample>>,
    access: &Access,
) -> Result<Vec<Campaign>> {
    let eps = arguments.eps / 255.0;
    let all = arguments.suite().attacks(eps, arguments.attack_seed);
    for name in &arguments.attacks {
        let mut known: Vec<&str> = all.iter().map(|attack| attack.name).collect();
        known.dedup();
        ensure!(known.contains(&name.as_str()), "there is no attack '{name}'; there are: {}", known.join(", "));
    }
    let is_wanted = |attack: &Named| {
        (arguments.levels.is_empty() || arguments.levels.contains(&attack.level))
            && (arguments.attacks.is_empty() || arguments.attacks.iter().any(|name| name == attack.name))
    };
    let scores = access.scores(samples)?;
    let mut aimed_at: Vec<(Target, Arc<Vec<Seed>>)> = Vec::new();
    let mut campaigns = Vec::new();
    for Named { level, name, definition, target, method } in all.into_iter().filter(is_wanted) {
        let method = Arc::new(method);
        for target in target.map_or_else(|| targets.to_vec(), |target| vec![target]) {
            // Attacks with one target share the pictures.
            let known = aimed_at.iter().find(|(known, _)| *known == target).map(|(_, seeds)| seeds.clone());
            let seeds = known.unwrap_or_else(|| {
                let seeds = Arc::new(aimed(target, samples, &scores));
                aimed_at.push((target, seeds.clone()));
                seeds
            });
            let campaign = |from: &str, surrogate| Campaign {
                level,
                name: format!("{name}{}{from}", suffix(target, classes)),
                definition: definition.clone(),
                method: method.clone(),
                eps,
                surrogate,
                samples: samples.clone(),
                seeds: seeds.clone(),
            };
            if level == Level::Transfer {
                let names = access.surrogates().enumerate();
                campaigns.extend(names.map(|(at, from)| campaign(&format!(" from {from}"), Some(at))));
            } else {
                campaigns.push(campaign("", None));
            }
        }
    }
    ensure!(!campaigns.is_empty(), "no attack is left: transfer needs a student or --surrogates");
    Ok(campaigns)
}

fn aimed(target: Target, samples: &[Sample], scores: &[Vec<f32>]) -> Vec<Seed> {
    let seed = |(sample, scores): (&Sample, &Vec<f32>)| {
        Some(Seed { picture: sample.picture.clone(), goal: target.goal(sample.label?, scores) })
    };
    samples.iter().zip(scores).filter_map(seed).collect()
}
