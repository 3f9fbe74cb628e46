//! Metrics of the connection to the API server.

use std::sync::atomic::AtomicU64;
use std::time::{SystemTime, UNIX_EPOCH};

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};
use trigger_api::triggers::Kind;
use trigger_runtime::SecretError;

/// The metrics of a [`crate::Connection`]. Cheap to clone; clones share their counters.
///
/// Labels come from closed sets, and every value of one is there from the start.
#[derive(Debug, Clone)]
pub struct Metrics {
    requests: Family<RequestLabels, Counter>,
    secret_reads: Family<ReadLabels, Histogram, fn() -> Histogram>,
    watches: Family<WatchLabels, Gauge>,
    heard: Family<KindLabels, Gauge<f64, AtomicU64>>,
    launch_slots: Gauge,
    conditions: Family<ReadLabels, Counter>,
    conditions_owed: Gauge,
    namespaces: Family<SeenLabels, Gauge>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    method: &'static str,
    resource: &'static str,
    answer: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReadLabels {
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct WatchLabels {
    resource: &'static str,
    state: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct SeenLabels {
    state: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct KindLabels {
    resource: &'static str,
}

/// The resources that the program asks for; everything else is `other`.
const RESOURCES: [&str; 19] = [
    "builds",
    "buildruns",
    "secrets",
    "pipelineruns",
    "images",
    "customruns",
    "runs",
    "eventlisteners",
    "triggers",
    "triggerbindings",
    "clustertriggerbindings",
    "triggertemplates",
    "interceptors",
    "clusterinterceptors",
    "events",
    "leases",
    "tokenreviews",
    "subjectaccessreviews",
    OTHER,
];
const METHODS: [&str; 6] = ["GET", "POST", "PATCH", "PUT", "DELETE", OTHER];
const ANSWERS: [&str; 6] = ["2xx", "3xx", "4xx", "5xx", OTHER, UNREACHABLE];
const OTHER: &str = "other";
/// There was no response.
const UNREACHABLE: &str = "none";

/// The kind of a watch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Watched {
    Builds,
    BuildRuns,
    Images,
    PipelineRuns,
    /// A kind of Tekton Triggers.
    Triggers(Kind),
}

impl Watched {
    fn all() -> impl Iterator<Item = Self> {
        let kinds = Kind::ALL.into_iter().map(Self::Triggers);
        [Self::Builds, Self::BuildRuns, Self::Images, Self::PipelineRuns].into_iter().chain(kinds)
    }

    fn resource(self) -> &'static str {
        match self {
            Self::Builds => "builds",
            Self::BuildRuns => "buildruns",
            Self::Images => "images",
            Self::PipelineRuns => "pipelineruns",
            Self::Triggers(kind) => kind.plural(),
        }
    }
}

/// The state of a watch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// It has neither worked nor failed yet.
    Starting,
    Working,
    /// The kind is not installed.
    Absent,
    Failing,
}

impl State {
    const ALL: [Self; 4] = [Self::Starting, Self::Working, Self::Absent, Self::Failing];

    fn name(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Working => "working",
            Self::Absent => "absent",
            Self::Failing => "failing",
        }
    }
}

/// How far the Builds of a watched namespace are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SeenState {
    /// All of them.
    Known,
    /// Those that there were before the watch began to fail.
    Stale,
    /// None, because they could not be listed yet.
    Unseen,
}

impl SeenState {
    const ALL: [Self; 3] = [Self::Known, Self::Stale, Self::Unseen];

    fn labels(self) -> SeenLabels {
        SeenLabels {
            state: match self {
                Self::Known => "known",
                Self::Stale => "stale",
                Self::Unseen => "unseen",
            },
        }
    }
}

impl Default for Metrics {
    fn default() -> Self {
        // From a millisecond to about 4 s, which is as long as a Secret is waited for.
        let reads = || Histogram::new(exponential_buckets(0.001, 2.0, 13));
        let metrics = Self {
            requests: Family::default(),
            secret_reads: Family::new_with_constructor(reads),
            watches: Family::default(),
            heard: Family::default(),
            launch_slots: Gauge::default(),
            conditions: Family::default(),
            conditions_owed: Gauge::default(),
            namespaces: Family::default(),
        };
        metrics.begin_at_nothing();
        metrics
    }
}

impl Metrics {
    /// Makes the counters known to `registry`.
    pub fn register(&self, registry: &mut Registry) {
        registry.register(
            "api_server_requests",
            "Requests to the Kubernetes API server by method, resource and class of the response status (none: no \
             response); a watch counts when it starts",
            self.requests.clone(),
        );
        registry.register_with_unit(
            "secret_read",
            "Time to read a Secret, including the wait for a slot, by outcome: read, missing, forbidden, \
             unavailable",
            Unit::Seconds,
            self.secret_reads.clone(),
        );
        registry.register(
            "watches",
            "Watches by resource and state: starting (also: not needed yet), working, absent (the kind is not \
             installed), failing",
            self.watches.clone(),
        );
        registry.register_with_unit(
            "watch_last_event_timestamp",
            "Unix time of the last event of a watch; 0 if there was none",
            Unit::Seconds,
            self.heard.clone(),
        );
        registry.register(
            "launch_slots",
            "Runs that may be created at a time; fewer while Secrets are slow to read. 64: no limit",
            self.launch_slots.clone(),
        );
        registry.register(
            "run_conditions",
            "Attempts to write the condition Triggered of a run by outcome: written, conflict (the run had changed, \
             tried again), refused (by the API server), retryable",
            self.conditions.clone(),
        );
        registry.register(
            "run_conditions_owed",
            "Runs without the condition Triggered that the leader knows; it is written after their controller has \
             begun with them",
            self.conditions_owed.clone(),
        );
        registry.register(
            "watched_namespaces",
            "Watched namespaces by how far their Builds are known: known, stale (the watch fails), unseen (they could \
             not be listed yet); all namespaces count as one if all are watched",
            self.namespaces.clone(),
        );
    }

    pub(crate) fn launch_slots(&self, slots: usize) {
        self.launch_slots.set(i64::try_from(slots).unwrap_or(i64::MAX));
    }

    pub(crate) fn condition(&self, outcome: &'static str) {
        self.conditions.get_or_create(&ReadLabels { outcome }).inc();
    }

    pub(crate) fn conditions_owed(&self, owed: usize) {
        self.conditions_owed.set(i64::try_from(owed).unwrap_or(i64::MAX));
    }

    /// Sets how many of the watched namespaces are in a state.
    pub(crate) fn namespaces(&self, state: SeenState, count: usize) {
        let gauge = self.namespaces.get_or_create_owned(&state.labels());
        gauge.set(i64::try_from(count).unwrap_or(i64::MAX));
    }

    /// Counts a request to the API server.
    pub(crate) fn requested(&self, asked: ObservedRequest, status: Option<u16>) {
        let answer = match status {
            Some(100..=299) => "2xx",
            Some(300..=399) => "3xx",
            Some(400..=499) => "4xx",
            Some(500..=599) => "5xx",
            Some(_) => OTHER,
            None => UNREACHABLE,
        };
        let ObservedRequest { method, resource } = asked;
        self.requests.get_or_create(&RequestLabels { method, resource, answer }).inc();
    }

    pub(crate) fn secret_read<T>(&self, result: &Result<T, SecretError>, seconds: f64) {
        let outcome = match result {
            Ok(_) => "read",
            Err(SecretError::Missing(_)) => "missing",
            Err(SecretError::Forbidden(_)) => "forbidden",
            Err(_) => "unavailable",
        };
        self.secret_reads.get_or_create(&ReadLabels { outcome }).observe(seconds);
    }

    /// Adds a watch, which is starting.
    pub(crate) fn watch(&self, watched: Watched) -> Watch {
        let watch = Watch { metrics: self.clone(), watched, state: State::Starting };
        watch.gauge().inc();
        watch
    }

    fn begin_at_nothing(&self) {
        let begin = |method, resource, answer| {
            drop(self.requests.get_or_create(&RequestLabels { method, resource, answer }));
        };
        for resource in RESOURCES {
            begin("GET", resource, "2xx");
        }
        for method in METHODS {
            begin(method, OTHER, "2xx");
        }
        for answer in ANSWERS {
            begin("GET", OTHER, answer);
        }
        for outcome in ["read", "missing", "forbidden", "unavailable"] {
            drop(self.secret_reads.get_or_create(&ReadLabels { outcome }));
        }
        for outcome in ["written", "conflict", "refused", "retryable"] {
            drop(self.conditions.get_or_create(&ReadLabels { outcome }));
        }
        for state in SeenState::ALL {
            drop(self.namespaces.get_or_create(&state.labels()));
        }
        for resource in Watched::all().map(Watched::resource) {
            drop(self.heard.get_or_create(&KindLabels { resource }));
            for state in State::ALL.map(State::name) {
                drop(self.watches.get_or_create(&WatchLabels { resource, state }));
            }
        }
    }
}

/// Method and resource of a request, as labels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ObservedRequest {
    method: &'static str,
    resource: &'static str,
}

impl ObservedRequest {
    /// Reads method and path of a request. Objects may be called like a resource, but what comes first in the
    /// path is the resource: `/api/v1/namespaces/NAME/RESOURCE`, `/apis/GROUP/VERSION/namespaces/NAME/RESOURCE`.
    pub(crate) fn of(method: &str, path: &str) -> Self {
        let mut parts = path.trim_start_matches('/').split('/');
        let before_resource = if parts.next() == Some("api") { 1 } else { 2 };
        let mut parts = parts.skip(before_resource).peekable();
        if parts.next_if_eq(&"namespaces").is_some() {
            parts.next();
        }
        let resource = parts.next().unwrap_or_default();
        let known = |all: &'static [&'static str], one: &str| {
            all.iter().copied().find(|known| *known == one).unwrap_or(OTHER)
        };
        Self { method: known(&METHODS, method), resource: known(&RESOURCES, resource) }
    }
}

/// One watch. It counts in its state for as long as it is held.
#[derive(Debug)]
pub(crate) struct Watch {
    metrics: Metrics,
    watched: Watched,
    state: State,
}

impl Watch {
    /// The watch has received an event.
    pub(crate) fn works(&mut self) {
        self.becomes(State::Working);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let heard = self.metrics.heard.get_or_create_owned(&KindLabels { resource: self.watched.resource() });
        heard.set(now.as_secs_f64());
    }

    /// The watch has failed, because the kind is not installed, or for another reason.
    pub(crate) fn fails(&mut self, is_absent: bool) {
        self.becomes(if is_absent { State::Absent } else { State::Failing });
    }

    fn becomes(&mut self, state: State) {
        if self.state != state {
            self.gauge().dec();
            self.state = state;
            self.gauge().inc();
        }
    }

    fn gauge(&self) -> Gauge {
        let labels = WatchLabels { resource: self.watched.resource(), state: self.state.name() };
        self.metrics.watches.get_or_create_owned(&labels)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.gauge().dec();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_counted_by_what_it_is_about() {
        for (method, path, expected) in [
            ("GET", "/apis/shipwright.io/v1beta1/builds", ("GET", "builds")),
            ("POST", "/apis/shipwright.io/v1beta1/namespaces/builds/buildruns", ("POST", "buildruns")),
            (
                "PATCH",
                "/apis/shipwright.io/v1beta1/namespaces/a/buildruns/runs/status",
                ("PATCH", "buildruns"),
            ),
            ("GET", "/api/v1/namespaces/secrets/secrets/builds", ("GET", "secrets")),
            ("GET", "/apis/tekton.dev/v1", ("GET", OTHER)),
            ("GET", "/version", ("GET", OTHER)),
            ("BREW", "/api/v1/namespaces/a/tea", (OTHER, OTHER)),
            ("", "", (OTHER, OTHER)),
        ] {
            let ObservedRequest { method, resource } = ObservedRequest::of(method, path);
            assert_eq!((method, resource), expected, "{path}");
        }
    }

    #[test]
    fn a_watch_counts_in_one_state() {
        let metrics = Metrics::default();
        let count = |state: State| {
            metrics.watches.get(&WatchLabels { resource: "builds", state: state.name() }).unwrap().get()
        };
        let counts = || State::ALL.map(count);
        let mut watch = metrics.watch(Watched::Builds);
        let _other = metrics.watch(Watched::BuildRuns);
        assert_eq!(counts(), [1, 0, 0, 0]);
        watch.works();
        assert_eq!(counts(), [0, 1, 0, 0]);
        watch.fails(true);
        assert_eq!(counts(), [0, 0, 1, 0]);
        watch.fails(false);
        watch.fails(false);
        assert_eq!(counts(), [0, 0, 0, 1]);
        drop(watch);
        assert_eq!(counts(), [0, 0, 0, 0]);
    }
}
