//! The classifier that a second model is made for: a file, or a guarded model of the configuration.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use portcullis::config::{Config, ConfigError};
use portcullis::model::{Classifier, InputSpec};
use portcullis::profile::{Known, Loader};

use super::{Common, setup};

/// What a teacher's file is guarded as, so that it is read as any guarded model.
const TEACHER: &str = "upstream.embedded = true\n[[models]]\nname = \"teacher\"\nprofile = \"none\"\n\
                       [[models.detectors]]\nkind = \"margin\"\n";

#[derive(clap::Args)]
pub struct TeacherArguments {
    /// The classifier that it is for, an ONNX file; a guarded model of the configuration if not given.
    #[arg(long, value_name = "ONNX")]
    teacher: Option<PathBuf>,
    /// What the teacher's file does not tell of its input, as in the configuration's `models.input`:
    /// `--input range=[0,255] --input colour=bgr`.
    #[arg(long, value_name = "KEY=VALUE", value_parser = super::key_value, requires = "teacher")]
    input: Vec<(String, String)>,
    /// The same of its output: `--output kind=logits`.
    #[arg(long, value_name = "KEY=VALUE", value_parser = super::key_value, requires = "teacher")]
    output: Vec<(String, String)>,
    /// The guarded model that it is for, where several are configured.
    #[arg(long, conflicts_with = "teacher")]
    model: Option<String>,
}

impl TeacherArguments {
    /// The classifier, which answers, and what loaded it.
    pub fn open(&self, common: &Common) -> Result<(Classifier, Loader)> {
        let config = match &self.teacher {
            Some(path) => self.alone(path)?,
            None => common.load()?,
        };
        let model = setup::choose(&config, self.model.as_deref())?;
        let loader = setup::offline_loader(&config)?;
        // Other second models play no part.
        let alone = model.alone();
        let lineup = loader.line_up(&alone, Known::default()).map_err(|mistakes| setup::mistakes(&config, mistakes))?;
        let teacher = lineup.teacher.context("the teacher's ONNX file is needed: give its path, or --teacher")?;
        let inputs = teacher.model().inputs().len();
        let known = match teacher.input() {
            InputSpec::Tokens(spec) => spec.names().count(),
            InputSpec::Picture(_) | InputSpec::Text(_) => 1,
        };
        ensure!(
            inputs == known,
            "the teacher takes {inputs} inputs; only classifiers of one picture or text can have a second model"
        );
        answers(&teacher)?;
        Ok((teacher, loader))
    }

    /// A configuration in which nothing but the teacher is guarded.
    fn alone(&self, path: &Path) -> Result<Config, ConfigError> {
        let of = |section: &'static str| {
            move |(key, value): &(String, String)| (format!("models.teacher.{section}.{key}"), value.clone())
        };
        let path = ("models.teacher.path".to_owned(), path.display().to_string());
        let told = self.input.iter().map(of("input")).chain(self.output.iter().map(of("output")));
        let flags: Vec<(String, String)> = std::iter::once(path).chain(told).collect();
        Config::parse(TEACHER, Path::new(""), [], &flags).map_err(|mistakes| ConfigError::mistakes(None, mistakes))
    }
}

/// Asks the teacher once, so that one which cannot answer is found before any work is done.
fn answers(teacher: &Classifier) -> Result<()> {
    let black = teacher.input().blank();
    let answer = teacher.predict_waiting(move || black).wait().context("the teacher was not asked")?;
    answer.context("the teacher does not answer with a distribution over its classes").map(|_| ())
}
