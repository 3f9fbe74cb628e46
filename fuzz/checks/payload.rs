//! The properties of every request to the hook of a provider.
//!
//! The input is headers as `name: value` lines, an empty line, and the body, so that seeds can be read.

#[path = "request.rs"]
mod request;

use http::{HeaderMap, HeaderName};
use jiff::Timestamp;
use trigger_core::{Event, GitEventKind};
use trigger_providers::{PayloadError, Provider, Selector};

/// The time on the clock, and of the timestamps in seeds.
const NOW: i64 = 1_700_000_000;

/// Nothing panics, errors do not quote, the two readers agree, and the kept headers are enough to read it again.
pub(crate) fn check(provider: &dyn Provider, data: &[u8]) {
    let (headers, body) = request::split(data);
    let now = Timestamp::from_second(NOW).expect("a time");
    match provider.credentials(&headers, now) {
        Ok(credentials) => assert!(!credentials.are_verified_by(b"", body), "an empty key verifies nothing"),
        Err(error) => assert!(error.to_string().len() < 120),
    }
    let payload = match provider.payload(&headers, body) {
        Ok(payload) => payload,
        Err(error) => return assert_quiet(&error),
    };
    let kept: HeaderMap = provider
        .keep(&headers)
        .iter()
        .filter_map(|(name, value)| Some((name.parse::<HeaderName>().ok()?, value.parse().ok()?)))
        .collect();
    assert_eq!(provider.payload(&kept, body).as_ref(), Ok(&payload), "the kept headers do not suffice");

    let selector = provider.selector(&payload);
    match provider.events(&payload) {
        Err(error) => assert_quiet(&error),
        Ok(events) => {
            let (1, Some(Event::Git(event))) = (events.len(), events.first()) else { panic!("{events:?}") };
            let selector = selector.as_ref().expect("a delivery with an event has a selector");
            assert_eq!(*selector, Selector::of(&events));
            assert_eq!(selector.names, event.repository.names);
            assert_eq!(selector.is_ping, event.kind == GitEventKind::Ping);
            let built = matches!(
                event.kind,
                GitEventKind::Push { .. } | GitEventKind::Tag { .. } | GitEventKind::PullRequest(_)
            );
            assert!(!built || !event.repository.names.is_empty(), "no repository to build");
            assert!(
                event.sender.as_ref().is_none_or(|sender| sender.bytes().all(|byte| byte.is_ascii_graphic()))
            );
        }
    }
    if let Err(error) = selector {
        assert_quiet(&error);
    }
}

/// Messages name headers and fields and nothing else, so they are short for every input.
fn assert_quiet(error: &PayloadError) {
    let message = error.to_string();
    assert!(message.len() < 120 && message.is_ascii(), "{message}");
    assert!(error.status().is_client_error());
}
