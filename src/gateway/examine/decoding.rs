//! Decoding the files and tokens of one request on the workers' threads, a few at a time.

use std::sync::Arc;
use std::time::Instant;

use futures_util::{StreamExt, stream};

use super::guarded::GuardedModel;
use super::{ITEMS_UNDER_WAY, ItemResult};
use crate::detect::Reason;
use crate::gateway::message::codec;
use crate::gateway::message::view::{Sent, ViewError};
use crate::model::{InputSpec, JobError};
use crate::telemetry::{Stage, Trace, stage_ended};

/// The items that were sent. However long a file takes, it is decoded: were it given up, it would pass.
pub(super) async fn items(
    model: &Arc<GuardedModel>,
    sent: Vec<Result<Sent, Reason>>,
    trace: &Trace,
) -> Vec<ItemResult> {
    let item = async |sent: Result<Sent, Reason>| match sent? {
        Sent::Item(item, _) => Ok(item),
        Sent::File(file) => {
            let decode = move |model: &GuardedModel| match codec::decode(&file, &model.input, model.max_pixels) {
                Ok(picture) => Ok(picture.into()),
                Err(error) => Err(unreadable(model, &error, error.reason())),
            };
            decoded(model, decode, Reason::Picture, trace.clone()).await
        }
        Sent::Tokens(tokens, _) => {
            let decode = move |model: &GuardedModel| {
                let InputSpec::Tokens(spec) = &model.input else { return Err(Reason::Datatype) };
                let decoded = spec.decode(tokens, model.most.text).map_err(ViewError::from);
                decoded.map_err(|error| unreadable(model, &error, error.reason()))
            };
            decoded(model, decode, Reason::Text, trace.clone()).await
        }
    };
    let mut items = Vec::with_capacity(sent.len());
    let mut underway = stream::iter(sent).map(item).buffered(ITEMS_UNDER_WAY);
    while let Some(item) = underway.next().await {
        items.push(item);
    }
    items
}

/// What `decode` makes of an item on a worker; `reason` is that of a panic: a decoder that gives up so has met what it cannot
/// read.
async fn decoded(
    model: &Arc<GuardedModel>,
    decode: impl FnOnce(&GuardedModel) -> ItemResult + Send + 'static,
    reason: Reason,
    trace: Trace,
) -> ItemResult {
    let at_work = model.clone();
    let decoding = model.workers.submit(None, move |_| {
        let began = Instant::now();
        let item = decode(&at_work);
        stage_ended(&trace, Stage::Decode, began.elapsed());
        item
    });
    match decoding.ready().await {
        Ok(item) => item,
        Err(JobError::Overloaded) => Err(Reason::Overload),
        Err(JobError::Abandoned | JobError::Expired) => Err(reason),
    }
}

fn unreadable(model: &GuardedModel, error: &impl std::fmt::Display, reason: Reason) -> Reason {
    tracing::debug!(model = model.name, %error, "an item cannot be read");
    reason
}
