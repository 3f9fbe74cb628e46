//! The status of an EventListener, written in place of the controller of Tekton Triggers.
//!
//! The fields and the types of its conditions are those that users of Tekton Triggers know, so that `kubectl get
//! eventlisteners`, `kubectl wait` and dashboards work on. Reasons and messages are our own: there is no Deployment and no
//! Service of a listener here.
//!
//! - [`ListenerStatus`]: the status of a listener. `census`: its triggers that cannot run.
//! - `patch`: how the status of the object becomes that one.

mod census;
mod patch;

use serde_json::{Value, json};
use trigger_core::ObjectKey;

use self::census::Census;
use super::Listener;
use super::error::ListenerError;
use crate::limits::LONGEST_ERROR;
use crate::text::cut;

/// Where and how well a listener is served. Displayed in `status` of its EventListener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListenerStatus {
    /// `address.url`, if it is known.
    url: Option<String>,
    /// `configuration.generatedName`: the name that Tekton gives to Deployment and Service. Also part of the host name of the
    /// listener.
    generated_name: String,
    /// In the order of types.
    conditions: Vec<Condition>,
}

/// A condition without the time since when it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Condition {
    kind: &'static str,
    holds: bool,
    reason: &'static str,
    message: String,
    /// How much it matters that it does not hold, in the words of Knative; absent if the listener is not ready then.
    severity: Option<&'static str>,
}

/// The path at which a listener is served.
pub fn listener_path(listener: &ObjectKey) -> String {
    format!("/listeners/{}/{}", listener.namespace, listener.name)
}

impl Listener {
    /// Its status. `public_url` is where senders reach the server, without a slash at its end.
    pub fn status(&self, public_url: Option<&str>) -> ListenerStatus {
        let census = Census::of(self);
        let path = listener_path(&self.settings.key);
        let addressable = if public_url.is_some() {
            Condition::yes("Addressable", "AddressKnown", "senders reach the listener at status.address.url")
        } else {
            let message = format!(
                "the listener is served at the path {path} of an address that the program does not know: set --public-url"
            );
            Condition { severity: Some("Info"), ..Condition::no("Addressable", "AddressUnknown", message) }
        };
        let triggers = triggers(&census);
        let ready = if census.is_useless() {
            not_ready(&triggers, "NoTriggerRuns")
        } else if triggers.holds {
            Condition::yes("Ready", READY, "EventListener is ready")
        } else {
            Condition::yes("Ready", READY, "EventListener is ready, with errors: see the condition Triggers")
        };
        let available = format!("shipwright-trigger serves the listener at the path {path}");
        ListenerStatus {
            url: public_url.map(|public_url| format!("{public_url}{path}")),
            generated_name: generated_name(&self.settings.key),
            conditions: vec![
                addressable,
                Condition::yes("Available", "Served", available),
                Condition::yes(
                    "Deployment",
                    NOT_NEEDED,
                    "no Deployment: shipwright-trigger serves the listener",
                ),
                ready,
                Condition::yes("Service", NOT_NEEDED, "no Service: shipwright-trigger serves the listener"),
                triggers,
            ],
        }
    }
}

impl ListenerStatus {
    /// The status of an EventListener that is not served because of errors in the object.
    pub fn not_served(listener: &ObjectKey, errors: &[ListenerError]) -> Self {
        let error = errors.first().map(ToString::to_string).unwrap_or_default();
        let available =
            Condition::no("Available", "NotServed", format!("the listener is not served: {error}"));
        let ready = not_ready(&available, "NotServed");
        Self { url: None, generated_name: generated_name(listener), conditions: vec![available, ready] }
    }

    /// Its summary for a log line: the message of the condition `Ready`.
    pub fn summary(&self) -> &str {
        self.conditions.iter().find(|condition| condition.kind == "Ready").map_or("", |ready| &ready.message)
    }
}

const READY: &str = "EventListenerReady";
const NOT_NEEDED: &str = "NotNeeded";

fn generated_name(listener: &ObjectKey) -> String {
    format!("el-{}", listener.name)
}

/// Whether every trigger can run.
fn triggers(census: &Census) -> Condition {
    let Some(first) = &census.first_error else {
        return if census.triggers == 0 {
            Condition::yes("Triggers", "NoTriggers", "the listener has no triggers: events start nothing")
        } else {
            Condition::yes("Triggers", "AllRun", "every trigger can run")
        };
    };
    let (reason, message) = match (census.broken, census.triggers) {
        (0, _) => ("ListenerErrors", first.clone()),
        (1, 1) => ("TriggersBroken", format!("the trigger cannot run: {first}")),
        (broken, all) => {
            let verb = if broken == 1 { "the error" } else { "the first error" };
            ("TriggersBroken", format!("{broken} of {all} triggers cannot run; {verb}: {first}"))
        }
    };
    let severity = (!census.is_useless()).then_some("Warning");
    Condition { severity, ..Condition::no("Triggers", reason, message) }
}

/// That the listener is not ready because of another condition, in the words of Tekton.
fn not_ready(because: &Condition, reason: &'static str) -> Condition {
    let message = format!("Condition {} has status: False with message: {}", because.kind, because.message);
    Condition::no("Ready", reason, message)
}

impl Condition {
    fn yes(kind: &'static str, reason: &'static str, message: impl Into<String>) -> Self {
        Self { kind, holds: true, reason, message: cut(message.into(), LONGEST_ERROR), severity: None }
    }

    fn no(kind: &'static str, reason: &'static str, message: impl Into<String>) -> Self {
        Self { holds: false, ..Self::yes(kind, reason, message) }
    }

    /// It, as it has held since a time.
    fn since(&self, time: &str) -> Value {
        let mut condition = json!({
            "type": self.kind,
            "status": self.status(),
            "reason": self.reason,
            "message": self.message,
            "lastTransitionTime": time,
        });
        if let Some(severity) = self.severity {
            condition["severity"] = severity.into();
        }
        condition
    }

    fn status(&self) -> &'static str {
        if self.holds { "True" } else { "False" }
    }
}
