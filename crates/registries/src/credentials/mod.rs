//! Credentials for registries.

pub(crate) mod docker_config;

use std::fmt;

use aws_lc_rs::digest::{Context, SHA256};
use data_encoding::BASE64;
use zeroize::{Zeroize as _, Zeroizing};

pub use docker_config::{RegistryCredentialError, credential_for};

/// A user with a password, or an identity token, which a token service takes in exchange for tokens. Wiped
/// from memory when it is dropped, and never logged.
#[derive(Clone)]
pub struct RegistryCredential(Kind);

#[derive(Clone)]
enum Kind {
    Password { user: Zeroizing<String>, password: Zeroizing<String> },
    Identity { token: Zeroizing<String> },
}

impl RegistryCredential {
    /// A user and a password. RFC 7617 forbids a colon in the user's name.
    pub fn password(user: impl Into<String>, password: impl Into<String>) -> Self {
        let (user, password) = (Zeroizing::new(user.into()), Zeroizing::new(password.into()));
        Self(Kind::Password { user, password })
    }

    /// An identity token (OAuth 2 refresh token), as `docker login` keeps it for some registries.
    pub fn identity(token: impl Into<String>) -> Self {
        Self(Kind::Identity { token: Zeroizing::new(token.into()) })
    }

    /// SHA-256 over kind and parts: equal only for equal credentials, and reveals nothing about them.
    pub fn fingerprint(&self) -> [u8; 32] {
        let mut hashed = Context::new(&SHA256);
        let mut part = |part: &str| {
            hashed.update(&part.len().to_be_bytes());
            hashed.update(part.as_bytes());
        };
        match &self.0 {
            Kind::Password { user, password } => {
                part("password");
                part(user);
                part(password);
            }
            Kind::Identity { token } => {
                part("identity");
                part(token);
            }
        }
        let mut fingerprint = [0; 32];
        fingerprint.copy_from_slice(hashed.finish().as_ref());
        fingerprint
    }

    /// The header value `Basic …` (RFC 7617), for a user with a password.
    pub(crate) fn basic(&self) -> Option<Zeroizing<String>> {
        let Kind::Password { user, password } = &self.0 else { return None };
        let both = Zeroizing::new([user.as_str(), password.as_str()].join(":"));
        let mut encoded = BASE64.encode(both.as_bytes());
        let value = Zeroizing::new(format!("Basic {encoded}"));
        encoded.zeroize();
        Some(value)
    }

    /// The identity token, if it is one.
    pub(crate) fn identity_token(&self) -> Option<&str> {
        match &self.0 {
            Kind::Identity { token } => Some(token),
            Kind::Password { .. } => None,
        }
    }
}

impl fmt::Debug for RegistryCredential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Kind::Password { .. } => "RegistryCredential(user and password)",
            Kind::Identity { .. } => "RegistryCredential(identity token)",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_tells_credentials_apart() {
        let all = [
            RegistryCredential::password("ab", "c"),
            RegistryCredential::password("a", "bc"),
            RegistryCredential::password("", ""),
            RegistryCredential::identity("abc"),
            RegistryCredential::identity(""),
        ];
        let prints: std::collections::BTreeSet<_> = all.iter().map(RegistryCredential::fingerprint).collect();
        assert_eq!(prints.len(), all.len());
        assert_eq!(all[0].fingerprint(), all[0].clone().fingerprint());
    }

    #[test]
    fn a_credential_is_never_shown() {
        let shown = format!(
            "{:?} {:?}",
            RegistryCredential::password("user1", "secret1"),
            RegistryCredential::identity("secret2")
        );
        assert!(!shown.contains("secret") && !shown.contains("user1"), "{shown}");
    }
}
