//! The models that come with the project.

use std::path::Path;
use std::sync::Arc;

use portcullis::config::Config;
use portcullis::data::{Dataset, Sample};
use portcullis::model::{Classifier, Runtime};
use portcullis::profile::{Known, Lineup, Loader};

const EXAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/examples");

/// The classifier of an example, `signs` or `luggage`, its students and what loaded them; they fit together and their profile
/// belongs to them.
pub fn line_up(example: &str) -> (Lineup, Loader) {
    let config = Config::load(&Path::new(EXAMPLES).join(example).with_extension("toml"), [], &[]);
    let config = config.expect("a sound configuration");
    let model = config.models.first().expect("a model");
    let runtime = Runtime::load(None).expect("ONNX Runtime");
    let loader = Loader::start(runtime, 2, 64).expect("threads");
    let lineup = loader.line_up(model, Known::default()).expect("models that fit together");
    lineup.profile(&model.profile.value).expect("a profile that belongs to the models");
    (lineup, loader)
}

/// All pictures of a synthetic set, as `NAME:SEED:COUNT` names it.
pub fn drawn(set: &str) -> Vec<Sample> {
    let drawn = Dataset::open(set, &Default::default()).expect("a set");
    drawn.samples(true).collect::<Result<_, _>>().expect("pictures")
}

/// The class that a classifier reads on each picture.
pub fn readings(classifier: &Classifier, samples: &[Sample]) -> Vec<usize> {
    let ask = |sample: &Sample| {
        let picture = Arc::new(sample.picture.clone());
        classifier.predict_waiting(move || picture)
    };
    let pending: Vec<_> = samples.iter().map(ask).collect();
    let answers = pending.into_iter().map(|pending| pending.wait().expect("a worker").expect("a prediction"));
    answers.map(|answer| answer.top().0).collect()
}
