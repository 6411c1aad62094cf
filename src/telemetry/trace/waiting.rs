//! Ended spans on their way to a collector.

use std::time::Duration;

use opentelemetry::Context;
use opentelemetry_proto::tonic::trace::v1::ResourceSpans;
use opentelemetry_proto::transform::common::tonic::ResourceAttributesWithSchema;
use opentelemetry_proto::transform::trace::tonic::group_spans_by_resource_and_scope;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{Span, SpanData, SpanProcessor};
use tokio::sync::Semaphore;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::time::timeout;

use crate::telemetry::{Delivery, spans_delivered};

/// Spans that go out together at most.
const MOST: usize = 512;
/// How long the first of them waits for others.
const LINGER: Duration = Duration::from_millis(500);

/// Where ended spans come out, in batches. Who ends one never waits: what there is no room for is lost, counted.
pub struct Spans {
    waiting: Receiver<SpanData>,
    /// What has come of the next batch.
    batch: Vec<SpanData>,
    resource: ResourceAttributesWithSchema,
}

/// Spans that go out together.
pub struct Batch {
    /// As the protocol has them (OTLP).
    pub spans: Vec<ResourceSpans>,
    /// How many they are.
    pub count: usize,
}

/// What takes ended spans, and where they come out: no more than `most` wait in between.
pub(super) fn queue(most: usize, resource: &Resource) -> (impl SpanProcessor + 'static, Spans) {
    let (sender, waiting) = channel(most.min(Semaphore::MAX_PERMITS));
    (Hand(sender), Spans { waiting, batch: Vec::new(), resource: resource.into() })
}

impl Spans {
    /// The next spans, once they are many or the first has waited for long; nothing once it is closed and empty. Given up,
    /// it loses none.
    pub async fn next(&mut self) -> Option<Batch> {
        let Self { waiting, batch, resource } = self;
        if batch.is_empty() && waiting.recv_many(batch, MOST).await == 0 {
            return None;
        }
        let filled = async { while batch.len() < MOST && waiting.recv_many(batch, MOST - batch.len()).await > 0 {} };
        // Either way it goes.
        let _ = timeout(LINGER, filled).await;
        let (count, spans) = (batch.len(), std::mem::take(batch));
        Some(Batch { spans: group_spans_by_resource_and_scope(spans, resource), count })
    }

    /// Takes no more.
    pub fn close(&mut self) {
        self.waiting.close();
    }
}

#[derive(Debug)]
struct Hand(Sender<SpanData>);

impl SpanProcessor for Hand {
    fn on_start(&self, _: &mut Span, _: &Context) {}

    fn on_end(&self, span: SpanData) {
        if self.0.try_send(span).is_err() {
            spans_delivered(Delivery::Dropped, 1);
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry::trace::{Tracer as _, TracerProvider};
    use opentelemetry_sdk::trace::SdkTracerProvider;

    use super::*;

    #[tokio::test]
    async fn nothing_is_lost_before_the_queue_is_full_and_who_ends_spans_never_waits() {
        let (processor, mut spans) = queue(3, &Resource::builder_empty().build());
        let provider = SdkTracerProvider::builder().with_span_processor(processor).build();
        let tracer = provider.tracer("test");
        (0..5).for_each(|_| drop(tracer.start("ended at once")));
        assert_eq!(spans.next().await.map(|batch| batch.count), Some(3));
        drop(tracer.start("one more"));
        spans.close();
        drop(tracer.start("too late"));
        assert_eq!(spans.next().await.map(|batch| batch.count), Some(1));
        assert!(spans.next().await.is_none());
    }
}
