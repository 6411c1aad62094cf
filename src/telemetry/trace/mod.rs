//! Traces: what becomes of a request, as spans that collectors of OpenTelemetry take.
//!
//! Where spans belong is handed on from function to function, across threads and tasks; nothing hangs on a thread. Where
//! nobody traces, all of it is nothing: no allocation, no lock.

mod context;
mod operation;
mod span;
mod waiting;

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use opentelemetry::trace::{SpanBuilder, SpanKind, TraceContextExt, Tracer as _, TracerProvider};
use opentelemetry::{Context, InstrumentationScope, KeyValue};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{Sampler, SdkTracer, SdkTracerProvider};

pub use context::Parent;
pub use operation::{Ending, Operation};
pub use span::Span;
pub use waiting::{Batch, Spans};

use super::Stage;
use crate::model::Noted;

/// The classifier, among those that predict.
pub const CLASSIFIER: &str = "classifier";

/// Makes the first span of each request, where somebody collects them. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Tracer(Option<SdkTracer>);

/// Where spans of a request belong: below which other. Cheap to clone; nothing where nobody traces.
#[derive(Debug, Clone, Default)]
pub struct Trace(Option<Arc<Place>>);

#[derive(Debug)]
struct Place {
    tracer: SdkTracer,
    /// The span above.
    context: Context,
    /// What log lines tell of it.
    log: tracing::Span,
}

impl Tracer {
    /// The tracer of the service of this name, and where its spans come out: no more than `most` wait there. Of requests
    /// whose clients do not say whether they are traced, the share `ratio` (0 to 1) is.
    pub fn new(service: &str, ratio: f64, most: usize) -> (Self, Spans) {
        let version = env!("CARGO_PKG_VERSION");
        let resource = Resource::builder()
            .with_service_name(service.to_owned())
            .with_attribute(KeyValue::new("service.version", version))
            .build();
        let (processor, spans) = waiting::queue(most, &resource);
        let provider = SdkTracerProvider::builder()
            .with_resource(resource)
            .with_sampler(Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(ratio))))
            .with_span_processor(processor)
            .build();
        let scope = InstrumentationScope::builder("portcullis").with_version(version).build();
        (Self(Some(provider.tracer_with_scope(scope))), spans)
    }

    /// A call has come, from below a span of its client's if that says so.
    pub fn call_received(
        &self,
        operation: impl FnOnce() -> Operation,
        parent: impl FnOnce() -> Option<Parent>,
    ) -> Span {
        let Some(tracer) = &self.0 else { return Span::default() };
        let above = parent().map_or_else(Context::new, |Parent(span)| Context::new().with_remote_span_context(span));
        let operation = operation();
        let builder = SpanBuilder::from_name(operation.name())
            .with_kind(SpanKind::Server)
            .with_attributes(operation.attributes());
        Span::begin(tracer, builder, &above, None)
    }
}

impl Trace {
    /// Whether there is one, sampled or not.
    pub fn is_followed(&self) -> bool {
        self.0.is_some()
    }

    /// Its place, if spans are to be made there.
    fn sampled(&self) -> Option<&Place> {
        self.0.as_deref().filter(|place| place.context.span().span_context().is_sampled())
    }

    /// Its id in hexadecimal, if its spans are collected.
    pub fn id(&self) -> Option<String> {
        Some(self.sampled()?.context.span().span_context().trace_id().to_string())
    }

    /// What log lines tell of it, for what runs inside.
    pub fn log(&self) -> tracing::Span {
        self.0.as_ref().map_or_else(tracing::Span::none, |place| place.log.clone())
    }

    /// The value of `traceparent` for who is called from here.
    pub fn traceparent(&self) -> Option<String> {
        self.0.as_ref().map(|place| context::traceparent(place.context.span().span_context()))
    }

    /// A server is called, at this host and port. Also where it is not sampled, since the server is to know that.
    pub fn server_called(&self, operation: Operation, host: &str, port: Option<u16>) -> Span {
        let Some(place) = &self.0 else { return Span::default() };
        let mut attributes = operation.attributes();
        attributes.push(KeyValue::new("server.address", host.to_owned()));
        attributes.extend(port.map(|port| KeyValue::new("server.port", i64::from(port))));
        place.begin(SpanBuilder::from_name(operation.name()).with_kind(SpanKind::Client).with_attributes(attributes))
    }

    /// The examination of a request to `model` began then. Also where it is not sampled, since the servers that it asks are
    /// to know that.
    pub fn examination_begun(&self, model: &'static str, began: Instant) -> Span {
        let Some(place) = &self.0 else { return Span::default() };
        let builder = SpanBuilder::from_name("examine").with_start_time(ago(began.elapsed()));
        place.begin(builder.with_attributes([KeyValue::new("portcullis.model", model)]))
    }

    /// A model is asked, which is this to the examination. Also where it is not sampled, since it may be a server's.
    pub fn inference_begun(&self, model: &str, role: &'static str) -> Span {
        let Some(place) = &self.0 else { return Span::default() };
        place.begin(inference(model, role))
    }

    /// Who is told how long this model took for each prediction; nobody where there is nothing to be told.
    pub fn inference_noted(&self, model: &str, role: &'static str) -> Option<Noted> {
        self.sampled()?;
        let (trace, model) = (self.clone(), model.to_owned());
        Some(Arc::new(move |took| trace.ended(took, || inference(&model, role))))
    }

    /// A stage has just ended.
    pub(super) fn stage_ended(&self, stage: Stage, took: Duration) {
        self.ended(took, || SpanBuilder::from_name(stage.name()));
    }

    /// A copy was just squeezed, by this squeezer.
    pub(super) fn squeezed(&self, squeezer: impl FnOnce() -> String, took: Duration) {
        let attributes = || [KeyValue::new("portcullis.squeezer", squeezer())];
        self.ended(took, || SpanBuilder::from_name(Stage::Squeeze.name()).with_attributes(attributes()));
    }

    /// Something has just ended, below which nothing belongs.
    fn ended(&self, took: Duration, builder: impl FnOnce() -> SpanBuilder) {
        if let Some(Place { tracer, context, .. }) = self.sampled() {
            // Dropped, it ends.
            drop(tracer.build_with_context(builder().with_start_time(ago(took)), context));
        }
    }
}

impl Place {
    fn begin(&self, builder: SpanBuilder) -> Span {
        Span::begin(&self.tracer, builder, &self.context, Some(&self.log))
    }
}

fn inference(model: &str, role: &'static str) -> SpanBuilder {
    let attributes = [KeyValue::new("portcullis.model", model.to_owned()), KeyValue::new("portcullis.role", role)];
    SpanBuilder::from_name(Stage::Infer.name()).with_attributes(attributes)
}

fn ago(took: Duration) -> SystemTime {
    let now = SystemTime::now();
    now.checked_sub(took).unwrap_or(now)
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::common::v1::any_value::Value;
    use opentelemetry_proto::tonic::trace::v1::Span as Sent;

    use super::*;

    const CALLED: Operation = Operation::Grpc(None);
    const CLIENTS: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0";

    fn received(tracer: &Tracer, sampled: bool) -> Span {
        tracer.call_received(|| CALLED, || Parent::read(&format!("{CLIENTS}{}", u8::from(sampled)), None))
    }

    /// Everything that was told, by the names of the spans.
    async fn told(mut spans: Spans) -> Vec<Sent> {
        spans.close();
        let mut told = Vec::new();
        while let Some(batch) = spans.next().await {
            let resources = batch.spans.into_iter().flat_map(|resource| resource.scope_spans);
            told.extend(resources.flat_map(|scope| scope.spans));
        }
        told.sort_by(|a, b| a.name.cmp(&b.name));
        told
    }

    fn attribute(span: &Sent, key: &str) -> String {
        let value = span.attributes.iter().find(|attribute| attribute.key == key).and_then(|told| told.value.clone());
        match value.and_then(|value| value.value) {
            Some(Value::StringValue(text)) => text,
            other => format!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn what_has_ended_is_told_with_how_long_it_took() {
        let (tracer, spans) = Tracer::new("test", 0.0, 8);
        let call = received(&tracer, true);
        let noted = call.trace().inference_noted("plain", "student").unwrap();
        noted(Duration::from_secs(3));
        call.ended(Ending::Grpc(0));
        let told = told(spans).await;
        let [call, inference] = &told[..] else { panic!("two spans: {told:#?}") };
        assert_eq!(inference.parent_span_id, call.span_id);
        assert_eq!(attribute(inference, "portcullis.model"), "plain");
        let took = Duration::from_nanos(inference.end_time_unix_nano - inference.start_time_unix_nano);
        assert!((3.0..3.5).contains(&took.as_secs_f64()), "{took:?}");
    }

    #[tokio::test]
    async fn who_is_not_sampled_is_told_nothing_of_but_to_the_next() {
        let (tracer, spans) = Tracer::new("test", 1.0, 8);
        let call = received(&tracer, false);
        let trace = call.trace();
        assert!(trace.is_followed() && trace.id().is_none() && trace.inference_noted("plain", "student").is_none());
        let next = trace.server_called(CALLED, "localhost", None).trace().traceparent().unwrap();
        assert!(next.starts_with(&CLIENTS[..36]) && next.ends_with("-00"), "{next}");
        let examination = trace.examination_begun("signs", Instant::now());
        let asked = examination.trace().inference_begun("signs", CLASSIFIER).trace().traceparent().unwrap();
        assert!(asked.starts_with(&CLIENTS[..36]) && asked.ends_with("-00"), "{asked}");
        drop(examination);
        drop(call);
        assert!(told(spans).await.is_empty());
    }

    #[tokio::test]
    async fn a_call_that_nobody_ended_was_cancelled() {
        let (tracer, spans) = Tracer::new("test", 0.0, 8);
        drop(received(&tracer, true));
        assert_eq!(attribute(&told(spans).await[0], "error.type"), "cancelled");
    }
}
