//! What an examination costs.

use std::fmt;

use serde::Serialize;

use crate::report::number::tick;

/// Predictions beyond the one that the client asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Effort {
    /// By the classifier, on squeezed copies.
    pub copies: f64,
    /// By students and sentinels.
    pub companions: f64,
}

impl Effort {
    /// On average; none of none.
    pub(super) fn mean(all: impl ExactSizeIterator<Item = Self>) -> Self {
        let count = all.len().max(1) as f64;
        let add = |sum: Self, one: Self| Self {
            copies: sum.copies + one.copies / count,
            companions: sum.companions + one.companions / count,
        };
        all.fold(Self::default(), add)
    }
}

impl fmt::Display for Effort {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let round = |count: f64| tick((count * 100.0).round() / 100.0);
        let (copies, companions) = (round(self.copies), round(self.companions));
        write!(to, "{copies} on squeezed copies, {companions} by students and sentinels")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mean_is_told_to_the_hundredth() {
        let efforts = [[3.0, 2.0], [0.0, 1.0], [0.0, 1.0]].map(|[copies, companions]| Effort { copies, companions });
        let told = Effort::mean(efforts.into_iter()).to_string();
        assert_eq!(told, "1 on squeezed copies, 1.33 by students and sentinels");
        assert_eq!(Effort::mean(std::iter::empty()), Effort::default());
    }
}
