//! Which attacks a red team makes, by threat level and with their parameters: one file a suite.

mod full;
mod library;
mod quick;
mod squeezing;

use std::fmt;
use std::str::FromStr;

use super::{AdaptiveAttack, Attack, QueryAttack, Target};

/// What an attacker knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// The classifier, and nothing of any gateway.
    Oblivious,
    /// Another classifier of the same things: a student, say.
    Transfer,
    /// What the gateway answers.
    BlackBox,
    /// Everything: the classifier, the squeezers, the students, and how their scores are combined.
    Adaptive,
}

impl Level {
    /// All of them, from the least to the most.
    pub const ALL: [Self; 4] = [Self::Oblivious, Self::Transfer, Self::BlackBox, Self::Adaptive];

    /// Its name in commands and reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Oblivious => "oblivious",
            Self::Transfer => "transfer",
            Self::BlackBox => "black-box",
            Self::Adaptive => "adaptive",
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl FromStr for Level {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|level| level.name() == name)
            .ok_or_else(|| format!("a level is one of {}", Self::ALL.map(Self::name).join(", ")))
    }
}

/// A choice of attacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Suite {
    /// A first answer at every level.
    Quick,
    /// Every attack there is, at every level.
    Full,
    /// Those that a public attack library was measured with on a CIFAR-10 classifier.
    Library,
    /// Those of Xu, Evans, Qi (NDSS 2018) on MNIST.
    SqueezingMnist,
    /// Theirs on CIFAR-10.
    SqueezingCifar10,
    /// Theirs on ImageNet.
    SqueezingImageNet,
}

impl Suite {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Quick, Self::Full, Self::Library, Self::SqueezingMnist, Self::SqueezingCifar10, Self::SqueezingImageNet];

    /// Its name in commands.
    pub fn name(self) -> &'static str {
        match self {
            Self::Quick => "quick",
            Self::Full => "full",
            Self::Library => "library",
            Self::SqueezingMnist => "squeezing-mnist",
            Self::SqueezingCifar10 => "squeezing-cifar10",
            Self::SqueezingImageNet => "squeezing-imagenet",
        }
    }

    /// Its attacks, level by level. `eps` is the largest change of a pixel where the suite leaves it open, pixels being in
    /// [0, 1]; `seed` that of all randomness.
    pub fn attacks(self, eps: f32, seed: u64) -> Vec<Named> {
        match self {
            Self::Quick => quick::attacks(eps, seed),
            Self::Full => full::attacks(eps, seed),
            Self::Library => library::attacks(seed),
            Self::SqueezingMnist => squeezing::mnist(),
            Self::SqueezingCifar10 => squeezing::cifar10(),
            Self::SqueezingImageNet => squeezing::imagenet(),
        }
    }
}

impl fmt::Display for Suite {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl FromStr for Suite {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|suite| suite.name() == name)
            .ok_or_else(|| format!("a suite is one of {}", Self::ALL.map(Self::name).join(", ")))
    }
}

/// An attack by what it needs.
pub enum Method {
    /// Gradients of a classifier.
    Gradients(Box<dyn Attack>),
    /// Answers.
    Questions(Box<dyn QueryAttack>),
    /// Gradients of a classifier and of all that watches over it.
    Adaptive(Box<dyn AdaptiveAttack>),
}

/// An attack under its name.
pub struct Named {
    /// What the attacker knows.
    pub level: Level,
    /// Its name.
    pub name: &'static str,
    /// Attack and parameters, in full.
    pub definition: String,
    /// What the suite has it aim at; open where it may be anything.
    pub target: Option<Target>,
    /// The attack.
    pub method: Method,
}

/// The attacks of one level as they are listed.
struct List {
    level: Level,
    target: Option<Target>,
    attacks: Vec<Named>,
}

impl List {
    fn of(level: Level) -> Self {
        Self { level, target: None, attacks: Vec::new() }
    }

    /// What all that follow aim at.
    fn aiming_at(mut self, target: Target) -> Self {
        self.target = Some(target);
        self
    }

    fn add(mut self, name: &'static str, definition: String, method: Method) -> Self {
        self.attacks.push(Named { level: self.level, name, definition, target: self.target, method });
        self
    }

    fn gradients(self, name: &'static str, attack: impl Attack + fmt::Debug + 'static) -> Self {
        self.add(name, format!("{attack:?}"), Method::Gradients(Box::new(attack)))
    }

    fn questions(self, name: &'static str, attack: impl QueryAttack + fmt::Debug + 'static) -> Self {
        self.add(name, format!("{attack:?}"), Method::Questions(Box::new(attack)))
    }

    fn adaptive(self, name: &'static str, attack: impl AdaptiveAttack + fmt::Debug + 'static) -> Self {
        self.add(name, format!("{attack:?}"), Method::Adaptive(Box::new(attack)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_attack_of_a_level_has_a_name_of_its_own() {
        for suite in Suite::ALL {
            let all = suite.attacks(0.1, 1);
            for (index, attack) in all.iter().enumerate() {
                let key = |attack: &Named| (attack.level, attack.name, attack.target);
                let same = |other: &&Named| key(other) == key(attack);
                assert_eq!(all[index..].iter().filter(same).count(), 1, "{} {}", attack.level, attack.name);
            }
        }
        let full = Suite::Full.attacks(0.1, 1);
        assert!(Level::ALL.iter().all(|level| full.iter().any(|attack| attack.level == *level)));
    }

    #[test]
    fn levels_and_suites_are_read_by_their_names() {
        assert!(Level::ALL.iter().all(|level| level.name().parse() == Ok(*level)));
        assert!(Suite::ALL.iter().all(|suite| suite.name().parse() == Ok(*suite)));
        assert!("white".parse::<Level>().unwrap_err().contains("black-box"));
        assert!("all".parse::<Suite>().unwrap_err().contains("library"));
    }
}
