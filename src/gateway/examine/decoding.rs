//! Decoding the files of one request on the workers' threads, a few at a time.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use futures_util::{StreamExt, stream};

use super::guarded::GuardedModel;
use super::{ITEMS_UNDER_WAY, Item};
use crate::detect::Reason;
use crate::gateway::message::codec;
use crate::gateway::message::view::Sent;
use crate::model::JobError;
use crate::telemetry::{Stage, stage_ended};

/// The pictures that were sent. However long a file takes, it is decoded: were it given up, it would pass.
pub(super) async fn pictures(model: &Arc<GuardedModel>, sent: Vec<Result<Sent, Reason>>) -> Vec<Item> {
    let picture = async |sent: Result<Sent, Reason>| match sent? {
        Sent::Picture(picture, _) => Ok(Arc::new(picture)),
        Sent::File(file) => decode(model, file).await,
    };
    let mut pictures = Vec::with_capacity(sent.len());
    let mut underway = stream::iter(sent).map(picture).buffered(ITEMS_UNDER_WAY);
    while let Some(picture) = underway.next().await {
        pictures.push(picture);
    }
    pictures
}

async fn decode(model: &Arc<GuardedModel>, file: Bytes) -> Item {
    let at_work = model.clone();
    let decoding = model.workers.submit(None, move |_| {
        let began = Instant::now();
        let picture = codec::decode(&file, &at_work.input, at_work.max_pixels);
        stage_ended(Stage::Decode, began.elapsed());
        picture
    });
    match decoding.ready().await {
        Ok(Ok(picture)) => Ok(Arc::new(picture)),
        Ok(Err(error)) => {
            tracing::debug!(model = model.name, %error, "an encoded picture cannot be read");
            Err(error.reason())
        }
        Err(JobError::Overloaded) => Err(Reason::Overload),
        // A decoder that gives up in panic has met what it cannot read.
        Err(JobError::Abandoned | JobError::Expired) => Err(Reason::Picture),
    }
}
