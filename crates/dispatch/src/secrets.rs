use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use futures::future::BoxFuture;
use trigger_core::ObjectKey;
use zeroize::Zeroizing;

/// Reads Secrets, one at a time, when they are needed.
pub trait Secrets: Send + Sync + 'static {
    /// Reads a Secret now. Callers that wait at the same moment share one read; nothing is kept past it.
    fn read<'a>(&'a self, secret: &'a ObjectKey) -> BoxFuture<'a, Result<Arc<SecretData>, SecretError>>;
}

/// The data of a Secret. Wiped from memory when the last holder lets go; never printed.
#[derive(Default)]
pub struct SecretData(BTreeMap<String, Zeroizing<Vec<u8>>>);

/// Why a Secret could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SecretError {
    /// There is no such Secret.
    #[error("the Secret {0} does not exist")]
    Missing(ObjectKey),
    /// We may not read it.
    #[error("reading the Secret {0} is forbidden: allow the service account to get it")]
    Forbidden(ObjectKey),
    /// It cannot be read now. Trying again later may help.
    #[error("the Secret {secret} cannot be read now: {reason}")]
    Unavailable {
        /// The Secret.
        secret: ObjectKey,
        /// What is the matter. Holds nothing of the Secret.
        reason: String,
    },
}

/// Follows the name of a key: the value that was in force before, still accepted while keys are rotated.
const PREVIOUS: &str = ".previous";

impl SecretData {
    /// Takes the data of a Secret.
    pub fn new(data: impl IntoIterator<Item = (String, Vec<u8>)>) -> Self {
        Self(data.into_iter().map(|(key, value)| (key, Zeroizing::new(value))).collect())
    }

    /// The webhook keys in force: the value of the first of `names` that is there, and its previous one.
    ///
    /// A value that ends in a line break (`echo … | kubectl create secret`) is tried with and without it.
    /// Values that are empty but for that are left out: anybody could sign with them.
    pub fn webhook_keys(&self, names: &[String]) -> Vec<&[u8]> {
        let Some(name) = names.iter().find(|name| self.0.contains_key(*name)) else { return Vec::new() };
        let previous = format!("{name}{PREVIOUS}");
        let values = [self.0.get(name), self.0.get(&previous)].into_iter().flatten();
        let mut keys = Vec::new();
        for value in values.map(|value| value.as_slice()) {
            let trimmed = without_line_break(value);
            if !trimmed.is_empty() {
                keys.push(value);
                keys.extend((trimmed.len() < value.len()).then_some(trimmed));
            }
        }
        keys
    }
}

fn without_line_break(value: &[u8]) -> &[u8] {
    let Some(value) = value.strip_suffix(b"\n") else { return value };
    value.strip_suffix(b"\r").unwrap_or(value)
}

impl SecretData {
    /// Credentials for registries: the value of a Secret of type `kubernetes.io/dockerconfigjson`, or of the
    /// older `kubernetes.io/dockercfg`.
    pub fn docker_config(&self) -> Option<&[u8]> {
        let value = self.0.get(".dockerconfigjson").or_else(|| self.0.get(".dockercfg"))?;
        Some(value.as_slice())
    }
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
    fn the_first_name_that_is_there_counts() {
        let data = SecretData::new([
            ("webhook-secret".to_owned(), b"other".to_vec()),
            ("github-token".to_owned(), b"new\n".to_vec()),
            ("github-token.previous".to_owned(), b"old".to_vec()),
        ]);
        let keys = data.webhook_keys(&names(&["github-token", "github-secret", "webhook-secret"]));
        assert_eq!(keys, [b"new\n".as_slice(), b"new", b"old"]);
        assert!(data.webhook_keys(&names(&["gitlab-token"])).is_empty());
        assert_eq!(format!("{data:?}"), "SecretData(..)");
    }

    #[test]
    fn an_empty_key_is_no_key() {
        for empty in ["", "\n", "\r\n"] {
            let data = SecretData::new([("github-token".to_owned(), empty.as_bytes().to_vec())]);
            assert!(data.webhook_keys(&names(&["github-token"])).is_empty(), "{empty:?}");
        }
    }
}
