//! The configuration: TOML, environment and flags.

use std::collections::BTreeSet;
use std::path::Path;

use portcullis::config::{Config, DetectorKind, GuardedModel, Input};
use portcullis::squeeze;

/// Text before the first NUL is the file. What follows NULs are values: of flags where they begin with a key that has a
/// dot, else of variables.
pub fn fuzz(input: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(input) else { return false };
    let mut parts = text.split('\0');
    let file = parts.next().unwrap_or_default();
    let overrides =
        parts.filter_map(|part| part.split_once('=')).map(|(key, value)| (key.to_owned(), value.to_owned()));
    let (flags, variables): (Vec<_>, Vec<_>) = overrides.partition(|(key, _)| key.contains('.'));
    match Config::parse(file, Path::new(""), variables, &flags) {
        Ok(config) => {
            check(&config);
            true
        }
        Err(mistakes) => {
            assert!(!mistakes.is_empty(), "refused without a mistake");
            assert!(mistakes.iter().all(|mistake| !mistake.message.is_empty()));
            false
        }
    }
}

fn check(config: &Config) {
    assert!(!config.models.is_empty());
    let names: BTreeSet<_> = config.models.iter().map(|model| &model.name.value).collect();
    assert_eq!(names.len(), config.models.len(), "two models have one name");
    assert!(config.server.max_message_bytes > 0 && config.server.max_inspected_bytes > 0);
    for model in &config.models {
        check_model(model);
    }
}

fn check_model(model: &GuardedModel) {
    assert!(model.fpr > 0.0 && model.fpr <= 0.5);
    assert!(model.detectors.iter().any(|detector| detector.weight > 0.0), "nothing would ever be suspicious");
    assert!(model.detectors.iter().all(|detector| detector.weight.is_finite() && detector.weight >= 0.0));
    for detector in &model.detectors {
        if let DetectorKind::FeatureSqueezing { squeezers, .. } = &detector.kind {
            squeezers.iter().for_each(|squeezer| check_squeezer(&squeezer.value));
        }
    }
    check_input(&model.input);
    for companion in model.students.iter().chain(&model.sentinels) {
        check_input(&companion.input);
    }
}

fn check_squeezer(written: &str) {
    let Ok(squeezer) = squeeze::parse(written) else { return };
    let again = squeeze::parse(&squeezer.name()).expect("its own name can be read");
    assert_eq!(again.name(), squeezer.name());
}

fn check_input(input: &Input) {
    if let Some(range) = &input.range {
        assert!(range.value[0] < range.value[1] && range.value.iter().all(|end| end.is_finite()), "{range:?}");
    }
    let sides = input.height.iter().chain(&input.width);
    assert!(sides.into_iter().all(|side| side.value > 0));
    let mean = input.mean.iter().flat_map(|mean| &mean.value);
    assert!(mean.into_iter().all(|value| value.is_finite()), "{:?}", input.mean);
    let std = input.std.iter().flat_map(|std| &std.value);
    assert!(std.into_iter().all(|&value| value > 0.0 && value.is_finite()), "{:?}", input.std);
}
