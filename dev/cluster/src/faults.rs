//! Fault injection.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::sync::watch;

use crate::identity;
use crate::status::ApiError;
use crate::store::Store;

/// A fault in the requests that match. Empty lists match every request.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Fault {
    /// Verbs, for example `create` or `watch`.
    pub verbs: Vec<String>,
    /// Resources, as `builds` or `builds.shipwright.io`, with their subresources; or one subresource, as `builds/status`.
    pub resources: Vec<String>,
    /// Namespaces.
    pub namespaces: Vec<String>,
    /// Delay before the request is handled, in milliseconds.
    pub latency_ms: u64,
    /// HTTP status of the refusal; 0 for none.
    pub status: u16,
    /// Reason of the refusal; derived from the status if empty.
    pub reason: String,
    /// Message of the refusal; derived from the status if empty.
    pub message: String,
    /// Name of the object in the details of the refusal: with 404, the object that does not exist.
    pub about: String,
    /// Whether the refusal is plain text, as of a path that is not served or of a proxy.
    pub plain_text: bool,
    /// Seconds for `Retry-After`; 1 for a 429 without it.
    pub retry_after_seconds: Option<u32>,
    /// Share of the matching requests that is affected, from 0.0 to 1.0; all if absent.
    pub rate: Option<f64>,
    /// Number of requests still to be affected; unlimited if absent.
    pub remaining: Option<u32>,
}

impl Fault {
    /// A fault that refuses with `status`.
    pub fn refuse(status: u16) -> Self {
        Self { status, ..Self::default() }
    }

    /// A fault that delays.
    pub fn delay(latency: Duration) -> Self {
        Self { latency_ms: u64::try_from(latency.as_millis()).unwrap_or(u64::MAX), ..Self::default() }
    }

    /// A fault that refuses the creation of `resource` as an admission webhook would.
    pub fn deny_admission(resource: &str, status: u16, message: &str) -> Self {
        let message = format!("admission webhook \"devcluster\" denied the request: {message}");
        Self { message, ..Self::refuse(status).on("create", resource) }
    }

    /// Limits the fault to a verb on a resource. Further calls add to both lists: every named verb on every named
    /// resource matches.
    pub fn on(mut self, verb: &str, resource: &str) -> Self {
        self.verbs.push(verb.to_owned());
        self.resources.push(resource.to_owned());
        self
    }

    /// Limits the fault to the next `count` matching requests.
    pub fn times(mut self, count: u32) -> Self {
        self.remaining = Some(count);
        self
    }

    /// Limits the fault to a random share of the matching requests.
    pub fn at_rate(mut self, rate: f64) -> Self {
        self.rate = Some(rate);
        self
    }

    fn matches(&self, verb: &str, resource: &str, subresource: &str, namespace: &str) -> bool {
        let has =
            |list: &[String], value: &str| list.is_empty() || list.iter().any(|e| e == value || e == "*");
        let plural = resource.split('.').next().unwrap_or_default();
        has(&self.verbs, verb)
            && (has(&self.resources, resource)
                || has(&self.resources, plural)
                || has(&self.resources, &format!("{plural}/{subresource}")))
            && has(&self.namespaces, namespace)
    }

    fn error(&self) -> ApiError {
        let (reason, message) = match self.status {
            401 => ("Unauthorized", "Unauthorized"),
            403 => ("Forbidden", "forbidden by an injected fault"),
            404 => ("NotFound", "the server could not find the requested resource"),
            409 => (
                "Conflict",
                "the object has been modified; please apply your changes to the latest version and try again",
            ),
            410 => ("Expired", "the requested version has expired"),
            422 => ("Invalid", "refused by an injected fault"),
            429 => ("TooManyRequests", "too many requests, please try again later"),
            503 => ("ServiceUnavailable", "the server is currently unable to handle the request"),
            504 => ("Timeout", "request did not complete within the allotted time-out"),
            _ => ("InternalError", "an injected internal error occurred"),
        };
        let text = |own: &str, preset: &str| if own.is_empty() { preset.to_owned() } else { own.to_owned() };
        let mut error = ApiError::new(self.status, text(&self.reason, reason), text(&self.message, message));
        if !self.about.is_empty() {
            error.details = json!({"name": self.about});
        }
        error.plain_text = self.plain_text;
        error.retry_after = self.retry_after_seconds.or((self.status == 429).then_some(1));
        error
    }
}

/// The effect of faults on a request.
#[derive(Debug, Default)]
pub(crate) struct FaultEffect {
    pub(crate) delay: Duration,
    pub(crate) error: Option<ApiError>,
}

/// The active faults. Clones share them.
#[derive(Clone, Debug)]
pub struct Faults {
    rules: Arc<Mutex<Vec<Fault>>>,
    dropped: watch::Sender<u64>,
    store: Arc<Store>,
}

impl Faults {
    pub(crate) fn new(store: Arc<Store>) -> Self {
        Self { rules: Arc::default(), dropped: watch::Sender::new(0), store }
    }

    /// Drops the history of all objects, as etcd's compaction does: older watches and list pages get 410.
    pub fn compact(&self) {
        self.store.compact();
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Fault>> {
        self.rules.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a fault.
    pub fn add(&self, fault: Fault) {
        self.lock().push(fault);
    }

    /// Replaces all faults.
    pub fn set(&self, faults: Vec<Fault>) {
        *self.lock() = faults;
    }

    /// The active faults, with the remaining counts of limited ones.
    pub fn list(&self) -> Vec<Fault> {
        self.lock().clone()
    }

    /// Removes all faults.
    pub fn clear(&self) {
        self.lock().clear();
    }

    /// Sets the clock of the API server ahead of this machine's, or behind: that of `creationTimestamp` and `Date`.
    pub fn set_clock(&self, seconds_ahead: i64) {
        self.store.set_clock(seconds_ahead);
    }

    /// Ends all open watches without an error event, as a broken connection would.
    pub fn drop_watches(&self) {
        self.dropped.send_modify(|epoch| *epoch += 1);
    }

    pub(crate) fn watch_drops(&self) -> watch::Receiver<u64> {
        self.dropped.subscribe()
    }

    /// The effect on a request. Delays add up; the first error wins.
    pub(crate) fn effect_on(
        &self,
        verb: &str,
        resource: &str,
        subresource: &str,
        namespace: &str,
    ) -> FaultEffect {
        let mut effect = FaultEffect::default();
        let mut rules = self.lock();
        for fault in rules.iter_mut().filter(|fault| fault.matches(verb, resource, subresource, namespace)) {
            if fault.status != 0 && effect.error.is_some() {
                continue;
            }
            if fault.rate.is_some_and(|rate| identity::random_fraction() >= rate) {
                continue;
            }
            match &mut fault.remaining {
                Some(0) => continue,
                Some(remaining) => *remaining -= 1,
                None => {}
            }
            effect.delay += Duration::from_millis(fault.latency_ms);
            if fault.status != 0 {
                effect.error = Some(fault.error());
            }
        }
        effect
    }
}
