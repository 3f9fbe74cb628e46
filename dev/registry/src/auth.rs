//! Authentication: by user and password, or by bearer tokens.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use aws_lc_rs::rand;
use data_encoding::{BASE64, HEXLOWER};

/// The authentication that the registry requires.
#[derive(Debug, Clone, Default)]
pub(crate) enum Authentication {
    #[default]
    None,
    /// User and password (HTTP basic authentication).
    Basic(Login),
    /// A bearer token; the token service issues it for the login.
    Token(Login),
}

/// User and password.
#[derive(Debug, Clone)]
pub(crate) struct Login {
    pub(crate) user: String,
    pub(crate) password: String,
}

impl Login {
    /// Whether an `Authorization` header presents this login.
    pub(crate) fn is_in(&self, authorization: Option<&str>) -> bool {
        let expected = BASE64.encode(format!("{}:{}", self.user, self.password).as_bytes());
        authorization.and_then(|value| value.strip_prefix("Basic ")) == Some(&expected)
    }
}

/// The rights of a token.
#[derive(Debug)]
struct Grant {
    scopes: Vec<String>,
    expires: Instant,
}

/// The issued tokens.
#[derive(Debug, Default)]
pub(crate) struct Tokens(Mutex<HashMap<String, Grant>>);

impl Tokens {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, Grant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn issue(&self, scopes: Vec<String>, lifetime: Duration) -> String {
        let token = random();
        self.lock().insert(token.clone(), Grant { scopes, expires: Instant::now() + lifetime });
        token
    }

    /// Whether an `Authorization` header has a valid token for an action on a repository.
    pub(crate) fn allow(&self, authorization: Option<&str>, repository: &str, action: &str) -> bool {
        let token = authorization.and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default();
        let grants = self.lock();
        let Some(grant) = grants.get(token).filter(|grant| grant.expires > Instant::now()) else {
            return false;
        };
        let covers = |scope: &String| {
            let actions = scope.strip_prefix(&format!("repository:{repository}:"));
            actions.is_some_and(|actions| actions.split(',').any(|allowed| allowed == action))
        };
        repository.is_empty() || grant.scopes.iter().any(covers)
    }

    pub(crate) fn clear(&self) {
        self.lock().clear();
    }
}

/// 16 random bytes as hexadecimal digits.
pub(crate) fn random() -> String {
    let mut bytes = [0; 16];
    // It fails only on a system without a source of randomness.
    let _ = rand::fill(&mut bytes);
    HEXLOWER.encode(&bytes)
}
