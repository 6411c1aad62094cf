//! Why these squeezers: what each finds alone, what it added or would have added, and what it costs.

use std::fmt;
use std::time::Duration;

use portcullis::profile::{CandidateScores, LEAST_GAIN, Power, SELECTION_RATE, Selection, Verdict};
use portcullis::report::{Column, Table};
use serde::Serialize;

use super::adversaries::Trials;

/// What was chosen from.
pub struct Material {
    /// What an input is called.
    pub input: &'static str,
    /// The most squeezed copies that were allowed.
    pub budget: usize,
    /// The candidates.
    pub names: Vec<String>,
    /// Those of them that are configured.
    pub configured: Vec<String>,
    pub scores: CandidateScores,
    pub trials: Trials,
    /// What squeezing an input takes, a candidate each.
    pub times: Vec<Duration>,
}

/// The explanation: a table for people, an object for programs. Shares are from 0 to 1.
#[derive(Serialize)]
pub struct Explanation {
    #[serde(skip)]
    input: &'static str,
    budget: usize,
    squeezers: Vec<String>,
    configured: Vec<String>,
    /// Whether the configuration must change.
    differs: bool,
    benign_inputs: usize,
    seeds: usize,
    fpr: f64,
    attacks: Vec<Attack>,
    candidates: Vec<Candidate>,
    chosen_find: Power,
    configured_find: Power,
    notes: Vec<String>,
}

#[derive(Serialize)]
struct Attack {
    name: &'static str,
    /// Inputs with which it deceived the classifier.
    examples: usize,
}

#[derive(Serialize)]
struct Candidate {
    squeezer: String,
    alone: Power,
    milliseconds: f64,
    /// In which round it was chosen, if it was.
    round: Option<usize>,
    /// What it added to the mean of mean and worst, or would add to what is chosen.
    gain: f64,
    verdict: String,
}

impl Explanation {
    /// `squeezers` are the chosen ones in the order in which they are to be configured.
    pub fn new(material: Material, selection: &Selection, squeezers: Vec<String>) -> Self {
        let Material { input, budget, names, configured, scores, trials, times } = material;
        let examples = scores.attacks.iter().map(Vec::len);
        let candidate = |(index, time): (usize, &Duration)| {
            let verdict = selection.verdict(index);
            let (round, gain) = match verdict {
                Verdict::Chosen { round, gain } => (Some(round), gain),
                Verdict::OverBudget { gain } | Verdict::Redundant { gain, .. } => (None, gain),
            };
            Candidate {
                squeezer: names[index].clone(),
                alone: scores.power(&[index]),
                milliseconds: time.as_secs_f64() * 1e3,
                round,
                gain,
                verdict: in_words(verdict, &names),
            }
        };
        let as_configured: Vec<usize> = (0..names.len()).filter(|&index| configured.contains(&names[index])).collect();
        Self {
            input,
            budget,
            differs: squeezers != configured,
            squeezers,
            benign_inputs: scores.benign.len(),
            seeds: trials.seeds,
            fpr: SELECTION_RATE,
            attacks: trials.attacks.iter().zip(examples).map(|(&name, examples)| Attack { name, examples }).collect(),
            candidates: times.iter().enumerate().map(candidate).collect(),
            chosen_find: scores.power(selection.chosen()),
            configured_find: scores.power(&as_configured),
            configured,
            notes: trials.notes,
        }
    }

    fn table(&self) -> Table {
        let attacks = self.attacks.iter().map(|attack| format!("{} ({})", attack.name, attack.examples));
        let numbers =
            attacks.chain(["mean".to_owned(), "worst".to_owned(), format!("ms/{}", self.input)]).map(Column::number);
        let columns = std::iter::once(Column::text("squeezer")).chain(numbers);
        let mut table = Table::new(columns.chain([Column::text("verdict")]));
        let mut row = |name: &str, power: &Power, rest: [String; 2]| {
            let shares = power.by_attack.iter().chain([&power.mean, &power.worst]);
            let shares = shares.map(|share| format!("{:.1}%", share * 100.0));
            table.row(std::iter::once(name.to_owned()).chain(shares).chain(rest));
        };
        for Candidate { squeezer, alone, milliseconds, verdict, .. } in &self.candidates {
            row(squeezer, alone, [format!("{milliseconds:.3}"), verdict.clone()]);
        }
        row("the chosen ones", &self.chosen_find, Default::default());
        row("the configured ones", &self.configured_find, Default::default());
        table
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { input, budget, squeezers, benign_inputs, seeds, fpr, notes, .. } = self;
        let (rate, used) = (fpr * 100.0, squeezers.len());
        writeln!(formatter, "what squeezers find of attacks at {rate}% false positives\n\n{}\n", self.table())?;
        notes.iter().try_for_each(|note| writeln!(formatter, "{note}"))?;
        writeln!(
            formatter,
            "chosen by {benign_inputs} benign {input}s and attacks on {seeds} others; none calibrates"
        )?;
        writeln!(formatter, "{used} of at most {budget} extra predictions a {input}\n\nsqueezers = {squeezers:?}\n")?;
        formatter.write_str(if self.differs {
            "put this line into the configuration: `serve` refuses the profile with other squeezers"
        } else {
            "the configuration has this line already"
        })
    }
}

fn in_words(verdict: Verdict, names: &[String]) -> String {
    let points = |gain: f64| format!("{:.1} points", gain * 100.0);
    match verdict {
        Verdict::Chosen { round, gain } => format!("chosen in round {round}: adds {}", points(gain)),
        Verdict::OverBudget { gain } => format!("would add {}, beyond the budget", points(gain)),
        Verdict::Redundant { beside: None, .. } => "finds nothing".to_owned(),
        Verdict::Redundant { beside: Some(beside), gain } if gain <= -LEAST_GAIN => {
            format!("takes {} off beside {}", points(-gain), names[beside])
        }
        Verdict::Redundant { beside: Some(beside), .. } => format!("adds nothing beside {}", names[beside]),
    }
}
