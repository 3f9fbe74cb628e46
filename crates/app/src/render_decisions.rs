//! Renders decisions for people: for `explain` before an event, for `deliveries` after it, for `dev` during it.

use anstream::println;
use owo_colors::OwoColorize;
use trigger_server::wire;

use crate::sanitize::escape_for_terminal;

/// A decision, ready to print.
pub(crate) struct RenderedDecision<'a> {
    /// The kind and name of the object that carries the rule: `Build`, `team-a/web`.
    pub(crate) target: (&'a str, String),
    pub(crate) rule: &'a str,
    pub(crate) verdict: Verdict,
    pub(crate) reason: String,
    pub(crate) checks: Vec<wire::Check>,
}

/// The outcome in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The rule would start a run.
    Fires,
    /// The rule has started a run.
    Fired,
    /// The rule matches, but another rule has started the run.
    Matches,
    /// The rule starts nothing.
    Skipped,
}

impl Verdict {
    /// The coloured word, padded to the width of the longest.
    pub(crate) fn word(self) -> String {
        match self {
            Self::Fires => "fires  ".green().to_string(),
            Self::Fired => "fired  ".green().to_string(),
            Self::Matches => "matches".green().to_string(),
            Self::Skipped => "skipped".yellow().to_string(),
        }
    }
}

/// The width of the column of predicates; most names fit.
const PREDICATE_WIDTH: usize = 8;

impl<'a> RenderedDecision<'a> {
    /// A decision from the admin API.
    pub(crate) fn from_wire(decision: &'a wire::Decision) -> Self {
        let (verdict, reason) = match &decision.outcome {
            wire::Outcome::Fired { runs } if runs.is_empty() => {
                (Verdict::Fires, "every predicate holds".to_owned())
            }
            wire::Outcome::Fired { runs } => {
                let names: Vec<_> = runs.iter().map(|run| run.name.as_str()).collect();
                (Verdict::Fired, format!("started {}", names.join(", ")))
            }
            wire::Outcome::AlsoMatched { .. } => {
                let reason = "every predicate holds too; one run per target and event is enough";
                (Verdict::Matches, reason.to_owned())
            }
            wire::Outcome::Skipped { message, .. } => (Verdict::Skipped, message.clone()),
        };
        Self {
            target: (&decision.owner.kind, decision.owner.object_name().to_string()),
            rule: &decision.rule,
            verdict,
            reason,
            checks: decision.checks.clone(),
        }
    }
}

/// Prints decisions with their checks, grouped by the objects that carry the rules.
pub(crate) fn print_decisions<'a>(decisions: impl IntoIterator<Item = RenderedDecision<'a>>) {
    let mut last = None;
    for RenderedDecision { target: (kind, target), rule, verdict, reason, checks } in decisions {
        if last.as_ref() != Some(&target) {
            println!("{kind} {}", escape_for_terminal(&target).bold());
            last = Some(target);
        }
        println!("  {} \"{}\": {}", verdict.word(), escape_for_terminal(rule), escape_for_terminal(&reason));
        let longest = checks.iter().map(|check| check.predicate.len()).max().unwrap_or_default();
        let width = longest.max(PREDICATE_WIDTH);
        for wire::Check { predicate, passed, expected, found } in checks {
            let mark = if passed { "✓" } else { "✗" };
            let (expected, found) = (escape_for_terminal(&expected), escape_for_terminal(&found));
            println!(
                "            {}",
                format!("{mark} {predicate:<width$} expected {expected}, found {found}").dimmed()
            );
        }
    }
}
