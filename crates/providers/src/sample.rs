use http::{HeaderMap, HeaderName, HeaderValue};
use trigger_core::RepoId;

/// The commit id that providers send in place of one that does not exist: of a new or a deleted ref.
pub(crate) const NO_COMMIT: &str = "0000000000000000000000000000000000000000";
/// The commit of a ref before a composed push.
pub(crate) const OLD_COMMIT: &str = "1111111111111111111111111111111111111111";

/// An event to compose, for trying a set-up out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// The repository it is about.
    pub repository: RepoId,
    /// The default branch of the repository.
    pub default_branch: String,
    /// The login of the person who causes it.
    pub sender: String,
    /// The change.
    pub kind: SampleKind,
}

/// The change in a [`Sample`].
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
        /// The files that the commit changes. Without any, the branch is new and the files are not known.
        files: Vec<String>,
    },
    /// Something happens to a pull request.
    PullRequest {
        /// Its number.
        number: u64,
        /// The action: `opened`, `synchronize`, `reopened`, `ready_for_review`, `closed`, `merged`, `labeled` or
        /// `unlabeled`, which every provider composes in its own words; or the provider's own name of another.
        action: String,
        /// The branch it is for.
        base: String,
        /// The branch it comes from.
        head: String,
        /// The full id of its last commit.
        commit: String,
        /// The repository it comes from, if that is another one.
        fork: Option<RepoId>,
        /// Its labels.
        labels: Vec<String>,
    },
}

/// Why a provider composes no such event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SampleError {
    /// The provider does not check hooks with an event of its own.
    #[error("{0} sends no ping: send a push instead")]
    NoPing(&'static str),
    /// The provider has no events for such refs.
    #[error("{0} sends pushes of branches and tags only: name refs/heads/… or refs/tags/…")]
    Ref(&'static str),
}

/// A composed event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SampleRequest {
    /// The provider's name of the event, such as `push`.
    pub event: &'static str,
    /// The JSON.
    pub body: Vec<u8>,
}

/// Headers of these names and values. A value that cannot stand in a header is left out.
pub(crate) fn headers<const N: usize>(pairs: [(&'static str, &str); N]) -> HeaderMap {
    let parsed = |(name, value): (&'static str, &str)| {
        Some((HeaderName::from_static(name), HeaderValue::from_str(value).ok()?))
    };
    pairs.into_iter().filter_map(parsed).collect()
}
