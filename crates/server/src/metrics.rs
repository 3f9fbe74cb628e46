//! What this crate counts, and what is asked of others whenever somebody reads the metrics.
//!
//! Labels come from closed sets: neither repositories, nor namespaces, nor a sender's words occur in them.
//! Every value of a label is there from the start, as a counter at 0: a rate over a series that appears with
//! its first event would miss that event, and the reference of the metrics is made of what a program shows
//! that has done nothing yet.

mod standing;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};
use trigger_core::{Event, GitEventKind};
use trigger_registries::notifications::FORMATS;

use crate::hooks::HookResponse;

pub(crate) use self::standing::Standing;

/// What the hook listener counts. Cheap to clone; clones count together.
#[derive(Debug, Clone)]
pub struct Metrics {
    received: Family<ReceivedLabels, Counter>,
    refused: Family<RefusedLabels, Counter>,
    answered: Histogram,
    rejections_dropped: Counter,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReceivedLabels {
    provider: &'static str,
    event: &'static str,
    answer: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RefusedLabels {
    reason: &'static str,
}

/// What a request was about, as far as it was read: one of a few words, whatever its sender calls it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct EventName(&'static str);

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
    /// A registry tells of pushes.
    pub(crate) const NOTIFICATION: Self = Self("notification");
    /// The request was answered before its event was known.
    pub(crate) const UNREAD: Self = Self("unread");

    pub(crate) fn of(event: &Event) -> Self {
        Self(match event {
            Event::Git(event) => match &event.kind {
                GitEventKind::Push { .. } => "push",
                GitEventKind::Tag { .. } => "tag",
                GitEventKind::PullRequest(_) => "pull-request",
                GitEventKind::BranchDeleted { .. } => "branch-deleted",
                GitEventKind::TagDeleted { .. } => "tag-deleted",
                GitEventKind::Ping => "ping",
                GitEventKind::Other { .. } => "other",
            },
            // These do not come by HTTP.
            Event::PipelineRun(_) | Event::Image(_) => "other",
        })
    }
}

impl Default for Metrics {
    fn default() -> Self {
        // From a tenth of a millisecond to about 13 s: GitHub waits 10 s.
        let answered = Histogram::new(exponential_buckets(0.0001, 2.0, 18));
        let metrics = Self {
            received: Family::default(),
            refused: Family::default(),
            answered,
            rejections_dropped: Counter::default(),
        };
        metrics.begin_at_nothing();
        metrics
    }
}

impl Metrics {
    /// Makes the counters known to `registry`.
    pub fn register(&self, registry: &mut Registry) {
        registry.register(
            "deliveries_received",
            "Webhook requests, by provider, by what they were about (unread: answered before that was known) \
             and by what they were answered",
            self.received.clone(),
        );
        registry.register(
            "deliveries_rejected",
            "Webhook requests that were not taken in, by reason",
            self.refused.clone(),
        );
        registry.register(
            "rejections_dropped",
            "Refused requests that were not noted because there were too many at once",
            self.rejections_dropped.clone(),
        );
        registry.register_with_unit(
            "delivery_answer",
            "From the end of the request's headers to its answer",
            Unit::Seconds,
            self.answered.clone(),
        );
    }

    /// Counts refused requests that were not noted because there were too many.
    pub(crate) fn rejections_dropped(&self) -> Counter {
        self.rejections_dropped.clone()
    }

    pub(crate) fn answered(
        &self,
        provider: &'static str,
        event: EventName,
        answer: &HookResponse,
        seconds: f64,
    ) {
        let labels = ReceivedLabels { provider, event: event.0, answer: answer.name() };
        self.received.get_or_create(&labels).inc();
        if let Some(reason) = answer.refusal() {
            self.refused.get_or_create(&RefusedLabels { reason }).inc();
        }
        self.answered.observe(seconds);
    }

    /// Shows every value of every label once. Not every combination: most of them never happen.
    fn begin_at_nothing(&self) {
        let begin = |provider, EventName(event), answer| {
            drop(self.received.get_or_create(&ReceivedLabels { provider, event, answer }));
        };
        for provider in trigger_providers::ALL {
            for answer in HookResponse::NAMES {
                begin(provider.name(), EventName::UNREAD, answer);
            }
            for event in EVENTS {
                begin(provider.name(), event, HookResponse::NAMES[0]);
            }
        }
        for format in FORMATS {
            begin(format.source(), EventName::NOTIFICATION, HookResponse::NAMES[0]);
        }
        for reason in HookResponse::REJECTIONS {
            drop(self.refused.get_or_create(&RefusedLabels { reason }));
        }
    }
}
