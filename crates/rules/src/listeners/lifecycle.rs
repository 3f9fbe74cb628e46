//! The life of an event at a listener as CloudEvents, in the types of Tekton's listener.
//!
//! The data of a CloudEvent are headers of the request, as with Tekton, but only those that name event and delivery.
//! Signatures, tokens and cookies are no business of a third party, and headers of other names may hold keys that a filter
//! compares.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;
use trigger_core::{DeliveryId, ObjectKey, Ordinal, canonical_header_name, derived_uuid, event_id};
use trigger_expr::Headers;

use super::sender::naming_headers;
use crate::go_json::go_json;
use crate::interceptors::{Address, Origin};
use crate::limits::LARGEST_EVENT_DATA;
use crate::rule_error::RuleError;

/// The types of all CloudEvents begin so.
const TYPES: &str = "dev.tekton.event.triggers.";

/// A moment in the life of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment<'a> {
    /// It is kept, and its triggers are decided.
    Started,
    /// A trigger has fired, and its objects exist. The text tells it from the other triggers of the listener.
    Successful(&'a str),
    /// The request was refused: it is no event.
    Failed,
    /// Its delivery is settled.
    Done,
}

/// A CloudEvent in binary mode.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CloudEvent {
    /// The attributes and the type of the body, as headers.
    pub headers: Vec<(&'static str, String)>,
    /// The data, which are JSON.
    pub body: Bytes,
}

/// Makes the CloudEvents about one event.
#[derive(Debug, Clone)]
pub struct Lifecycle {
    source: String,
    subject: String,
    event_id: String,
    data: Bytes,
}

/// The address of `spec.cloudEventURI` of a listener in a namespace.
pub fn cloud_event_address(uri: &str, namespace: &Arc<str>) -> Result<Address, RuleError> {
    Address::new(uri, &[], Origin::Namespace(Arc::clone(namespace))).map_err(|error| {
        RuleError::new("TriggerInvalidCloudEventURI", format!("no CloudEvents are sent: {error}"))
    })
}

impl Lifecycle {
    /// The life of the event that a request with these headers is, or would be, under the id of its delivery. `None` if the
    /// request is such a CloudEvent itself: two listeners that name each other would never end.
    pub fn of<'h>(
        listener: &ObjectKey,
        delivery: &DeliveryId,
        headers: impl IntoIterator<Item = (&'h str, &'h str)>,
    ) -> Option<Self> {
        let headers = naming(headers);
        if headers.first("Ce-Type").is_some_and(|kind| kind.starts_with(TYPES)) {
            return None;
        }
        let ObjectKey { namespace, name } = listener;
        let event_id = event_id(delivery, Ordinal::FIRST);
        Some(Self {
            source: format!("/apis//v1beta1/namespaces/{namespace}/EventListener/{name}"),
            subject: format!("{name} processing {event_id}"),
            event_id,
            // Headers are always JSON.
            data: go_json(&headers).unwrap_or_default().into(),
        })
    }

    /// The CloudEvent about a moment. Its id is the same whenever it is made.
    pub fn event(&self, moment: Moment<'_>, at: Timestamp) -> CloudEvent {
        let (kind, trigger) = match moment {
            Moment::Started => ("started", ""),
            Moment::Successful(trigger) => ("successful", trigger),
            Moment::Failed => ("failed", ""),
            Moment::Done => ("done", ""),
        };
        let id =
            derived_uuid(&[b"cloud event", self.event_id.as_bytes(), kind.as_bytes(), trigger.as_bytes()]);
        let headers = vec![
            ("Ce-Id", id),
            ("Ce-Source", self.source.clone()),
            ("Ce-Specversion", "1.0".to_owned()),
            ("Ce-Subject", self.subject.clone()),
            ("Ce-Time", at.to_string()),
            ("Ce-Type", format!("{TYPES}{kind}.v1")),
            ("Content-Type", "application/json".to_owned()),
        ];
        let body = if moment == Moment::Done { Bytes::from_static(b"null") } else { self.data.clone() };
        CloudEvent { headers, body }
    }
}

/// The headers that name event and delivery, as far as there is room for them.
fn naming<'h>(headers: impl IntoIterator<Item = (&'h str, &'h str)>) -> Headers {
    let names: BTreeSet<Cow<'static, str>> = naming_headers().map(canonical_header_name).collect();
    let (mut told, mut room) = (Headers::new(), LARGEST_EVENT_DATA);
    for (name, value) in headers {
        if !names.contains(&*canonical_header_name(name)) {
            continue;
        }
        if let Some(left) = room.checked_sub(name.len() + value.len()) {
            room = left;
            told.append(name, value.to_owned());
        }
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: &str = "2026-03-01T12:00:00.5Z";

    fn lifecycle(delivery: &[u8], headers: &[(&str, &str)]) -> Lifecycle {
        let listener = ObjectKey::new("team-a", "web");
        Lifecycle::of(&listener, &DeliveryId::derive(&[delivery]), headers.iter().copied()).unwrap()
    }

    fn event(delivery: &[u8], moment: Moment<'_>) -> CloudEvent {
        lifecycle(delivery, &[("x-github-event", "push")]).event(moment, AT.parse().unwrap())
    }

    fn attribute<'a>(event: &'a CloudEvent, name: &str) -> &'a str {
        let mut found = event.headers.iter().filter(|(other, _)| *other == name);
        found.next().unwrap_or_else(|| panic!("no {name}")).1.as_str()
    }

    #[test]
    fn every_moment_has_the_attributes_and_the_data_of_tekton() {
        let names = r#"{"X-Github-Event":["push"]}"#;
        for (moment, kind, body) in [
            (Moment::Started, "started", names),
            (Moment::Successful("team-a/ci/0"), "successful", names),
            (Moment::Failed, "failed", names),
            (Moment::Done, "done", "null"),
        ] {
            let event = event(b"1", moment);
            let event_id = event_id(&DeliveryId::derive(&[b"1"]), Ordinal::FIRST);
            for (name, expected) in [
                ("Ce-Type", &*format!("dev.tekton.event.triggers.{kind}.v1")),
                ("Ce-Source", "/apis//v1beta1/namespaces/team-a/EventListener/web"),
                ("Ce-Subject", &*format!("web processing {event_id}")),
                ("Ce-Specversion", "1.0"),
                ("Ce-Time", AT),
                ("Content-Type", "application/json"),
            ] {
                assert_eq!(attribute(&event, name), expected);
            }
            assert_eq!(event.body, body);
        }
    }

    #[test]
    fn ids_are_the_same_for_the_same_moment_and_differ_between_moments_triggers_and_events() {
        let moments = [
            Moment::Started,
            Moment::Failed,
            Moment::Done,
            Moment::Successful("team-a/ci/0"),
            Moment::Successful("team-a/ci/1"),
        ];
        let mut ids = BTreeSet::new();
        for delivery in [&b"1"[..], b"2"] {
            for moment in moments {
                let (one, again) = (event(delivery, moment), event(delivery, moment));
                assert_eq!(one, again);
                assert!(ids.insert(attribute(&one, "Ce-Id").to_owned()), "{moment:?}");
            }
        }
    }

    #[test]
    fn data_hold_no_credential_and_no_unknown_header() {
        let life = lifecycle(
            b"1",
            &[
                (":path", "/?token=hush"),
                ("x-hub-signature-256", "sha256=hush"),
                ("x-slack-signature", "v0=hush"),
                ("webhook-signature", "v1,hush"),
                ("x-gitlab-token", "hush"),
                ("authorization", "Bearer hush"),
                ("cookie", "session=hush"),
                ("x-api-key", "hush"),
                ("X-GITHUB-DELIVERY", "72d3"),
                ("content-type", "application/json"),
            ],
        );
        let body = life.event(Moment::Started, AT.parse().unwrap()).body;
        let known = r#"{"Content-Type":["application/json"],"X-Github-Delivery":["72d3"]}"#;
        assert_eq!(body, known);
    }

    #[test]
    fn a_cloud_event_about_an_event_is_no_event_to_tell() {
        let listener = ObjectKey::new("team-a", "web");
        for (kind, is_told) in [
            ("dev.tekton.event.triggers.done.v1", false),
            ("dev.tekton.event.triggers.started.v1", false),
            ("dev.tekton.event.pipelinerun.started.v1", true),
            ("", true),
        ] {
            let told = Lifecycle::of(&listener, &DeliveryId::derive(&[b"1"]), [("ce-type", kind)]);
            assert_eq!(told.is_some(), is_told, "{kind}");
        }
    }

    #[test]
    fn data_have_a_bound() {
        let long = "x".repeat(LARGEST_EVENT_DATA);
        let mut headers = vec![("user-agent", &*long), ("x-github-event", "push")];
        headers.extend(std::iter::repeat_n(("webhook-id", "1"), 5000));
        let body = lifecycle(b"1", &headers).event(Moment::Started, AT.parse().unwrap()).body;
        assert!(body.len() < 2 * LARGEST_EVENT_DATA, "{}", body.len());
        let text = std::str::from_utf8(&body).unwrap();
        assert!(text.contains("push") && !text.contains("User-Agent"), "{text}");
    }

    #[test]
    fn only_an_absolute_url_of_an_http_server_is_an_address() {
        let address = |uri: &str| cloud_event_address(uri, &"team-a".into());
        for good in ["http://sink.team-a.svc", "https://sink.example/events?a=b"] {
            let address = address(good).unwrap();
            assert_eq!(*address.origin(), Origin::Namespace("team-a".into()));
        }
        for bad in ["sink", "/events", "//sink.example", "ftp://sink.example", "http://", "http://a:b@sink"] {
            let error = address(bad).unwrap_err();
            assert_eq!(error.reason(), "TriggerInvalidCloudEventURI");
            assert!(error.to_string().starts_with("no CloudEvents are sent: the URL "), "{bad}: {error}");
        }
    }
}
