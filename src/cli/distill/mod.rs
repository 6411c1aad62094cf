//! `portcullis distill`: students of text in every build, students of pictures where the build can train networks.

#[cfg(feature = "train")]
mod pictures;
mod texts;

use anyhow::Result;
use portcullis::tensor::Kind;

use super::Common;
use super::teacher::TeacherArguments;

#[derive(clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    teacher: TeacherArguments,
    #[cfg(feature = "train")]
    #[command(flatten)]
    student: pictures::StudentArguments,
    #[cfg(not(feature = "train"))]
    #[command(flatten)]
    student: texts::StudentArguments,
}

impl Arguments {
    /// What students of both kinds have in common.
    #[cfg(feature = "train")]
    fn of_both(&self) -> texts::StudentArguments {
        self.student.of_texts()
    }

    /// What students of both kinds have in common.
    #[cfg(not(feature = "train"))]
    fn of_both(&self) -> texts::StudentArguments {
        self.student.clone()
    }
}

pub fn run(common: &Common, arguments: &Arguments) -> Result<()> {
    let of_both = arguments.of_both();
    of_both.prepare()?;
    let (teacher, loader) = arguments.teacher.open(common)?;
    match teacher.input().kind() {
        Kind::Text => texts::run(common, &of_both, &teacher, &loader),
        #[cfg(feature = "train")]
        Kind::Picture => pictures::run(common, &arguments.student, teacher, &loader),
        #[cfg(not(feature = "train"))]
        Kind::Picture => anyhow::bail!("this build distills students of text only; build it with the feature 'train'"),
    }
}
