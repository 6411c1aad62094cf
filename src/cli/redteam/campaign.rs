//! What is to be made: each attack of each level, for each aim.

use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use portcullis::attack::{Goal, Level, Method, Named, Seed, catalogue, largest};
use portcullis::data::Sample;

use super::Arguments;
use super::access::Access;

/// What the classifier is to be made to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Aim {
    AnyOther,
    /// The class after the right one.
    Next,
    LeastLikely,
    /// A class, with its name.
    Class(usize, String),
}

impl Aim {
    pub fn parse(text: &str, classes: &[String]) -> Result<Self> {
        Ok(match text {
            "any-other" => Self::AnyOther,
            "next" => Self::Next,
            "least-likely" => Self::LeastLikely,
            name => {
                let by_name = classes.iter().position(|class| class == name);
                let class = by_name.or_else(|| name.parse().ok().filter(|&class| class < classes.len()));
                let class = class.with_context(|| {
                    format!(
                        "there is no class '{name}' among the {}; a target is any-other, next, least-likely, or a class",
                        classes.len()
                    )
                })?;
                Self::Class(class, classes[class].clone())
            }
        })
    }

    /// What an attack's name ends with.
    fn suffix(&self) -> String {
        match self {
            Self::AnyOther => String::new(),
            Self::Next => " next".to_owned(),
            Self::LeastLikely => " least-likely".to_owned(),
            Self::Class(_, name) => format!(" to {name}"),
        }
    }

    fn goal(&self, truth: usize, least_likely: usize, classes: usize) -> Goal {
        match self {
            Self::AnyOther => Goal::Not(truth),
            Self::Next => Goal::Read((truth + 1) % classes),
            Self::LeastLikely => Goal::Read(least_likely),
            Self::Class(class, _) => Goal::Read(*class),
        }
    }
}

/// One attack on all seeds.
pub struct Campaign {
    pub level: Level,
    pub name: String,
    pub definition: String,
    pub method: Arc<Method>,
    /// Which surrogate it is made on.
    pub surrogate: Option<usize>,
    pub samples: Arc<Vec<Sample>>,
    pub seeds: Arc<Vec<Seed>>,
}

impl Campaign {
    pub fn title(&self) -> String {
        format!("{} {}", self.level, self.name)
    }

    /// Whether pixels are moved instead of changed.
    pub fn moves_pixels(&self) -> bool {
        matches!(self.method.as_ref(), Method::Questions(attack) if attack.moves_pixels())
    }

    /// Level, attack and definition.
    pub fn labels(&self) -> [String; 3] {
        [self.level.to_string(), self.name.clone(), self.definition.clone()]
    }
}

/// Everything that the arguments ask for.
pub fn plan(arguments: &Arguments, aims: &[Aim], samples: &Arc<Vec<Sample>>, access: &Access) -> Result<Vec<Campaign>> {
    let eps = arguments.eps / 255.0;
    let all = catalogue(arguments.effort(), eps, arguments.attack_seed);
    for name in &arguments.attacks {
        let mut known: Vec<&str> = all.iter().map(|attack| attack.name).collect();
        known.dedup();
        ensure!(known.contains(&name.as_str()), "there is no attack '{name}'; there are: {}", known.join(", "));
    }
    let is_wanted = |attack: &Named| {
        (arguments.levels.is_empty() || arguments.levels.contains(&attack.level))
            && (arguments.attacks.is_empty() || arguments.attacks.iter().any(|name| name == attack.name))
    };
    let aimed: Vec<(&Aim, Arc<Vec<Seed>>)> =
        aims.iter().map(|aim| Ok((aim, Arc::new(aim_at(aim, samples, access)?)))).collect::<Result<_>>()?;
    let mut campaigns = Vec::new();
    for Named { level, name, definition, method } in all.into_iter().filter(is_wanted) {
        let method = Arc::new(method);
        for (aim, seeds) in &aimed {
            let campaign = |suffix: &str, surrogate| Campaign {
                level,
                name: format!("{name}{}{suffix}", aim.suffix()),
                definition: definition.clone(),
                method: method.clone(),
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

fn aim_at(aim: &Aim, samples: &[Sample], access: &Access) -> Result<Vec<Seed>> {
    let scores = if *aim == Aim::LeastLikely { access.scores(samples)? } else { Vec::new() };
    let seed = |(index, sample): (usize, &Sample)| {
        let turned: Vec<f32> = scores.get(index).into_iter().flatten().map(|score| -score).collect();
        let least = if turned.is_empty() { 0 } else { largest(&turned) };
        let goal = aim.goal(sample.label?, least, access.classes());
        Some(Seed { picture: sample.picture.clone(), goal })
    };
    Ok(samples.iter().enumerate().filter_map(seed).collect())
}
