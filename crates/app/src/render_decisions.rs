//! Renders decisions for people: for `explain` before an event, for `deliveries` after it, for `dev` during it.

use anstream::println;
use owo_colors::OwoColorize;
use trigger_server::wire;

use crate::sanitize::escape_for_terminal;

/// A decision, ready to print.
pub(crate) struct RenderedDecision<'a> {
    /// The object that carries the rule.
    pub(crate) owner: wire::ResourceRef,
    /// The position of the event in its delivery, from 0.
    pub(crate) event: u32,
    pub(crate) rule: &'a str,
    pub(crate) verdict: Verdict,
    pub(crate) reason: String,
    pub(crate) checks: Vec<wire::Check>,
    /// How many further rules of the owner were skipped for the same reason.
    pub(crate) further: usize,
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
            wire::Outcome::Fired { runs } => (Verdict::Fired, format!("started {}", names(runs))),
            wire::Outcome::AlsoMatched { .. } => {
                let reason = "every predicate holds too; one run per target and event is enough";
                (Verdict::Matches, reason.to_owned())
            }
            wire::Outcome::Skipped { message, .. } => (Verdict::Skipped, message.clone()),
        };
        Self {
            owner: decision.owner.clone(),
            event: decision.event,
            rule: &decision.rule,
            verdict,
            reason,
            checks: decision.checks.clone(),
            further: decision.further,
        }
    }
}

/// The names of runs, without their namespace: it is that of the owner.
pub(crate) fn names<'a>(runs: impl IntoIterator<Item = &'a wire::ResourceRef>) -> String {
    runs.into_iter().map(|run| run.name.as_str()).collect::<Vec<_>>().join(", ")
}

/// Prints decisions with their checks, grouped by events and by the objects that carry the rules.
pub(crate) fn print_decisions<'a>(decisions: impl IntoIterator<Item = RenderedDecision<'a>>) {
    let mut last = None;
    for RenderedDecision { owner, event, rule, verdict, reason, checks, further } in decisions {
        let group = (event, owner);
        if last.as_ref() != Some(&group) {
            println!("{}", heading(&group.1, event));
            last = Some(group);
        }
        println!("  {} \"{}\": {}", verdict.word(), escape_for_terminal(rule), escape_for_terminal(&reason));
        if further > 0 {
            println!("            {}", format!("and {further} further rules for the same reason").dimmed());
        }
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

/// The owner, with the number of the event unless it is the first: most deliveries have only one.
fn heading(owner: &wire::ResourceRef, event: u32) -> String {
    let name = owner.object_name().to_string();
    let (kind, name) = (escape_for_terminal(&owner.kind), escape_for_terminal(&name));
    let name = name.bold();
    if event == 0 { format!("{kind} {name}") } else { format!("{kind} {name}, event {}", event + 1) }
}
