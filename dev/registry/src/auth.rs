//! Who may do what: by user and password, or by tokens that are had for them.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use aws_lc_rs::rand;
use data_encoding::{BASE64, HEXLOWER};

/// What the registry asks of clients.
#[derive(Debug, Clone, Default)]
pub(crate) enum Demand {
    /// Nothing.
    #[default]
    Nothing,
    /// A user and a password.
    Basic(Login),
    /// A token, which the login has.
    Token(Login),
}

#[derive(Debug, Clone)]
pub(crate) struct Login {
    pub(crate) user: String,
    pub(crate) password: String,
}

impl Login {
    /// Whether a header `Authorization` holds it.
    pub(crate) fn is_in(&self, authorization: Option<&str>) -> bool {
        let expected = BASE64.encode(format!("{}:{}", self.user, self.password).as_bytes());
        authorization.and_then(|value| value.strip_prefix("Basic ")) == Some(&expected)
    }
}

#[derive(Debug)]
struct Grant {
    scopes: Vec<String>,
    until: Instant,
}

/// The tokens that were given.
#[derive(Debug, Default)]
pub(crate) struct Tokens(Mutex<HashMap<String, Grant>>);

impl Tokens {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, Grant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn give(&self, scopes: Vec<String>, life: Duration) -> String {
        let token = random();
        self.lock().insert(token.clone(), Grant { scopes, until: Instant::now() + life });
        token
    }

    /// Whether a header `Authorization` holds a token for an action on a repository.
    pub(crate) fn allow(&self, authorization: Option<&str>, repository: &str, action: &str) -> bool {
        let token = authorization.and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default();
        let grants = self.lock();
        let Some(grant) = grants.get(token).filter(|grant| grant.until > Instant::now()) else {
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

/// Sixteen bytes that nobody guesses, as hexadecimal digits.
pub(crate) fn random() -> String {
    let mut bytes = [0; 16];
    // It fails only where the system has no source of randomness.
    let _ = rand::fill(&mut bytes);
    HEXLOWER.encode(&bytes)
}
