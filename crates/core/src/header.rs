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

impl From<RepeatedHeader> for CredentialError {
    fn from(_: RepeatedHeader) -> Self {
        Self::Repeated
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
