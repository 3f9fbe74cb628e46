use trigger_core::KeyRef;
use trigger_runtime::{SecretError, Secrets};

use crate::render_decisions::{Note, NoteKind};

/// A key that is assumed to verify a request, and whether it exists.
pub(super) struct KeyFinding(Note);

impl KeyFinding {
    /// Looks for a key now.
    pub(super) async fn of(key: &KeyRef, secrets: &dyn Secrets) -> Self {
        let KeyRef { secret, entry } = key;
        let assumed = format!("assumed to verify: Secret {secret} entry `{entry}`");
        let (kind, text) = match secrets.read(secret).await {
            Ok(data) if data.has_entry(entry) => (NoteKind::Key, assumed),
            Ok(_) => {
                let remedy = "add it, or correct the reference to it";
                (NoteKind::NoKey, format!("the Secret {secret} has no entry `{entry}`: {remedy}"))
            }
            Err(SecretError::Missing(_)) => (
                NoteKind::NoKey,
                format!("the Secret {secret} does not exist: create it with the entry `{entry}`"),
            ),
            Err(error @ SecretError::Impossible(_)) => (NoteKind::NoKey, error.to_string()),
            Err(SecretError::Forbidden(_)) => {
                (NoteKind::UnknownKey, format!("{assumed}; you may not read it, so it is not checked"))
            }
            Err(SecretError::Unavailable { reason, .. }) => {
                (NoteKind::UnknownKey, format!("{assumed}; it is not checked: {reason}"))
            }
            Err(error) => (NoteKind::UnknownKey, format!("{assumed}; {error}")),
        };
        Self(Note { kind, text })
    }

    /// Whether there is no such key, so that nothing verifies.
    pub(super) fn is_absent(&self) -> bool {
        self.0.kind == NoteKind::NoKey
    }

    /// The line about it.
    pub(super) fn note(&self) -> &Note {
        &self.0
    }
}
