//! Makes spans of traces out of those of `tracing`.
//!
//! A trace belongs to a delivery, and its id follows from the delivery's (`TraceParent`). The delivery is known
//! only when most of what belongs to it has happened: so spans are held back until the outermost of them ends,
//! and are nobody's, and dropped, if none of them has named a delivery by then.

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

/// What spans of traces have as their target, so that logs can leave them out.
pub(crate) const TARGET: &str = "trigger_trace";

/// Where finished spans go.
pub(super) struct Output {
    pub(super) tracer: SdkTracer,
    pub(super) sampler: Box<dyn ShouldSample>,
}

/// Listens to the spans of `tracing` that belong to traces.
pub(crate) struct SpanLayer {
    output: Output,
}

/// A span that has begun.
struct Begun {
    id: SpanId,
    start: SystemTime,
    said: Said,
    /// Those inside it that have ended.
    inside: Vec<Ended>,
}

/// A span that has ended.
struct Ended {
    id: SpanId,
    /// The span around it; none for the outermost.
    parent: Option<SpanId>,
    name: &'static str,
    start: SystemTime,
    end: SystemTime,
    said: Said,
}

/// What the fields of a span say.
#[derive(Default)]
struct Said {
    delivery: Option<DeliveryId>,
    /// Whether the trace begins with it.
    is_first: bool,
    /// What went wrong, in a word.
    fault: Option<String>,
    /// `traceparent` as the sender wrote it. Nobody has signed it, so it is noted and not believed.
    link: Option<SpanContext>,
    attributes: Vec<KeyValue>,
}

impl SpanLayer {
    pub(super) fn new(output: Output) -> Self {
        Self { output }
    }

    /// Whether a span is for traces.
    pub(crate) fn wants(metadata: &Metadata<'_>) -> bool {
        metadata.is_span() && metadata.target() == TARGET
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for SpanLayer {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, scope: Scope<'_, S>) {
        let Some(span) = scope.span(id) else { return };
        let mut said = Said::default();
        attributes.record(&mut said);
        let id = RandomIdGenerator::default().new_span_id();
        span.extensions_mut().insert(Begun { id, start: SystemTime::now(), said, inside: Vec::new() });
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, scope: Scope<'_, S>) {
        let Some(span) = scope.span(id) else { return };
        if let Some(begun) = span.extensions_mut().get_mut::<Begun>() {
            values.record(&mut begun.said);
        }
    }

    fn on_close(&self, id: Id, scope: Scope<'_, S>) {
        let Some(span) = scope.span(&id) else { return };
        let Some(Begun { id, start, said, mut inside }) = span.extensions_mut().remove::<Begun>() else {
            return;
        };
        let mut ended = Ended { id, parent: None, name: span.name(), start, end: SystemTime::now(), said };
        for around in span.scope().skip(1) {
            if let Some(around) = around.extensions_mut().get_mut::<Begun>() {
                ended.parent = Some(around.id);
                around.inside.push(ended);
                around.inside.append(&mut inside);
                return;
            }
        }
        self.output.send(ended, inside);
    }
}

impl Output {
    /// Sends a span with all that is inside it.
    fn send(&self, outermost: Ended, inside: Vec<Ended>) {
        let Some(delivery) = &outermost.said.delivery else { return };
        let begins = TraceParent::of(delivery);
        let (trace, first) = (TraceId::from_bytes(begins.trace), SpanId::from_bytes(begins.span));
        let sampled = self.sampler.should_sample(None, trace, outermost.name, &SpanKind::Internal, &[], &[]);
        if sampled.decision != SamplingDecision::RecordAndSample {
            return;
        }
        // What begins the trace has the id that others know it by.
        let renamed = outermost.said.is_first.then_some((outermost.id, first));
        let name = |id| renamed.filter(|(from, _)| *from == id).map_or(id, |(_, to)| to);
        let outermost_parent = (!outermost.said.is_first).then_some(first);
        self.build(trace, name(outermost.id), outermost_parent, outermost);
        for span in inside {
            self.build(trace, name(span.id), span.parent.map(name), span);
        }
    }

    fn build(&self, trace: TraceId, id: SpanId, parent: Option<SpanId>, span: Ended) {
        let Ended { name, start, end, said, .. } = span;
        let mut attributes = said.attributes;
        attributes
            .extend(said.delivery.map(|delivery| KeyValue::new("trigger.delivery", delivery.to_string())));
        let mut builder = SpanBuilder::from_name(name).with_start_time(start).with_attributes(attributes);
        if said.is_first {
            builder = builder.with_kind(SpanKind::Server);
        }
        if let Some(link) = said.link {
            builder = builder.with_links(vec![Link::with_context(link)]);
        }
        let around = parent.map_or_else(Context::new, |parent| {
            let context = SpanContext::new(trace, parent, TraceFlags::SAMPLED, true, TraceState::default());
            Context::new().with_remote_span_context(context)
        });
        NEXT.set(Some((trace, id)));
        let mut span = self.tracer.build_with_context(builder, &around);
        NEXT.set(None);
        if let Some(fault) = said.fault {
            span.set_status(Status::error(fault));
        }
        span.end_with_timestamp(end);
    }
}

thread_local! {
    /// The ids of the span that is being built.
    static NEXT: Cell<Option<(TraceId, SpanId)>> = const { Cell::new(None) };
}

/// Gives each span the ids that were chosen for it.
#[derive(Debug)]
pub(super) struct Ids;

impl IdGenerator for Ids {
    fn new_trace_id(&self) -> TraceId {
        NEXT.get().map_or_else(|| RandomIdGenerator::default().new_trace_id(), |(trace, _)| trace)
    }

    fn new_span_id(&self) -> SpanId {
        NEXT.get().map_or_else(|| RandomIdGenerator::default().new_span_id(), |(_, span)| span)
    }
}

impl Said {
    fn text(&mut self, name: &'static str, value: &str) {
        match name {
            "delivery" => self.delivery = value.parse().ok(),
            "fault" => self.fault = Some(value.to_owned()),
            "link" => self.link = remote(value),
            _ => self.attributes.push(KeyValue::new(format!("trigger.{name}"), value.to_owned())),
        }
    }
}

impl Visit for Said {
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

/// The span that a `traceparent` header names, if it is one.
fn remote(text: &str) -> Option<SpanContext> {
    let TraceParent { trace, span, sampled } = text.parse().ok()?;
    let flags = TraceFlags::default().with_sampled(sampled);
    let (trace, span) = (TraceId::from_bytes(trace), SpanId::from_bytes(span));
    Some(SpanContext::new(trace, span, flags, true, TraceState::default()))
}
