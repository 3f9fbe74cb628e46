//! The comparison of a rule with an event of a Git repository: the same for each owner of such rules.

use std::sync::Arc;

use trigger_core::{Branch, FactValue, Facts, GitEvent, GitEventKind, Origin, PullRequest, Tag};

use super::branches::{Branches, ExpectedBranches};
use super::events::{Events, PULL_REQUEST, PUSH};
use super::filter_expression::Filtered;
use super::filters::Filters;
use super::policy::ForkPolicy;
use crate::decision::{CheckTrace, Unmatched};
use crate::payload::LazyPayload;
use crate::reason::{Predicate, Reason};
use crate::rule_set::Extent;
use crate::text::list;
use crate::work::Work;

/// The kind of the event is one the rule names.
const EVENT: Predicate = Predicate::new("event");
/// The ref still exists.
const REF: Predicate = Predicate::new("ref");
/// The action on the pull request is one the rule is for.
const ACTION: Predicate = Predicate::new("action");
/// The pull request has a label that the rule wants, and none that it excludes.
const LABELS: Predicate = Predicate::new("labels");
/// The change comes from where it is allowed to come from.
const ORIGIN: Predicate = Predicate::new("origin");
/// The branch is one the rule names.
const BRANCH: Predicate = Predicate::new("branch");
/// The tag is one the rule names.
const TAG: Predicate = Predicate::new("tag");
/// A changed file is one the rule is about.
const PATHS: Predicate = Predicate::new("paths");
/// The filter is true.
const FILTER: Predicate = Predicate::new("filter");
/// The full id of the commit is known.
const COMMIT: Predicate = Predicate::new("commit");

pub(super) const EVENT_NOT_LISTED: Reason =
    Reason::new("event-not-listed", "the event is {found}, the rule is for {expected}");
const REF_DELETED: Reason = Reason::new("ref-deleted", "the {found} was deleted, there is nothing to build");
const NO_CODE_CHANGED: Reason =
    Reason::new("no-code-changed", "the pull request was {found}, which leaves its code as it was");
const ACTION_NOT_LISTED: Reason =
    Reason::new("action-not-listed", "the action on the pull request is {found}, the rule is for {expected}");
const LABELS_NOT_LISTED: Reason = Reason::new(
    "labels-not-listed",
    "the labels of the pull request are {found}, the rule is for {expected}",
);
const FORK_NOT_ALLOWED: Reason =
    Reason::new("fork-not-allowed", "the change is from a fork ({found}), not allowed");
const BRANCH_NOT_LISTED: Reason =
    Reason::new("branch-not-listed", "the branch is {found}, the rule is for {expected}");
const REVISION_IS_COMMIT: Reason = Reason::new(
    "revision-is-commit",
    "the rule names no branch and the Build's revision is the commit {expected}, which the branch {found} cannot \
     equal",
);
const TAG_NOT_LISTED: Reason =
    Reason::new("tag-not-listed", "the tag is {found}, the rule is for {expected}");
const PATHS_NOT_LISTED: Reason =
    Reason::new("paths-not-listed", "the changed files are {found}, the rule is for {expected}");
const FILTER_FALSE: Reason = Reason::new("filter-false", "the filter is not true: {found}");
const FILTER_FAILED: Reason = Reason::new("filter-failed", "the filter failed: {found}");
pub(crate) const COMMIT_UNKNOWN: Reason = Reason::new(
    "commit-unknown",
    "the payload holds only the first digits of the commit, and the full id is not known: {found}",
);

/// Why a rule about Git is skipped, beside the reasons of its owner.
pub(super) const REASONS: &[Reason] = &[
    EVENT_NOT_LISTED,
    REF_DELETED,
    NO_CODE_CHANGED,
    ACTION_NOT_LISTED,
    LABELS_NOT_LISTED,
    FORK_NOT_ALLOWED,
    BRANCH_NOT_LISTED,
    REVISION_IS_COMMIT,
    TAG_NOT_LISTED,
    PATHS_NOT_LISTED,
    FILTER_FALSE,
    FILTER_FAILED,
    COMMIT_UNKNOWN,
];

/// The input of a comparison.
#[derive(Clone, Copy)]
pub(crate) struct GitInput<'a> {
    /// The event.
    pub(crate) event: &'a GitEvent,
    /// The facts that are known about its delivery.
    pub(crate) facts: &'a Facts,
    /// The payload of the delivery, for a filter.
    pub(crate) payload: &'a LazyPayload<'a>,
}

/// The condition of a rule on an event of a repository.
pub(crate) struct GitCondition {
    pub(crate) events: Events,
    pub(crate) branches: Branches,
    /// The branch, tag or commit that the owner would check out by itself; absent for the default branch.
    pub(crate) revision: Option<Box<str>>,
    pub(crate) forks: ForkPolicy,
    /// Shared with the other rules of the owner. Its memory counts for each of them, which is too much rather than too
    /// little.
    pub(crate) filters: Arc<Filters>,
}

impl GitCondition {
    /// Compares the condition with an event, predicate by predicate; the first that fails ends it.
    pub(crate) fn check(
        &self,
        input: GitInput<'_>,
        work: &mut Work,
        trace: &mut CheckTrace,
    ) -> Result<(), Unmatched> {
        let GitInput { event, facts, payload } = input;
        self.check_event(&event.kind, trace)?;
        match &event.kind {
            GitEventKind::BranchDeleted { branch } => {
                Err(trace.fail(REF, "a branch that exists", format!("branch {branch}"), REF_DELETED))
            }
            GitEventKind::TagDeleted { tag } => {
                Err(trace.fail(REF, "a tag that exists", format!("tag {tag}"), REF_DELETED))
            }
            GitEventKind::PullRequest(pull_request) => {
                self.check_pull_request(pull_request, trace)?;
                self.check_branch(&pull_request.base, event, trace)
            }
            GitEventKind::Push { branch, .. } => self.check_branch(branch, event, trace),
            GitEventKind::Tag { tag, .. } => self.check_tag(tag, trace),
            _ => Err(EVENT_NOT_LISTED.into()),
        }?;
        self.check_paths(event, work, trace)?;
        self.check_filter(event, payload, work, trace)?;
        check_commit(event, facts, trace)
    }

    fn check_event(&self, kind: &GitEventKind, trace: &mut CheckTrace) -> Result<(), Unmatched> {
        let name = match kind {
            // The deletion of a branch is a push too; what is wrong with it is not its kind.
            GitEventKind::Push { .. } | GitEventKind::BranchDeleted { .. } => Some(PUSH),
            // Pushes of tags count for rules that name tags.
            GitEventKind::Tag { .. } | GitEventKind::TagDeleted { .. } if self.filters.tags.is_some() => {
                Some(PUSH)
            }
            GitEventKind::PullRequest(_) => Some(PULL_REQUEST),
            _ => None,
        };
        let listed = match kind {
            GitEventKind::Push { .. } | GitEventKind::BranchDeleted { .. } => self.events.push,
            GitEventKind::Tag { .. } | GitEventKind::TagDeleted { .. } => self.events.tag && name.is_some(),
            GitEventKind::PullRequest(_) => self.events.pull_request,
            _ => false,
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

    /// The branches that the rule is for, if `event` happens.
    pub(super) fn expected_branches<'a>(&'a self, event: &'a GitEvent) -> ExpectedBranches<'a> {
        self.branches.expected(self.revision.as_deref(), event.repository.default_branch.as_ref())
    }

    fn check_tag(&self, tag: &Tag, trace: &mut CheckTrace) -> Result<(), Unmatched> {
        let Some(tags) = &self.filters.tags else { return Err(EVENT_NOT_LISTED.into()) };
        let texts: Vec<_> = tags.texts().collect();
        let expected = list(texts.iter().map(String::as_str));
        trace.require(TAG, tags.includes(tag.as_str()), expected, tag.as_str(), TAG_NOT_LISTED)
    }

    fn check_pull_request(
        &self,
        pull_request: &PullRequest,
        trace: &mut CheckTrace,
    ) -> Result<(), Unmatched> {
        let actions = &self.filters.actions;
        let (expected, reason) = if actions.are_named() {
            (list(actions.names()), ACTION_NOT_LISTED)
        } else {
            ("an action that changes code".to_owned(), NO_CODE_CHANGED)
        };
        let action = &pull_request.action;
        trace.require(ACTION, actions.contains(action), expected, action.name(), reason)?;
        if let Some(labels) = &self.filters.labels {
            let compared = labels.compare(pull_request.labels.as_ref());
            trace.require(LABELS, compared.passed, compared.expected, compared.found, LABELS_NOT_LISTED)?;
        }
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

    fn check_paths(
        &self,
        event: &GitEvent,
        work: &mut Work,
        trace: &mut CheckTrace,
    ) -> Result<(), Unmatched> {
        let Some(paths) = &self.filters.paths else { return Ok(()) };
        let compared = paths.compare(&event.changed_files, work);
        trace.require(PATHS, compared.passed, compared.expected, compared.found, PATHS_NOT_LISTED)
    }

    fn check_filter(
        &self,
        event: &GitEvent,
        payload: &LazyPayload<'_>,
        work: &mut Work,
        trace: &mut CheckTrace,
    ) -> Result<(), Unmatched> {
        let Some(filter) = &self.filters.filter else { return Ok(()) };
        let (passed, found, reason) = match filter.evaluate(event, payload, work) {
            Filtered::True => (true, "true".to_owned(), FILTER_FALSE),
            Filtered::False(found) => (false, found, FILTER_FALSE),
            Filtered::Failed(found) => (false, found, FILTER_FAILED),
        };
        trace.require(FILTER, passed, filter.source(), found, reason)
    }

    /// How much it compares, and how much memory it takes.
    pub(super) fn extent(&self) -> Extent {
        let revision = self.revision.as_ref().map_or(0, |revision| revision.len());
        Extent {
            values: self.branches.len() + self.filters.len(),
            bytes: self.branches.bytes() + self.filters.bytes() + self.events.bytes() + revision,
        }
    }
}

/// Only a full id is built: the first digits of one can be ambiguous tomorrow.
fn check_commit(event: &GitEvent, facts: &Facts, trace: &mut CheckTrace) -> Result<(), Unmatched> {
    let Some(need) = event.need_of_commit() else { return Ok(()) };
    let digits = event.commit().map_or("", |commit| commit.as_str());
    let (known, found) = match facts.get(&need) {
        None => return Err(Unmatched::Needs(need)),
        Some(FactValue::Commit(commit)) => (true, commit.to_string()),
        Some(FactValue::Unknown(reason)) => (false, format!("{digits}, {reason}")),
        Some(_) => (false, digits.to_owned()),
    };
    trace.require(COMMIT, known, "a full commit id", found, COMMIT_UNKNOWN)
}
