//! Every attack at every level.

use super::{Level, List, Named};
use crate::attack::{
    AdaptiveCarliniWagner, AdaptivePgd, Apgd, ApgdLoss, Ball, Bim, Boundary, CarliniWagner0, CarliniWagner2,
    CarliniWagnerInf, DeepFool, Ead, Fab, Fgsm, HopSkipJump, Jsma, MiFgsm, Nes, Norm, Patch, Pgd, Place, Rule, SimBa,
    Spatial, Square, Universal,
};

/// Length of a step of a search by Adam.
const LEARNING_RATE: f32 = 0.01;
/// Questions that an attack asks about a picture of its own classifier, and of a gateway.
const OWN_QUERIES: usize = 400;
const QUERIES: usize = 1_000;

pub(super) fn attacks(eps: f32, seed: u64) -> Vec<Named> {
    let lists = [oblivious(eps, seed), transfer(eps, seed), black_box(eps, seed), adaptive(eps, seed)];
    lists.into_iter().flat_map(|list| list.attacks).collect()
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
        .questions("square", Square { eps, queries: OWN_QUERIES, share: 0.8, seed })
        .questions("spatial", spatial(seed))
}

fn transfer(eps: f32, seed: u64) -> List {
    List::of(Level::Transfer).gradients("mi_fgsm", mi_fgsm(eps)).gradients("pgd", pgd(eps, seed))
}

fn black_box(eps: f32, seed: u64) -> List {
    let queries = QUERIES;
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

pub(super) fn pgd(eps: f32, seed: u64) -> Pgd {
    Pgd { ball: Ball::linf(eps), step: eps / 8.0, steps: 20, starts: 1, seed }
}

pub(super) fn mi_fgsm(eps: f32) -> MiFgsm {
    MiFgsm { eps, step: eps / 5.0, steps: 10, decay: 1.0 }
}

pub(super) fn cw_2() -> CarliniWagner2 {
    CarliniWagner2 { c: 1.0, kappa: 0.0, steps: 60, learning_rate: LEARNING_RATE, searches: 3 }
}

pub(super) fn spatial(seed: u64) -> Spatial {
    Spatial { turn: 30.0, shift: 0.1, queries: 100, seed }
}

pub(super) fn adaptive_pgd(eps: f32, seed: u64) -> AdaptivePgd {
    let rule = Rule::Selective;
    AdaptivePgd { ball: Ball::linf(eps), step: eps / 8.0, steps: 40, starts: 2, rule, samples: 1, seed }
}
