//! One name for every spelling of a repository's address.
//!
//! `parse.rs` turns an address into its parts by Git's own grammar, `canonical.rs` brings the parts into
//! the one form that is compared. The form is text, `host[:port]/path`, which is an address again:
//! parsing it gives the same [`RepoId`].
//!
//! A name is for finding rules, never for trust: that a delivery may start a Build is proven by the
//! secret of that Build alone.

mod canonical;
mod hosts;
mod parse;
#[cfg(test)]
mod tests;

use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub use self::hosts::KnownHosts;

/// One name for every spelling of a repository's address.
///
/// `https://GitHub.com/Acme/Web.git/`, `git@github.com:acme/web.git` and `ssh://git@github.com:22/acme/web`
/// all are `github.com/acme/web`. User names and passwords are dropped and can never be shown.
///
/// Two names are equal (`==`) if their texts are. To ask whether two addresses lead to one repository,
/// use [`RepoId::is_same_repository`], which also knows that the port of an SSH address says nothing about
/// the port of an HTTPS address.
///
/// ```
/// # use trigger_core::RepoId;
/// let build = RepoId::parse("ssh://git@git.example.com:2222/acme/web.git")?;
/// let event = RepoId::parse("https://git.example.com:8443/acme/web")?;
/// assert_eq!(build.to_string(), "git.example.com/acme/web");
/// assert!(build.is_same_repository(&event));
/// # Ok::<(), trigger_core::RepoIdError>(())
/// ```
#[derive(Clone, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RepoId {
    /// The canonical text. At most [`RepoId::LONGEST`] bytes, so that offsets fit 16 bits.
    text: Arc<str>,
    /// Where the host ends.
    host_end: u16,
    /// Where the path begins, behind the slash.
    path_start: u16,
    /// What the absence of a port means. Not part of the name: it does not survive the text.
    ports: Ports,
}

/// What the port of an address says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ports {
    /// It tells servers on one host apart (HTTP, HTTPS and Git's own protocol).
    Distinguish,
    /// Nothing: the address is one of SSH, where the port is that of the SSH server.
    Ignored,
}

/// Host and path of a [`RepoId`], without the port: what an index is keyed by.
///
/// Everything that [`RepoId::is_same_repository`] has an equal key; the opposite is not true. As cheap to
/// make and to clone as a [`RepoId`].
#[derive(Clone)]
pub struct RepoKey(RepoId);

/// Why a text names no repository. No variant holds any of the text, which may contain a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RepoIdError {
    /// The text is empty.
    #[error("the repository address is empty")]
    Empty,
    /// The text, or its canonical form, is longer than [`RepoId::LONGEST`].
    #[error("the repository address is longer than {} bytes", RepoId::LONGEST)]
    TooLong,
    /// The address is a path on this machine.
    #[error("the repository address is a local path")]
    Local,
    /// The address is for a transport other than HTTP, HTTPS, SSH and Git's own.
    #[error("the repository address has a scheme other than http, https, ssh and git")]
    Scheme,
    /// The address cannot be taken apart.
    #[error("the repository address is not a valid Git URL")]
    Malformed,
    /// The host is missing, or no host can be called so.
    #[error("the repository address has no valid host name")]
    Host,
    /// The address ends with the host.
    #[error("the repository address has no path")]
    NoPath,
    /// The path contains `.` or `..`, so that what it names depends on who reads it.
    #[error("the path of the repository address contains a . or .. segment")]
    DotSegment,
    /// There is a control character in the text, encoded or not.
    #[error("the repository address contains a control character")]
    Control,
}

impl RepoId {
    /// The longest address, in bytes, before and after it is brought into its canonical form. Browsers and
    /// servers agree on about as much; no known repository comes near it.
    pub const LONGEST: usize = 2048;

    /// Takes any address that `git clone` takes for a remote repository, and `host/path` without a scheme.
    ///
    /// Where Git's grammar leaves a choice:
    /// - `git@host:2222/o/r.git` has the path `2222/o/r`: there is no port in this (scp) syntax. Without a
    ///   user, a number after the colon is a port, because that is how a name is written.
    /// - `user:password@host/path` is no scp address of the host `user`, but HTTPS with a password.
    /// - `%20` and the like are decoded in all syntaxes, although Git takes them literally in scp syntax:
    ///   providers show the same encoded path in all addresses of a repository.
    /// - `?` and `#` begin what is not part of the name in all syntaxes.
    ///
    /// `hosts` says what is particular about the servers of providers.
    pub fn parse_with(address: &str, hosts: &KnownHosts) -> Result<Self, RepoIdError> {
        canonical::name(&parse::address(address)?, hosts)
    }

    /// The same without any knowledge of providers: for a name that is canonical already, such as a stored one.
    pub fn parse(address: &str) -> Result<Self, RepoIdError> {
        Self::parse_with(address, &KnownHosts::NONE)
    }

    /// The host in lower case, without the port. IPv6 addresses are in brackets.
    pub fn host(&self) -> &str {
        self.slice(0, usize::from(self.host_end))
    }

    /// The port, if it is part of the name: neither that of SSH nor the default of the protocol.
    pub fn port(&self) -> Option<u16> {
        let end = usize::from(self.path_start).saturating_sub(1);
        self.slice(usize::from(self.host_end), end).strip_prefix(':')?.parse().ok()
    }

    /// The path without leading or trailing slash and without `.git`, percent-encoded where it has to be.
    pub fn path(&self) -> &str {
        self.slice(usize::from(self.path_start), self.text.len())
    }

    /// The whole name, `host[:port]/path`.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// What to index by.
    pub fn key(&self) -> RepoKey {
        RepoKey(self.clone())
    }

    /// Whether both addresses may lead to one repository: equal hosts and paths; and equal ports, unless
    /// one of the addresses is for SSH.
    ///
    /// This is no equivalence: an SSH address is the same as the addresses of two web servers on one
    /// host, which differ from each other. That an address was for SSH is forgotten when it goes through
    /// text.
    pub fn is_same_repository(&self, other: &Self) -> bool {
        let ports_tell = self.ports == Ports::Distinguish && other.ports == Ports::Distinguish;
        if ports_tell { self == other } else { self.host() == other.host() && self.path() == other.path() }
    }

    fn slice(&self, start: usize, end: usize) -> &str {
        self.text.get(start..end).unwrap_or_default()
    }
}

impl RepoKey {
    /// The host, see [`RepoId::host`].
    pub fn host(&self) -> &str {
        self.0.host()
    }

    /// The path, see [`RepoId::path`].
    pub fn path(&self) -> &str {
        self.0.path()
    }
}

impl PartialEq for RepoId {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for RepoId {}

impl PartialOrd for RepoId {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for RepoId {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.text.cmp(&other.text)
    }
}

impl Hash for RepoId {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.text.hash(state);
    }
}

impl PartialEq for RepoKey {
    fn eq(&self, other: &Self) -> bool {
        self.path() == other.path() && self.host() == other.host()
    }
}

impl Eq for RepoKey {}

impl Hash for RepoKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.host().hash(state);
        self.path().hash(state);
    }
}

impl FromStr for RepoId {
    type Err = RepoIdError;

    fn from_str(address: &str) -> Result<Self, Self::Err> {
        Self::parse(address)
    }
}

impl TryFrom<String> for RepoId {
    type Error = RepoIdError;

    fn try_from(address: String) -> Result<Self, Self::Error> {
        Self::parse(&address)
    }
}

impl From<RepoId> for String {
    fn from(name: RepoId) -> Self {
        name.text.as_ref().to_owned()
    }
}

impl fmt::Display for RepoId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for RepoId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RepoId({})", self.text)
    }
}

impl fmt::Debug for RepoKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RepoKey({}/{})", self.host(), self.path())
    }
}
