//! Adversarial texts in a file: JSON lines, one a text, that read as messages too.

use std::path::Path;

use anyhow::{Context, Result};
use portcullis::attack::Goal;
use serde::{Deserialize, Serialize};

/// What an attack made of a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AdversarialText {
    /// What the attacker knew, and the attack's name.
    pub level: String,
    pub attack: String,
    /// The message, and the index of its class.
    pub seed: String,
    pub label: usize,
    /// The class that the classifier was to read; any but the label if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wanted: Option<usize>,
    /// What was made of it.
    pub text: String,
    /// Questions that were asked for it.
    pub queries: usize,
}

impl AdversarialText {
    /// What the classifier was to read.
    pub fn goal(&self) -> Goal {
        self.wanted.map_or(Goal::Not(self.label), Goal::Read)
    }
}

/// The texts of a file, if it is such a set.
pub fn read(path: &Path) -> Result<Vec<AdversarialText>> {
    let lines = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let line = |(number, line): (usize, &str)| {
        serde_json::from_str(line)
            .with_context(|| format!("line {number} of {} is no adversarial text of a red team's", path.display()))
    };
    (1..).zip(lines.lines()).filter(|(_, line)| !line.is_empty()).map(line).collect()
}

/// The texts as the lines of a file.
pub fn lines(texts: &[AdversarialText]) -> Result<Vec<u8>> {
    let mut lines = Vec::new();
    for text in texts {
        serde_json::to_writer(&mut lines, text)?;
        lines.push(b'\n');
    }
    Ok(lines)
}
