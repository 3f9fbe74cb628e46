//! From text to parts, by Git's grammar: <https://git-scm.com/docs/git-clone#_git_urls>.
//!
//! The grammar is `gix-url`'s. Here stands only what differs from Git: addresses without a scheme, and
//! that no password may ever be mistaken for a path. The types of `gix-url` stay in this file, and so do
//! its errors, because they quote the input.

use std::borrow::Cow;

use gix_url::Scheme;
use percent_encoding::percent_decode_str;

use super::{Ports, RepoId, RepoIdError};

/// An address taken apart. User and password are gone.
#[derive(Debug)]
pub(super) struct Address {
    /// As it was written, except that IPv6 addresses may have lost their brackets.
    pub(super) host: String,
    /// The port, unless it is the default one.
    pub(super) port: Option<u16>,
    /// The path, percent-decoded.
    pub(super) path: String,
    /// What the port says.
    pub(super) ports: Ports,
}

/// The ports of HTTP and HTTPS. Neither is ever part of a name: a name has no scheme, so with `:80` or `:443`
/// it would be read as something else than it was written from.
const WEB_PORTS: [u16; 2] = [80, 443];

/// Takes an address apart.
pub(super) fn address(text: &str) -> Result<Address, RepoIdError> {
    if text.len() > RepoId::LONGEST {
        return Err(RepoIdError::TooLong);
    }
    if text.chars().any(char::is_control) {
        return Err(RepoIdError::Control);
    }
    let text = text.split(['?', '#']).next().unwrap_or_default();
    if text.is_empty() {
        return Err(RepoIdError::Empty);
    }
    match text.split_once("://") {
        Some((scheme, rest)) if !scheme.contains('/') => with_scheme(scheme, rest),
        _ => without_scheme(text),
    }
}

fn with_scheme(scheme: &str, rest: &str) -> Result<Address, RepoIdError> {
    // Schemes know no case (RFC 3986, 3.1), but `gix-url` does.
    let scheme = scheme.to_ascii_lowercase();
    match scheme.as_str() {
        "http" | "https" | "git" | "ssh" | "git+ssh" | "ssh+git" => parts(&format!("{scheme}://{rest}")),
        "file" => Err(RepoIdError::Local),
        _ => Err(RepoIdError::Scheme),
    }
}

fn without_scheme(text: &str) -> Result<Address, RepoIdError> {
    if text.starts_with(['/', '.', '~', '\\']) {
        return Err(RepoIdError::Local);
    }
    let authority_end = text.find('/').unwrap_or(text.len());
    let (authority, path) = text.split_at_checked(authority_end).unwrap_or((text, ""));
    let (user, password, authority) = split_user(authority);
    let rest = format!("{authority}{path}");
    // The colon of `host:path` or `host:port`, behind the brackets of an IPv6 address.
    let host_end = if authority.starts_with('[') { authority.find(']').unwrap_or(0) } else { 0 };
    let after_host = authority.get(host_end..).and_then(|tail| tail.split_once(':'));
    match after_host {
        None => parts(&format!("https://{rest}")),
        Some((_, port)) if is_port(port) && (!user || password) => parts(&format!("https://{rest}")),
        Some(_) => {
            let mut address = parts(&rest)?;
            address.path = decode(&address.path)?.into_owned();
            Ok(address)
        }
    }
}

/// Cuts `user@` and `user:password@` off the text before the first slash. Tells whether there were a user and
/// a password.
fn split_user(authority: &str) -> (bool, bool, &str) {
    let (Some(at), colon) = (authority.find('@'), authority.find(':')) else {
        return (false, false, authority);
    };
    match colon {
        // `user:pass@word@host`: all before the last @ may be the password.
        Some(colon) if colon < at => {
            let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
            (true, true, host)
        }
        // `us@er@host:path@x`: the user ends at the last @ before the colon, as in OpenSSH.
        colon => {
            let before_colon = authority.get(..colon.unwrap_or(authority.len())).unwrap_or(authority);
            let user_end = before_colon.rfind('@').unwrap_or(at);
            (true, false, authority.get(user_end + 1..).unwrap_or_default())
        }
    }
}

/// Whether a text is a port as a name writes it: no sign, no leading zero.
fn is_port(text: &str) -> bool {
    !text.starts_with(['0', '+']) && text.parse::<u16>().is_ok()
}

fn parts(url: &str) -> Result<Address, RepoIdError> {
    let url = gix_url::parse(url.as_bytes()).map_err(|_| RepoIdError::Malformed)?;
    let (ports, default_port) = match url.scheme {
        Scheme::Ssh => (Ports::Ignored, None),
        Scheme::Http | Scheme::Https => (Ports::Distinguish, None),
        Scheme::Git => (Ports::Distinguish, Scheme::Git.default_port()),
        Scheme::File | Scheme::Ext | Scheme::Helper(_) | Scheme::HelperUrl(_) => {
            return Err(RepoIdError::Scheme);
        }
    };
    if url.port == Some(0) {
        return Err(RepoIdError::Malformed);
    }
    let port = url.port.filter(|port| {
        ports == Ports::Distinguish && !WEB_PORTS.contains(port) && Some(*port) != default_port
    });
    let path = String::from_utf8(url.path.into()).map_err(|_| RepoIdError::Malformed)?;
    Ok(Address { host: url.host.unwrap_or_default(), port, path, ports })
}

fn decode(path: &str) -> Result<Cow<'_, str>, RepoIdError> {
    percent_decode_str(path).decode_utf8().map_err(|_| RepoIdError::Malformed)
}
