use std::borrow::Cow;

use http::{HeaderMap, HeaderValue};

use crate::CredentialError;

/// A header occurs more than once, so that two readers could pick different values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the header occurs more than once")]
pub struct RepeatedHeader;

/// The value of the header called `name`; `None` if there is none.
///
/// Git providers and registries read every header that decides something by this one function.
pub fn single<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<&'a HeaderValue>, RepeatedHeader> {
    let mut values = headers.get_all(name).iter();
    let first = values.next();
    if values.next().is_some() { Err(RepeatedHeader) } else { Ok(first) }
}

/// The name of a header as Go's HTTP library writes it, such as `X-Github-Event`: upper case at the start and behind each
/// dash, lower case elsewhere. A name with a character that no header name has stays as it is.
pub fn canonical_header_name(name: &str) -> Cow<'_, str> {
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if !name.bytes().all(is_token) {
        return Cow::Borrowed(name);
    }
    let before = std::iter::once('-').chain(name.chars());
    let canonical = before.zip(name.chars()).map(|(before, letter)| match before {
        '-' => letter.to_ascii_uppercase(),
        _ => letter.to_ascii_lowercase(),
    });
    if canonical.clone().eq(name.chars()) { Cow::Borrowed(name) } else { Cow::Owned(canonical.collect()) }
}

impl From<RepeatedHeader> for CredentialError {
    fn from(_: RepeatedHeader) -> Self {
        Self::Repeated
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_canonical_as_in_go() {
        for (name, expected) in [
            ("x-gitlab-token", "X-Gitlab-Token"),
            ("X-GITLAB-TOKEN", "X-Gitlab-Token"),
            ("X-Gitlab-Token", "X-Gitlab-Token"),
            ("etag", "Etag"),
            ("a--b-", "A--B-"),
            ("-a", "-A"),
            ("my_header.v2", "My_header.v2"),
            ("spaced name", "spaced name"),
            ("naïve", "naïve"),
            ("", ""),
        ] {
            assert_eq!(canonical_header_name(name), expected, "{name}");
        }
    }

    #[test]
    fn a_header_counts_only_if_it_occurs_once() {
        let mut headers = HeaderMap::new();
        assert_eq!(single(&headers, "x-event"), Ok(None));
        headers.append("x-event", HeaderValue::from_static("push"));
        assert_eq!(single(&headers, "X-Event"), Ok(Some(&HeaderValue::from_static("push"))));
        headers.append("x-event", HeaderValue::from_static("push"));
        assert_eq!(single(&headers, "x-event"), Err(RepeatedHeader));
    }
}
