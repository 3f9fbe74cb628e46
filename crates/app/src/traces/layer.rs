//! Makes OpenTelemetry spans from the spans of `tracing`.
//!
//! A trace belongs to a delivery, and its id is derived from the delivery's id (`TraceParent`). A request becomes a
//! delivery only near its end, so spans are held back until the outermost one ends. They are dropped if none of
//! them has named a delivery by then.

use std::cell::Cell;
use std::fmt;
use std::time::SystemTime;

use opentelemetry::trace::{
    Link, Span, SpanBuilder, SpanContext, SpanId, SpanKind, Status, TraceContextExt, TraceFlags, TraceId,
    TraceState, Tracer,
};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::trace::{IdGenerator, RandomIdGenerator, SamplingDecision, SdkTracer, ShouldSample};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Metadata, Subscriber};
use tracing_subscriber::layer::{Context as Scope, Layer};
use tracing_subscriber::registry::LookupSpan;
use trigger_core::{DeliveryId, TraceParent};

/// The target of spans for traces, so that logs can leave them out.
pub(crate) const TARGET: &str = "trigger_trace";

/// The destination of finished spans.
pub(super) struct Output {
    pub(super) tracer: SdkTracer,
    pub(super) sampler: Box<dyn ShouldSample>,
}

/// A layer that collects the spans of `tracing` with [`TARGET`].
pub(crate) struct SpanLayer {
    output: Output,
}

/// A span that has not ended.
struct OpenSpan {
    id: SpanId,
    start: SystemTime,
    fields: SpanFields,
    /// Its descendants that have ended.
    descendants: Vec<EndedSpan>,
}

/// A span that has ended.
struct EndedSpan {
    id: SpanId,
    /// Its parent; `None` for the outermost span.
    parent: Option<SpanId>,
    name: &'static str,
    start: SystemTime,
    end: SystemTime,
    fields: SpanFields,
}

/// The recorded fields of a span.
#[derive(Default)]
struct SpanFields {
    delivery: Option<DeliveryId>,
    /// Whether this is the first span of the trace.
    is_first: bool,
    /// The kind of error, in a word.
    error: Option<String>,
    /// The sender's `traceparent`. It is not signed, so it becomes a link, not the parent.
    link: Option<SpanContext>,
    attributes: Vec<KeyValue>,
}

impl SpanLayer {
    pub(super) fn new(output: Output) -> Self {
        Self { output }
    }

    /// Whether a span belongs to a trace.
    pub(crate) fn wants(metadata: &Metadata<'_>) -> bool {
        metadata.is_span() && metadata.target() == TARGET
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for SpanLayer {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, scope: Scope<'_, S>) {
        let Some(span) = scope.span(id) else { return };
        let mut fields = SpanFields::default();
        attributes.record(&mut fields);
        let id = RandomIdGenerator::default().new_span_id();
        span.extensions_mut().insert(OpenSpan {
            id,
            start: SystemTime::now(),
            fields,
            descendants: Vec::new(),
        });
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, scope: Scope<'_, S>) {
        let Some(span) = scope.span(id) else { return };
        if let Some(open) = span.extensions_mut().get_mut::<OpenSpan>() {
            values.record(&mut open.fields);
        }
    }

    fn on_close(&self, id: Id, scope: Scope<'_, S>) {
        let Some(span) = scope.span(&id) else { return };
        let Some(OpenSpan { id, start, fields, mut descendants }) =
            span.extensions_mut().remove::<OpenSpan>()
        else {
            return;
        };
        let mut ended =
            EndedSpan { id, parent: None, name: span.name(), start, end: SystemTime::now(), fields };
        for ancestor in span.scope().skip(1) {
            if let Some(parent) = ancestor.extensions_mut().get_mut::<OpenSpan>() {
                ended.parent = Some(parent.id);
                parent.descendants.push(ended);
                parent.descendants.append(&mut descendants);
                return;
            }
        }
        self.output.send(ended, descendants);
    }
}

impl Output {
    /// Sends a span with its descendants.
    fn send(&self, outermost: EndedSpan, descendants: Vec<EndedSpan>) {
        let Some(delivery) = &outermost.fields.delivery else { return };
        let root = TraceParent::of(delivery);
        let (trace, first) = (TraceId::from_bytes(root.trace), SpanId::from_bytes(root.span));
        let sampled = self.sampler.should_sample(None, trace, outermost.name, &SpanKind::Internal, &[], &[]);
        if sampled.decision != SamplingDecision::RecordAndSample {
            return;
        }
        // The first span gets the id that other systems know from the `traceparent`.
        let renamed = outermost.fields.is_first.then_some((outermost.id, first));
        let name = |id| renamed.filter(|(from, _)| *from == id).map_or(id, |(_, to)| to);
        let outermost_parent = (!outermost.fields.is_first).then_some(first);
        self.build(trace, name(outermost.id), outermost_parent, outermost);
        for span in descendants {
            self.build(trace, name(span.id), span.parent.map(name), span);
        }
    }

    fn build(&self, trace: TraceId, id: SpanId, parent: Option<SpanId>, span: EndedSpan) {
        let EndedSpan { name, start, end, fields, .. } = span;
        let mut attributes = fields.attributes;
        attributes
            .extend(fields.delivery.map(|delivery| KeyValue::new("trigger.delivery", delivery.to_string())));
        let mut builder = SpanBuilder::from_name(name).with_start_time(start).with_attributes(attributes);
        if fields.is_first {
            builder = builder.with_kind(SpanKind::Server);
        }
        if let Some(link) = fields.link {
            builder = builder.with_links(vec![Link::with_context(link)]);
        }
        let parent_context = parent.map_or_else(Context::new, |parent| {
            let context = SpanContext::new(trace, parent, TraceFlags::SAMPLED, true, TraceState::default());
            Context::new().with_remote_span_context(context)
        });
        NEXT.set(Some((trace, id)));
        let mut span = self.tracer.build_with_context(builder, &parent_context);
        NEXT.set(None);
        if let Some(error) = fields.error {
            span.set_status(Status::error(error));
        }
        span.end_with_timestamp(end);
    }
}

thread_local! {
    /// The ids for the span that is being built.
    static NEXT: Cell<Option<(TraceId, SpanId)>> = const { Cell::new(None) };
}

/// Gives each span the ids in `NEXT`.
#[derive(Debug)]
pub(super) struct ChosenIds;

impl IdGenerator for ChosenIds {
    fn new_trace_id(&self) -> TraceId {
        NEXT.get().map_or_else(|| RandomIdGenerator::default().new_trace_id(), |(trace, _)| trace)
    }

    fn new_span_id(&self) -> SpanId {
        NEXT.get().map_or_else(|| RandomIdGenerator::default().new_span_id(), |(_, span)| span)
    }
}

impl SpanFields {
    fn text(&mut self, name: &'static str, value: &str) {
        match name {
            "delivery" => self.delivery = value.parse().ok(),
            "error" => self.error = Some(value.to_owned()),
            "link" => self.link = remote(value),
            _ => self.attributes.push(KeyValue::new(format!("trigger.{name}"), value.to_owned())),
        }
    }
}

impl Visit for SpanFields {
    fn record_bool(&mut self, field: &Field, value: bool) {
        match field.name() {
            "first" => self.is_first = value,
            name => self.attributes.push(KeyValue::new(format!("trigger.{name}"), value)),
        }
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.attributes.push(KeyValue::new(format!("trigger.{}", field.name()), value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.record_i64(field, i64::try_from(value).unwrap_or(i64::MAX));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.text(field.name(), value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.text(field.name(), &format!("{value:?}"));
    }
}

/// The span in a valid `traceparent` header.
fn remote(text: &str) -> Option<SpanContext> {
    let TraceParent { trace, span, sampled } = text.parse().ok()?;
    let flags = TraceFlags::default().with_sampled(sampled);
    let (trace, span) = (TraceId::from_bytes(trace), SpanId::from_bytes(span));
    Some(SpanContext::new(trace, span, flags, true, TraceState::default()))
}
