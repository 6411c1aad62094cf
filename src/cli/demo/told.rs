//! What the demonstration tells in the end.

use std::cmp::Reverse;
use std::path::Path;

use anyhow::Result;
use portcullis::data::{Danger, danger};
use portcullis::gateway::Answer;
use portcullis::report::{ContactSheet, Exhibit, ReportError, Tally};
use serde_json::json;

use super::Running;
use super::subjects::{Kind, Subject};
use crate::cli::pictures;

/// Pictures of each attack on the contact sheet.
const SHOWN: usize = 2;

/// What there is to tell in the end.
pub struct Told {
    fpr: f64,
    tallies: Vec<Tally>,
    exhibits: Vec<Exhibit>,
    example: String,
}

impl Told {
    pub fn new(classes: &[String], fpr: f64, kinds: &[Kind], sent: &[Vec<Answer>]) -> Self {
        let is_refused = |answer: &Answer| matches!(answer, Answer::Refused(_));
        let tally =
            |(kind, answers): (&Kind, &Vec<Answer>)| Tally::new(&kind.name, kind.made, answers.iter().map(is_refused));
        let chosen: Vec<(&str, &Subject, &Answer)> = kinds
            .iter()
            .zip(sent)
            .flat_map(|(kind, answers)| {
                let pairs = kind.subjects.iter().zip(answers).map(|(subject, answer)| (&*kind.name, subject, answer));
                dangerous_first(pairs.collect()).into_iter().take(SHOWN)
            })
            .collect();
        let exhibits: Vec<Exhibit> = chosen.iter().filter_map(|chosen| exhibit(classes, chosen)).collect();
        let example = exhibits.iter().zip(&chosen).next().map(|(exhibit, (.., answer))| tell(exhibit, answer));
        Self {
            fpr,
            tallies: kinds.iter().zip(sent).map(tally).collect(),
            example: example.unwrap_or_default(),
            exhibits,
        }
    }

    /// Draws the contact sheet; says why there is none where no font is installed.
    pub fn draw(&self, path: &Path) -> Result<String> {
        let title = "Traffic signs that fool the classifier, and what the gateway does about them";
        let shares: Vec<String> =
            self.tallies.iter().map(|tally| format!("{} {:.1}%", tally.kind, 100.0 * tally.refused_share())).collect();
        let notes = [
            "For each attack the first pictures of its set that fool the classifier, dangerous mistakes before others."
                .to_owned(),
            format!("Refused in all, at a threshold for {}% false positives: {}.", 100.0 * self.fpr, shares.join(", ")),
        ];
        match (ContactSheet { title, notes: &notes, exhibits: &self.exhibits }).to_png() {
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
        println!("metrics        http://{}/metrics", running.admin);
        metrics.iter().for_each(|line| println!("  {line}"));
    }

    pub fn print_json(&self, running: &Running, sheet: &str, metrics: &[String]) {
        let summary = json!({
            "fpr": self.fpr,
            "pictures": self.tallies,
            "example": self.example,
            "contact_sheet": sheet,
            "clients": format!("http://{}", running.clients),
            "metrics": format!("http://{}/metrics", running.admin),
            "quoted": metrics,
        });
        println!("{summary}");
    }
}

type Sent<'a> = (&'a str, &'a Subject, &'a Answer);

/// Adversarial pictures in their order, the most dangerous mistakes first. What the gateway made of them plays no part.
fn dangerous_first(sent: Vec<Sent<'_>>) -> Vec<Sent<'_>> {
    let mut adversarial: Vec<(Danger, Sent<'_>)> = sent
        .into_iter()
        .filter_map(|sent| {
            let truth = sent.1.seed.as_ref()?.1;
            Some((danger(truth, sent.1.reading.top().0), sent))
        })
        .collect();
    adversarial.sort_by_key(|(danger, _)| Reverse(*danger));
    adversarial.into_iter().map(|(_, sent)| sent).collect()
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
