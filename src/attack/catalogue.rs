//! The attacks of a red team, by threat level and with their usual parameters.

use std::fmt;
use std::str::FromStr;

use super::{
    AdaptiveAttack, AdaptiveCarliniWagner, AdaptivePgd, Apgd, ApgdLoss, Attack, Ball, Bim, Boundary, CarliniWagner0,
    CarliniWagner2, CarliniWagnerInf, DeepFool, Ead, Fab, Fgsm, HopSkipJump, Jsma, MiFgsm, Nes, Norm, Patch, Pgd,
    Place, QueryAttack, Rule, SimBa, Spatial, Square, Universal,
};

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

/// How much work an attack makes of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effort {
    /// A first answer.
    Quick,
    /// As the papers have it.
    Full,
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
    /// The attack.
    pub method: Method,
}

/// The attacks of one level as they are listed.
struct List {
    level: Level,
    attacks: Vec<Named>,
}

impl List {
    fn of(level: Level) -> Self {
        Self { level, attacks: Vec::new() }
    }

    fn add(mut self, name: &'static str, definition: String, method: Method) -> Self {
        self.attacks.push(Named { level: self.level, name, definition, method });
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

/// Length of a step of a search by Adam.
const LEARNING_RATE: f32 = 0.01;

/// All attacks, level by level. `eps` is the largest change of a pixel where there is one, pixels being in [0, 1]; `seed`
/// that of all randomness.
pub fn catalogue(effort: Effort, eps: f32, seed: u64) -> Vec<Named> {
    let lists = match effort {
        Effort::Quick => [quick_oblivious, quick_transfer, quick_black_box, quick_adaptive],
        Effort::Full => [oblivious, transfer, black_box, adaptive],
    };
    lists.into_iter().flat_map(|list| list(eps, seed).attacks).collect()
}

fn quick_oblivious(eps: f32, seed: u64) -> List {
    List::of(Level::Oblivious)
        .gradients("fgsm", Fgsm { eps })
        .gradients("pgd", pgd(eps, seed))
        .gradients("cw_2", CarliniWagner2 { steps: 40, searches: 1, ..cw_2() })
}

fn quick_transfer(eps: f32, _: u64) -> List {
    List::of(Level::Transfer).gradients("mi_fgsm", mi_fgsm(eps))
}

fn quick_black_box(eps: f32, seed: u64) -> List {
    let queries = 60;
    List::of(Level::BlackBox)
        .questions("square", Square { eps, queries, share: 0.8, seed })
        .questions("spatial", Spatial { queries, ..spatial(seed) })
}

fn quick_adaptive(eps: f32, seed: u64) -> List {
    let attack = AdaptivePgd { steps: 15, starts: 1, ..adaptive_pgd(eps, seed) };
    List::of(Level::Adaptive).adaptive("selective", attack)
}

fn oblivious(eps: f32, seed: u64) -> List {
    let ball = Ball::linf(eps);
    let within = |norm, eps| Pgd { ball: Ball { norm, eps }, step: eps / 10.0, steps: 20, starts: 1, seed };
    let apgd = |loss| Apgd { ball, loss, steps: 30, seed };
    let patch = |place| Patch { side: 0.3, place, steps: 60, learning_rate: 0.05, seed };
    let few = CarliniWagner2 { c: 10.0, steps: 40, searches: 1, ..cw_2() };
    let [c, kappa, learning_rate] = [1.0, 0.0, LEARNING_RATE];
    List::of(Level::Oblivious)
        .gradients("fgsm", Fgsm { eps })
        .gradients("bim", Bim { eps, step: eps / 8.0, steps: 10 })
        .gradients("mi_fgsm", mi_fgsm(eps))
        .gradients("pgd", pgd(eps, seed))
        .gradients("pgd_l2", within(Norm::L2, 1.0))
        .gradients("pgd_l1", within(Norm::L1, 40.0))
        .gradients("apgd_ce", apgd(ApgdLoss::CrossEntropy))
        .gradients("apgd_dlr", apgd(ApgdLoss::Dlr))
        .gradients("apgd_t", apgd(ApgdLoss::TargetedDlr(3)))
        .gradients("fab", Fab { norm: Norm::Linf, steps: 25, starts: 1, rivals: 4, seed })
        .gradients("deep_fool", DeepFool { overshoot: 0.1, steps: 30, rivals: 4 })
        .gradients("cw_2", cw_2())
        .gradients("cw_inf", CarliniWagnerInf { c, kappa, steps: 30, learning_rate, searches: 8 })
        .gradients("cw_0", CarliniWagner0 { inner: few, rounds: 6, share: 0.3 })
        .gradients("ead", Ead { c, kappa, beta: 0.01, steps: 60, learning_rate: 0.05, searches: 3 })
        .gradients("jsma", Jsma { share: 0.05, steps: 100 })
        .gradients("universal", Universal { ball, step: eps / 5.0, steps: 30 })
        .gradients("patch", patch(Place::Anywhere))
        .gradients("sticker", patch(Place::Middle))
        .questions("square", Square { eps, queries: 400, share: 0.8, seed })
        .questions("spatial", spatial(seed))
}

fn transfer(eps: f32, seed: u64) -> List {
    List::of(Level::Transfer).gradients("mi_fgsm", mi_fgsm(eps)).gradients("pgd", pgd(eps, seed))
}

fn black_box(eps: f32, seed: u64) -> List {
    let queries = 1_000;
    List::of(Level::BlackBox)
        .questions("square", Square { eps, queries, share: 0.8, seed })
        .questions("spatial", spatial(seed))
        .questions("sim_ba", SimBa { step: 0.5, frequencies: 0.3, queries, seed })
        .questions("nes", Nes { eps, step: eps / 4.0, spread: 0.01, pairs: 20, queries, seed })
        .questions("hop_skip_jump", HopSkipJump { queries, probes: 30, seed })
        .questions("boundary", Boundary { queries, seed })
}

fn adaptive(eps: f32, seed: u64) -> List {
    let pgd = adaptive_pgd(eps, seed);
    List::of(Level::Adaptive)
        .adaptive("selective", pgd)
        .adaptive("orthogonal", AdaptivePgd { rule: Rule::Orthogonal, ..pgd })
        .adaptive("selective_eot", AdaptivePgd { samples: 4, starts: 1, ..pgd })
        .adaptive("cw", AdaptiveCarliniWagner { c: 1.0, steps: 50, learning_rate: LEARNING_RATE, searches: 3 })
}

fn pgd(eps: f32, seed: u64) -> Pgd {
    Pgd { ball: Ball::linf(eps), step: eps / 8.0, steps: 20, starts: 1, seed }
}

fn mi_fgsm(eps: f32) -> MiFgsm {
    MiFgsm { eps, step: eps / 5.0, steps: 10, decay: 1.0 }
}

fn cw_2() -> CarliniWagner2 {
    CarliniWagner2 { c: 1.0, kappa: 0.0, steps: 60, learning_rate: LEARNING_RATE, searches: 3 }
}

fn spatial(seed: u64) -> Spatial {
    Spatial { turn: 30.0, shift: 0.1, queries: 100, seed }
}

fn adaptive_pgd(eps: f32, seed: u64) -> AdaptivePgd {
    let rule = Rule::Selective;
    AdaptivePgd { ball: Ball::linf(eps), step: eps / 8.0, steps: 40, starts: 2, rule, samples: 1, seed }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_attack_of_a_level_has_a_name_of_its_own() {
        for effort in [Effort::Quick, Effort::Full] {
            let all = catalogue(effort, 0.1, 1);
            for (index, attack) in all.iter().enumerate() {
                let same = |other: &&Named| (other.level, other.name) == (attack.level, attack.name);
                assert_eq!(all[index..].iter().filter(same).count(), 1, "{} {}", attack.level, attack.name);
            }
            assert!(Level::ALL.iter().all(|level| all.iter().any(|attack| attack.level == *level)));
        }
    }

    #[test]
    fn levels_are_read_by_their_names() {
        assert!(Level::ALL.iter().all(|level| level.name().parse() == Ok(*level)));
        assert!("white".parse::<Level>().unwrap_err().contains("black-box"));
    }
}
