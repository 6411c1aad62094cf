//! Something under way.

use std::sync::Arc;

use opentelemetry::trace::{Span as _, SpanBuilder, SpanKind, Status, TraceContextExt, Tracer as _};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::trace::{SdkTracer, Span as SdkSpan};

use super::operation::Ending;
use super::{Place, Trace};
use crate::telemetry::Outcome;

/// Something under way, which ends when this is dropped; nothing where nobody traces.
#[derive(Debug, Default)]
pub struct Span(Option<Box<Open>>);

#[derive(Debug)]
struct Open {
    span: SdkSpan,
    kind: SpanKind,
    /// Of a call, whether anybody has said how it ended.
    has_ended: bool,
    below: Trace,
}

impl Span {
    /// Begins one below `above`; log lines tell what they told there, or of a trace that begins.
    pub(super) fn begin(
        tracer: &SdkTracer,
        builder: SpanBuilder,
        above: &Context,
        log: Option<&tracing::Span>,
    ) -> Self {
        let kind = builder.span_kind.clone().unwrap_or(SpanKind::Internal);
        let span = tracer.build_with_context(builder, above);
        let context = span.span_context().clone();
        let log = match log {
            Some(log) => log.clone(),
            // However little is logged, it is told with what is.
            None if context.is_sampled() => tracing::error_span!("request", trace_id = %context.trace_id()),
            None => tracing::Span::none(),
        };
        let place = Place { tracer: tracer.clone(), context: Context::new().with_remote_span_context(context), log };
        Self(Some(Box::new(Open { span, kind, has_ended: false, below: Trace(Some(Arc::new(place))) })))
    }

    /// Where spans below this one belong.
    pub fn trace(&self) -> Trace {
        self.0.as_ref().map(|open| open.below.clone()).unwrap_or_default()
    }

    /// A call has ended so.
    pub fn ended(mut self, ending: Ending) {
        let Some(open) = &mut self.0 else { return };
        open.has_ended = true;
        open.span.set_attribute(ending.attribute());
        if ending.is_error(&open.kind) {
            open.span.set_status(Status::error(""));
        }
    }

    /// A call could not be made.
    pub fn failed(mut self) {
        let Some(open) = &mut self.0 else { return };
        open.has_ended = true;
        open.span.set_attribute(KeyValue::new("error.type", "unreachable"));
        open.span.set_status(Status::error(""));
    }

    /// An examination came to this. Nothing is told that would tell of the input or of its scores.
    pub fn examined(&mut self, outcome: &Outcome) {
        let Some(open) = &mut self.0 else { return };
        let reason = outcome.reason.map(|reason| KeyValue::new("portcullis.reason", reason.name()));
        open.span.set_attributes([
            KeyValue::new("portcullis.decision", outcome.decision.name()),
            KeyValue::new("portcullis.action", outcome.action.name()),
            KeyValue::new("portcullis.id", outcome.id.clone()),
        ]);
        open.span.set_attributes(reason);
    }
}

/// A call that is dropped before its end was cancelled, as clients may.
impl Drop for Open {
    fn drop(&mut self) {
        if self.kind != SpanKind::Internal && !self.has_ended {
            self.span.set_attribute(KeyValue::new("error.type", "cancelled"));
        }
    }
}
