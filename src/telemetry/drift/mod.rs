//! Has the traffic changed, or is somebody attacking?
//!
//! Both raise scores, and an operator does different things about them. Two tests on a window of recent scores tell
//! them apart. One asks whether the *body* of the distribution, below a cut, is still the calibration's: a two-sample
//! Kolmogorov-Smirnov test on the scores themselves, to which ties do no harm. The other asks whether more inputs are
//! flagged than the calibrated rate explains: an exact beta-binomial test. Traffic that has changed moves the body, with
//! the tail or without; attacks, as long as they are few, add to the tail and leave the body where it was.

mod baseline;
mod statistics;
mod window;

pub(super) use baseline::{Body, Distance, Tail};
pub(super) use window::Window;

/// A test gives alarm below this p-value. It is asked twenty times a window, day in, day out: at one in ten thousand,
/// traffic like the calibration's gives a false alarm at one look in five thousand at most, by either test.
const ALARM: f64 = 1e-4;
/// Below this p-value there is room for doubt: an alarm that has been given does not end yet, and a body beside an
/// excess in the tail, where something has changed for sure, counts as moved.
const DOUBT: f64 = 1e-2;

/// What recent scores say of a model's traffic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Traffic {
    /// There are too few scores to tell.
    #[default]
    Unknown,
    /// Nothing speaks against its being what the profile was calibrated on.
    AsCalibrated,
    /// Most of it differs from what the profile was calibrated on.
    Drifted,
    /// Most of it is as calibrated, but too many inputs are flagged.
    UnderAttack,
}

impl Traffic {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Unknown, Self::AsCalibrated, Self::Drifted, Self::UnderAttack];

    /// Its name in metrics and logs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::AsCalibrated => "as_calibrated",
            Self::Drifted => "drifted",
            Self::UnderAttack => "under_attack",
        }
    }

    /// What it is after a look with these p-values of body and tail.
    #[must_use]
    pub fn after(self, body: f64, tail: f64) -> Self {
        let has_excess = tail < ALARM;
        let has_moved = body < if has_excess { DOUBT } else { ALARM };
        match self {
            _ if has_moved => Self::Drifted,
            _ if has_excess => Self::UnderAttack,
            Self::Drifted | Self::UnderAttack if body.min(tail) < DOUBT => self,
            _ => Self::AsCalibrated,
        }
    }
}

#[cfg(test)]
mod tests;
