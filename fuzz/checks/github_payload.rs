//! What must hold for every request that claims to come from GitHub.
//!
//! The input is headers as `name: value` lines, an empty line, and the body, so that seeds can be read.

use http::{HeaderMap, HeaderName, HeaderValue};
use trigger_core::{Event, GitEventKind};
use trigger_providers::{GitHub, PayloadError, Provider};

/// Nothing panics, errors do not quote, the two readers agree, and what is kept is enough to read it again.
pub(crate) fn check(data: &[u8]) {
    let (headers, body) = split(data);
    let payload = match GitHub.payload(&headers, body) {
        Ok(payload) => payload,
        Err(error) => return assert_quiet(&error),
    };
    let kept: HeaderMap = GitHub
        .keep(&headers)
        .iter()
        .filter_map(|(name, value)| Some((name.parse::<HeaderName>().ok()?, value.parse().ok()?)))
        .collect();
    assert_eq!(GitHub.payload(&kept, body).as_ref(), Ok(&payload), "the kept headers do not suffice");

    let selector = GitHub.selector(&payload);
    match GitHub.event(&payload) {
        Err(error) => assert_quiet(&error),
        Ok(Event::PipelineRun(_) | Event::Image(_)) => unreachable!("GitHub knows repositories only"),
        Ok(Event::Git(event)) => {
            let selector = selector.as_ref().expect("what is an event has a selector");
            assert_eq!(selector.names, event.repository.names);
            assert_eq!(selector.is_ping, event.kind == GitEventKind::Ping);
            let built = matches!(
                event.kind,
                GitEventKind::Push { .. } | GitEventKind::Tag { .. } | GitEventKind::PullRequest(_)
            );
            assert!(!built || !event.repository.names.is_empty(), "nobody knows what to build");
            assert!(event.sender.is_none_or(|sender| sender.bytes().all(|byte| byte.is_ascii_graphic())));
        }
    }
    if let Err(error) = selector {
        assert_quiet(&error);
    }
}

fn split(data: &[u8]) -> (HeaderMap, &[u8]) {
    let mut headers = HeaderMap::new();
    let mut rest = data;
    while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
        let (line, body) = (&rest[..end], &rest[end + 1..]);
        rest = body;
        if line.is_empty() {
            break;
        }
        let Some(colon) = line.windows(2).position(|pair| pair == b": ") else { continue };
        let name = HeaderName::from_bytes(&line[..colon]);
        let value = HeaderValue::from_bytes(&line[colon + 2..]);
        if let (Ok(name), Ok(value)) = (name, value) {
            headers.append(name, value);
        }
    }
    (headers, rest)
}

/// Messages name headers and fields and nothing else, so they are short whatever was sent.
fn assert_quiet(error: &PayloadError) {
    let message = error.to_string();
    assert!(message.len() < 120 && message.is_ascii(), "{message}");
    assert!(error.status().is_client_error());
}
