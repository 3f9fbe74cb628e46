use trigger_core::Labels;

use super::place::Place;
use crate::limits::{LONGEST_PATTERN, MOST_PATTERNS};
use crate::rule_error::RuleError;
use crate::text::list;

/// The labels that a pull request needs: one of those that are wanted, if any are, and none of those behind a `!`.
pub(super) struct LabelList {
    wanted: Box<[Box<str>]>,
    excluded: Box<[Box<str>]>,
}

/// The comparison of a rule's labels with those of a pull request, in words.
pub(super) struct ComparedLabels {
    pub(super) passed: bool,
    pub(super) expected: String,
    pub(super) found: String,
}

impl LabelList {
    pub(super) fn compile(
        entries: &[&str],
        place: Place,
        warnings: &mut Vec<RuleError>,
    ) -> Result<Self, RuleError> {
        if entries.len() > MOST_PATTERNS {
            let subject = format!("labels in the {place}");
            return Err(RuleError::too_many(
                "TriggerTooManyPatterns",
                &subject,
                entries.len(),
                MOST_PATTERNS,
            ));
        }
        if let Some(entry) = entries.iter().find(|entry| entry.len() > LONGEST_PATTERN) {
            return Err(RuleError::too_long("TriggerPatternTooLong", "label", entry, LONGEST_PATTERN));
        }
        let (mut wanted, mut excluded) = (Vec::<Box<str>>::new(), Vec::<Box<str>>::new());
        for entry in entries {
            match entry.strip_prefix('!').map(str::trim_start) {
                Some("") => {
                    let message = format!(
                        "the {place} has a `!` without a label: write the label behind it, or remove it"
                    );
                    return Err(RuleError::new("TriggerAnnotationEmpty", message));
                }
                Some(label) => excluded.push(label.into()),
                None => wanted.push((*entry).into()),
            }
        }
        if let Some(both) = wanted.iter().find(|label| excluded.contains(label)) {
            let message = format!(
                "the {place} wants and excludes the label `{both}`: no pull request with it passes; \
                 remove one of the two"
            );
            if wanted.iter().all(|label| excluded.contains(label)) {
                return Err(RuleError::new("TriggerLabelNeverMatches", message));
            }
            warnings.push(RuleError::hint("TriggerLabelUnlikely", message));
        }
        Ok(Self { wanted: wanted.into(), excluded: excluded.into() })
    }

    /// Labels that are not known pass.
    pub(super) fn compare(&self, labels: Option<&Labels>) -> ComparedLabels {
        let expected = self.expected();
        let Some(labels) = labels else {
            let found = "unknown: the payload does not list the labels".to_owned();
            return ComparedLabels { passed: true, expected, found };
        };
        let has_any = |of: &[Box<str>]| of.iter().any(|label| labels.contains(label));
        let passed = (self.wanted.is_empty() || has_any(&self.wanted)) && !has_any(&self.excluded);
        let found = if labels.is_empty() { "none".to_owned() } else { list(labels.iter()) };
        ComparedLabels { passed, expected, found }
    }

    fn expected(&self) -> String {
        let excluded: Vec<_> = self.excluded.iter().map(|label| format!("!{label}")).collect();
        list(self.wanted.iter().map(AsRef::as_ref).chain(excluded.iter().map(String::as_str)))
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.wanted.len() + self.excluded.len()
    }

    /// Their memory.
    pub(super) fn bytes(&self) -> usize {
        self.wanted.iter().chain(&self.excluded).map(|label| size_of_val(label) + label.len()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::triggers::git::place::Places;

    #[test]
    fn one_wanted_label_is_enough_and_one_excluded_label_too_much() {
        for (entries, labels, passes) in [
            (&["ready", "urgent"][..], &["urgent"][..], true),
            (&["ready"], &["Ready"], false),
            (&["ready"], &[], false),
            (&["ready", "!wip"], &["ready", "wip"], false),
            (&["!wip", "ready"], &["ready"], true),
            (&["!wip"], &[], true),
            (&["! wip"], &["wip"], false),
        ] {
            let list = LabelList::compile(entries, Places::ANNOTATIONS.labels, &mut Vec::new()).unwrap();
            let labels = Labels::new(labels.iter().copied()).unwrap();
            assert_eq!(list.compare(Some(&labels)).passed, passes, "{entries:?} {labels:?}");
            let unknown = list.compare(None);
            assert!(unknown.passed && unknown.found.starts_with("unknown"), "{}", unknown.found);
        }
    }

    #[test]
    fn a_label_that_is_wanted_and_excluded_is_a_mistake() {
        let mut warnings = Vec::new();
        let error =
            LabelList::compile(&["a", "!a"], Places::ANNOTATIONS.labels, &mut warnings).err().unwrap();
        assert_eq!(error.reason(), "TriggerLabelNeverMatches");
        assert!(LabelList::compile(&["a", "b", "!a"], Places::ANNOTATIONS.labels, &mut warnings).is_ok());
        assert_eq!(warnings[0].reason(), "TriggerLabelUnlikely");
    }
}
