//! The sender's own headers: what names a delivery and its event, and what must not be stored.

use std::collections::BTreeSet;

use trigger_expr::Headers;

use crate::interceptors::{delivery_headers, event_headers, token_headers};

/// Headers by which senders of any kind name a delivery: those of Standard Webhooks and of
/// draft-ietf-httpapi-idempotency-key-header.
const DELIVERY: [&str; 2] = ["Webhook-Id", "Idempotency-Key"];
/// The type of a CloudEvent.
const CLOUD_EVENT_TYPE: &str = "Ce-Type";
/// Headers that name the sender, a CloudEvent and the form of a body.
const NAMING: [&str; 5] = ["Ce-Id", "Ce-Source", CLOUD_EVENT_TYPE, "Content-Type", "User-Agent"];
/// The headers in which HTTP presents credentials.
const CREDENTIALS: [&str; 3] = ["Authorization", "Proxy-Authorization", "Cookie"];

/// The longest id of a delivery that counts, in bytes. A longer one names nothing.
pub(crate) const LONGEST_ID: usize = 256;
/// The longest name of an event that is shown, in bytes. A longer one is none.
const LONGEST_EVENT: usize = 128;

/// The sender's id of a delivery, which is the same when it sends the delivery again; `None` for a sender that has none.
///
/// A CloudEvent is named by its id and its source together.
pub fn sender_id(headers: &Headers) -> Option<String> {
    let value = |name| headers.first(name).filter(|value: &&str| !value.is_empty());
    let cloud_event = || Some(format!("{} {}", value("Ce-Source")?, value("Ce-Id")?));
    let own = DELIVERY.into_iter().chain(delivery_headers()).find_map(value).map(ToOwned::to_owned);
    own.or_else(cloud_event).filter(|id| id.len() <= LONGEST_ID)
}

/// The sender's name of the event, for people.
pub fn event_name(headers: &Headers) -> Option<&str> {
    let names = event_headers().map(|(_, header)| header).chain([CLOUD_EVENT_TYPE]);
    names.filter_map(|name| headers.first(name)).find(|name| !name.is_empty() && name.len() <= LONGEST_EVENT)
}

/// The headers that name an event and its delivery. None of them proves a sender.
pub(super) fn naming_headers() -> impl Iterator<Item = &'static str> {
    let events = event_headers().map(|(_, header)| header);
    DELIVERY.into_iter().chain(NAMING).chain(delivery_headers()).chain(events)
}

/// The canonical names of the headers that hold keys themselves. They are never stored.
pub fn credential_headers() -> BTreeSet<&'static str> {
    CREDENTIALS.into_iter().chain(token_headers()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&str, &str)]) -> Headers {
        let mut headers = Headers::new();
        for (name, value) in pairs {
            headers.append(name, (*value).to_owned());
        }
        headers
    }

    #[test]
    fn a_delivery_has_the_id_of_its_sender() {
        let long = "a".repeat(LONGEST_ID + 1);
        for (pairs, expected) in [
            (&[("x-github-delivery", "72d3")][..], Some("72d3")),
            (&[("x-gitea-delivery", "f6")], Some("f6")),
            (&[("x-request-uuid", "0c")], Some("0c")),
            (&[("idempotency-key", "k"), ("x-gitlab-event-uuid", "e")], Some("k")),
            (&[("webhook-id", "msg_1")], Some("msg_1")),
            (&[("ce-id", "1"), ("ce-source", "/shop")], Some("/shop 1")),
            (&[("ce-id", "1")], None),
            (&[("x-github-delivery", "")], None),
            (&[("webhook-id", &long)], None),
            (&[("x-request-id", "of a proxy")], None),
            (&[], None),
        ] {
            assert_eq!(sender_id(&headers(pairs)).as_deref(), expected, "{pairs:?}");
        }
    }

    #[test]
    fn an_event_has_the_name_that_its_sender_gives_it() {
        assert_eq!(event_name(&headers(&[("x-github-event", "push")])), Some("push"));
        assert_eq!(event_name(&headers(&[("ce-type", "dev.shop.sold")])), Some("dev.shop.sold"));
        assert_eq!(event_name(&headers(&[("x-event-key", "")])), None);
    }

    #[test]
    fn headers_that_hold_keys_are_known() {
        let known = credential_headers();
        for name in ["authorization", "cookie", "x-gitlab-token"] {
            assert!(known.contains(&*trigger_core::canonical_header_name(name)), "{name}");
        }
        assert!(!known.contains("X-Hub-Signature-256"), "it is no key, and verifies this body only");
    }
}
