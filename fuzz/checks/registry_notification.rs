//! The properties of every request to the hook of a registry.
//!
//! The input is one byte that chooses the format, by its place in the list, counted from `a`; headers as
//! `name: value` lines; an empty line; and the body, so that seeds can be read.

#[path = "request.rs"]
mod request;

use trigger_core::ImageRef;
use trigger_registries::notifications::{FORMATS, MOST_HINTS, bearer, credentials};

/// The registry in a name, where none is named.
const UNNAMED: &str = "registry.invalid";

/// Nothing panics, errors do not quote, and the names that are read are those of images, and few.
pub(crate) fn check(data: &[u8]) {
    let Some((choice, rest)) = data.split_first() else { return };
    let format = FORMATS[usize::from(choice.wrapping_sub(b'a')) % FORMATS.len()];
    let (headers, body) = request::split(rest);
    match format.read(&headers, body) {
        Ok(hints) => {
            assert!(hints.len() <= MOST_HINTS, "{} hints", hints.len());
            for hint in hints {
                let tag = hint.tag.as_deref().unwrap_or("latest");
                let registry = hint.registry.as_deref().unwrap_or(UNNAMED);
                let image = ImageRef::of(registry, &hint.repository, tag);
                let image = image.unwrap_or_else(|error| panic!("{hint:?} is no image: {error}"));
                assert!(hint.registry.is_none() || hint.concerns(&image), "{hint:?} is not about {image:?}");
            }
        }
        Err(error) => {
            let message = error.to_string();
            assert!(message.len() < 120 && message.is_ascii(), "{message}");
        }
    }
    let _ = format.is_ping(&headers);
    let key = std::str::from_utf8(body).ok();
    match credentials(format.credential_locations(), &headers, key) {
        Ok(credentials) => assert!(!credentials.are_verified_by(b"", body), "an empty key verifies nothing"),
        Err(error) => assert!(error.to_string().len() < 120),
    }
    if let Ok(token) = bearer(&headers) {
        assert_eq!(token.split('.').count(), 3);
    }
}
