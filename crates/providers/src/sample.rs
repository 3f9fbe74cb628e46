use http::{HeaderMap, HeaderName, HeaderValue};
use trigger_core::RepoId;

/// An event to compose, for trying a set-up out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// The repository it is about.
    pub repository: RepoId,
    /// The default branch of the repository.
    pub default_branch: String,
    /// Who causes it.
    pub sender: String,
    /// What happens.
    pub kind: SampleKind,
}

/// What happens in a [`Sample`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SampleKind {
    /// The provider checks the hook.
    Ping,
    /// A branch or tag moves to a commit.
    Push {
        /// The full ref, such as `refs/heads/main`.
        full_ref: String,
        /// The full id of the commit.
        commit: String,
    },
    /// Something happens to a pull request.
    PullRequest {
        /// Its number.
        number: u64,
        /// What happens, by the provider's name of it, such as `opened`.
        action: String,
        /// The branch it is for.
        base: String,
        /// The branch it comes from.
        head: String,
        /// The full id of its last commit.
        commit: String,
        /// The repository it comes from, if that is another one.
        fork: Option<RepoId>,
    },
}

/// A composed event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SampleRequest {
    /// The provider's name of the event, such as `push`.
    pub event: &'static str,
    /// The JSON.
    pub body: Vec<u8>,
}

/// Headers out of names and values of our own making.
pub(crate) fn headers<const N: usize>(pairs: [(&'static str, &str); N]) -> HeaderMap {
    let parsed = |(name, value): (&'static str, &str)| {
        Some((HeaderName::from_static(name), HeaderValue::from_str(value).ok()?))
    };
    pairs.into_iter().filter_map(parsed).collect()
}
