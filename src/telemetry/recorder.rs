//! The Prometheus recorder and its exposition.

use metrics::gauge;
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};

use super::names;

/// The text that Prometheus scrapes.
#[derive(Clone)]
pub struct Exposition(PrometheusHandle);

impl Exposition {
    /// Every metric in Prometheus' text format.
    pub fn render(&self) -> String {
        self.0.run_upkeep();
        self.0.render()
    }

    /// Folds recorded samples into their buckets; to be called every few seconds where nobody scrapes.
    pub fn upkeep(&self) {
        self.0.run_upkeep();
    }
}

/// Installs the process's one recorder. `revision` names the build.
///
/// # Errors
/// When another recorder is installed.
pub fn install(revision: &str) -> Result<Exposition, BuildError> {
    let is = |name: &str| Matcher::Full(name.to_owned());
    let handle = PrometheusBuilder::new()
        .set_buckets(&names::SECONDS)?
        .set_buckets_for_metric(is(names::DETECTOR_SCORE), &names::SCORES)?
        .set_buckets_for_metric(is(names::DETECTOR_P_VALUE), &names::P_VALUES)?
        .install_recorder()?;
    names::describe();
    super::count_from_zero();
    gauge!(names::BUILD_INFO, "version" => env!("CARGO_PKG_VERSION"), "revision" => revision.to_owned()).set(1.0);
    Ok(Exposition(handle))
}
