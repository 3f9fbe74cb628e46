//! The Builds to judge rules by, with the Secrets that they name: of a cluster, or of a folder with manifests.

use std::path::Path;

use anstream::eprintln;
use trigger_api::shipwright::Build;
use trigger_cluster::{CoalescingSecretReader, Scope, connect, list_builds};
use trigger_dispatch::KeyStatus;
use trigger_runtime::{SecretError, Secrets};

use crate::manifests;
use crate::render_decisions::{Note, NoteKind};
use crate::sanitize::escape_for_terminal;

/// Builds, and the Secrets that they name.
pub(super) struct BuildSource {
    pub(super) builds: Vec<Build>,
    pub(super) secrets: Box<dyn Secrets>,
}

impl BuildSource {
    /// Reads the Builds of a folder, or else those of these namespaces of the cluster; of all, if there are none.
    pub(super) async fn read(folder: Option<&Path>, namespaces: &[String]) -> anyhow::Result<Self> {
        if let Some(folder) = folder {
            let (builds, secrets) = (manifests::builds(folder)?, manifests::secrets(folder)?);
            return Ok(Self { builds, secrets: Box::new(secrets) });
        }
        let connection = connect(None).await?;
        let builds = list_builds(&connection, &Scope::of(namespaces)).await?;
        for reason in builds.unreadable {
            eprintln!("left out: {}", escape_for_terminal(&reason));
        }
        let builds = builds.objects;
        Ok(Self { builds, secrets: Box::new(CoalescingSecretReader::new(&connection)) })
    }
}

/// The line about a key.
pub(super) fn key_note(status: &KeyStatus) -> Note {
    let (kind, text) = match status {
        KeyStatus::Present(secret) => (NoteKind::Key, format!("in the Secret {secret}")),
        KeyStatus::NotNeeded => (NoteKind::Key, "not needed, with --allow-unsigned".to_owned()),
        KeyStatus::Absent(error) => (NoteKind::NoKey, error.to_string()),
        KeyStatus::Unknown(SecretError::Forbidden(secret)) => {
            (NoteKind::UnknownKey, format!("you may not read the Secret {secret}, so it is not checked"))
        }
        KeyStatus::Unknown(SecretError::Unavailable { secret, reason }) => {
            (NoteKind::UnknownKey, format!("the Secret {secret} is not checked: {reason}"))
        }
        KeyStatus::Unknown(error) => (NoteKind::UnknownKey, error.to_string()),
    };
    Note { kind, text }
}
