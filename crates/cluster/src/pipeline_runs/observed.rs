use std::collections::{HashMap, HashSet};

use jiff::Timestamp;
use trigger_core::RunClass;

/// The last observed class of each PipelineRun, by UID. Changes within a class are ignored.
#[derive(Debug, Default)]
pub(super) struct Seen {
    runs: HashMap<Box<str>, RunClass>,
    /// The runs in the list that is being received.
    listed: Option<HashSet<Box<str>>>,
}

/// The result of an observation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum News {
    /// The class is the same as before.
    None,
    /// The run was not known, and entered its class before the horizon.
    Old,
    /// The run has entered this class.
    Changed,
}

impl Seen {
    /// Records that the run `uid` is in `class` since `since`. A change of an unknown run before `horizon` is old.
    pub(super) fn note(
        &mut self,
        uid: &str,
        class: RunClass,
        since: Option<Timestamp>,
        horizon: Timestamp,
    ) -> News {
        if let Some(listed) = &mut self.listed {
            listed.insert(uid.into());
        }
        match self.runs.insert(uid.into(), class) {
            Some(before) if before == class => News::None,
            None if since.is_some_and(|since| since < horizon) => News::Old,
            _ => News::Changed,
        }
    }

    /// Whether the run is known to be in this class.
    pub(super) fn knows(&self, uid: &str, class: RunClass) -> bool {
        self.listed.is_none() && self.runs.get(uid) == Some(&class)
    }

    /// The run was deleted.
    pub(super) fn forget(&mut self, uid: &str) {
        self.runs.remove(uid);
    }

    /// A list of all runs begins.
    pub(super) fn begin_list(&mut self) {
        self.listed = Some(HashSet::new());
    }

    /// The list is complete: runs that it does not hold were deleted.
    pub(super) fn end_list(&mut self) {
        if let Some(listed) = self.listed.take() {
            self.runs.retain(|uid, _| listed.contains(uid));
        }
    }

    /// How many runs are known.
    pub(super) fn len(&self) -> usize {
        self.runs.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Option<Timestamp> {
        Timestamp::from_second(second).ok()
    }

    #[test]
    fn only_a_change_of_class_is_news() {
        let mut seen = Seen::default();
        let horizon = at(100).unwrap();
        for (what, uid, class, since, expected) in [
            ("over before we followed", "old", RunClass::Succeeded, at(99), News::Old),
            ("still over", "old", RunClass::Succeeded, at(99), News::None),
            ("ended at the very moment", "edge", RunClass::Failed, at(100), News::Changed),
            ("started long ago", "long", RunClass::Started, at(1), News::Old),
            ("and ends now", "long", RunClass::Succeeded, at(200), News::Changed),
            ("new", "new", RunClass::Started, at(150), News::Changed),
            ("unrelated", "new", RunClass::Started, at(150), News::None),
            ("a clock that is behind", "new", RunClass::Cancelled, at(1), News::Changed),
            ("no time at all", "timeless", RunClass::Failed, None, News::Changed),
        ] {
            assert_eq!(seen.note(uid, class, since, horizon), expected, "{what}");
        }
    }

    #[test]
    fn what_a_list_does_not_hold_is_forgotten() {
        let mut seen = Seen::default();
        let horizon = at(100).unwrap();
        for uid in ["a", "b"] {
            seen.note(uid, RunClass::Started, at(150), horizon);
        }
        assert!(seen.knows("a", RunClass::Started));
        seen.begin_list();
        assert!(!seen.knows("a", RunClass::Started), "it has to be noted that the list holds it");
        assert_eq!(seen.note("a", RunClass::Started, at(150), horizon), News::None);
        seen.end_list();
        assert!(seen.knows("a", RunClass::Started));
        assert_eq!(seen.len(), 1);
        seen.forget("a");
        assert_eq!(seen.len(), 0);
    }
}
