use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use futures::future::BoxFuture;
use trigger_core::ObjectKey;
use zeroize::Zeroizing;

/// Reads Secrets, one at a time, when they are needed.
pub trait Secrets: Send + Sync + 'static {
    /// Reads a Secret now. Concurrent callers share one read; the result is not cached.
    fn read<'a>(&'a self, secret: &'a ObjectKey) -> BoxFuture<'a, Result<Arc<SecretData>, SecretError>>;
}

/// The data of a Secret. Wiped from memory when the last reference is dropped; never printed.
#[derive(Default)]
pub struct SecretData(BTreeMap<String, Zeroizing<Vec<u8>>>);

/// Why a Secret could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SecretError {
    /// The Secret does not exist.
    #[error("the Secret {0} does not exist")]
    Missing(ObjectKey),
    /// No Secret can have this name, so the API server is not asked.
    #[error("no Secret can be named {:?}: names are DNS subdomains; correct the name", .0.to_string())]
    Impossible(ObjectKey),
    /// The API server forbids the read.
    #[error("reading the Secret {0} is forbidden: allow the service account to get it")]
    Forbidden(ObjectKey),
    /// The read failed and may succeed later.
    #[error("the Secret {secret} cannot be read now: {reason}")]
    Unavailable {
        /// The Secret.
        secret: ObjectKey,
        /// The cause. Contains nothing of the Secret.
        reason: String,
    },
}

impl SecretError {
    /// The Secret.
    pub fn secret(&self) -> &ObjectKey {
        match self {
            Self::Impossible(secret)
            | Self::Missing(secret)
            | Self::Forbidden(secret)
            | Self::Unavailable { secret, .. } => secret,
        }
    }
}

/// The suffix of the entry with the previous key, which is still accepted during rotation.
const PREVIOUS: &str = ".previous";

impl SecretData {
    /// The data of a Secret.
    pub fn new(data: impl IntoIterator<Item = (String, Vec<u8>)>) -> Self {
        Self(data.into_iter().map(|(key, value)| (key, Zeroizing::new(value))).collect())
    }

    /// The valid webhook keys, each with its entry: the value of the first of `names` that exists, and its previous
    /// value.
    ///
    /// A value that ends in a line break (`echo … | kubectl create secret`) is returned with and without it.
    /// Empty values are left out: any sender could sign with them.
    pub fn webhook_keys(&self, names: &[String]) -> Vec<(&str, &[u8])> {
        let Some(name) = names.iter().find(|name| self.0.contains_key(*name)) else { return Vec::new() };
        let previous = format!("{name}{PREVIOUS}");
        let values = [name, &previous].into_iter().filter_map(|entry| self.0.get_key_value(entry));
        let mut keys = Vec::new();
        for (entry, value) in values.map(|(entry, value)| (entry.as_str(), value.as_slice())) {
            let trimmed = without_line_break(value);
            if !trimmed.is_empty() {
                keys.push((entry, value));
                keys.extend((trimmed.len() < value.len()).then_some((entry, trimmed)));
            }
        }
        keys
    }

    /// The value of an entry, byte for byte.
    pub fn entry(&self, name: &str) -> Option<&[u8]> {
        self.0.get(name).map(|value| value.as_slice())
    }

    /// Whether there is an entry of this name, with any value.
    pub fn has_entry(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// The access token in the entry of this name, without a line break at its end; `None` if there is no such entry.
    pub fn access_token(&self, name: &str) -> Option<&[u8]> {
        self.0.get(name).map(|value| without_line_break(value))
    }

    /// The length of all values together, in bytes.
    pub fn bytes(&self) -> usize {
        self.0.values().map(|value| value.len()).sum()
    }

    /// Registry credentials: the value of a Secret of type `kubernetes.io/dockerconfigjson`, or of the older
    /// `kubernetes.io/dockercfg`.
    pub fn docker_config(&self) -> Option<&[u8]> {
        let value = self.0.get(".dockerconfigjson").or_else(|| self.0.get(".dockercfg"))?;
        Some(value.as_slice())
    }
}

fn without_line_break(value: &[u8]) -> &[u8] {
    let Some(value) = value.strip_suffix(b"\n") else { return value };
    value.strip_suffix(b"\r").unwrap_or(value)
}

impl fmt::Debug for SecretData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretData(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn the_first_name_that_exists_counts() {
        let data = SecretData::new([
            ("webhook-secret".to_owned(), b"other".to_vec()),
            ("github-token".to_owned(), b"new\n".to_vec()),
            ("github-token.previous".to_owned(), b"old".to_vec()),
        ]);
        let keys = data.webhook_keys(&names(&["github-token", "github-secret", "webhook-secret"]));
        let expected: [(&str, &[u8]); 3] =
            [("github-token", b"new\n"), ("github-token", b"new"), ("github-token.previous", b"old")];
        assert_eq!(keys, expected);
        assert!(data.webhook_keys(&names(&["other-token"])).is_empty());
        assert!(data.has_entry("webhook-secret") && !data.has_entry("other-token"));
        assert_eq!(format!("{data:?}"), "SecretData(..)");
    }

    #[test]
    fn an_access_token_has_no_line_break() {
        let data = ["a", "a\n", "a\r\n", "\n", ""].map(|value| (value.to_owned(), value.as_bytes().to_vec()));
        let data = SecretData::new(data);
        let tokens = ["a", "a\n", "a\r\n", "\n", "", "b"].map(|name| data.access_token(name));
        assert_eq!(tokens, [Some(&b"a"[..]), Some(b"a"), Some(b"a"), Some(b""), Some(b""), None]);
    }

    #[test]
    fn an_empty_key_is_no_key() {
        for empty in ["", "\n", "\r\n"] {
            let data = SecretData::new([("github-token".to_owned(), empty.as_bytes().to_vec())]);
            assert!(data.webhook_keys(&names(&["github-token"])).is_empty(), "{empty:?}");
        }
    }
}
