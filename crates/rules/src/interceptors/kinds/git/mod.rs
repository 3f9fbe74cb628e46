//! Git, which is ours: one interceptor for all providers. It lets an event of a repository pass that matches its
//! parameters, and adds the event in the same words for all providers.
//!
//! It reads the request as it was received. The changes of interceptors before it do not count, so that its signature and its
//! event are those that the provider sent.
//!
//! - `params.rs`: its parameters.
//! - `extensions.rs`: the additions to the event.
//!
//! Checks are made in this order: the request is a webhook of the provider, its sender has the key, the repository is
//! the right one, and one of its events matches as it would for a rule of a Build. Of several events that match, the first
//! one counts.

mod extensions;
mod params;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use trigger_core::{Facts, GitEvent, RepoId};
use trigger_expr::cel::{Finding, Operand, Seen};
use trigger_providers::Provider;

use self::params::{GitEventName, GitParams};
use crate::decision::{Check, CheckTrace, Unmatched};
use crate::interceptors::authentication::{Authentication, Scheme, SecretDemand};
use crate::interceptors::compile_error::CompileFault;
use crate::interceptors::git_webhook::GitWebhook;
use crate::interceptors::interceptor::{CoreKind, Halt, Interceptor, Passage, Run};
use crate::interceptors::params::Params;
use crate::interceptors::secret_guard::{GuardWords, SecretGuard};
use crate::interceptors::state::State;
use crate::interceptors::status::Code;
use crate::limits::STEPS_OF_CEL;
use crate::payload::LazyPayload;
use crate::reason::Reason;
use crate::rule_error::RuleError;
use crate::triggers::git::{
    Branches, COMMIT_UNKNOWN, Events, FilterTexts, Filters, GitCondition, GitInput, Places, REPOSITORY,
};
use crate::work::Work;

const NAME: &str = "git";

/// The pattern of every name.
const ANY: &str = "**";

const WORDS: GuardWords = GuardWords {
    missing: Code::FAILED_PRECONDITION,
    refused: Code::FAILED_PRECONDITION,
    refusal: "the key of `secretRef` does not verify the webhook",
    prefix: "",
};

const OTHER_REPOSITORY: Reason =
    Reason::new("other-repository", "the repository is {found}, the trigger is for {expected}");

/// The kind.
pub(super) struct Git;

struct GitInterceptor {
    provider: Option<&'static dyn Provider>,
    guard: Option<SecretGuard>,
    repository: Option<RepoId>,
    condition: GitCondition,
    hints: Box<[RuleError]>,
}

impl CoreKind for Git {
    fn name(&self) -> &'static str {
        NAME
    }

    fn compile(&self, params: Params<'_>, namespace: &str) -> Result<Box<dyn Interceptor>, CompileFault> {
        let params = GitParams::read(params, namespace)?;
        let mut hints = Vec::new();
        let condition = condition(&params, &mut hints).map_err(CompileFault::Filter)?;
        let demand = params.secret.map(|key| SecretDemand { key, scheme: Scheme::Git });
        let guard = demand.map(|demand| SecretGuard::of(NAME, WORDS, demand));
        let (provider, repository) = (params.provider, params.repository);
        Ok(Box::new(GitInterceptor { provider, guard, repository, condition, hints: hints.into() }))
    }
}

/// The condition on events. An absent list restricts nothing; without `events`, those that change code count.
fn condition(params: &GitParams, hints: &mut Vec<RuleError>) -> Result<GitCondition, RuleError> {
    let GitParams { branches, tags, paths, paths_ignore, labels, actions, .. } = params;
    let takes_tags = params.takes(GitEventName::Tag);
    let filters = FilterTexts {
        places: Places::PARAMS,
        tags: texts(tags.as_deref()).or_else(|| takes_tags.then(|| vec![ANY])),
        paths: texts(paths.as_deref()),
        paths_ignore: texts(paths_ignore.as_deref()),
        labels: texts(labels.as_deref()),
        actions: texts(actions.as_deref()),
        filter: None,
    };
    Ok(GitCondition {
        events: Events::of(
            params.takes(GitEventName::Push),
            takes_tags,
            params.takes(GitEventName::PullRequest),
        ),
        branches: Branches::compile(&texts(branches.as_deref()).unwrap_or_else(|| vec![ANY]), hints)?,
        revision: None,
        forks: params.forks,
        filters: Arc::new(Filters::compile(&filters, hints)?),
    })
}

fn texts(list: Option<&[Box<str>]>) -> Option<Vec<&str>> {
    list.map(|list| list.iter().map(AsRef::as_ref).collect())
}

impl Interceptor for GitInterceptor {
    fn intercept(&self, run: &Run<'_>) -> Result<Passage, Halt> {
        let webhook = self.webhook(run)?;
        self.guard.iter().try_for_each(|guard| guard.check(run))?;
        self.decide(webhook, run)
    }

    fn inspect(&self, run: &Run<'_>) -> Result<Passage, Halt> {
        self.decide(self.webhook(run)?, run)
    }

    fn authentication(&self) -> Authentication<'_> {
        SecretGuard::authentication(self.guard.as_ref())
    }

    fn most_asks(&self) -> usize {
        usize::from(self.guard.is_some())
    }

    fn repository(&self) -> Option<&RepoId> {
        self.repository.as_ref()
    }

    fn hints(&self) -> &[RuleError] {
        &self.hints
    }
}

impl GitInterceptor {
    /// The request as a webhook of the provider that is named.
    fn webhook<'a>(&self, run: &Run<'a>) -> Result<&'a GitWebhook, Halt> {
        let webhook = run.state.git_webhook().map_err(|why| Halt::stop(Code::INVALID_ARGUMENT, why))?;
        match self.provider.filter(|expected| expected.name() != webhook.provider.name()) {
            None => Ok(webhook),
            Some(expected) => {
                let (expected, found) = (expected.title(), webhook.provider.title());
                let message = format!("the request is a webhook of {found}, the trigger is for {expected}");
                Err(Halt::stop(Code::FAILED_PRECONDITION, message))
            }
        }
    }

    /// Lets the first event pass that matches. If none does, the decision is about the first.
    fn decide(&self, webhook: &GitWebhook, run: &Run<'_>) -> Result<Passage, Halt> {
        let mut first = None;
        for event in &webhook.events {
            run.state.check_steps()?;
            match self.check(event, run.state) {
                Ok(()) => {
                    return Ok(Passage { extensions: extensions::extensions(event), ..Passage::default() });
                }
                Err(halt) => first = first.or(Some(halt)),
            }
        }
        Err(first
            .unwrap_or_else(|| Halt::stop(Code::FAILED_PRECONDITION, "the webhook is about no repository")))
    }

    fn check(&self, event: &GitEvent, state: &State) -> Result<(), Halt> {
        let mut trace = CheckTrace::default();
        let unmatched = match self.check_repository(event, &mut trace) {
            Ok(()) => {
                let (facts, payload) = (Facts::default(), LazyPayload::none());
                let input = GitInput { event, facts: &facts, payload: &payload };
                let mut work = Work::for_one_owner();
                let checked = self.condition.check(input, &mut work, &mut trace);
                state.spend(work.taken() / STEPS_OF_CEL);
                checked
            }
            unmatched => unmatched,
        };
        let Err(unmatched) = unmatched else { return Ok(()) };
        let reason = match unmatched {
            Unmatched::Skip(reason) => reason,
            Unmatched::Needs(_) => COMMIT_UNKNOWN,
        };
        let checks = trace.into_checks();
        let last = checks.last();
        let text = |part: fn(&Check) -> &String| last.map_or("", |check| part(check).as_str());
        let message = reason.sentence(text(|check| &check.expected), text(|check| &check.found));
        let operands = checks.iter().map(operand).collect();
        Err(Halt::stop_with(Some(Code::FAILED_PRECONDITION), message, operands))
    }

    fn check_repository(&self, event: &GitEvent, trace: &mut CheckTrace) -> Result<(), Unmatched> {
        let Some(expected) = &self.repository else { return Ok(()) };
        let names = &event.repository.names;
        let is_right = names.iter().any(|name| name.is_same_repository(expected));
        let found = names.first().map_or("none", RepoId::as_str);
        trace.require(REPOSITORY, is_right, expected.as_str(), found, OTHER_REPOSITORY)
    }
}

/// A check as an operand of the decision.
fn operand(check: &Check) -> Operand {
    let seen = |text: &str, value: &str| Seen { text: text.to_owned(), value: value.to_owned() };
    Operand {
        text: check.predicate.name().to_owned(),
        finding: if check.passed { Finding::True } else { Finding::False },
        seen: vec![seen("expected", &check.expected), seen("found", &check.found)],
    }
}

/// The patterns and the key's place, without the event.
impl std::fmt::Debug for GitInterceptor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let provider = self.provider.map(Provider::name);
        f.debug_struct("GitInterceptor")
            .field("provider", &provider)
            .field("guard", &self.guard)
            .field("repository", &self.repository)
            .finish_non_exhaustive()
    }
}
