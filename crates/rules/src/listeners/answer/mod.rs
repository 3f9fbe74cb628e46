//! The answers of a listener to its senders, as those of Tekton's listener.
//!
//! Two differ by design. The server answers 202 only after the delivery is kept; and a listener that does not exist is
//! 404 there, not 500.

mod target;
#[cfg(test)]
mod tests;

use std::fmt;

use serde::Serialize;
use trigger_core::ObjectKey;
use trigger_expr::Headers;

use self::target::Target;
use crate::go_json::go_json;
use crate::payload_check::check_object;

/// The type of the CloudEvent that answers a CloudEvent.
const ACCEPTED: &str = "dev.tekton.event.triggers.accepted.v1";
/// The content types of CloudEvents that are a body of their own.
const STRUCTURED: [&str; 2] = ["application/cloudevents+json", "application/cloudevents-batch+json"];
/// The versions of CloudEvents that are headers beside a body.
const VERSIONS: [&str; 2] = ["0.3", "1.0"];

/// The sender's side of a request to a listener.
#[derive(Clone, Copy)]
pub struct Arrival<'a> {
    /// Path and query below the listener's own address, as the request line has them. In absolute form with its origin.
    pub target: &'a str,
    /// The headers.
    pub headers: &'a Headers,
    /// The body as it was sent.
    pub body: &'a [u8],
}

/// The facts about a listener that answers show.
#[derive(Debug, Clone, Copy)]
pub struct Answering<'a> {
    /// Its namespace and name.
    pub listener: &'a ObjectKey,
    /// `metadata.uid`.
    pub uid: &'a str,
    /// Whether a payload has to be a JSON object or `null`.
    pub validates_payload: bool,
}

/// An answer as data. The server adds `Content-Length` and leaves the body out for HEAD.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: Vec<u8>,
}

/// The result of looking at a request before it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Examined {
    /// It is no event. The answer is final.
    Answered(Answer),
    /// It is an event, to be kept.
    Event {
        /// Path and query as interceptors see them; with scheme and host if the request line had them.
        request_url: String,
    },
}

/// Without the body, which may hold secrets.
impl fmt::Debug for Arrival<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { target, headers, body } = self;
        f.debug_struct("Arrival")
            .field("target", target)
            .field("headers", headers)
            .field("length", &body.len())
            .finish_non_exhaustive()
    }
}

impl Answering<'_> {
    /// Looks at a request before it is kept: probes, unclean paths and payloads that are no JSON object are answered.
    ///
    /// `prefix` is the address of the listener on its server, such as `/listeners/team-a/hooks`, or empty.
    pub fn examine(&self, arrival: Arrival<'_>, prefix: &str) -> Examined {
        let target = Target::new(arrival.target);
        if let Some(clean) = target.redirect() {
            let headers = vec![("Location", format!("{prefix}{clean}"))];
            return Examined::Answered(Answer { status: 307, headers, body: Vec::new() });
        }
        if target.is_probe() {
            let headers = vec![("Content-Type", "text/plain; charset=utf-8".to_owned())];
            return Examined::Answered(Answer { status: 200, headers, body: b"ok".to_vec() });
        }
        if self.validates_payload
            && let Err(message) = check_object(arrival.body)
        {
            return Examined::Answered(self.refused(&message));
        }
        Examined::Event { request_url: target.url() }
    }

    /// The answer to an event that is kept.
    pub fn accepted(&self, headers: &Headers, event_id: &str) -> Answer {
        let ObjectKey { namespace, name } = self.listener;
        let body = Accepted { event_listener: name, namespace, uid: self.uid, event_id };
        let mut answer = Answer { status: 202, headers: vec![json()], body: bytes(&body) };
        if is_cloud_event(headers) {
            answer.headers.extend([
                ("Ce-Id", event_id.to_owned()),
                ("Ce-Source", name.to_string()),
                ("Ce-Specversion", "1.0".to_owned()),
                ("Ce-Subject", format!("{namespace}.{name} accepted {event_id}")),
                ("Ce-Type", ACCEPTED.to_owned()),
            ]);
        } else {
            answer.body.push(b'\n');
        }
        answer
    }

    fn refused(&self, message: &str) -> Answer {
        let ObjectKey { namespace, name } = self.listener;
        let error = format!("Invalid event body format : {message}");
        let mut body = bytes(&Refused { event_listener: name, namespace, uid: "", error: &error });
        body.push(b'\n');
        Answer { status: 400, headers: vec![json()], body }
    }
}

/// The body of an answer to an event that is kept.
#[derive(Serialize)]
struct Accepted<'a> {
    #[serde(rename = "eventListener")]
    event_listener: &'a str,
    namespace: &'a str,
    #[serde(rename = "eventListenerUID")]
    uid: &'a str,
    #[serde(rename = "eventID")]
    event_id: &'a str,
}

/// The body of an answer to a payload that is not permitted. Tekton leaves the UID empty.
#[derive(Serialize)]
struct Refused<'a> {
    #[serde(rename = "eventListener")]
    event_listener: &'a str,
    namespace: &'a str,
    #[serde(rename = "eventListenerUID")]
    uid: &'a str,
    #[serde(rename = "errorMessage")]
    error: &'a str,
}

/// The JSON of a body. Texts are always JSON.
fn bytes(body: &impl Serialize) -> Vec<u8> {
    go_json(body).unwrap_or_default().into_bytes()
}

fn json() -> (&'static str, String) {
    ("Content-Type", "application/json".to_owned())
}

/// Whether a request is a CloudEvent, in one of its two forms.
fn is_cloud_event(headers: &Headers) -> bool {
    let content_type = headers.first("Content-Type").unwrap_or_default();
    let media = content_type.split(';').next().unwrap_or_default().trim().to_lowercase();
    STRUCTURED.contains(&media.as_str())
        || headers.first("Ce-Specversion").is_some_and(|version| VERSIONS.contains(&version))
}
