//! Redirects, as Go's client follows them.

use bytes::Bytes;
use http::header::{
    AUTHORIZATION, CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_LOCATION, CONTENT_TYPE, COOKIE, HeaderName,
    PROXY_AUTHORIZATION, WWW_AUTHENTICATE,
};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use trigger_egress::Url;
use trigger_rules::interceptors::Redirects;

/// Redirects of one request, as many as Go's client follows.
pub(crate) const MOST_REDIRECTS: usize = 10;

/// One request of a chain of redirects.
#[derive(Debug, Clone)]
pub(crate) struct Hop {
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Option<Bytes>,
}

/// A redirect that is not followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RedirectError {
    /// There is no URL.
    #[error("the address that it redirects to is no URL of an HTTP server")]
    NoUrl,
    /// The target would get over plain HTTP what was meant for TLS.
    #[error("it redirects from https to http")]
    Downgrade,
    /// The chain is too long.
    #[error("it redirects more than {MOST_REDIRECTS} times")]
    TooMany,
}

/// Headers for the host of a request and its subdomains only.
const OF_HOST: [HeaderName; 4] = [AUTHORIZATION, COOKIE, PROXY_AUTHORIZATION, WWW_AUTHENTICATE];
/// Headers that describe a body.
const OF_BODY: [HeaderName; 4] = [CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_LOCATION, CONTENT_TYPE];

impl Hop {
    /// The request that follows a response; `None` if the response is the answer. `first` is the URL of the first request.
    pub(crate) fn next(
        &self,
        first: &Url,
        status: StatusCode,
        location: Option<&HeaderValue>,
        redirects: Redirects,
    ) -> Result<Option<Self>, RedirectError> {
        let keeps_body = match status.as_u16() {
            301..=303 => false,
            307 | 308 => true,
            _ => return Ok(None),
        };
        let Some(location) = location else { return Ok(None) };
        if keeps_body && self.body.is_some() && redirects == Redirects::RefuseBody {
            return Ok(None);
        }
        let url = target(&self.url, location)?;
        let mut next = Self { url, ..self.clone() };
        if !keeps_body {
            next.method = Method::GET;
            next.body = None;
            for name in OF_BODY {
                next.headers.remove(name);
            }
        }
        if !is_same_or_subdomain(&next.url, first) {
            for name in OF_HOST {
                next.headers.remove(name);
            }
        }
        Ok(Some(next))
    }
}

/// The URL that a response to a request for `url` redirects to, without credentials.
pub(crate) fn target(url: &Url, location: &HeaderValue) -> Result<Url, RedirectError> {
    let location = str::from_utf8(location.as_bytes()).map_err(|_| RedirectError::NoUrl)?;
    let mut target = url.join(location).map_err(|_| RedirectError::NoUrl)?;
    match (url.scheme(), target.scheme()) {
        (_, "https") | ("http", "http") => {}
        ("https", "http") => return Err(RedirectError::Downgrade),
        _ => return Err(RedirectError::NoUrl),
    }
    // Both succeed for the URL of an HTTP server.
    let _ = target.set_username("").and_then(|()| target.set_password(None));
    Ok(target)
}

fn is_same_or_subdomain(url: &Url, of: &Url) -> bool {
    let (Some(host), Some(parent)) = (url.host_str(), of.host_str()) else { return false };
    let is_below = || host.strip_suffix(parent).is_some_and(|below| below.ends_with('.'));
    let is_name = of.domain().is_some();
    host == parent || (is_name && is_below())
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: &str = "https://lint.example/a/b?c=1";

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    fn first() -> Hop {
        let mut headers = HeaderMap::new();
        for (name, value) in
            [(CONTENT_TYPE, "application/json"), (AUTHORIZATION, "Bearer x"), (COOKIE, "a=b")]
        {
            headers.insert(name, HeaderValue::from_static(value));
        }
        Hop { method: Method::POST, url: url(FIRST), headers, body: Some("body".into()) }
    }

    /// The next request after a status and a location, and the names of its headers.
    fn next(hop: &Hop, status: u16, location: &str, redirects: Redirects) -> String {
        let status = StatusCode::from_u16(status).unwrap();
        let location = HeaderValue::from_bytes(location.as_bytes()).unwrap();
        match hop.next(&url(FIRST), status, Some(&location), redirects) {
            Ok(None) => "answer".to_owned(),
            Ok(Some(Hop { method, url, headers, body })) => {
                let mut names: Vec<_> = headers.keys().map(HeaderName::as_str).collect();
                names.sort_unstable();
                format!("{method} {url} {} {}", names.join("+"), body.map_or(0, |body| body.len()))
            }
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn a_redirect_is_followed_as_go_follows_it() {
        let (again, refuse) = (Redirects::SendBodyAgain, Redirects::RefuseBody);
        for (status, location, redirects, expected) in [
            (200, "/x", again, "answer"),
            (304, "/x", again, "answer"),
            (300, "/x", again, "answer"),
            (301, "/x", again, "GET https://lint.example/x authorization+cookie 0"),
            (302, "d", refuse, "GET https://lint.example/a/d authorization+cookie 0"),
            (303, "?e", again, "GET https://lint.example/a/b?e authorization+cookie 0"),
            (307, "/x", again, "POST https://lint.example/x authorization+content-type+cookie 4"),
            (308, "/x", again, "POST https://lint.example/x authorization+content-type+cookie 4"),
            (307, "/x", refuse, "answer"),
            (
                307,
                "https://sub.lint.example/",
                again,
                "POST https://sub.lint.example/ authorization+content-type+cookie 4",
            ),
            (
                307,
                "https://lint.example:8443/",
                again,
                "POST https://lint.example:8443/ authorization+content-type+cookie 4",
            ),
            (307, "https://other.example/", again, "POST https://other.example/ content-type 4"),
            (307, "https://evillint.example/", again, "POST https://evillint.example/ content-type 4"),
            (302, "//other.example/x", again, "GET https://other.example/x  0"),
            (
                302,
                "https://user:password@lint.example/",
                again,
                "GET https://lint.example/ authorization+cookie 0",
            ),
            (302, "http://lint.example/", again, "it redirects from https to http"),
            (
                302,
                "ftp://lint.example/",
                again,
                "the address that it redirects to is no URL of an HTTP server",
            ),
            (
                302,
                "file:///etc/passwd",
                again,
                "the address that it redirects to is no URL of an HTTP server",
            ),
            (302, "https://", again, "the address that it redirects to is no URL of an HTTP server"),
        ] {
            assert_eq!(next(&first(), status, location, redirects), expected, "{status} {location}");
        }
        let none = first().next(&url(FIRST), StatusCode::FOUND, None, again).unwrap();
        assert!(none.is_none(), "without an address, the response is the answer");
    }

    #[test]
    fn what_was_left_out_once_stays_out() {
        let location = HeaderValue::from_static("https://other.example/");
        let away = first().next(
            &url(FIRST),
            StatusCode::TEMPORARY_REDIRECT,
            Some(&location),
            Redirects::SendBodyAgain,
        );
        let away = away.unwrap().unwrap();
        let back = next(&away, 307, FIRST, Redirects::SendBodyAgain);
        assert_eq!(back, format!("POST {FIRST} content-type 4"));
        let address = Hop { url: url("http://10.0.0.1/"), ..first() };
        assert!(!is_same_or_subdomain(&url("http://1.10.0.0.1.example/"), &address.url));
    }
}
