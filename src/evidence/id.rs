//! Identifiers of detections.

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use uuid::Uuid;

/// A detection's identifier: a UUID of version 7, which begins with its time. What is made of it is safe as a file's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DetectionId(Uuid);

/// Why a text is no identifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "is no detection's id: it looks like 01928f6e-7c1b-7a3d-9f2e-3b1c5d7e9f01, as annotated or refused clients got it"
)]
pub struct NoDetectionId;

impl DetectionId {
    /// When it was given, to the millisecond.
    pub fn time(self) -> SystemTime {
        let (seconds, nanoseconds) = self.0.get_timestamp().map_or((0, 0), |timestamp| timestamp.to_unix());
        UNIX_EPOCH + Duration::new(seconds, nanoseconds)
    }

    /// The day on which it was given, in UTC: `YYYY-MM-DD`.
    pub fn day(self) -> String {
        let time = humantime::format_rfc3339_seconds(self.time()).to_string();
        time.split('T').next().unwrap_or_default().to_owned()
    }

    /// A number in [0, 1), of even chance.
    pub(super) fn lot(self) -> f64 {
        let [.., a, b, c, d] = *self.0.as_bytes();
        f64::from(u32::from_be_bytes([a, b, c, d])) / (f64::from(u32::MAX) + 1.0)
    }
}

impl FromStr for DetectionId {
    type Err = NoDetectionId;

    fn from_str(text: &str) -> Result<Self, NoDetectionId> {
        let id = Uuid::try_parse(text).map_err(|_| NoDetectionId)?;
        if id.get_version_num() == 7 { Ok(Self(id)) } else { Err(NoDetectionId) }
    }
}

impl fmt::Display for DetectionId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(formatter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_tells_its_time_and_nothing_else_is_one() {
        let id: DetectionId = "01928F6E-7C1B-7A3D-9F2E-3B1C5D7E9F01".parse().unwrap();
        assert_eq!(id.to_string(), "01928f6e-7c1b-7a3d-9f2e-3b1c5d7e9f01");
        assert_eq!(id.day(), "2024-10-15");
        assert!((0.0..1.0).contains(&id.lot()));
        for wrong in ["", "../../secret", "01928f6e-7c1b-7a3d-9f2e-3b1c5d7e9f01/..", "..", "a\0b", "%2e%2e"] {
            assert_eq!(wrong.parse::<DetectionId>(), Err(NoDetectionId), "{wrong}");
        }
        let of_another_version = "6ba7b810-9dad-41d1-80b4-00c04fd430c8";
        assert_eq!(of_another_version.parse::<DetectionId>(), Err(NoDetectionId));
    }
}
