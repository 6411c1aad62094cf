//! What the demonstration tells in the end.

use std::path::Path;

use anyhow::Result;
use portcullis::data::{Danger, danger};
use portcullis::gateway::Answer;
use portcullis::report::{ContactSheet, Exhibit, ReportError, Tally};
use serde_json::json;

use super::Running;
use super::story::Story;
use super::subjects::{Kind, Subject};
use crate::cli::pictures;

/// Pictures of each attack on the contact sheet.
const SHOWN: usize = 2;

/// What there is to tell in the end.
pub struct Told {
    story: &'static Story,
    fpr: f64,
    tallies: Vec<Tally>,
    exhibits: Vec<Exhibit>,
    example: String,
}

impl Told {
    pub fn new(story: &'static Story, classes: &[String], fpr: f64, kinds: &[Kind], sent: &[Vec<Answer>]) -> Self {
        let is_refused = |answer: &Answer| matches!(answer, Answer::Refused(_));
        let tally =
            |(kind, answers): (&Kind, &Vec<Answer>)| Tally::new(&kind.name, kind.made, answers.iter().map(is_refused));
        let chosen: Vec<(&str, &Subject, &Answer)> = kinds
            .iter()
            .zip(sent)
            .flat_map(|(kind, answers)| {
                let pairs = kind.subjects.iter().zip(answers).map(|(subject, answer)| (&*kind.name, subject, answer));
                worst_first(story, pairs).into_iter().take(SHOWN)
            })
            .collect();
        let exhibits: Vec<Exhibit> = chosen.iter().filter_map(|chosen| exhibit(classes, chosen)).collect();
        let worst = worst_first(story, chosen.iter().copied()).into_iter().next();
        let example = worst.and_then(|sent| Some(tell(&exhibit(classes, &sent)?, sent.2)));
        Self {
            story,
            fpr,
            tallies: kinds.iter().zip(sent).map(tally).collect(),
            example: example.unwrap_or_default(),
            exhibits,
        }
    }

    /// Draws the contact sheet; says why there is none where no font is installed.
    pub fn draw(&self, path: &Path) -> Result<String> {
        let shares: Vec<String> =
            self.tallies.iter().map(|tally| format!("{} {:.1}%", tally.kind, 100.0 * tally.refused_share())).collect();
        let notes = [
            "For each attack the worst mistakes: the most dangerous ones, and of these what the classifier is surest of."
                .to_owned(),
            format!("Refused in all, at a threshold for {}% false positives:", 100.0 * self.fpr),
            shares.join(", "),
        ];
        match (ContactSheet { title: self.story.title, notes: &notes, exhibits: &self.exhibits }).to_png() {
            Ok(png) => {
                pictures::write(path, &png)?;
                Ok(path.display().to_string())
            }
            Err(error @ ReportError::NoFont) => Ok(error.to_string()),
            Err(error) => Err(error.into()),
        }
    }

    pub fn print(&self, running: &Running, sheet: &str, metrics: &[String]) {
        println!("{}\n", Tally::table(&self.tallies));
        println!(
            "The policy is to block, at a threshold that was calibrated for {}% false positives. Benign pictures are fresh:\n\
             neither calibration nor an attack has used them. Of each attack those are sent that fool the classifier.\n",
            100.0 * self.fpr
        );
        println!("{}\n", self.example);
        println!("contact sheet  {sheet}");
        println!("metrics        {}/metrics", running.admin);
        metrics.iter().for_each(|line| println!("  {line}"));
    }

    pub fn print_json(&self, running: &Running, sheet: &str, metrics: &[String]) {
        let summary = json!({
            "fpr": self.fpr,
            "pictures": self.tallies,
            "example": self.example,
            "contact_sheet": sheet,
            "clients": running.clients.to_string(),
            "metrics": format!("{}/metrics", running.admin),
            "quoted": metrics,
        });
        println!("{summary}");
    }
}

type Sent<'a> = (&'a str, &'a Subject, &'a Answer);

/// The adversarial ones, the worst first: the most dangerous mistakes, of these what the classifier is surest of. What
/// the gateway made of them plays no part.
fn worst_first<'a>(story: &Story, sent: impl Iterator<Item = Sent<'a>>) -> Vec<Sent<'a>> {
    let graded = |sent: Sent<'a>| {
        let truth = sent.1.seed.as_ref()?.1;
        let (reading, confidence) = sent.1.reading.top();
        Some((danger(story.set, truth, reading), confidence, sent))
    };
    let mut graded: Vec<(Danger, f64, Sent<'a>)> = sent.filter_map(graded).collect();
    graded.sort_by(|a, b| b.0.cmp(&a.0).then(b.1.total_cmp(&a.1)));
    graded.into_iter().map(|(.., sent)| sent).collect()
}

fn exhibit(classes: &[String], (attack, subject, answer): &Sent<'_>) -> Option<Exhibit> {
    let (original, truth) = subject.seed.as_ref()?;
    let (reading, confidence) = subject.reading.top();
    Some(Exhibit {
        original: original.clone(),
        adversarial: subject.picture.clone(),
        attack: (*attack).to_owned(),
        truth: classes[*truth].clone(),
        reading: classes[reading].clone(),
        confidence,
        refused: matches!(answer, Answer::Refused(_)),
    })
}

/// One example in words.
fn tell(exhibit: &Exhibit, answer: &Answer) -> String {
    let Exhibit { attack, truth, reading, confidence, .. } = exhibit;
    let change = exhibit.largest_change();
    let says = match answer {
        Answer::Refused(status) => status.clone(),
        Answer::Predicted(_) => format!("nothing; it lets \"{reading}\" pass"),
    };
    format!(
        "An example: a picture of \"{truth}\", its pixels changed by at most {change} of 255 ({attack}), is read by the\n\
         classifier as \"{reading}\", and it is {:.1}% sure. The gateway says:\n  {says}",
        100.0 * confidence
    )
}
