use super::pattern::{Comparison, Pattern, PatternError, is_pattern, matches, may_match};
use super::place::Place;
use crate::limits::{LONGEST_PATTERN, MOST_PATTERNS};
use crate::rule_error::{RuleError, take_mistakes};
use crate::text::quoted;
use crate::work::{NoStepsLeft, Work};

/// A list of patterns of which the last that matches a name decides: `!` before a pattern excludes what it matches.
pub(super) struct GlobList(Box<[Entry]>);

/// A pattern or a literal name, as text: it is parsed for each event.
struct Entry {
    text: Box<str>,
    excludes: bool,
}

/// A [`GlobList`] that is compared with many names.
pub(super) struct GlobComparison<'a>(Vec<(&'a Entry, Option<Comparison>)>);

/// The names that a list is about, for its errors.
#[derive(Debug, Clone, Copy)]
pub(super) struct GlobSubject {
    /// One of them, such as `tag`.
    pub(super) noun: &'static str,
    /// The list.
    pub(super) place: Place,
    /// The prefix that every name has when it is written in full, if there is one.
    pub(super) prefix: &'static str,
    /// The mistake in a pattern.
    pub(super) mistake: fn(&str) -> Option<RuleError>,
}

impl GlobList {
    /// An entry that no name can match is an error of the list if there is no other, else of this part of it. A list that
    /// only excludes is an error: nothing is there to exclude from.
    pub(super) fn compile(
        entries: &[&str],
        subject: GlobSubject,
        warnings: &mut Vec<RuleError>,
    ) -> Result<Self, RuleError> {
        let GlobSubject { noun, place, .. } = subject;
        if entries.len() > MOST_PATTERNS {
            let subject = format!("patterns in the {place}");
            return Err(RuleError::too_many(
                "TriggerTooManyPatterns",
                &subject,
                entries.len(),
                MOST_PATTERNS,
            ));
        }
        let entries =
            entries.iter().map(|entry| Entry::compile(entry, subject)).collect::<Result<Box<[_]>, _>>()?;
        if entries.iter().all(|entry| entry.excludes) {
            let message = format!(
                "the {place} only excludes: a {noun} has to match a pattern without `!` first; begin with `**`"
            );
            return Err(RuleError::new("TriggerOnlyExclusions", message));
        }
        let (excluding, including): (Vec<_>, Vec<_>) = entries.iter().partition(|entry| entry.excludes);
        let mistakes =
            |entries: Vec<&Entry>| entries.iter().map(|entry| (subject.mistake)(&entry.text)).collect();
        take_mistakes(mistakes(including), warnings)?;
        let of_excluding: Vec<_> = mistakes(excluding);
        warnings.extend(of_excluding.into_iter().flatten());
        Ok(Self(entries))
    }

    /// Whether the last entry that matches a name includes it.
    pub(super) fn includes(&self, name: &str) -> bool {
        let last = self.0.iter().rev().find(|entry| entry.matches(name));
        last.is_some_and(|entry| !entry.excludes)
    }

    /// The list, to be compared with many names.
    pub(super) fn comparison(&self) -> GlobComparison<'_> {
        let compiled = |entry: &Entry| {
            let pattern = is_pattern(&entry.text).then(|| Pattern::parse(&entry.text).ok()).flatten();
            pattern.map(Comparison::new)
        };
        GlobComparison(self.0.iter().map(|entry| (entry, compiled(entry))).collect())
    }

    /// The entries as they are written.
    pub(super) fn texts(&self) -> impl Iterator<Item = String> {
        self.0.iter().map(|entry| format!("{}{}", if entry.excludes { "!" } else { "" }, entry.text))
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Their memory.
    pub(super) fn bytes(&self) -> usize {
        self.0.iter().map(|entry| size_of_val(entry) + entry.text.len()).sum()
    }
}

impl Entry {
    fn compile(text: &str, subject: GlobSubject) -> Result<Self, RuleError> {
        let GlobSubject { noun, place, prefix, .. } = subject;
        let (text, excludes) = text.strip_prefix('!').map_or((text, false), |rest| (rest.trim_start(), true));
        let text = text.strip_prefix(prefix).unwrap_or(text);
        if text.len() > LONGEST_PATTERN {
            let subject = format!("{noun} or pattern in the {place}");
            return Err(RuleError::too_long("TriggerPatternTooLong", &subject, text, LONGEST_PATTERN));
        }
        if is_pattern(text) {
            Pattern::parse(text).map_err(|error| invalid(text, place, error))?;
        }
        Ok(Self { text: text.into(), excludes })
    }

    fn matches(&self, name: &str) -> bool {
        if is_pattern(&self.text) { matches(&self.text, name) } else { *self.text == *name }
    }
}

fn invalid(pattern: &str, place: Place, error: PatternError) -> RuleError {
    let reason = match error {
        PatternError::TooComplex(_) => "TriggerPatternTooComplex",
        PatternError::UnclosedClass | PatternError::InvalidRange(..) => "TriggerInvalidPattern",
    };
    let pattern = quoted(pattern);
    RuleError::new(reason, format!("the pattern {pattern} in the {place} cannot be understood: {error}"))
}

impl GlobComparison<'_> {
    /// Whether the last entry that matches a name includes it.
    pub(super) fn includes(&mut self, name: &str, work: &mut Work) -> Result<bool, NoStepsLeft> {
        for (entry, comparison) in self.0.iter_mut().rev() {
            work.take(1)?;
            let is_match = match comparison {
                Some(comparison) => may_match(&entry.text, name) && comparison.matches(name, work)?,
                None => *entry.text == *name,
            };
            if is_match {
                return Ok(!entry.excludes);
            }
        }
        Ok(false)
    }
}
