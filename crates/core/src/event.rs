use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;
use serde_json::Value;

use crate::{
    Branch, ChangedFiles, Commit, CommitRef, FactValue, Facts, ImageEvent, Labels, Need, ObjectKey, RepoId,
    Tag,
};

/// The provider-neutral meaning of one change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// Something happened in a Git repository.
    Git(GitEvent),
    /// A Tekton PipelineRun changed the class of its status.
    PipelineRun(PipelineRunEvent),
    /// Tags of images stand for other images now.
    Image(ImageEvent),
    /// A request arrived at a listener.
    Webhook(WebhookEvent),
}

/// A request to a listener. Its meaning is up to the interceptors of the listener's triggers.
#[derive(Clone, PartialEq, Eq)]
pub struct WebhookEvent {
    /// The EventListener.
    pub listener: ObjectKey,
    /// Path and query below the address of the listener, or the whole URL if the request line held it.
    pub url: Arc<str>,
    /// The headers, names in lower case, without `host` and without credentials.
    pub headers: Vec<(String, String)>,
    /// The body, byte for byte.
    pub body: Bytes,
    /// When it had arrived.
    pub at: Timestamp,
}

/// Something that happened in a Git repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GitEvent {
    /// Where it happened.
    pub repository: Repository,
    /// Who did it, by the provider's login name. For people to read, never for authorization.
    pub sender: Option<String>,
    /// What it was.
    pub kind: GitEventKind,
    /// What tells a push of a branch or tag from others of the same commit to the same ref.
    pub push: Option<PushMark>,
    /// The files that it changes.
    pub changed_files: ChangedFiles,
}

impl GitEvent {
    /// An event that pushes nothing, of a payload that lists no files.
    pub fn without_push(repository: Repository, sender: Option<String>, kind: GitEventKind) -> Self {
        Self { repository, sender, kind, push: None, changed_files: ChangedFiles::NOT_LISTED }
    }
}

/// What tells a push from others of the same commit to the same ref.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PushMark {
    /// The commit that the ref pointed at before; all zeros if the push created it.
    pub before: Option<Commit>,
    /// When it was pushed, in seconds since 1970 by the provider's clock, where the payload says so.
    pub at: Option<i64>,
}

/// A repository as a payload names it. The default has no name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Repository {
    /// Every name the payload gives it (web, HTTPS and SSH addresses), the web address first, without
    /// duplicates. Empty if the payload names no repository.
    pub names: Vec<RepoId>,
    /// The default branch, where the payload names it.
    pub default_branch: Option<Branch>,
}

/// What happened in a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GitEventKind {
    /// Commits arrived on a branch, or the branch was created or moved.
    Push {
        /// The branch.
        branch: Branch,
        /// The commit the branch points at now.
        commit: CommitRef,
    },
    /// A tag was created or moved.
    Tag {
        /// The tag.
        tag: Tag,
        /// The commit it points at now, also through an annotated tag; the object of a tag of something else.
        commit: CommitRef,
    },
    /// A branch was deleted. There is nothing left to build.
    BranchDeleted {
        /// The branch.
        branch: Branch,
    },
    /// A tag was deleted.
    TagDeleted {
        /// The tag.
        tag: Tag,
    },
    /// Something happened to a pull request, which some providers call a merge request.
    PullRequest(PullRequest),
    /// The repository was renamed or transferred. Its names begin with the address that it had.
    Moved {
        /// The address that it has now.
        to: RepoId,
    },
    /// The provider checks that the hook works.
    Ping,
    /// An event that no rule can name. Kept and explained, never acted on.
    Other {
        /// The provider's name of the event.
        name: String,
    },
}

/// Something that happened to a pull request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PullRequest {
    /// The number people know it by.
    pub number: u64,
    /// What happened.
    pub action: PullRequestAction,
    /// The branch it wants to be merged into. Rules compare this one.
    pub base: Branch,
    /// The branch that holds the change, in the repository of `origin`.
    pub head: Branch,
    /// The last commit of the change.
    pub commit: CommitRef,
    /// Where the change comes from.
    pub origin: Origin,
    /// The labels it carries; `None` if the payload does not say, or says too many.
    pub labels: Option<Labels>,
}

/// What happened to a pull request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PullRequestAction {
    /// It was opened.
    Opened,
    /// Its commits changed.
    Synchronize,
    /// It was opened again.
    Reopened,
    /// It left the draft state.
    ReadyForReview,
    /// It wants to be merged into another branch than before.
    BaseChanged,
    /// Anything that leaves the code as it was, by one of [`PullRequestAction::NAMES`], or by the provider's own name.
    Other(String),
}

/// Where the change of a pull request comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// A branch of the repository itself.
    SameRepository,
    /// Another repository. The name is absent where the provider no longer knows it (a deleted fork).
    Fork(Option<RepoId>),
}

/// A PipelineRun (`tekton.dev/v1`) whose status moved to another class.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PipelineRunEvent {
    /// The run.
    pub run: ObjectKey,
    /// `metadata.uid` of the run.
    pub uid: String,
    /// `spec.pipelineRef.name`, or the label `tekton.dev/pipeline`. Absent for an embedded pipeline.
    pub pipeline: Option<String>,
    /// The labels of the run, without those that this program's kind sets.
    pub labels: BTreeMap<String, String>,
    /// The class its status is in now.
    pub class: RunClass,
    /// The literal reason of its `Succeeded` condition, where it has one.
    pub reason: Option<String>,
    /// When it came into this class, by Tekton's clock.
    pub since: Option<Timestamp>,
    /// The names of the Builds that its own tasks run, those of `finally` included.
    pub builds: Vec<String>,
    /// The BuildRun that it carries out, if the Build controller made it for one.
    pub carries_out: Option<String>,
    /// The Builds that it has started in this class already, as a record on it says.
    pub recorded: Vec<String>,
    /// The run as it was seen, reduced to its `metadata` and the name of its Pipeline. That holds the records of the runs that it has started, to
    /// which further ones are added. Shared by all plans of the event: tenants choose its size.
    pub seen: Arc<Value>,
}

/// The status of a PipelineRun, reduced to what a rule can name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RunClass {
    /// It has a start time and is not done.
    Started,
    /// `Succeeded` is true.
    Succeeded,
    /// `Succeeded` is false for any reason but the two below.
    Failed,
    /// `Succeeded` is false because it was cancelled.
    Cancelled,
    /// `Succeeded` is false because its time was up.
    TimedOut,
}

impl GitEvent {
    /// The commit that a run would build, where the event has one.
    pub fn commit(&self) -> Option<&CommitRef> {
        match &self.kind {
            GitEventKind::Push { commit, .. } | GitEventKind::Tag { commit, .. } => Some(commit),
            GitEventKind::PullRequest(pull_request) => Some(&pull_request.commit),
            _ => None,
        }
    }

    /// The question to ask before its commit can be built; `None` if the payload holds the full id.
    pub fn need_of_commit(&self) -> Option<Need> {
        let CommitRef::Abbreviated(abbreviated) = self.commit()? else { return None };
        let repository = self.repository.names.first()?.clone();
        Some(Need::FullCommit { repository, abbreviated: abbreviated.clone() })
    }

    /// Puts the full id of its commit in the place of the first digits, if `facts` hold it.
    fn resolve(&mut self, facts: &Facts) {
        let Some(need) = self.need_of_commit() else { return };
        let Some(FactValue::Commit(full)) = facts.get(&need) else { return };
        let (GitEventKind::Push { commit, .. }
        | GitEventKind::Tag { commit, .. }
        | GitEventKind::PullRequest(PullRequest { commit, .. })) = &mut self.kind
        else {
            return;
        };
        *commit = CommitRef::Full(full.clone());
    }
}

impl Event {
    /// The event with what `facts` add to it: the full id of an abbreviated commit.
    #[must_use]
    pub fn resolved(mut self, facts: &Facts) -> Self {
        if let Self::Git(event) = &mut self {
            event.resolve(facts);
        }
        self
    }
}

/// Without content, which may hold secrets.
impl fmt::Debug for WebhookEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebhookEvent")
            .field("listener", &self.listener)
            .field("bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

impl PullRequestAction {
    /// Names that mean the same for every provider. The first five are those of actions that change code.
    pub const NAMES: &'static [&'static str] = &[
        "opened",
        "synchronize",
        "reopened",
        "ready_for_review",
        "base_changed",
        "closed",
        "merged",
        "edited",
        "labeled",
        "unlabeled",
        "converted_to_draft",
    ];

    /// The name: one of [`PullRequestAction::NAMES`], or the provider's own.
    pub fn name(&self) -> &str {
        match self {
            Self::Opened => "opened",
            Self::Synchronize => "synchronize",
            Self::Reopened => "reopened",
            Self::ReadyForReview => "ready_for_review",
            Self::BaseChanged => "base_changed",
            Self::Other(name) => name,
        }
    }

    /// Whether there may be new code to build.
    pub fn changes_code(&self) -> bool {
        !matches!(self, Self::Other(_))
    }
}

impl fmt::Display for PullRequestAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl GitEventKind {
    /// The name of the kind: `Push` and `PullRequest` as SHIP-0031 writes them, the others likewise.
    pub fn name(&self) -> &str {
        match self {
            Self::Push { .. } => "Push",
            Self::Tag { .. } => "Tag",
            Self::BranchDeleted { .. } => "BranchDeleted",
            Self::TagDeleted { .. } => "TagDeleted",
            Self::PullRequest(_) => "PullRequest",
            Self::Moved { .. } => "RepositoryMoved",
            Self::Ping => "Ping",
            Self::Other { name } => name,
        }
    }
}

impl RunClass {
    /// The word upstream's rules use for the class.
    pub fn name(self) -> &'static str {
        match self {
            Self::Started => "Started",
            Self::Succeeded => "Succeeded",
            Self::Failed => "Failed",
            Self::Cancelled => "Cancelled",
            Self::TimedOut => "TimedOut",
        }
    }
}
