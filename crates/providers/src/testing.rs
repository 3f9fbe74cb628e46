//! For the tests of every provider: the stages are called as the server calls them.

use http::{HeaderMap, HeaderName, HeaderValue};
use trigger_core::{Event, GitEvent};

use crate::{PayloadError, Provider, Selector};

/// Headers with these names and values.
pub(crate) fn with(headers: &[(&'static str, &str)]) -> HeaderMap {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.append(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
    }
    map
}

/// The selector of a request.
pub(crate) fn select(
    provider: &dyn Provider,
    headers: &HeaderMap,
    json: &str,
) -> Result<Selector, PayloadError> {
    provider.selector(&provider.payload(headers, json.as_bytes())?)
}

/// The one event of a request, of a repository.
pub(crate) fn read(
    provider: &dyn Provider,
    headers: &HeaderMap,
    json: &str,
) -> Result<GitEvent, PayloadError> {
    let events = provider.events(&provider.payload(headers, json.as_bytes())?)?;
    match events.first() {
        Some(Event::Git(event)) if events.len() == 1 => Ok(event.clone()),
        _ => panic!("{} sends one event of a repository, not {events:?}", provider.title()),
    }
}

/// A fixture after some replacements, each of which must change something.
pub(crate) fn edited(json: &str, edits: &[(&str, &str)]) -> String {
    edits.iter().fold(json.to_owned(), |json, (old, new)| {
        assert!(json.contains(old), "the fixture does not hold {old}");
        json.replace(old, new)
    })
}

/// Both stages that read JSON refuse it, whichever of `requests` are its headers.
pub(crate) fn assert_refused(
    provider: &dyn Provider,
    requests: &[HeaderMap],
    json: &str,
    expected: impl Fn(&PayloadError) -> bool,
) {
    for headers in requests {
        for error in [select(provider, headers, json).err(), read(provider, headers, json).err()] {
            let error = error.unwrap_or_else(|| panic!("{headers:?}: {json:.80} was accepted"));
            assert!(expected(&error), "{headers:?}: {json:.80} is refused as {error:?}");
        }
    }
}

/// The text is no JSON.
pub(crate) fn not_json(error: &PayloadError) -> bool {
    matches!(error, PayloadError::NotJson { .. })
}

/// The JSON does not have the shape of the event.
pub(crate) fn unexpected(error: &PayloadError) -> bool {
    matches!(error, PayloadError::UnexpectedJson { .. })
}
