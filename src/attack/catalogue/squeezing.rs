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
/// Length of a step of a search by Adam.
const LEARNING_RATE: f32 = 0.01;

/// Within [0, 1]: `eps` of FGSM, `eps` and step of BIM.
struct Small {
    fgsm: f32,
    bim: [f32; 2],
}

pub(super) fn mnist() -> Vec<Named> {
    let list = untargeted(Small { fgsm: 0.3, bim: [0.3, 0.06] });
    jsma(carlini_wagner(list, 10.0)).attacks
}

pub(super) fn cifar10() -> Vec<Named> {
    let list = untargeted(Small { fgsm: 0.0156, bim: [0.008, 0.0012] });
    jsma(carlini_wagner(deep_fool(list, 10.0), 5.0)).attacks
}

pub(super) fn imagenet() -> Vec<Named> {
    let list = untargeted(Small { fgsm: 0.0078, bim: [0.004, 0.002] });
    carlini_wagner(deep_fool(list, 35.0), 5.0).attacks
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

fn carlini_wagner(list: List, kappa: f32) -> List {
    let learning_rate = LEARNING_RATE;
    let cw_2 = CarliniWagner2 { c: 1.0, kappa, steps: 100, learning_rate, searches: 4 };
    let inner = CarliniWagner2 { c: 10.0, searches: 1, ..cw_2 };
    TARGETS.into_iter().fold(list, |list, target| {
        list.aiming_at(target)
            .gradients("cw_inf", CarliniWagnerInf { c: 1.0, kappa, steps: 40, learning_rate, searches: 10 })
            .gradients("cw_2", cw_2)
            .gradients("cw_0", CarliniWagner0 { inner, rounds: 8, share: 0.3 })
    })
}

fn jsma(list: List) -> List {
    let jsma = Jsma { share: JSMA_SHARE, steps: JSMA_STEPS };
    TARGETS.into_iter().fold(list, |list, target| list.aiming_at(target).gradients("jsma", jsma))
}
