//! Why a delivery started nothing, as one field of a log line.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use trigger_journal::{DecisionRecord, OutcomeRecord};

/// The reasons in a log line. A delivery can have thousands of rules, and a person reads the nearest ones.
pub(crate) const MAX_REASONS: usize = 3;
/// The characters of one reason. Names of rules and branches are written by tenants and senders.
pub(crate) const LONGEST_REASON: usize = 200;

/// The reasons for which the rules were skipped: those of the rules that came nearest to firing first, equal ones with
/// the number of their rules.
pub(crate) fn why(decisions: &[DecisionRecord]) -> String {
    let mut reasons = BTreeMap::<&str, Reason<'_>>::new();
    for (position, decision) in decisions.iter().enumerate() {
        let OutcomeRecord::Skipped { message, .. } = &decision.outcome else { continue };
        let passed = decision.checks.iter().filter(|check| check.passed).count();
        let new = || Reason { decision, rules: 0, nearness: (0, Reverse(position)) };
        let reason = reasons.entry(message).or_insert_with(new);
        reason.rules += 1 + decision.further;
        if (passed, Reverse(position)) > reason.nearness {
            (reason.nearness, reason.decision) = ((passed, Reverse(position)), decision);
        }
    }
    if reasons.is_empty() {
        return "no rule applies".to_owned();
    }
    let mut reasons: Vec<_> = reasons.into_iter().collect();
    reasons.sort_by_key(|(_, reason)| Reverse(reason.nearness));
    let mut sentences: Vec<_> =
        reasons.iter().take(MAX_REASONS).map(|(message, reason)| reason.sentence(message)).collect();
    if reasons.len() > MAX_REASONS {
        sentences.push(format!("and {} other reasons", reasons.len() - MAX_REASONS));
    }
    sentences.join("; ")
}

struct Reason<'a> {
    /// The decision that came nearest.
    decision: &'a DecisionRecord,
    rules: usize,
    /// The passed checks of that decision, then its place.
    nearness: (usize, Reverse<usize>),
}

impl Reason<'_> {
    fn sentence(&self, message: &str) -> String {
        let DecisionRecord { owner, rule, .. } = self.decision;
        let further = match self.rules {
            0 | 1 => String::new(),
            rules => format!(" ({rules} rules)"),
        };
        let text = format!("{} \"{rule}\": {message}", owner.key);
        if text.chars().count() <= LONGEST_REASON {
            return text + &further;
        }
        let start: String = text.chars().take(LONGEST_REASON).collect();
        format!("{start}…{further}")
    }
}

#[cfg(test)]
mod tests {
    use trigger_core::{ObjectKey, Ordinal};
    use trigger_journal::CheckRecord;
    use trigger_targets::build_run::BUILD;

    use super::*;

    fn skipped(name: &str, message: &str, passed: usize) -> DecisionRecord {
        let check = |passed| CheckRecord {
            predicate: "event".to_owned(),
            passed,
            expected: String::new(),
            found: String::new(),
        };
        DecisionRecord {
            owner: BUILD.named(ObjectKey::new("team-a", name)),
            rule: "on push".to_owned(),
            index: 0,
            event: Ordinal::FIRST,
            outcome: OutcomeRecord::Skipped { reason: "branch".to_owned(), message: message.to_owned() },
            checks: vec![check(true); passed],
            further: 0,
        }
    }

    #[test]
    fn the_nearest_reasons_come_first_and_equal_ones_are_counted() {
        assert_eq!(why(&[]), "no rule applies");
        let decisions = [
            skipped("api", "the event is Push", 1),
            skipped("web", "the branch is dev", 2),
            skipped("cli", "the event is Push", 0),
        ];
        assert_eq!(
            why(&decisions),
            "team-a/web \"on push\": the branch is dev; team-a/api \"on push\": the event is Push (2 rules)"
        );
    }

    #[test]
    fn reasons_in_a_log_line_are_bounded() {
        let decisions: Vec<_> =
            (0..1000).map(|number| skipped("web", &format!("{number}{}", "é".repeat(5000)), 1)).collect();
        let text = why(&decisions);
        assert!(text.chars().count() < MAX_REASONS * (LONGEST_REASON + 30) + 50, "{}", text.len());
        assert!(text.ends_with("and 997 other reasons"), "{text}");
    }
}
