//! From parts to the one form that is compared.

use std::borrow::Cow;
use std::fmt::Write;
use std::net::Ipv6Addr;

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use super::parse::Address;
use super::{KnownHosts, RepoId, RepoIdError};

/// The longest host name there can be (RFC 1035, 2.3.4, as text).
const LONGEST_HOST: usize = 253;

/// What cannot stand for itself in the path of a name. All but ASCII is encoded as well, so that a name
/// looks like what it is.
const ENCODED: AsciiSet = CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'\\')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// The name of the repository at an address.
pub(super) fn name(address: &Address, hosts: &KnownHosts) -> Result<RepoId, RepoIdError> {
    let host = host(&address.host, hosts)?;
    let path = path(&address.path, hosts)?;
    let mut text = String::with_capacity(host.len() + path.len() + 7);
    text.push_str(&host);
    let host_end = text.len();
    if let Some(port) = address.port {
        // Writing to a string cannot fail.
        let _ = write!(text, ":{port}");
    }
    text.push('/');
    let path_start = text.len();
    text.extend(utf8_percent_encode(&path, &ENCODED));
    if text.len() > RepoId::LONGEST {
        return Err(RepoIdError::TooLong);
    }
    let offset = |at: usize| u16::try_from(at).map_err(|_| RepoIdError::TooLong);
    Ok(RepoId {
        host_end: offset(host_end)?,
        path_start: offset(path_start)?,
        text: text.into(),
        ports: address.ports,
    })
}

fn host<'a>(written: &str, hosts: &'a KnownHosts) -> Result<Cow<'a, str>, RepoIdError> {
    // `host:` is an address with an empty port, which means the default one (RFC 3986, 3.2.3).
    let written = match written.strip_suffix(':') {
        Some(host) if host.ends_with(']') || !host.contains(':') => host,
        _ => written,
    };
    let bare = written.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(written);
    if let Ok(address) = bare.parse::<Ipv6Addr>() {
        return Ok(format!("[{address}]").into());
    }
    // A trailing dot only says that the name is complete.
    let host = written.strip_suffix('.').unwrap_or(written).to_ascii_lowercase();
    let legal = host.len() <= LONGEST_HOST
        && !host.starts_with('-')
        && host.split('.').all(|label| !label.is_empty())
        && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_'));
    if !legal {
        return Err(RepoIdError::Host);
    }
    Ok(hosts.behind(&host).map_or(Cow::Owned(host), Cow::Borrowed))
}

fn path(written: &str, hosts: &KnownHosts) -> Result<String, RepoIdError> {
    if written.chars().any(char::is_control) {
        return Err(RepoIdError::Control);
    }
    let mut path = String::with_capacity(written.len());
    for segment in written.split('/').filter(|segment| !segment.is_empty()) {
        refuse_dots(segment)?;
        if !path.is_empty() {
            path.push('/');
        }
        path.push_str(segment);
    }
    if hosts.ignores_case() {
        path.make_ascii_lowercase();
    }
    let kept = without_suffix(&path).len();
    path.truncate(kept);
    // `...git` has become `..`.
    refuse_dots(path.rsplit('/').next().unwrap_or_default())?;
    if path.is_empty() { Err(RepoIdError::NoPath) } else { Ok(path) }
}

fn refuse_dots(segment: &str) -> Result<(), RepoIdError> {
    if matches!(segment, "." | "..") { Err(RepoIdError::DotSegment) } else { Ok(()) }
}

/// Cuts `/` and `.git` off the end for as long as there are any, so that a name cannot be shortened further.
fn without_suffix(mut path: &str) -> &str {
    while let Some(shorter) = path.strip_suffix('/').or_else(|| path.strip_suffix(".git")) {
        path = shorter;
    }
    path
}
