use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};

/// The digest of a manifest: what an image is, whatever it is called. `sha256:` and 64 hexadecimal digits, or
/// `sha512:` and 128, in lower case (OCI image specification, descriptors).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Digest(Arc<str>);

/// The text is no digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a digest: `sha256:` and 64 hexadecimal digits, or `sha512:` and 128, are expected")]
pub struct InvalidDigest;

/// So much of a digest tells it from others at a glance.
const SHORT: usize = "sha256:".len() + 12;

impl Digest {
    /// Reads a digest.
    pub fn parse(text: &str) -> Result<Self, InvalidDigest> {
        let (algorithm, value) = text.split_once(':').ok_or(InvalidDigest)?;
        let length = match algorithm {
            "sha256" => 64,
            "sha512" => 128,
            _ => return Err(InvalidDigest),
        };
        let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        let legal = value.len() == length && value.bytes().all(is_digit);
        legal.then(|| Self(text.into())).ok_or(InvalidDigest)
    }

    /// The digest of a manifest, byte for byte.
    pub fn of(manifest: &[u8]) -> Self {
        Self(format!("sha256:{}", HEXLOWER.encode(digest(&SHA256, manifest).as_ref())).into())
    }

    /// The digest as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The beginning of it, for people.
    pub fn short(&self) -> &str {
        self.0.get(..SHORT).unwrap_or(&self.0)
    }
}

impl FromStr for Digest {
    type Err = InvalidDigest;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl TryFrom<String> for Digest {
    type Error = InvalidDigest;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> Self {
        digest.0.as_ref().to_owned()
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({})", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_holds_no_nonsense() {
        let (short, long) = ("a".repeat(64), "0".repeat(128));
        let good = Digest::parse(&format!("sha256:{short}")).unwrap();
        assert_eq!(good.short(), "sha256:aaaaaaaaaaaa");
        assert!(Digest::parse(&format!("sha512:{long}")).is_ok());
        let (upper, letters) = ("A".repeat(64), "g".repeat(64));
        for bad in ["", "sha256:", "sha256", &short, &format!("sha512:{short}"), &format!("sha256:{upper}")] {
            assert_eq!(Digest::parse(bad), Err(InvalidDigest), "{bad}");
        }
        for bad in [format!("sha256:{letters}"), format!("md5:{short}"), format!("sha256:{short} ")] {
            assert_eq!(Digest::parse(&bad), Err(InvalidDigest), "{bad}");
        }
    }

    #[test]
    fn the_digest_of_nothing_is_the_known_one() {
        let known = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(Digest::of(b"").as_str(), known);
    }
}
