//! What is wrong with a configuration, and where.

use std::fmt;
use std::ops::Deref;
use std::path::{Path, PathBuf};

/// Where a value came from.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Location {
    /// A line of the file, counted from 1.
    Line(usize),
    /// An environment variable.
    Environment(String),
    /// A key that was set on the command line.
    Flag(String),
    /// Nowhere: it is the default.
    #[default]
    Default,
}

/// A value and where it came from, which does not matter to whether two are equal.
#[derive(Debug, Clone)]
pub struct Located<T> {
    /// The value.
    pub value: T,
    /// Where it came from.
    pub at: Location,
}

impl<T> Located<T> {
    /// A mistake at this value.
    pub fn mistake(&self, message: impl Into<String>) -> Mistake {
        Mistake { at: self.at.clone(), message: message.into() }
    }
}

impl<T: PartialEq> PartialEq for Located<T> {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl<T> Deref for Located<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

/// Something wrong with the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// Where.
    pub at: Location,
    /// What.
    pub message: String,
}

/// Why there is no configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConfigError {
    /// The file can't be read.
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        problem: String,
    },
    /// It is wrong in these ways, in the order of their lines.
    Mistakes {
        /// The file.
        path: Option<PathBuf>,
        /// What is wrong.
        mistakes: Vec<Mistake>,
    },
}

impl ConfigError {
    /// The mistakes of the file at `path`, sorted by where they are.
    pub fn mistakes(path: Option<&Path>, mut mistakes: Vec<Mistake>) -> Self {
        mistakes.sort_by(|a, b| a.at.cmp(&b.at));
        mistakes.dedup();
        Self::Mistakes { path: path.map(Path::to_owned), mistakes }
    }
}

impl std::error::Error for ConfigError {}

impl fmt::Display for ConfigError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable { path, problem } => write!(
                formatter,
                "cannot read the configuration {}: {problem}; name another with --config",
                path.display()
            ),
            Self::Mistakes { path, mistakes } => {
                let path = path.as_deref().unwrap_or(Path::new("the configuration")).display();
                match mistakes.len() {
                    1 => write!(formatter, "1 mistake in {path}")?,
                    count => write!(formatter, "{count} mistakes in {path}")?,
                }
                for Mistake { at, message } in mistakes {
                    match at {
                        Location::Line(line) => write!(formatter, "\n  line {line}: {message}")?,
                        Location::Environment(name) => write!(formatter, "\n  variable {name}: {message}")?,
                        Location::Flag(key) => write!(formatter, "\n  --set {key}: {message}")?,
                        Location::Default => write!(formatter, "\n  {message}")?,
                    }
                }
                Ok(())
            }
        }
    }
}
