//! Numbers and moments as the page writes them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A score of about three figures.
pub(super) fn score(value: f64) -> String {
    match value.abs() {
        0.0 => "0".to_owned(),
        size if !(1e-3..1e5).contains(&size) => format!("{value:.1e}"),
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        size if size >= 1.0 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

/// A share, of 1, in percent; one that is not all is never told as all, nor one that is more than none as none.
pub(super) fn percent(share: f64) -> String {
    match 100.0 * share {
        ..=0.0 => "0%".to_owned(),
        100.0.. => "100%".to_owned(),
        ..0.1 => "<0.1%".to_owned(),
        99.9.. => ">99.9%".to_owned(),
        value @ 10.0..99.0 => format!("{value:.0}%"),
        value => {
            let told = format!("{value:.1}");
            format!("{}%", told.trim_end_matches(".0"))
        }
    }
}

/// A p-value: those of a thousand calibration inputs can be told apart.
pub(super) fn p_value(value: f64) -> String {
    format!("{value:.4}")
}

/// A count, its thousands apart.
pub(super) fn thousands(count: u64) -> String {
    let digits = count.to_string();
    let first = digits.len() % 3;
    let mut grouped = digits[..first].to_owned();
    for group in digits.as_bytes()[first..].chunks(3) {
        if !grouped.is_empty() {
            grouped.push(',');
        }
        grouped.extend(group.iter().copied().map(char::from));
    }
    grouped
}

/// A second of the Unix epoch; one that no calendar has is the epoch's first.
pub(super) fn moment(second: u64) -> SystemTime {
    /// The last second of the year 9999.
    const LAST: u64 = 253_402_300_799;
    UNIX_EPOCH + Duration::from_secs(if second > LAST { 0 } else { second })
}

/// A moment in UTC, for programs and for who is told no other: `2026-11-28T16:04:12Z`.
pub(super) fn rfc3339(time: SystemTime) -> String {
    humantime::format_rfc3339_seconds(time).to_string()
}

/// The time of day in UTC: `16:04:12`.
pub(super) fn clock(time: SystemTime) -> String {
    let whole = rfc3339(time);
    whole.get(11..19).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_told_as_they_are_meant() {
        let told = [0.0, 0.0001, 0.05, 0.123, 0.5, 0.992, 0.9996, 1.0].map(percent);
        assert_eq!(told, ["0%", "<0.1%", "5%", "12%", "50%", "99.2%", ">99.9%", "100%"]);
    }

    #[test]
    fn scores_and_counts_are_short() {
        assert_eq!([0.000999, 0.25].map(p_value), ["0.0010", "0.2500"]);
        assert_eq!(
            [0.0, 1.0 / 3.0, 1.5, 23.456, 1234.5, 1e-9].map(score),
            ["0", "0.333", "1.50", "23.5", "1234", "1.0e-9"]
        );
        assert_eq!([0, 999, 1_000, 1_234_567].map(thousands), ["0", "999", "1,000", "1,234,567"]);
    }

    #[test]
    fn any_number_is_a_moment() {
        assert_eq!(clock(moment(1_790_000_000)), "14:13:20");
        assert_eq!(rfc3339(moment(u64::MAX)), "1970-01-01T00:00:00Z");
    }
}
