//! Tables, plots and contact sheets.

mod assessment;
mod class_sheet;
mod contact_sheet;
mod curves;
mod histogram;
mod lines;
mod number;
mod plot;
mod raster;
mod scale;
mod table;
mod tally;

pub use assessment::{
    Assessment, BenignOutcome, Cost, Detection, Distortion, Effort, Finding, MeasuredRate, Outcome, Restoration,
    Summary, TextExhibit, Trial, WorstAndMean,
};
pub use class_sheet::ClassSheet;
pub use contact_sheet::{ContactSheet, Exhibit};
pub use curves::{Curve, LearningCurves, Panel};
pub use histogram::Histogram;
pub use plot::ReportError;
pub use raster::svg_to_png;
pub use table::{Column, Table};
pub use tally::Tally;
