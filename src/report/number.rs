//! Numbers as people read them, and how far they reach.

/// A share as a percentage of about three figures.
pub(super) fn percent(share: f64) -> String {
    match 100.0 * share {
        0.0 => "0%".to_owned(),
        value if value >= 10.0 => format!("{value:.0}%"),
        value if value >= 1.0 => format!("{value:.1}%"),
        value => format!("{value:.2}%"),
    }
}

/// A score with about four figures.
pub(super) fn number(value: f64) -> String {
    match value.abs() {
        0.0 => "0".to_owned(),
        size if !(1e-3..1e5).contains(&size) => format!("{value:.2e}"),
        size if size >= 100.0 => format!("{value:.1}"),
        size if size >= 10.0 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

/// A score without the zeros at its end.
pub(super) fn tick(value: f64) -> String {
    match number(value) {
        text if text.contains('.') && !text.contains('e') => {
            text.trim_end_matches('0').trim_end_matches('.').to_owned()
        }
        text => text,
    }
}

/// The smallest and the largest value, a little apart at least.
pub(super) fn extent(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    let (low, high) = values.fold((f64::MAX, f64::MIN), |(low, high), value| (low.min(value), high.max(value)));
    match high - low {
        spread if spread < 0.0 => None,
        spread if spread > 1e-9 * high.abs().max(low.abs()) => Some((low, high)),
        _ => Some((low - 0.5, high + 0.5)),
    }
}
