//! From the configuration to a gateway that can run: everything loaded, everything checked, nothing bound yet.

use std::sync::Arc;

use super::Gateway;
use super::examine::copies::UpstreamTeacher;
use super::examine::guarded::{GuardedModel, Teacher};
use super::upstream::{Embedded, EmbeddedModel, Remote, Upstream};
use crate::config::{self, Config, Mistake, Predictions};
use crate::model::Signature;
use crate::profile::{Lineup, Loader, Profile, ProfileError};
use crate::telemetry::{Exposition, ModelMetrics};

impl Gateway {
    /// Loads and checks everything that `config` names.
    ///
    /// # Errors
    /// Every mistake at once: broken models, contradictions, profiles that belong to something else.
    pub fn assemble(config: &Config, loader: Loader, exposition: Exposition) -> Result<Self, Vec<Mistake>> {
        let remote = match &config.upstream {
            config::Upstream::Grpc { endpoint } => Some(
                Remote::new(endpoint)
                    .map(Arc::new)
                    .map_err(|error| vec![Mistake { at: config::Location::Default, message: error.to_string() }])?,
            ),
            config::Upstream::Embedded => None,
        };
        let mut embedded = Vec::new();
        let mut models = Vec::new();
        let mut mistakes = Vec::new();
        for configured in &config.models {
            match guarded_model(configured, &loader, remote.as_ref()) {
                Ok(model) => {
                    if let Teacher::Embedded(classifier) = &model.teacher {
                        embedded.push(EmbeddedModel {
                            name: model.name.to_owned(),
                            version: model.version.clone(),
                            model: classifier.model().clone(),
                        });
                    }
                    models.push(Arc::new(model));
                }
                Err(more) => mistakes.extend(more),
            }
        }
        if !mistakes.is_empty() {
            return Err(mistakes);
        }
        let Loader { runtime, workers, .. } = loader;
        let is_embedded = remote.is_none();
        let upstream: Arc<dyn Upstream> = match remote {
            Some(remote) => remote,
            None => Arc::new(Embedded::new(embedded, workers.clone(), config.server.max_message_bytes)),
        };
        Ok(Self {
            upstream,
            embedded: is_embedded,
            models,
            workers,
            runtime,
            exposition,
            max_message_bytes: config.server.max_message_bytes,
            max_inspected_bytes: config.server.max_inspected_bytes,
            max_examinations: config.server.max_inflight_examinations,
            grace: config.server.drain_grace,
            streams: config.server.streams,
        })
    }
}

/// Loads one model's parts and its profile.
///
/// # Errors
/// Every mistake of its section.
pub fn lineup_with_profile(
    configured: &config::GuardedModel,
    loader: &Loader,
) -> Result<(Lineup, Profile), Vec<Mistake>> {
    let path = &configured.profile;
    let wrong = |error: ProfileError| vec![Mistake { at: path.at.clone(), message: error.to_string() }];
    let profile = Profile::load(&path.value).map_err(wrong);
    let lineup = loader.line_up(configured, profile.as_ref().ok().map(Signature::remembered));
    match (lineup, profile) {
        (Ok(lineup), Ok(profile)) => {
            profile.check_belongs(&path.value, &lineup).map_err(wrong)?;
            Ok((lineup, profile))
        }
        (lineup, profile) => Err(lineup.err().into_iter().chain(profile.err()).flatten().collect()),
    }
}

fn guarded_model(
    configured: &config::GuardedModel,
    loader: &Loader,
    remote: Option<&Arc<Remote>>,
) -> Result<GuardedModel, Vec<Mistake>> {
    let (lineup, profile) = lineup_with_profile(configured, loader)?;
    let rate = profile
        .rate(&configured.profile.value, configured.fpr)
        .map_err(|error| vec![Mistake { at: configured.profile.at.clone(), message: error.to_string() }])?
        .clone();
    let Lineup { identity, teacher, panel, .. } = lineup;
    let (input, output) = (identity.input, identity.output);
    let teacher = match (remote, &configured.predictions, teacher) {
        (None, _, Some(classifier)) => Teacher::Embedded(classifier),
        (Some(_), Predictions::Replica, Some(classifier)) => Teacher::Replica(classifier),
        (Some(remote), ..) => {
            let name = (identity.name.clone(), configured.version.clone().unwrap_or_default());
            let contract = (input.clone(), output.clone());
            Teacher::Upstream(Arc::new(UpstreamTeacher::new(remote.clone(), loader.workers.clone(), name, contract)))
        }
        (None, _, None) => {
            let message = "an embedded model needs a path".to_owned();
            return Err(vec![Mistake { at: configured.name.at.clone(), message }]);
        }
    };
    // Labels of metrics live as long as the process; there are as many as there are models.
    let name: &'static str = identity.name.leak();
    let metrics = ModelMetrics::new(name, configured.policy, &profile.combination, &rate, teacher.source());
    Ok(GuardedModel {
        name,
        version: configured.version.clone(),
        policy: configured.policy,
        on_undecided: configured.on_undecided,
        block_code: tonic::Code::from(configured.block_status),
        time_budget: configured.time_budget,
        input,
        output,
        teacher,
        panel,
        combination: profile.combination,
        rate,
        metrics,
    })
}
