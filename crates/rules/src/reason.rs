use std::fmt;

/// Why a rule did not fire. The set is closed: `Reason::all` lists it.
///
/// Each kind of trigger declares its own, in its folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reason {
    name: &'static str,
    /// With `{expected}` and `{found}` in the places of what the rule expected and the event has.
    sentence: &'static str,
}

/// A condition of a rule on an event, by its machine name, such as `branch`: stable, for scripts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Predicate(&'static str);

/// The reason of a broken rule, of any kind.
pub(crate) const RULE_BROKEN: Reason = Reason::new("rule-broken", "the rule is broken: {found}");

/// The reason of a rule whose target was deleted after the rule had matched.
pub(crate) const TARGET_DELETED: Reason =
    Reason::new("target-deleted", "{expected} was deleted before its run could be created");

impl Reason {
    /// The reason called `name`. `sentence` may hold `{expected}` and `{found}`.
    pub(crate) const fn new(name: &'static str, sentence: &'static str) -> Self {
        Self { name, sentence }
    }

    /// The machine name: stable, for scripts and metrics.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// The reason in one sentence, with what the rule expected and what the event had.
    pub fn sentence(&self, expected: &str, found: &str) -> String {
        let mut text = String::with_capacity(self.sentence.len() + expected.len() + found.len());
        let mut rest = self.sentence;
        while let Some((before, after)) = rest.split_once('{') {
            text.push_str(before);
            let (name, after) = after.split_once('}').unwrap_or((after, ""));
            text.push_str(if name == "expected" { expected } else { found });
            rest = after;
        }
        text.push_str(rest);
        text
    }
}

impl Predicate {
    /// The rule can be understood.
    pub const RULE: Self = Self::new("rule");
    /// The rule's key verified the delivery.
    pub const SECRET: Self = Self::new("secret");
    /// It was seen in the rule's namespace.
    pub(crate) const NAMESPACE: Self = Self::new("namespace");
    /// It happened since the owner of the rule exists.
    pub(crate) const TIME: Self = Self::new("time");
    /// It does not come from the target itself.
    pub(crate) const LOOP: Self = Self::new("loop");

    /// The target exists when its run is created.
    pub(crate) const TARGET: Self = Self::new("target");

    /// The delivery may start a further run.
    pub(crate) const RUNS: Self = Self::new("runs");

    /// The predicate called `name`.
    pub(crate) const fn new(name: &'static str) -> Self {
        Self(name)
    }

    /// The machine name.
    pub fn name(self) -> &'static str {
        self.0
    }
}

impl fmt::Display for Predicate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.0)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_are_unique_and_sentences_name_what_they_compare() {
        let names: Vec<_> = Reason::all().map(|reason| reason.name()).collect();
        assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len(), "{names:?}");
        for reason in Reason::all() {
            let sentence = reason.sentence("EXPECTED", "{found} and {expected}");
            let placeholders = reason.sentence.matches("{found}").count();
            assert_eq!(sentence.matches("{found} and {expected}").count(), placeholders, "{sentence}");
            assert!(reason.name().bytes().all(|b| b.is_ascii_lowercase() || b == b'-'), "{}", reason.name());
        }
    }
}
