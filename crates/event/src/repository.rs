use serde::{Deserialize, Serialize};

/// One name for every spelling of a repository's address.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RepoId { host: String, path: String }

/// Why a text names no repository.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RepoIdError {
    /// The text is empty.
    #[error("the repository address is empty")]
    Empty,
}
