use super::mistakes;
use crate::limits::{LONGEST_WORD, MOST_EVENTS};
use crate::rule_error::RuleError;

pub(super) const PUSH: &str = "Push";
pub(super) const PULL_REQUEST: &str = "PullRequest";
const TAG: &str = "Tag";

/// The events a rule names. Those that mean something take no memory of their own.
pub(crate) struct Events {
    pub(super) push: bool,
    pub(super) pull_request: bool,
    /// Pushes of tags, if the rule names tags. A rule of a Build takes them with other pushes.
    pub(super) tag: bool,
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
        Ok(Self { push, pull_request, tag: push, others: others.map(|name| name.as_str().into()).collect() })
    }

    /// These events.
    pub(crate) fn of(push: bool, tag: bool, pull_request: bool) -> Self {
        Self { push, pull_request, tag, others: Box::default() }
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        let is_tag_alone = self.tag && !self.push;
        let known = [(self.push, PUSH), (is_tag_alone, TAG), (self.pull_request, PULL_REQUEST)];
        let known = known.into_iter().filter_map(|(named, name)| named.then_some(name));
        known.chain(self.others.iter().map(AsRef::as_ref))
    }

    /// Their memory beyond this value.
    pub(super) fn bytes(&self) -> usize {
        self.others.iter().map(|event| event.len()).sum()
    }
}
