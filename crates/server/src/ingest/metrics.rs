//! The metrics of the hook port.
//!
//! Label values come from closed sets: never from repositories, namespaces or requests. Every value exists from
//! the start, as a counter at 0. A rate over a series that appears with its first event would miss that event,
//! and docs/reference/metrics.md is generated from the metrics of an idle program.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};
use trigger_core::{Event, GitEventKind};
use trigger_dispatch::LISTENER;
use trigger_registries::notifications::FORMATS;

use super::response::HookResponse;
use super::sink_metrics::SinkMetrics;

/// The metrics of the hook port. Cheap to clone; clones share their counters.
#[derive(Debug, Clone)]
pub struct Metrics {
    received: Family<ReceivedLabels, Counter>,
    rejected: Family<RejectedLabels, Counter>,
    response_time: Histogram,
    rejections_dropped: Counter,
    waiting: Counter,
    open_not_kept: Counter,
    sink: SinkMetrics,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReceivedLabels {
    provider: &'static str,
    event: &'static str,
    answer: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RejectedLabels {
    reason: &'static str,
}

/// The kind of event in a request, from a closed set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct EventName(&'static str);

const EVENTS: [EventName; 9] = [
    EventName("push"),
    EventName("tag"),
    EventName("pull-request"),
    EventName("branch-deleted"),
    EventName("tag-deleted"),
    EventName("ping"),
    EventName("other"),
    EventName::NOTIFICATION,
    EventName::UNREAD,
];

impl EventName {
    /// A registry's notification.
    pub(super) const NOTIFICATION: Self = Self("notification");
    /// An event for a listener. The names of these events are the senders' own, so they are no labels.
    pub(super) const REQUEST: Self = Self("request");
    /// The response was sent before the event was known.
    pub(super) const UNREAD: Self = Self("unread");

    pub(super) fn of(event: &Event) -> Self {
        Self(match event {
            Event::Git(event) => match &event.kind {
                GitEventKind::Push { .. } => "push",
                GitEventKind::Tag { .. } => "tag",
                GitEventKind::PullRequest(_) => "pull-request",
                GitEventKind::BranchDeleted { .. } => "branch-deleted",
                GitEventKind::TagDeleted { .. } => "tag-deleted",
                GitEventKind::Ping => "ping",
                GitEventKind::Moved { .. } | GitEventKind::Other { .. } => "other",
            },
            Event::Webhook(_) => Self::REQUEST.0,
            // These do not arrive over HTTP.
            Event::PipelineRun(_) | Event::Image(_) => "other",
        })
    }
}

impl Default for Metrics {
    fn default() -> Self {
        // From 0.1 ms to about 13 s: GitHub gives up after 10 s.
        let response_time = Histogram::new(exponential_buckets(0.0001, 2.0, 18));
        let metrics = Self {
            received: Family::default(),
            rejected: Family::default(),
            response_time,
            rejections_dropped: Counter::default(),
            waiting: Counter::default(),
            open_not_kept: Counter::default(),
            sink: SinkMetrics::default(),
        };
        metrics.create_series();
        metrics
    }
}

impl Metrics {
    /// Registers the metrics.
    pub fn register(&self, registry: &mut Registry) {
        registry.register(
            "deliveries_received",
            "Webhook requests by provider, event (unread: rejected before the event was known) and response",
            self.received.clone(),
        );
        registry.register(
            "deliveries_rejected",
            "Rejected webhook requests by reason",
            self.rejected.clone(),
        );
        registry.register(
            "rejections_dropped",
            "Rejected requests that were not recorded in the journal because too many arrived at once",
            self.rejections_dropped.clone(),
        );
        registry.register(
            "deliveries_waiting",
            "Deliveries that were stored to wait because the Secrets of a namespace could not be read",
            self.waiting.clone(),
        );
        registry.register(
            "open_requests_not_kept",
            "Requests to listeners that were answered and not kept: no key verified their sender, the budget for such requests \
             was used up, and they would have started nothing",
            self.open_not_kept.clone(),
        );
        registry.register_with_unit(
            "delivery_answer",
            "Time from the end of the request headers to the response",
            Unit::Seconds,
            self.response_time.clone(),
        );
    }

    /// Registers the metrics that Tekton's own listeners have, under their names. `registry` must add no prefix.
    pub fn register_sink(&self, registry: &mut Registry) {
        self.sink.register(registry);
    }

    /// The metrics that Tekton's own listeners have.
    pub(super) fn sink(&self) -> &SinkMetrics {
        &self.sink
    }

    /// Counts a request to a listener that was answered and not kept.
    pub(super) fn open_not_kept(&self) {
        self.open_not_kept.inc();
    }

    /// Counts deliveries that were stored to wait for Secrets.
    pub(super) fn waiting(&self, count: usize) {
        self.waiting.inc_by(count as u64);
    }

    /// The counter of rejected requests that were not recorded.
    pub(super) fn rejections_dropped(&self) -> Counter {
        self.rejections_dropped.clone()
    }

    /// Counts a response, sent `seconds` after the end of the request headers.
    pub(super) fn answered(
        &self,
        provider: &'static str,
        event: EventName,
        answer: &HookResponse,
        seconds: f64,
    ) {
        let labels = ReceivedLabels { provider, event: event.0, answer: answer.name() };
        self.received.get_or_create(&labels).inc();
        if let Some(reason) = answer.rejection_reason() {
            self.rejected.get_or_create(&RejectedLabels { reason }).inc();
        }
        self.response_time.observe(seconds);
    }

    /// Creates a series for every value of every label. Not for every combination: most never occur.
    fn create_series(&self) {
        let create = |provider, EventName(event), answer| {
            drop(self.received.get_or_create(&ReceivedLabels { provider, event, answer }));
        };
        for provider in trigger_providers::ALL {
            for answer in HookResponse::NAMES {
                create(provider.name(), EventName::UNREAD, answer);
            }
            for event in EVENTS {
                create(provider.name(), event, HookResponse::NAMES[0]);
            }
        }
        for format in FORMATS {
            create(format.source(), EventName::NOTIFICATION, HookResponse::NAMES[0]);
        }
        for answer in HookResponse::NAMES {
            create(LISTENER, EventName::UNREAD, answer);
        }
        create(LISTENER, EventName::REQUEST, HookResponse::NAMES[0]);
        for reason in HookResponse::REJECTIONS {
            drop(self.rejected.get_or_create(&RejectedLabels { reason }));
        }
    }
}
