use super::mistakes;
use crate::limits::{LONGEST_WORD, MOST_EVENTS};
use crate::rule_error::RuleError;

pub(super) const PUSH: &str = "Push";
pub(super) const PULL_REQUEST: &str = "PullRequest";

/// The events a rule names. Those that mean something take no memory of their own.
pub(super) struct Events {
    pub(super) push: bool,
    pub(super) pull_request: bool,
    others: Box<[Box<str>]>,
}

impl Events {
    /// An event that nothing can be is an error of the rule if there is no other, else of this part of it.
    pub(super) fn new(names: &[String], warnings: &mut Vec<RuleError>) -> Result<Self, RuleError> {
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
        warnings.extend(unknown);
        let others = names.iter().filter(|name| *name != PUSH && *name != PULL_REQUEST);
        Ok(Self { push, pull_request, others: others.map(|name| name.as_str().into()).collect() })
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        let known = [(self.push, PUSH), (self.pull_request, PULL_REQUEST)];
        let known = known.into_iter().filter_map(|(named, name)| named.then_some(name));
        known.chain(self.others.iter().map(AsRef::as_ref))
    }

    /// Their memory beyond this value.
    pub(super) fn bytes(&self) -> usize {
        self.others.iter().map(|event| event.len()).sum()
    }
}
