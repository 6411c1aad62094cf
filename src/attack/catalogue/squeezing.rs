//! The attacks of the paper that feature squeezing comes from (Xu, Evans, Qi 2018), with its parameters for each data set.

use super::{Level, List, Named};
use crate::attack::{Bim, CarliniWagner0, CarliniWagner2, CarliniWagnerInf, DeepFool, Fgsm, Jsma, Target};

/// The targets of attacks that have one: the class after the right one, and the least likely.
const TARGETS: [Target; 2] = [Target::Next, Target::LeastLikely];
/// Steps of its BIM.
const BIM_STEPS: usize = 10;
/// The most values that its JSMA turns, as a share of all.
const JSMA_SHARE: f32 = 0.1;
/// Enough to turn that share of a CIFAR-10 picture's values, two a step.
const JSMA_STEPS: usize = 160;
/// How a search by Adam goes about it: the first weight, steps, their length, and weights that are tried.
struct Search {
    c: f32,
    steps: usize,
    learning_rate: f32,
    searches: usize,
}

const SEARCH: Search = Search { c: 1.0, steps: 100, learning_rate: 0.01, searches: 4 };
/// Digits are black and white, and far from each other.
const FAR_SEARCH: Search = Search { c: 1.0, steps: 400, learning_rate: 0.02, searches: 8 };

/// Within [0, 1]: `eps` of FGSM, `eps` and step of BIM.
struct Small {
    fgsm: f32,
    bim: [f32; 2],
}

pub(super) fn mnist() -> Vec<Named> {
    let list = untargeted(Small { fgsm: 0.3, bim: [0.3, 0.06] });
    jsma(carlini_wagner(list, 10.0, FAR_SEARCH)).attacks
}

pub(super) fn cifar10() -> Vec<Named> {
    let list = untargeted(Small { fgsm: 0.0156, bim: [0.008, 0.0012] });
    jsma(carlini_wagner(deep_fool(list, 10.0), 5.0, SEARCH)).attacks
}

pub(super) fn imagenet() -> Vec<Named> {
    let list = untargeted(Small { fgsm: 0.0078, bim: [0.004, 0.002] });
    carlini_wagner(deep_fool(list, 35.0), 5.0, SEARCH).attacks
}

fn untargeted(Small { fgsm, bim: [eps, step] }: Small) -> List {
    List::of(Level::Oblivious)
        .aiming_at(Target::AnyOther)
        .gradients("fgsm", Fgsm { eps: fgsm })
        .gradients("bim", Bim { eps, step, steps: BIM_STEPS })
}

fn deep_fool(list: List, overshoot: f32) -> List {
    list.gradients("deep_fool", DeepFool { overshoot, steps: 50, rivals: 9 })
}

fn carlini_wagner(list: List, kappa: f32, search: Search) -> List {
    let Search { c, steps, learning_rate, searches } = search;
    let cw_2 = CarliniWagner2 { c, kappa, steps, learning_rate, searches };
    let inner = CarliniWagner2 { c: 10.0 * c, searches: 1, ..cw_2 };
    let cw_inf = CarliniWagnerInf { c, kappa, steps: 2 * steps / 5, learning_rate, searches: 10 };
    TARGETS.into_iter().fold(list, |list, target| {
        list.aiming_at(target)
            .gradients("cw_inf", cw_inf)
            .gradients("cw_2", cw_2)
            .gradients("cw_0", CarliniWagner0 { inner, rounds: 8, share: 0.3 })
    })
}

fn jsma(list: List) -> List {
    let jsma = Jsma { share: JSMA_SHARE, steps: JSMA_STEPS };
    TARGETS.into_iter().fold(list, |list, target| list.aiming_at(target).gradients("jsma", jsma))
}
