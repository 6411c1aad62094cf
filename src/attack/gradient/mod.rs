//! Attacks that know the classifier, and follow its gradients.

mod adam;
mod apgd;
mod bim;
mod cw_0;
mod cw_2;
mod cw_inf;
mod deep_fool;
mod ead;
mod fab;
mod fgsm;
mod jsma;
mod mi_fgsm;
mod objective;
mod patch;
mod pgd;
mod planes;
mod projection;
mod sparse;
mod unbounded;
mod universal;
mod walk;
mod weight;

pub use apgd::{Apgd, ApgdLoss};
pub use bim::Bim;
pub use cw_0::CarliniWagner0;
pub use cw_2::CarliniWagner2;
pub use cw_inf::CarliniWagnerInf;
pub use deep_fool::DeepFool;
pub use ead::Ead;
pub use fab::Fab;
pub use fgsm::Fgsm;
pub use jsma::Jsma;
pub use mi_fgsm::MiFgsm;
pub use patch::{Patch, Place};
pub use pgd::Pgd;
pub use sparse::Sparse;
pub use universal::Universal;

pub(super) use unbounded::Unbounded;
pub(super) use weight::Weight;
