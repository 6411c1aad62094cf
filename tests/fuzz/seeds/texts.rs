//! Configurations and profiles.

use portcullis::detect::{Cascade, Combination, Ranks, Rate, Weighted};
use portcullis::model::{OutputSpec, PictureSpec};
use portcullis::profile::{Calibration, InputId, ModelIdentity, Profile};
use portcullis::tensor::{Colour, Datatype, Depth, Layout, OutputKind, Picture};

use super::Seed;

/// A file that is there: configurations must name some.
const PRESENT: &str = "Cargo.toml";

/// The examples, all defaults written out, and what overrides them.
pub fn configurations() -> Vec<Seed> {
    let every_key = bare(include_str!("../../../deploy/examples/portcullis.toml"));
    let signs = bare(include_str!("../../../deploy/examples/signs.toml"));
    let flags =
        format!("{signs}\0models.signs.policy=block\0server.listen=[::1]:8001\0models.0.detectors.0.weight=0.5");
    let variables =
        format!("{signs}\0PORTCULLIS_SERVER__MAX_MESSAGE_BYTES=1KiB\0PORTCULLIS_MODELS__0__INPUT__MEAN=[0.5]");
    let inline = r#"upstream = { embedded = true }
models = [{ name = "a", path = "Cargo.toml", profile = 'a.json', input = { range = [0, 255], std = [1e0] },
  detectors = [{ kind = "feature_squeezing", squeezers = ["tv(0.1)", "noise(2,7)", "resize(0.5)"] }] }]
"#;
    let deep_keys = format!("{}a = 1", "a.".repeat(3000));
    let deep_lists = format!("models = {}", "[".repeat(4000));
    let deep_flag = format!("\0{}a=1", "a.".repeat(3500));
    vec![
        ("every_key", every_key.into()),
        ("signs", signs.into()),
        ("inline", inline.into()),
        ("flags", flags.into()),
        ("variables", variables.into()),
        ("deep_keys", deep_keys.into()),
        ("deep_lists", deep_lists.into()),
        ("deep_flag", deep_flag.into()),
    ]
}

/// The configuration without comments, but with the defaults that they state; its files are there.
fn bare(text: &str) -> String {
    let stated =
        |line: &str| line.strip_prefix('#').filter(|rest| rest.starts_with(char::is_alphabetic)).map(str::to_owned);
    let lines =
        text.lines().filter_map(|line| stated(line).or_else(|| (!line.starts_with('#')).then(|| line.to_owned())));
    let lines = lines.filter(|line| !line.is_empty()).map(|line| match line.split_once(" = ") {
        Some(("path", _)) => format!("path = \"{PRESENT}\""),
        _ => line,
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// A plain profile, and one with everything.
pub fn profiles() -> Vec<Seed> {
    let combination = |cascade| Combination {
        detectors: ["feature_squeezing", "student"].map(weighted).to_vec(),
        cascade,
        combined: ranks(24),
    };
    let rate = Rate { target: 0.05, threshold: 2.0 / 3.0, flagged: 1, held_out: 8, interval: [0.003, 0.5265] };
    let plain = Calibration { combination: combination(None), rates: vec![rate.clone()], out_of_reach: Vec::new() };
    let cascade = Some(Cascade { first: 1, share: 0.2, gate: 0.7 });
    let whole =
        Calibration { combination: combination(cascade), rates: vec![rate.clone(), rate], out_of_reach: Vec::new() };
    let seen = |shade: f32| InputId::from(&Picture::new(1, 1, 1, vec![shade]).expect("one pixel"));
    let created = || "2026-01-01T00:00:00Z".to_owned();
    let profile = Profile::new(identity("signs", 1), Vec::new(), &plain, vec![seen(0.5)], 0, created());
    let everything = Profile::new(
        identity("signs", 3),
        vec![identity("student", 3)],
        &whole,
        vec![seen(0.0), seen(1.0)],
        3,
        created(),
    );
    let json = |profile: &Profile| serde_json::to_vec_pretty(profile).expect("a profile can be written");
    vec![("plain", json(&profile)), ("everything", json(&everything))]
}

fn weighted(name: &str) -> Weighted {
    Weighted { name: name.into(), definition: format!("{name}(1)"), weight: 1.0, ranks: ranks(16) }
}

fn ranks(count: usize) -> Ranks {
    Ranks::new((0..count).map(|rank| (rank as f64 / 7.0).exp() - 1.0).collect()).expect("finite scores")
}

fn identity(name: &str, channels: usize) -> ModelIdentity {
    let input = PictureSpec {
        name: "image".into(),
        datatype: Datatype::Fp32,
        layout: Layout::Nchw,
        colour: if channels == 1 { Colour::Grey } else { Colour::Bgr },
        height: 2,
        width: 3,
        range: [0.0, 255.0],
        depth: Depth::EIGHT_BITS,
        mean: vec![103.94; channels],
        std: vec![1.0; channels],
        encoded: None,
    }
    .into();
    let output = OutputSpec { name: "answer".into(), kind: OutputKind::Logits, classes: 10 };
    ModelIdentity { name: name.into(), sha256: (channels == 3).then(|| "ab".repeat(32)), input, output }
}
