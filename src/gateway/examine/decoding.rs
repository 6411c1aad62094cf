//! Decoding the files of one request on the workers' threads, a few at a time.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use futures_util::{StreamExt, stream};

use super::guarded::GuardedModel;
use super::{ITEMS_UNDER_WAY, ItemResult};
use crate::detect::Reason;
use crate::gateway::message::codec;
use crate::gateway::message::view::Sent;
use crate::model::JobError;
use crate::telemetry::{Stage, Trace, stage_ended};

/// The items that were sent. However long a file takes, it is decoded: were it given up, it would pass.
pub(super) async fn items(
    model: &Arc<GuardedModel>,
    sent: Vec<Result<Sent, Reason>>,
    trace: &Trace,
) -> Vec<ItemResult> {
    let item = async |sent: Result<Sent, Reason>| match sent? {
        Sent::Item(item, _) => Ok(item),
        Sent::File(file) => decode(model, file, trace.clone()).await,
    };
    let mut items = Vec::with_capacity(sent.len());
    let mut underway = stream::iter(sent).map(item).buffered(ITEMS_UNDER_WAY);
    while let Some(item) = underway.next().await {
        items.push(item);
    }
    items
}

async fn decode(model: &Arc<GuardedModel>, file: Bytes, trace: Trace) -> ItemResult {
    let at_work = model.clone();
    let decoding = model.workers.submit(None, move |_| {
        let began = Instant::now();
        let picture = codec::decode(&file, &at_work.input, at_work.max_pixels);
        stage_ended(&trace, Stage::Decode, began.elapsed());
        picture
    });
    match decoding.ready().await {
        Ok(Ok(picture)) => Ok(picture.into()),
        Ok(Err(error)) => {
            tracing::debug!(model = model.name, %error, "an encoded picture cannot be read");
            Err(error.reason())
        }
        Err(JobError::Overloaded) => Err(Reason::Overload),
        // A decoder that gives up in panic has met what it cannot read.
        Err(JobError::Abandoned | JobError::Expired) => Err(Reason::Picture),
    }
}
