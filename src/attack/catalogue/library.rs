//! The attacks that a public attack library was measured with, to the parameter: what `docs/attacks.md` compares.

use super::{Level, List, Named};
use crate::attack::{Apgd, ApgdLoss, Ball, Bim, CarliniWagner2, Fgsm, Norm, Pgd, Square, Target};

/// One grey level of 8 bits.
const LEVEL: f32 = 1.0 / 255.0;

pub(super) fn attacks(seed: u64) -> Vec<Named> {
    let pgd = |ball, step, steps| Pgd { ball, step, steps, starts: 1, seed };
    let linf = |levels: f32| Ball::linf(levels * LEVEL);
    let cw_2 = CarliniWagner2 { c: 1.0, kappa: 0.0, steps: 80, learning_rate: 0.01, searches: 1 };
    List::of(Level::Oblivious)
        .gradients("fgsm_4", Fgsm { eps: 4.0 * LEVEL })
        .gradients("fgsm_8", Fgsm { eps: 8.0 * LEVEL })
        .gradients("bim_2", Bim { eps: 2.0 * LEVEL, step: 0.3 * LEVEL, steps: 10 })
        .gradients("pgd_8", pgd(linf(8.0), LEVEL, 20))
        .gradients("pgd_4", pgd(linf(4.0), 0.5 * LEVEL, 20))
        .gradients("pgd_l2", pgd(Ball { norm: Norm::L2, eps: 0.5 }, 0.05, 20))
        .gradients("apgd_ce_8", Apgd { ball: linf(8.0), loss: ApgdLoss::CrossEntropy, steps: 20, seed })
        .gradients("cw_2", cw_2)
        .questions("square_8", Square { eps: 8.0 * LEVEL, queries: 400, share: 0.8, seed })
        .aiming_at(Target::LeastLikely)
        .gradients("pgd_8", pgd(linf(8.0), LEVEL, 40))
        .attacks
}
