//! Tables and plots.

mod histogram;
mod plot;
mod table;

pub use histogram::Histogram;
pub use plot::{ReportError, svg_to_png};
pub use table::{Column, Table};
