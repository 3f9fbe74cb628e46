use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// A tag of an image in a registry: one name for every spelling of it.
///
/// The registry is in lower case, `docker.io` where none is named (and for its other names), with `library/`
/// before the name of an official image there; the tag is `latest` where none is named. The grammar is that of
/// the OCI distribution specification for repositories and tags.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ImageRef(Arc<str>);

/// Why a text names no tag of an image.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ImageRefError {
    /// It is empty.
    #[error("it is empty")]
    Empty,
    /// It names a digest, which always stands for the same image.
    #[error("it is pinned to a digest, so it can never change; name a tag")]
    Pinned,
    /// The registry is no host with an optional port.
    #[error("`{0}` is no registry: a host, with a port if need be, is expected")]
    Registry(String),
    /// The name in the registry breaks the grammar.
    #[error("`{0}` is no name of an image: lower-case letters and digits, joined by `.`, `_`, `-` or `/`")]
    Repository(String),
    /// The tag breaks the grammar.
    #[error("`{0}` is no tag: up to 128 letters, digits, `_`, `.` and `-`")]
    Tag(String),
}

const DOCKER_HUB: &str = "docker.io";
/// Other names of Docker Hub that people and programs write.
const ALIASES: [&str; 2] = ["index.docker.io", "registry-1.docker.io"];
const OFFICIAL: &str = "library/";
const LATEST: &str = "latest";
const LONGEST_NAME: usize = 255;
const LONGEST_TAG: usize = 128;

impl ImageRef {
    /// Reads a reference as people write it in manifests.
    pub fn parse(text: &str) -> Result<Self, ImageRefError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(ImageRefError::Empty);
        }
        if text.contains('@') {
            return Err(ImageRefError::Pinned);
        }
        let (registry, rest) = split_registry(text);
        let (repository, tag) = match rest.rsplit_once(':') {
            Some((repository, tag)) => (repository, tag),
            None => (rest, LATEST),
        };
        Self::of(registry, repository, tag)
    }

    /// The reference of these parts, as registries name them to each other.
    pub fn of(registry: &str, repository: &str, tag: &str) -> Result<Self, ImageRefError> {
        let registry = canonical(registry);
        if !is_host(&registry) {
            return Err(ImageRefError::Registry(registry));
        }
        let official = registry == DOCKER_HUB && !repository.contains('/');
        let prefix = if official { OFFICIAL } else { "" };
        if !is_repository(repository) {
            return Err(ImageRefError::Repository(repository.to_owned()));
        }
        if !is_tag(tag) {
            return Err(ImageRefError::Tag(tag.to_owned()));
        }
        Ok(Self(format!("{registry}/{prefix}{repository}:{tag}").into()))
    }

    /// The registry: a host, with a port if one was named, such as `docker.io` or `localhost:5000`.
    pub fn registry(&self) -> &str {
        self.0.split_once('/').map_or("", |(registry, _)| registry)
    }

    /// The name in the registry, such as `library/node`.
    pub fn repository(&self) -> &str {
        let rest = self.0.split_once('/').map_or("", |(_, rest)| rest);
        rest.rsplit_once(':').map_or(rest, |(repository, _)| repository)
    }

    /// The tag.
    pub fn tag(&self) -> &str {
        self.0.rsplit_once(':').map_or(LATEST, |(_, tag)| tag)
    }

    /// All of it, such as `docker.io/library/node:20`.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The registry and the rest. What stands before the first `/` is a registry only if it looks like a host.
fn split_registry(text: &str) -> (&str, &str) {
    match text.split_once('/') {
        Some((first, rest)) if first.contains(['.', ':']) || first.eq_ignore_ascii_case("localhost") => {
            (first, rest)
        }
        _ => (DOCKER_HUB, text),
    }
}

fn canonical(registry: &str) -> String {
    let registry = registry.to_ascii_lowercase();
    if ALIASES.contains(&registry.as_str()) { DOCKER_HUB.to_owned() } else { registry }
}

/// A host name, an IPv4 address or an IPv6 address in brackets, with a port if need be.
fn is_host(text: &str) -> bool {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (text, None),
    };
    if port.is_some_and(|port| port.starts_with('+') || port.parse::<u16>().is_err()) {
        return false;
    }
    if let Some(address) = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return address.parse::<std::net::Ipv6Addr>().is_ok();
    }
    let label = |label: &str| {
        !label.is_empty()
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    host.len() <= 253 && host.split('.').all(label)
}

fn is_repository(text: &str) -> bool {
    text.len() <= LONGEST_NAME && text.split('/').all(is_component)
}

/// Runs of lower-case letters and digits, with one `.`, one or two `_`, or any number of `-` between two.
fn is_component(text: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let starts = text.bytes().next().is_some_and(word);
    let ends = text.bytes().next_back().is_some_and(word);
    let joined =
        |joint: &str| matches!(joint, "" | "." | "_" | "__") || joint.bytes().all(|byte| byte == b'-');
    starts && ends && text.split(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit()).all(joined)
}

fn is_tag(text: &str) -> bool {
    let first = text.bytes().next();
    first.is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && text.len() <= LONGEST_TAG
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-'))
}

impl FromStr for ImageRef {
    type Err = ImageRefError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl TryFrom<String> for ImageRef {
    type Error = ImageRefError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
    }
}

impl From<ImageRef> for String {
    fn from(image: ImageRef) -> Self {
        image.0.as_ref().to_owned()
    }
}

impl fmt::Display for ImageRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for ImageRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ImageRef({})", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_an_image_is_one_reference() {
        for (text, expected) in [
            ("node", "docker.io/library/node:latest"),
            ("node:20", "docker.io/library/node:20"),
            ("library/node:20", "docker.io/library/node:20"),
            ("docker.io/node:20", "docker.io/library/node:20"),
            ("index.docker.io/library/node:20", "docker.io/library/node:20"),
            ("Index.Docker.IO/library/node:20", "docker.io/library/node:20"),
            ("registry-1.docker.io/library/node:20", "docker.io/library/node:20"),
            ("acme/web", "docker.io/acme/web:latest"),
            ("ghcr.io/some/base-image:latest", "ghcr.io/some/base-image:latest"),
            ("GHCR.io/some/base-image", "ghcr.io/some/base-image:latest"),
            ("ghcr.io/top", "ghcr.io/top:latest"),
            ("localhost/base:1", "localhost/base:1"),
            ("localhost:5000/team/base", "localhost:5000/team/base:latest"),
            ("10.0.0.1:5000/base:V1_x.y-z", "10.0.0.1:5000/base:V1_x.y-z"),
            ("[::1]:5000/base:1", "[::1]:5000/base:1"),
            ("registry.example/a/b/c/d__e/f---g/h.i_j:t", "registry.example/a/b/c/d__e/f---g/h.i_j:t"),
            (" node:20\n", "docker.io/library/node:20"),
        ] {
            let image = ImageRef::parse(text).unwrap();
            assert_eq!(image.as_str(), expected, "{text}");
            assert_eq!(ImageRef::parse(image.as_str()), Ok(image.clone()), "it is a reference itself");
            assert_eq!(ImageRef::of(image.registry(), image.repository(), image.tag()), Ok(image));
        }
    }

    #[test]
    fn what_names_no_tag_is_refused() {
        let pinned = format!("node@sha256:{}", "a".repeat(64));
        assert_eq!(ImageRef::parse(&pinned), Err(ImageRefError::Pinned));
        assert_eq!(ImageRef::parse(" "), Err(ImageRefError::Empty));
        let long = format!("ghcr.io/{}", "a".repeat(256));
        for repository in
            ["Node", "ghcr.io/Some/base", "ghcr.io/a//b", "ghcr.io/", "a..b", "a___b", "-a", "a/", &long]
        {
            let parsed = ImageRef::parse(repository);
            assert!(matches!(parsed, Err(ImageRefError::Repository(_))), "{repository}: {parsed:?}");
        }
        let long = format!("node:{}", "a".repeat(129));
        for tag in ["node:", "node:.a", "node:-a", "node:a b", "node:ä", &long] {
            let parsed = ImageRef::parse(tag);
            assert!(matches!(parsed, Err(ImageRefError::Tag(_))), "{tag}: {parsed:?}");
        }
        for registry in
            ["a.b:99999/x", "a.b:/x", "a.b:+1/x", "-a.b/x", "a..b/x", "[::g]:1/x", "ä.example/x", "a b.c/x"]
        {
            let parsed = ImageRef::parse(registry);
            assert!(matches!(parsed, Err(ImageRefError::Registry(_))), "{registry}: {parsed:?}");
        }
    }
}
