//! Type `GitHub`: something happens in the Build's repository.
//!
//! The type is named after the first provider, but a rule is about any: the hook's path tells which.
//! An entry fires if its own events and its own branches match. A push is compared by its branch, a pull
//! request by the branch it wants to be merged into. Tags are not branches. Annotations of the Build narrow its entries
//! down, or let them fire for tags as well.
//!
//! - `condition.rs`: the comparison with an event, for each owner of such rules.
//! - `events.rs`, `branches.rs`, `policy.rs`: the parts that SHIP-0031 knows, and forks.
//! - `filters.rs`: the annotations. `filter_expression.rs`, `described.rs`: CEL, and the event as it sees it.
//!   `glob_list.rs`, `paths.rs`, `labels.rs`, `actions.rs`: one of each kind.
//! - `place.rs`: where the owner of a rule writes a list. `pattern.rs`: patterns of names. `mistakes/`: texts that do not do what they seem to say.

mod actions;
mod branches;
mod condition;
mod described;
mod events;
mod filter_expression;
mod filters;
mod glob_list;
mod labels;
mod mistakes;
mod paths;
mod pattern;
mod place;
mod policy;
#[cfg(test)]
mod tests;

use std::any::Any;

use trigger_api::annotations;
use trigger_api::shipwright::{Build, When};
use trigger_core::{Event, GitEvent, GitEventKind, RepoId};

pub(crate) use self::branches::Branches;
use self::condition::EVENT_NOT_LISTED;
pub(crate) use self::condition::{COMMIT_UNKNOWN, GitCondition, GitInput};
pub(crate) use self::events::Events;
pub(crate) use self::filters::{FilterTexts, Filters};
pub(crate) use self::place::Places;
pub(crate) use self::policy::ForkPolicy;
use crate::auth::Auth;
use crate::decision::{CheckTrace, REPOSITORY_MOVED, Unmatched};
use crate::limits::LONGEST_REVISION;
use crate::reason::{Predicate, Reason};
use crate::rule_error::RuleError;
use crate::rule_set::{
    BuildContext, BuildTrigger, DecisionInput, Extent, IndexKey, Matcher, OwnerRules, Rule, TriggerKind,
};
use crate::text::detail;
use crate::work::Work;

/// The reason of errors in an entry, in the words of the Build controller.
const INVALID: &str = "TriggerInvalidGitHubWebHook";

/// The repository is the one that the rule is about.
pub(crate) const REPOSITORY: Predicate = Predicate::new("repository");

/// The kind of trigger.
pub(super) struct Git;

/// A rule of this kind.
struct GitMatcher {
    repository: RepoId,
    condition: GitCondition,
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
        condition::REASONS
    }

    fn lookup(&self, event: &Event) -> Vec<IndexKey> {
        match event {
            // Nothing can be built because of a ping.
            Event::Git(GitEvent { kind: GitEventKind::Ping, .. })
            | Event::PipelineRun(_)
            | Event::Image(_)
            | Event::Webhook(_) => Vec::new(),
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
        let mut events = Events::new(&github.events, &mut context.warnings)?;
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
        let filters = context.once(Filters::of_build)?;
        context.take_values(github.branches.len() + filters.len())?;
        let revision = revision.filter(|revision| !revision.is_empty());
        let branches = Branches::compile(&github.branches, &mut context.warnings)?;
        if github.branches.is_empty() {
            context.warnings.extend(revision.and_then(mistakes::in_revision));
        }
        let revision = revision.map(Into::into);
        Ok(Box::new(GitMatcher {
            repository,
            condition: GitCondition { events, branches, revision, forks, filters },
        }))
    }

    /// Nothing is kept of the Build as a whole: annotations without effect show among all of its rules.
    fn summarize(
        &self,
        _build: &Build,
        rules: &[&Rule],
        errors: &mut Vec<RuleError>,
    ) -> Option<Box<dyn Any + Send + Sync>> {
        let matchers = rules.iter().filter_map(|rule| rule.matcher.as_deref().ok());
        let matchers = matchers.filter_map(|matcher| (matcher as &dyn Any).downcast_ref::<GitMatcher>());
        let conditions: Vec<_> = matchers.map(|matcher| &matcher.condition).collect();
        let push = conditions.iter().any(|condition| condition.events.push);
        let pull_request = conditions.iter().any(|condition| condition.events.pull_request);
        errors.extend(
            conditions.first().into_iter().flat_map(|first| first.filters.unused(push, pull_request)),
        );
        None
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
        work: &mut Work,
        trace: &mut CheckTrace,
    ) -> Result<(), Unmatched> {
        let Event::Git(event) = input.event else { return Err(EVENT_NOT_LISTED.into()) };
        if let GitEventKind::Moved { to } = &event.kind {
            let (expected, is_there) = (self.repository.as_str(), self.repository.is_same_repository(to));
            trace.require(REPOSITORY, is_there, expected, to.as_str(), REPOSITORY_MOVED)?;
        }
        self.condition.check(GitInput { event, facts: input.facts, payload: input.payload }, work, trace)
    }

    fn details(&self, event: &Event) -> Vec<(&'static str, String)> {
        let Event::Git(event) = event else { return Vec::new() };
        let condition = &self.condition;
        let mut details = vec![(annotations::WHEN_GITHUB_EVENTS, detail(condition.events.names()))];
        // A tag was not compared with branches.
        if !matches!(event.kind, GitEventKind::Tag { .. }) {
            let branches = detail(condition.expected_branches(event).names());
            details.push((annotations::WHEN_GITHUB_BRANCHES, branches));
        }
        details
    }

    fn extent(&self) -> Extent {
        self.condition.extent()
    }
}
