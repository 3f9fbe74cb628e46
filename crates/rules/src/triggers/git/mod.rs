//! Type `GitHub`: something happens in the Build's repository.
//!
//! The type is named after the first provider, but a rule is about any: the hook's path tells which.
//! An entry fires if its own events and its own branches match. A push is compared by its branch, a pull
//! request by the branch it wants to be merged into. Tags are not branches.

mod branches;
mod mistakes;
mod pattern;
mod policy;
#[cfg(test)]
mod tests;

use trigger_api::annotations;
use trigger_api::shipwright::When;
use trigger_core::{Branch, Event, FactValue, GitEvent, GitEventKind, Origin, PullRequest, RepoId};

use self::branches::{Branches, ExpectedBranches};
use self::policy::ForkPolicy;
use crate::auth::Auth;
use crate::decision::{CheckTrace, REPOSITORY_MOVED, Unmatched};
use crate::limits::{LONGEST_REVISION, LONGEST_WORD, MOST_EVENTS};
use crate::reason::{Predicate, Reason};
use crate::rule_error::RuleError;
use crate::rule_set::{
    BuildContext, BuildTrigger, DecisionInput, Extent, IndexKey, Matcher, OwnerRules, TriggerKind,
};
use crate::text::{detail, list};

const PUSH: &str = "Push";
const PULL_REQUEST: &str = "PullRequest";

/// The reason of errors in an entry, in the words of the Build controller.
const INVALID: &str = "TriggerInvalidGitHubWebHook";

/// The kind of the event is one the rule names.
const EVENT: Predicate = Predicate::new("event");
/// The repository is where the Build looks for it.
const REPOSITORY: Predicate = Predicate::new("repository");
/// The ref still exists.
const REF: Predicate = Predicate::new("ref");
/// The action on the pull request changes code.
const ACTION: Predicate = Predicate::new("action");
/// The change comes from where it is allowed to come from.
const ORIGIN: Predicate = Predicate::new("origin");
/// The branch is one the rule names.
const BRANCH: Predicate = Predicate::new("branch");
/// The full id of the commit is known.
const COMMIT: Predicate = Predicate::new("commit");

const EVENT_NOT_LISTED: Reason =
    Reason::new("event-not-listed", "the event is {found}, the rule is for {expected}");
const REF_DELETED: Reason =
    Reason::new("ref-deleted", "the branch {found} was deleted, there is nothing to build");
const NO_CODE_CHANGED: Reason =
    Reason::new("no-code-changed", "the pull request was {found}, which leaves its code as it was");
const FORK_NOT_ALLOWED: Reason =
    Reason::new("fork-not-allowed", "the change is from a fork ({found}), not allowed");
const BRANCH_NOT_LISTED: Reason =
    Reason::new("branch-not-listed", "the branch is {found}, the rule is for {expected}");
const REVISION_IS_COMMIT: Reason = Reason::new(
    "revision-is-commit",
    "the rule names no branch and the Build's revision is the commit {expected}, which the branch {found} cannot \
     equal",
);
const COMMIT_UNKNOWN: Reason = Reason::new(
    "commit-unknown",
    "the payload holds only the first digits of the commit, and the full id is not known: {found}",
);

/// The kind of trigger.
pub(super) struct Git;

/// A rule of this kind.
struct GitMatcher {
    repository: RepoId,
    events: Events,
    branches: Branches,
    /// The branch, tag or commit that the Build would check out by itself; absent for the default branch.
    revision: Option<Box<str>>,
    forks: ForkPolicy,
}

/// The events a rule names. Those that mean something take no memory of their own.
struct Events {
    push: bool,
    pull_request: bool,
    others: Box<[Box<str>]>,
}

impl TriggerKind for Git {
    #[cfg(test)]
    fn folder(&self) -> &'static str {
        "git"
    }

    fn name(&self) -> &'static str {
        "GitHub"
    }

    fn reasons(&self) -> &'static [Reason] {
        &[
            EVENT_NOT_LISTED,
            REF_DELETED,
            NO_CODE_CHANGED,
            FORK_NOT_ALLOWED,
            BRANCH_NOT_LISTED,
            REVISION_IS_COMMIT,
            COMMIT_UNKNOWN,
        ]
    }

    fn lookup(&self, event: &Event) -> Vec<IndexKey> {
        match event {
            // Nothing can be built because of a ping.
            Event::Git(GitEvent { kind: GitEventKind::Ping, .. })
            | Event::PipelineRun(_)
            | Event::Image(_) => Vec::new(),
            Event::Git(event) => self.lookup_repository(&event.repository.names),
        }
    }

    fn applies_to(&self, event: &Event, rules: &OwnerRules) -> bool {
        let Event::Git(event) = event else { return false };
        self.is_about_repository(&event.repository.names, rules)
    }

    fn lookup_repository(&self, names: &[RepoId]) -> Vec<IndexKey> {
        names.iter().map(key).collect()
    }

    fn is_about_repository(&self, names: &[RepoId], rules: &OwnerRules) -> bool {
        let Some(repository) = &rules.repository else { return false };
        names.iter().any(|name| name.is_same_repository(repository)) && rules.has(self.name())
    }

    fn for_builds(&self) -> Option<&dyn BuildTrigger> {
        Some(self)
    }
}

impl BuildTrigger for Git {
    fn compile(&self, when: &When, context: &mut BuildContext<'_>) -> Result<Box<dyn Matcher>, RuleError> {
        let github = when
            .github
            .as_ref()
            .ok_or_else(|| RuleError::new(INVALID, "type GitHub is missing `.github`"))?;
        if github.events.is_empty() {
            let message = "type GitHub is missing `.github.events`, use Push or PullRequest";
            return Err(RuleError::new(INVALID, message));
        }
        let mut events = Events::new(&github.events, context)?;
        if let Err(error) = &context.pull_request_output
            && std::mem::take(&mut events.pull_request)
            && !events.push
        {
            // Code that waits for its review must not be pushed where the annotation was to keep it from.
            return Err(error.clone());
        }
        let expected = ("allow, deny", "deny");
        let forks = context.annotation(annotations::FORKS, ForkPolicy::parse, expected);
        let revision = context.build.git().and_then(|git| git.revision.as_deref()).map(str::trim);
        if let Some(revision) = revision.filter(|revision| revision.len() > LONGEST_REVISION) {
            let (reason, subject) = ("TriggerRevisionTooLong", "revision `source.git.revision`");
            return Err(RuleError::too_long(reason, subject, revision, LONGEST_REVISION));
        }
        let repository = context.repository.clone()?.clone();
        context.secret.clone()?;
        context.take_values(github.branches.len())?;
        let revision = revision.filter(|revision| !revision.is_empty());
        let branches = Branches::compile(&github.branches, context)?;
        if github.branches.is_empty() {
            context.warnings.extend(revision.and_then(mistakes::in_revision));
        }
        Ok(Box::new(GitMatcher { repository, events, branches, revision: revision.map(Into::into), forks }))
    }

    fn auth(&self, context: &BuildContext<'_>) -> Auth {
        context.auth.clone()
    }

    fn key_of_broken(&self, context: &BuildContext<'_>) -> Option<IndexKey> {
        context.repository.as_ref().ok().map(|repository| key(repository))
    }
}

fn key(repository: &RepoId) -> IndexKey {
    IndexKey::new("git", &format!("{}/{}", repository.host(), repository.path()))
}

impl Matcher for GitMatcher {
    fn keys(&self) -> Vec<IndexKey> {
        vec![key(&self.repository)]
    }

    fn check(
        &self,
        input: DecisionInput<'_>,
        _owner: &OwnerRules,
        trace: &mut CheckTrace,
    ) -> Result<(), Unmatched> {
        let Event::Git(event) = input.event else { return Err(EVENT_NOT_LISTED.into()) };
        if let GitEventKind::Moved { to } = &event.kind {
            let (expected, is_there) = (self.repository.as_str(), self.repository.is_same_repository(to));
            trace.require(REPOSITORY, is_there, expected, to.as_str(), REPOSITORY_MOVED)?;
        }
        self.check_event(&event.kind, trace)?;
        match &event.kind {
            GitEventKind::BranchDeleted { branch } => {
                Err(trace.fail(REF, "a branch that exists", branch.as_str(), REF_DELETED))
            }
            GitEventKind::PullRequest(pull_request) => {
                self.check_pull_request(pull_request, trace)?;
                self.check_branch(&pull_request.base, event, trace)
            }
            GitEventKind::Push { branch, .. } => self.check_branch(branch, event, trace),
            _ => Err(EVENT_NOT_LISTED.into()),
        }?;
        check_commit(event, input, trace)
    }

    fn details(&self, event: &Event) -> Vec<(&'static str, String)> {
        let Event::Git(event) = event else { return Vec::new() };
        vec![
            (annotations::WHEN_GITHUB_EVENTS, detail(self.events.names())),
            (annotations::WHEN_GITHUB_BRANCHES, detail(self.expected_branches(event).names())),
        ]
    }

    fn extent(&self) -> Extent {
        let events: usize = self.events.others.iter().map(|event| event.len()).sum();
        let revision = self.revision.as_ref().map_or(0, |revision| revision.len());
        Extent { values: self.branches.len(), bytes: self.branches.bytes() + events + revision }
    }
}

impl GitMatcher {
    fn check_event(&self, kind: &GitEventKind, trace: &mut CheckTrace) -> Result<(), Unmatched> {
        // The deletion of a branch is a push too; what is wrong with it is not its kind.
        let name = match kind {
            GitEventKind::Push { .. } | GitEventKind::BranchDeleted { .. } => Some(PUSH),
            GitEventKind::PullRequest(_) => Some(PULL_REQUEST),
            _ => None,
        };
        let listed = match name {
            Some(PUSH) => self.events.push,
            Some(_) => self.events.pull_request,
            None => false,
        };
        let found = name.unwrap_or_else(|| kind.name());
        trace.require(EVENT, listed, list(self.events.names()), found, EVENT_NOT_LISTED)
    }

    fn check_branch(
        &self,
        branch: &Branch,
        event: &GitEvent,
        trace: &mut CheckTrace,
    ) -> Result<(), Unmatched> {
        let expected = self.expected_branches(event);
        let reason = match expected {
            ExpectedBranches::Commit(_) => REVISION_IS_COMMIT,
            _ => BRANCH_NOT_LISTED,
        };
        let listed = expected.contains(branch);
        trace.require(BRANCH, listed, list(expected.names()), branch.as_str(), reason)
    }

    fn expected_branches<'a>(&'a self, event: &'a GitEvent) -> ExpectedBranches<'a> {
        self.branches.expected(self.revision.as_deref(), event.repository.default_branch.as_ref())
    }

    fn check_pull_request(
        &self,
        pull_request: &PullRequest,
        trace: &mut CheckTrace,
    ) -> Result<(), Unmatched> {
        trace.require(
            ACTION,
            pull_request.action.changes_code(),
            "an action that changes code",
            pull_request.action.to_string(),
            NO_CODE_CHANGED,
        )?;
        let (same, found) = match &pull_request.origin {
            Origin::SameRepository => (true, "the repository itself".to_owned()),
            Origin::Fork(Some(fork)) => (false, fork.to_string()),
            Origin::Fork(None) => (false, "no longer known".to_owned()),
        };
        let expected = match self.forks {
            ForkPolicy::Allow => "the repository or a fork",
            ForkPolicy::Deny => "the repository itself",
        };
        let allowed = same || self.forks == ForkPolicy::Allow;
        trace.require(ORIGIN, allowed, expected, found, FORK_NOT_ALLOWED)
    }
}

/// Only a full id is built: the first digits of one can be ambiguous tomorrow.
fn check_commit(event: &GitEvent, input: DecisionInput<'_>, trace: &mut CheckTrace) -> Result<(), Unmatched> {
    let Some(need) = event.need_of_commit() else { return Ok(()) };
    let digits = event.commit().map_or("", |commit| commit.as_str());
    let (known, found) = match input.facts.get(&need) {
        None => return Err(Unmatched::Needs(need)),
        Some(FactValue::Commit(commit)) => (true, commit.to_string()),
        Some(FactValue::Unknown(reason)) => (false, format!("{digits}, {reason}")),
        Some(_) => (false, digits.to_owned()),
    };
    trace.require(COMMIT, known, "a full commit id", found, COMMIT_UNKNOWN)
}

impl Events {
    /// An event that nothing can be is an error of the rule if there is no other, else of this part of it.
    fn new(names: &[String], context: &mut BuildContext<'_>) -> Result<Self, RuleError> {
        if names.len() > MOST_EVENTS {
            let (reason, subject) = ("TriggerTooManyEvents", "events in `.github.events`");
            return Err(RuleError::too_many(reason, subject, names.len(), MOST_EVENTS));
        }
        if let Some(name) = names.iter().find(|name| name.len() > LONGEST_WORD) {
            return Err(RuleError::too_long("TriggerEventTooLong", "event", name, LONGEST_WORD));
        }
        let has = |event: &str| names.iter().any(|name| name == event);
        let (push, pull_request) = (has(PUSH), has(PULL_REQUEST));
        let mut unknown = names.iter().filter_map(|name| mistakes::in_event(name));
        if !push
            && !pull_request
            && let Some(error) = unknown.next()
        {
            return Err(error);
        }
        context.warnings.extend(unknown);
        let others = names.iter().filter(|name| *name != PUSH && *name != PULL_REQUEST);
        Ok(Self { push, pull_request, others: others.map(|name| name.as_str().into()).collect() })
    }

    fn names(&self) -> impl Iterator<Item = &str> {
        let known = [(self.push, PUSH), (self.pull_request, PULL_REQUEST)];
        let known = known.into_iter().filter_map(|(named, name)| named.then_some(name));
        known.chain(self.others.iter().map(AsRef::as_ref))
    }
}
