//! How decisions are told to people: by `explain` before something happens, by `deliveries` afterwards, by
//! `dev` while it does.

use anstream::println;
use owo_colors::OwoColorize;
use trigger_server::wire;

use crate::sanitize::plain;

/// A decision in words.
pub(crate) struct Told<'a> {
    /// The object that carries the rule, with its kind: `Build team-a/web`.
    pub(crate) target: (&'a str, String),
    pub(crate) rule: &'a str,
    pub(crate) verdict: Verdict,
    pub(crate) why: String,
    pub(crate) checks: Vec<wire::Check>,
}

/// What was decided, in a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It would start something.
    Fires,
    /// It did start something.
    Fired,
    /// It matches, but nothing more is started for it.
    Matches,
    /// It starts nothing.
    Skipped,
}

impl Verdict {
    /// Padded, so that what follows is in line.
    pub(crate) fn word(self) -> String {
        match self {
            Self::Fires => "fires  ".green().to_string(),
            Self::Fired => "fired  ".green().to_string(),
            Self::Matches => "matches".green().to_string(),
            Self::Skipped => "skipped".yellow().to_string(),
        }
    }
}

/// So wide are the names of most predicates.
const NAMES: usize = 8;

/// Prints decisions, with what was expected and found, under the objects that carry the rules.
pub(crate) fn tell<'a>(decisions: impl IntoIterator<Item = Told<'a>>) {
    let mut last = None;
    for Told { target: (kind, target), rule, verdict, why, checks } in decisions {
        if last.as_ref() != Some(&target) {
            println!("{kind} {}", plain(&target).bold());
            last = Some(target);
        }
        println!("  {} \"{}\": {}", verdict.word(), plain(rule), plain(&why));
        let width = checks.iter().map(|check| check.predicate.len()).max().unwrap_or_default().max(NAMES);
        for wire::Check { predicate, passed, expected, found } in checks {
            let mark = if passed { "✓" } else { "✗" };
            let (expected, found) = (plain(&expected), plain(&found));
            println!(
                "            {}",
                format!("{mark} {predicate:<width$} wants {expected}, is {found}").dimmed()
            );
        }
    }
}

/// A decision as the admin API tells it.
pub(crate) fn of_wire(decision: &wire::Decision) -> Told<'_> {
    let started = |run: &wire::ObjectName| format!("started {}", run.name);
    let (verdict, why) = match &decision.outcome {
        wire::Outcome::Fired { run: Some(run) } => (Verdict::Fired, started(run)),
        wire::Outcome::Fired { run: None } => (Verdict::Fires, "every predicate holds".to_owned()),
        wire::Outcome::AlsoMatched { .. } => {
            let why = "every predicate holds too; one run per target and delivery is enough";
            (Verdict::Matches, why.to_owned())
        }
        wire::Outcome::Skipped { message, .. } => (Verdict::Skipped, message.clone()),
    };
    Told {
        target: (&decision.kind, decision.target.to_string()),
        rule: &decision.rule,
        verdict,
        why,
        checks: decision.checks.clone(),
    }
}
