use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

/// The bounds of the buckets of Tekton's histogram, in seconds.
const BOUNDS: [f64; 6] = [0.001, 0.01, 0.1, 1.0, 5.0, 10.0];

/// The metrics of requests that Tekton's own listeners have, so that dashboards go on to work. Cheap to clone; clones
/// share their counters.
#[derive(Debug, Clone)]
pub(super) struct SinkMetrics {
    received: Family<StatusLabels, Counter>,
    duration: Histogram,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StatusLabels {
    status: &'static str,
}

/// The events that senders are told to be accepted.
const SUCCEEDED: StatusLabels = StatusLabels { status: "succeeded" };
/// All others.
const FAILED: StatusLabels = StatusLabels { status: "failed" };

impl Default for SinkMetrics {
    fn default() -> Self {
        let received = Family::default();
        for labels in [SUCCEEDED, FAILED] {
            drop(received.get_or_create(&labels));
        }
        Self { received, duration: Histogram::new(BOUNDS) }
    }
}

impl SinkMetrics {
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register(
            "eventlistener_event_received",
            "Events that listeners received, by whether they were accepted",
            self.received.clone(),
        );
        registry.register_with_unit(
            "eventlistener_http_duration",
            "Time in which listeners answered events",
            Unit::Seconds,
            self.duration.clone(),
        );
    }

    /// Counts an event that was answered after `seconds`.
    pub(super) fn answered(&self, is_accepted: bool, seconds: f64) {
        let labels = if is_accepted { SUCCEEDED } else { FAILED };
        self.received.get_or_create(&labels).inc();
        self.duration.observe(seconds);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_are_those_of_tekton() {
        let (metrics, mut registry) = (SinkMetrics::default(), Registry::default());
        metrics.register(&mut registry);
        metrics.answered(true, 0.02);
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
        for line in [
            "eventlistener_event_received_total{status=\"succeeded\"} 1",
            "eventlistener_event_received_total{status=\"failed\"} 0",
            "eventlistener_http_duration_seconds_bucket{le=\"0.01\"} 0",
            "eventlistener_http_duration_seconds_bucket{le=\"0.1\"} 1",
        ] {
            assert!(text.lines().any(|other| other == line), "{line}: {text}");
        }
    }
}
