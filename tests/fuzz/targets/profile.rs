//! Profiles.

use std::path::Path;

use portcullis::model::fingerprint;
use portcullis::profile::Profile;

/// A profile that is accepted is written and read back the same. One whose fingerprint is wrong gets the right one, so that
/// what lies behind this check is seen.
pub fn fuzz(input: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(input) else { return false };
    let parse = |text: &str| Profile::parse(text, Path::new("profile.json"));
    let mended = serde_json::from_str(text).map(|profile: Profile| Profile {
        preprocessing: fingerprint(&(&profile.model.input, &profile.model.output)),
        ..profile
    });
    let Ok(text) = mended.and_then(|profile| serde_json::to_string(&profile)) else {
        assert!(parse(text).is_err(), "what is no JSON is no profile");
        return false;
    };
    let Ok(profile) = parse(&text) else { return false };
    let written = serde_json::to_string(&profile).expect("a profile can be written");
    assert_eq!(parse(&written).expect("what was written can be read"), profile);
    true
}
