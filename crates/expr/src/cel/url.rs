//! URLs as Go's library takes them apart.

use std::collections::BTreeMap;

/// The parts of a URL. Path, fragment, user and query are decoded.
pub(super) struct Url {
    pub(super) scheme: String,
    /// With the port.
    pub(super) host: String,
    pub(super) path: String,
    pub(super) raw_query: String,
    pub(super) fragment: String,
    /// The values of each name in their order.
    pub(super) query: BTreeMap<String, Vec<String>>,
    /// The user, and the password if there is a colon.
    pub(super) user: Option<(String, Option<String>)>,
}

impl Url {
    /// Takes a URL apart, absolute or relative; `None` if it is malformed.
    pub(super) fn parse(text: &str) -> Option<Self> {
        if text.bytes().any(|byte| byte < 0x20 || byte == 0x7f) {
            return None;
        }
        let (rest, fragment) = text.split_once('#').unwrap_or((text, ""));
        let (rest, raw_query) = rest.split_once('?').unwrap_or((rest, ""));
        let (scheme, rest) = scheme(rest)?;
        let (authority, path) = match rest.strip_prefix("//") {
            Some(rest) => rest.split_at_checked(rest.find('/').unwrap_or(rest.len()))?,
            None => ("", rest),
        };
        // Without a scheme, a colon in the first segment would read as one.
        if scheme.is_empty() && path.split('/').next().is_some_and(|segment| segment.contains(':')) {
            return None;
        }
        let (user, host) = match authority.rsplit_once('@') {
            Some((user, host)) => (Some(user), host),
            None => (None, authority),
        };
        let user = match user.map(|user| user.split_once(':').map_or((user, None), |(u, p)| (u, Some(p)))) {
            Some((name, password)) => Some((
                decoded(name, false)?,
                match password {
                    Some(password) => Some(decoded(password, false)?),
                    None => None,
                },
            )),
            None => None,
        };
        if !is_host(host) {
            return None;
        }
        Some(Self {
            scheme: scheme.to_ascii_lowercase(),
            host: host.to_owned(),
            path: decoded(path, false)?,
            raw_query: raw_query.to_owned(),
            fragment: decoded(fragment, false)?,
            query: query(raw_query),
            user,
        })
    }
}

/// The scheme, empty if there is none, and the text behind it.
fn scheme(text: &str) -> Option<(&str, &str)> {
    let end = text.find(|c: char| !c.is_ascii_alphanumeric() && !"+-.".contains(c));
    match end.and_then(|end| text.split_at_checked(end)) {
        Some(("", rest)) if rest.starts_with(':') => None,
        Some((scheme, rest)) if scheme.starts_with(|c: char| c.is_ascii_alphabetic()) => {
            Some(rest.strip_prefix(':').map_or(("", text), |rest| (scheme, rest)))
        }
        _ => Some(("", text)),
    }
}

/// Whether a host has a valid port, if it has one, and no space.
fn is_host(host: &str) -> bool {
    let port = match host.rsplit_once(']') {
        Some((_, port)) => port,
        None => host.find(':').and_then(|at| host.get(at..)).unwrap_or_default(),
    };
    let digits = port.strip_prefix(':').unwrap_or(port);
    (port.is_empty() || port.starts_with(':'))
        && digits.bytes().all(|byte| byte.is_ascii_digit())
        && !host.contains([' ', '<', '>', '"'])
}

/// The fields of a query. Malformed ones are left out, as Go does.
fn query(raw: &str) -> BTreeMap<String, Vec<String>> {
    let mut query: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for field in raw.split('&').filter(|field| !field.is_empty() && !field.contains(';')) {
        let (name, value) = field.split_once('=').unwrap_or((field, ""));
        if let (Some(name), Some(value)) = (decoded(name, true), decoded(value, true)) {
            query.entry(name).or_default().push(value);
        }
    }
    query
}

/// Text with each `%XX` replaced by its byte, and in queries each `+` by a space. `None` for a malformed `%`.
fn decoded(text: &str, in_query: bool) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let high = char::from(rest.next()?).to_digit(16)?;
                let low = char::from(rest.next()?).to_digit(16)?;
                u8::try_from(high * 16 + low).ok()?
            }
            b'+' if in_query => b' ',
            other => other,
        });
    }
    Some(String::from_utf8_lossy(&bytes).into_owned())
}
