//! What a calibration came to, on the terminal, for programs, and as a plot.

use std::io::IsTerminal;
use std::path::Path;

use anyhow::Result;
use portcullis::config::GuardedModel;
use portcullis::profile::Profile;
use portcullis::report::{Histogram, Table, svg_to_png};
use serde_json::json;

use super::Fitted;
use crate::cli::{Common, pictures};

/// Columns of the histogram where the terminal does not tell its width.
const WIDTH: usize = 80;

fn histogram<R>(model: &GuardedModel, profile: &Profile, show: impl FnOnce(Histogram<'_>) -> R) -> R {
    let thresholds: Vec<(String, f64)> =
        profile.rates.iter().map(|rate| (format!("{}%", rate.target * 100.0), rate.threshold)).collect();
    let title = format!("{}: combined score of benign inputs", model.name.value);
    show(Histogram {
        title: &title,
        scores: profile.combination.combined.scores(),
        adversarial: &[],
        thresholds: &thresholds,
    })
}

pub fn draw(path: &Path, model: &GuardedModel, profile: &Profile) -> Result<()> {
    let svg = histogram(model, profile, |histogram| histogram.to_svg())?;
    let bytes = match path.extension().and_then(|extension| extension.to_str()) {
        Some("png") => svg_to_png(&svg)?,
        _ => svg.into_bytes(),
    };
    pictures::write(path, &bytes)
}

pub fn report(common: &Common, model: &GuardedModel, path: &Path, fitted: &Fitted) {
    let Fitted { profile, calibration, choice } = fitted;
    if common.json {
        let out_of_reach: Vec<String> = calibration.out_of_reach.iter().map(ToString::to_string).collect();
        let mut summary = json!({
            "model": model.name.value,
            "profile": path,
            "benign_inputs": profile.benign_inputs,
            "left_out": profile.left_out,
            "rates": profile.rates,
            "out_of_reach": out_of_reach,
        });
        if let Some(choice) = choice {
            summary["auto"] = json!(choice.explanation);
        }
        println!("{summary}");
        return;
    }
    if let Some(choice) = choice {
        println!("{}\n", choice.explanation);
    }
    if std::io::stdout().is_terminal() {
        println!("{}\n", histogram(model, profile, |histogram| histogram.to_terminal(WIDTH)));
    }
    let mut table = Table::with_numbers("asked FPR", ["threshold", "measured FPR", "95% interval", "held-out inputs"]);
    for rate in &profile.rates {
        let percent = |share: f64| format!("{:.2}%", share * 100.0);
        let [low, high] = rate.interval;
        table.row([
            format!("{}%", rate.target * 100.0),
            format!("{:.4}", rate.threshold),
            percent(rate.flagged as f64 / rate.held_out.max(1) as f64),
            format!("{} to {}", percent(low), percent(high)),
            rate.held_out.to_string(),
        ]);
    }
    println!("{table}");
    for error in &calibration.out_of_reach {
        println!("not calibrated: {error}");
    }
    let left_out = match profile.left_out {
        0 => String::new(),
        count => format!(", {count} that could not be examined left out"),
    };
    println!("{} benign inputs{left_out}; profile written to {}", profile.benign_inputs, path.display());
}
