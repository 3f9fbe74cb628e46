//! Type `GitHub`: something happens in the Build's repository.
//!
//! The type is named after the first provider, but a rule is about any: the hook's path tells which.
//! An entry fires if its own events and its own branches match. A push is compared by its branch, a pull
//! request by the branch it wants to be merged into. Tags are not branches.

mod branches;
#[cfg(test)]
mod tests;

use trigger_api::shipwright::{Condition, TriggerError};
use trigger_api::{ForkPolicy, Target, annotations};
use trigger_core::{Branch, Event, GitEvent, GitEventKind, Origin, PullRequest, RepoId};

pub(crate) use self::branches::Patterns;
use self::branches::{Branches, Wanted};
use crate::decision::{CheckTrace, Predicate, Reason};
use crate::kind::{Context, IndexKey, Matcher, TriggerKind, TrustBasis};
use crate::rule_error::RuleErrorKind;
use crate::rule_set::{RuleSet, TargetRules};

const PUSH: &str = "Push";
const PULL_REQUEST: &str = "PullRequest";

/// The kind of trigger.
pub(crate) struct Git;

/// A rule of this kind.
struct GitMatcher {
    repository: RepoId,
    events: Events,
    branches: Branches,
}

/// The events a rule names. Those that mean something take no memory of their own.
struct Events {
    push: bool,
    pull_request: bool,
    others: Box<[Box<str>]>,
}

impl TriggerKind for Git {
    fn name(&self) -> &'static str {
        "GitHub"
    }

    fn authority(&self) -> TrustBasis {
        TrustBasis::Secret
    }

    fn compile(
        &self,
        condition: Condition,
        context: &mut Context<'_>,
    ) -> Result<Box<dyn Matcher>, RuleErrorKind> {
        let Condition::GitHub(condition) = condition else {
            return Err(TriggerError::MissingGitHub.into());
        };
        Ok(Box::new(GitMatcher {
            repository: context.repository.clone()?.clone(),
            events: Events::new(condition.events),
            branches: Branches::compile(&condition.branches, context.patterns)?,
        }))
    }

    fn key_of_broken(&self, context: &Context<'_>) -> Option<IndexKey> {
        context.repository.as_ref().ok().map(|repository| key(repository))
    }

    fn lookup(&self, event: &Event) -> Vec<IndexKey> {
        match event {
            // Nothing can be built because of a ping.
            Event::Git(GitEvent { kind: GitEventKind::Ping, .. })
            | Event::PipelineRun(_)
            | Event::Image(_) => Vec::new(),
            Event::Git(event) => event.repository.names.iter().map(key).collect(),
        }
    }

    fn concerns(&self, event: &Event, rules: &TargetRules) -> bool {
        let (Event::Git(event), Some(repository)) = (event, &rules.repository) else { return false };
        rules.count(self.name()) > 0
            && event.repository.names.iter().any(|name| name.is_same_repository(repository))
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
        event: &Event,
        target: &Target,
        _rules: &RuleSet,
        trace: &mut CheckTrace,
    ) -> Result<(), Reason> {
        let Event::Git(event) = event else { return Err(Reason::EventNotListed) };
        self.check_event(&event.kind, trace)?;
        match &event.kind {
            GitEventKind::BranchDeleted { branch } => trace.require(
                Predicate::Ref,
                false,
                "a branch that exists",
                branch.as_str(),
                Reason::RefDeleted,
            ),
            GitEventKind::PullRequest(pull_request) => {
                check_pull_request(pull_request, target.forks, trace)?;
                self.check_branch(&pull_request.base, event, target, trace)
            }
            GitEventKind::Push { branch, .. } => self.check_branch(branch, event, target, trace),
            _ => Err(Reason::EventNotListed),
        }
    }

    fn details(&self, event: &Event, target: &Target) -> Vec<(&'static str, String)> {
        let Event::Git(event) = event else { return Vec::new() };
        let wanted = self.branches.wanted(target, event.repository.default_branch.as_ref());
        vec![
            (annotations::WHEN_GITHUB_EVENTS, self.events.names().join(",")),
            (annotations::WHEN_GITHUB_BRANCHES, wanted.names().join(",")),
        ]
    }
}

impl GitMatcher {
    fn check_event(&self, kind: &GitEventKind, trace: &mut CheckTrace) -> Result<(), Reason> {
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
        trace.require(Predicate::Event, listed, self.events.names().join(", "), found, Reason::EventNotListed)
    }

    fn check_branch(
        &self,
        branch: &Branch,
        event: &GitEvent,
        target: &Target,
        trace: &mut CheckTrace,
    ) -> Result<(), Reason> {
        let wanted = self.branches.wanted(target, event.repository.default_branch.as_ref());
        let reason = match wanted {
            Wanted::Commit(_) => Reason::RevisionIsCommit,
            _ => Reason::BranchNotListed,
        };
        let listed = wanted.contains(branch);
        trace.require(Predicate::Branch, listed, wanted.names().join(", "), branch.as_str(), reason)
    }
}

impl Events {
    fn new(names: Vec<String>) -> Self {
        let has = |event: &str| names.iter().any(|name| name == event);
        let (push, pull_request) = (has(PUSH), has(PULL_REQUEST));
        let others = names.into_iter().filter(|name| name != PUSH && name != PULL_REQUEST);
        Self { push, pull_request, others: others.map(String::into_boxed_str).collect() }
    }

    fn names(&self) -> Vec<&str> {
        let known = [(self.push, PUSH), (self.pull_request, PULL_REQUEST)];
        let known = known.into_iter().filter_map(|(named, name)| named.then_some(name));
        known.chain(self.others.iter().map(AsRef::as_ref)).collect()
    }
}

fn check_pull_request(
    pull_request: &PullRequest,
    forks: ForkPolicy,
    trace: &mut CheckTrace,
) -> Result<(), Reason> {
    trace.require(
        Predicate::Action,
        pull_request.action.changes_code(),
        "an action that changes code",
        pull_request.action.to_string(),
        Reason::NoCodeChanged,
    )?;
    let (same, found) = match &pull_request.origin {
        Origin::SameRepository => (true, "the repository itself".to_owned()),
        Origin::Fork(Some(fork)) => (false, fork.to_string()),
        Origin::Fork(None) => (false, "no longer known".to_owned()),
    };
    let expected = match forks {
        ForkPolicy::Allow => "the repository or a fork",
        ForkPolicy::Deny => "the repository itself",
    };
    let allowed = same || forks == ForkPolicy::Allow;
    trace.require(Predicate::Origin, allowed, expected, found, Reason::ForkNotAllowed)
}
