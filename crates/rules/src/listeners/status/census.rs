use crate::listeners::trigger::ListenerTrigger;
use crate::listeners::{Listener, ListenerGroup};

/// How many triggers a listener has, and how many of them cannot run.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Census {
    /// Its triggers. One in two groups counts twice, as it runs twice.
    pub(super) triggers: usize,
    /// Those that no event can run.
    pub(super) broken: usize,
    /// The first error of the listener, else of a trigger that cannot run, with the object or the field that has it.
    pub(super) first_error: Option<String>,
}

impl Census {
    pub(super) fn of(listener: &Listener) -> Self {
        // An entry that refers to a Trigger that does not exist is a trigger that cannot run.
        let absent = listener.absent.len();
        let own = listener.errors_beside_entries();
        let mut census =
            Self { triggers: absent, broken: absent, first_error: own.first().map(ToString::to_string) };
        for (_, trigger) in listener.triggers() {
            census.count(trigger, None);
        }
        for group in listener.groups() {
            for (_, trigger) in group.triggers() {
                census.count(trigger, Some(group));
            }
        }
        census
    }

    /// Whether there are triggers, and none of them can run.
    pub(super) fn is_useless(&self) -> bool {
        self.broken > 0 && self.broken == self.triggers
    }

    fn count(&mut self, trigger: &ListenerTrigger, group: Option<&ListenerGroup>) {
        self.triggers += 1;
        let chain = trigger.chain.as_ref().err();
        let error = chain.or(trigger.blueprint.as_ref().err());
        if error.is_none() && group.is_none_or(|group| group.chain.is_ok()) {
            return;
        }
        self.broken += 1;
        // The error of a group's interceptors is one of the listener.
        if let (None, Some(error)) = (&self.first_error, error) {
            let place =
                if trigger.path.is_empty() { trigger.object.to_string() } else { trigger.path.clone() };
            self.first_error = Some(format!("{place}: {error}"));
        }
    }
}
