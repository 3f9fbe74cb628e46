//! Request targets as the router of Tekton's listener reads them.

use std::borrow::Cow;

/// A request target, split as Go's router does.
pub(super) struct Target<'a> {
    /// Scheme and host of a target in absolute form; mostly empty.
    origin: &'a str,
    /// The path as it was sent; empty only if the origin is not.
    path: &'a str,
    /// The question mark and the query, if there is one.
    query: &'a str,
}

impl<'a> Target<'a> {
    /// Reads the target of a request line.
    pub(super) fn new(target: &'a str) -> Self {
        let (before, query) = target.split_at(target.find('?').unwrap_or(target.len()));
        let authority =
            before.split_once("://").filter(|(scheme, _)| !scheme.contains('/')).map(|(_, rest)| rest);
        let path_at = match authority {
            Some(rest) => before.len() - rest.len() + rest.find('/').unwrap_or(rest.len()),
            None => 0,
        };
        let (origin, path) = before.split_at(path_at);
        Self { origin, path, query }
    }

    /// The URL that interceptors see: as it was sent, with characters escaped that no URL holds.
    pub(super) fn url(&self) -> String {
        format!("{}{}{}", self.origin, escaped(self.path), self.query)
    }

    /// Whether it is the path of the liveness probe.
    pub(super) fn is_probe(&self) -> bool {
        self.path == "/live"
    }

    /// Where the router sends a client whose path is not clean, with the query.
    pub(super) fn redirect(&self) -> Option<String> {
        let clean = clean(self.path);
        (clean != self.path && !self.path.is_empty()).then(|| format!("{clean}{}", self.query))
    }
}

/// The path without empty and dot segments. A slash at its end stays.
fn clean(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => {
                kept.pop();
            }
            segment => kept.push(segment),
        }
    }
    let mut clean = String::with_capacity(path.len() + 1);
    for segment in &kept {
        clean.push('/');
        clean.push_str(segment);
    }
    if clean.is_empty() || path.ends_with('/') {
        clean.push('/');
    }
    clean
}

/// The path with characters escaped that a URL must not hold; as it is if there are none.
fn escaped(path: &str) -> Cow<'_, str> {
    let may_stand = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~!$&'()*+,;=:@[]/%".contains(&byte);
    if path.bytes().all(may_stand) {
        return Cow::Borrowed(path);
    }
    let mut escaped = String::with_capacity(path.len() + 16);
    for byte in path.bytes() {
        if may_stand(byte) {
            escaped.push(char::from(byte));
        } else {
            let digit =
                |value: u8| char::from_digit(u32::from(value), 16).unwrap_or('0').to_ascii_uppercase();
            escaped.extend(['%', digit(byte >> 4), digit(byte & 15)]);
        }
    }
    Cow::Owned(escaped)
}
