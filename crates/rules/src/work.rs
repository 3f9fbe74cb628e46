use std::sync::Arc;

use serde_json::Value;

use crate::limits::{MOST_STEPS, MOST_STEPS_OF_NAMESPACE};

/// The work on one event that its rules share: the steps that are left for comparisons that can be long, such as patterns
/// with changed files, and what filters see of the event. One step takes some nanoseconds. Neither an owner nor a namespace
/// may take the time of all.
#[derive(Debug, Default)]
pub(crate) struct Work {
    namespace: Option<Arc<str>>,
    of_namespace: usize,
    of_owner: usize,
    /// The event in the words of filters.
    described: Option<Arc<Value>>,
}

/// The owner or the namespace has taken all its steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NoStepsLeft;

impl Work {
    /// For one comparison that has a bound of its own.
    pub(crate) fn unbounded() -> Self {
        Self { of_namespace: usize::MAX, of_owner: usize::MAX, ..Self::default() }
    }

    /// For one owner that shares its work with no other.
    pub(crate) fn for_one_owner() -> Self {
        Self { of_namespace: MOST_STEPS, of_owner: MOST_STEPS, ..Self::default() }
    }

    /// How many steps [`Self::for_one_owner`] has taken.
    pub(crate) fn taken(&self) -> usize {
        MOST_STEPS.saturating_sub(self.of_owner)
    }

    /// With few steps for each of three owners of a namespace.
    #[cfg(test)]
    pub(crate) fn of_three(namespace: &str, steps: usize) -> Self {
        Self { namespace: Some(namespace.into()), of_namespace: 3 * steps, of_owner: steps, described: None }
    }

    /// Begins with the next owner. The owners of a namespace are adjacent.
    pub(crate) fn begin(&mut self, namespace: &Arc<str>) {
        if self.namespace.as_ref() != Some(namespace) {
            self.namespace = Some(Arc::clone(namespace));
            self.of_namespace = MOST_STEPS_OF_NAMESPACE;
        }
        self.of_owner = MOST_STEPS;
    }

    /// Takes steps. If there are not so many left, none is left.
    pub(crate) fn take(&mut self, steps: usize) -> Result<(), NoStepsLeft> {
        let has_enough = steps <= self.of_owner && steps <= self.of_namespace;
        let taken = steps.min(self.of_owner);
        self.of_owner -= taken;
        self.of_namespace = self.of_namespace.saturating_sub(taken);
        if has_enough {
            return Ok(());
        }
        self.of_owner = 0;
        Err(NoStepsLeft)
    }
}

impl Work {
    /// Takes steps of the namespace only, which were made already.
    pub(crate) fn spend(&mut self, steps: usize) {
        self.of_namespace = self.of_namespace.saturating_sub(steps);
    }

    /// Whether the namespace has a step left.
    pub(crate) fn is_left(&self) -> bool {
        self.of_namespace > 0
    }

    /// The event in the words of filters, made by the first that asks.
    pub(crate) fn described(&mut self, describe: impl FnOnce() -> Value) -> Arc<Value> {
        Arc::clone(self.described.get_or_insert_with(|| Arc::new(describe())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_owner_and_each_namespace_has_its_share() {
        let (mut work, first, second) = (Work::default(), "team-a".into(), "team-b".into());
        work.begin(&first);
        assert_eq!(work.take(MOST_STEPS), Ok(()));
        assert_eq!(work.take(1), Err(NoStepsLeft), "the owner has taken all of its own");
        let owners = MOST_STEPS_OF_NAMESPACE / MOST_STEPS;
        for _ in 1..owners {
            work.begin(&first);
            assert_eq!(work.take(MOST_STEPS), Ok(()));
        }
        work.begin(&first);
        assert_eq!(work.take(1), Err(NoStepsLeft), "the namespace has taken all");
        work.begin(&second);
        assert_eq!(work.take(1), Ok(()));
        assert_eq!(work.take(MOST_STEPS), Err(NoStepsLeft));
        assert_eq!(work.take(1), Err(NoStepsLeft), "an excess ends the work of an owner");
        assert!(work.is_left());
        work.spend(MOST_STEPS_OF_NAMESPACE);
        assert!(!work.is_left());
        work.begin(&first);
        assert!(work.is_left());
    }
}
