//! A first answer at every level.

use super::full::{adaptive_pgd, cw_2, mi_fgsm, pgd, spatial};
use super::{Level, List, Named};
use crate::attack::{AdaptivePgd, CarliniWagner2, Fgsm, Spatial, Square};

const QUERIES: usize = 60;

pub(super) fn attacks(eps: f32, seed: u64) -> Vec<Named> {
    let oblivious = List::of(Level::Oblivious)
        .gradients("fgsm", Fgsm { eps })
        .gradients("pgd", pgd(eps, seed))
        .gradients("cw_2", CarliniWagner2 { steps: 40, searches: 1, ..cw_2() });
    let transfer = List::of(Level::Transfer).gradients("mi_fgsm", mi_fgsm(eps));
    let black_box = List::of(Level::BlackBox)
        .questions("square", Square { eps, queries: QUERIES, share: 0.8, seed })
        .questions("spatial", Spatial { queries: QUERIES, ..spatial(seed) });
    let adaptive = List::of(Level::Adaptive)
        .adaptive("selective", AdaptivePgd { steps: 15, starts: 1, ..adaptive_pgd(eps, seed) });
    [oblivious, transfer, black_box, adaptive].into_iter().flat_map(|list| list.attacks).collect()
}
