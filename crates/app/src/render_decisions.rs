//! Renders decisions for people: for `explain` before an event, for `deliveries` after it, for `dev` during it.

use anstream::println;
use owo_colors::OwoColorize;
use trigger_server::wire;

use crate::sanitize::escape_for_terminal;
use crate::wrap;

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
    /// Lines about the owner, below its name. Those of its first decision are printed.
    pub(crate) notes: Vec<Note>,
}

/// The outcome in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The rule would start a run.
    Fires,
    /// The rule has started a run.
    Fired,
    /// The rule is to start a run that does not exist yet.
    Waits,
    /// The run that the rule was to start could not be created.
    Failed,
    /// The rule would start a run if its owner had a key.
    Blocked,
    /// The rule matches, but another rule has started the run.
    Matches,
    /// The rule starts nothing.
    Skipped,
    /// The rule starts nothing, because it is invalid.
    Broken,
    /// The rule asks another server first, which was not done.
    Asks,
}

impl Verdict {
    /// The coloured word, padded to the width of the longest.
    pub(crate) fn word(self) -> String {
        match self {
            Self::Fires => "fires  ".green().to_string(),
            Self::Fired => "fired  ".green().to_string(),
            Self::Waits => "waits  ".yellow().to_string(),
            Self::Failed => "failed ".red().to_string(),
            Self::Blocked => "blocked".red().to_string(),
            Self::Matches => "matches".green().to_string(),
            Self::Skipped => "skipped".yellow().to_string(),
            Self::Broken => "broken ".red().to_string(),
            Self::Asks => "asks   ".yellow().to_string(),
        }
    }
}

/// A line about an owner of rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Note {
    pub(crate) kind: NoteKind,
    pub(crate) text: String,
}

/// The subject of a [`Note`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoteKind {
    /// The key is in order.
    Key,
    /// There is no key.
    NoKey,
    /// The key could not be checked.
    UnknownKey,
    /// An error of a rule.
    Error,
    /// A likely mistake in a rule.
    Hint,
}

impl Note {
    /// Prints the note below the name of its owner.
    pub(crate) fn print(&self) {
        wrap::print(2, 10, &self.line());
    }

    /// The word for its subject, and its text.
    pub(crate) fn line(&self) -> String {
        let word = match self.kind {
            NoteKind::Key => "key    ".green().to_string(),
            NoteKind::NoKey => "no key ".red().to_string(),
            NoteKind::UnknownKey => "key ?  ".yellow().to_string(),
            NoteKind::Error => "error  ".red().to_string(),
            NoteKind::Hint => "hint   ".yellow().to_string(),
        };
        format!("{word} {}", escape_for_terminal(&self.text))
    }
}

/// The width of the column of predicates; most names fit.
const PREDICATE_WIDTH: usize = 8;
/// The reason of a rule that is invalid, and the predicate that says so. Its error is in the reason already.
const BROKEN: (&str, &str) = ("rule-broken", "rule");

impl<'a> RenderedDecision<'a> {
    /// A decision from the admin API. `launches` are those of its delivery; `None` for a dry run.
    pub(crate) fn from_wire(decision: &'a wire::Decision, launches: Option<&[wire::Launch]>) -> Self {
        let (verdict, reason) = match &decision.outcome {
            wire::Outcome::Fired { runs } => fired(runs, launches),
            wire::Outcome::AlsoMatched { .. } => {
                let reason = "it matches too; one run for the event is enough";
                (Verdict::Matches, reason.to_owned())
            }
            wire::Outcome::Skipped { reason, message } => skipped(reason, message),
        };
        Self {
            owner: decision.owner.clone(),
            event: decision.event,
            rule: &decision.rule,
            verdict,
            reason,
            checks: decision.checks.clone(),
            further: decision.further,
            notes: Vec::new(),
        }
    }
}

/// The verdict on a rule that fired, by what became of its runs. A run that was refused never counts as started.
fn fired(runs: &[wire::ResourceRef], launches: Option<&[wire::Launch]>) -> (Verdict, String) {
    let Some(launches) = launches else {
        return (Verdict::Fires, "every condition holds".to_owned());
    };
    let launch = |run: &wire::ResourceRef| launches.iter().find(|launch| launch.run == *run);
    let refused = |run: &&wire::ResourceRef| launch(run).is_some_and(|launch| launch.error.is_some());
    let created = |run: &&wire::ResourceRef| launch(run).is_some_and(|launch| launch.error.is_none());
    let (refused, others): (Vec<_>, Vec<_>) = runs.iter().partition(refused);
    let (created, missing): (Vec<_>, Vec<_>) = others.into_iter().partition(created);
    let started =
        if created.is_empty() { String::new() } else { format!("; started {}", names(created.clone())) };
    if !refused.is_empty() {
        return (Verdict::Failed, format!("could not create {}{started}", names(refused)));
    }
    if !missing.is_empty() {
        return (Verdict::Waits, format!("{} not created yet{started}", is_or_are(&missing)));
    }
    match created.as_slice() {
        [] => (Verdict::Failed, "every condition holds, but its run could not be made".to_owned()),
        _ => (Verdict::Fired, format!("started {}", names(created))),
    }
}

fn is_or_are(runs: &[&wire::ResourceRef]) -> String {
    format!("{} {}", names(runs.iter().copied()), if runs.len() == 1 { "is" } else { "are" })
}

/// The verdict on a rule that was skipped.
pub(crate) fn skipped(reason: &str, message: &str) -> (Verdict, String) {
    if reason == BROKEN.0 {
        let error = message.strip_prefix("the rule is broken: ").unwrap_or(message);
        return (Verdict::Broken, error.to_owned());
    }
    (Verdict::Skipped, message.to_owned())
}

/// The names of runs, without their namespace: it is that of the owner.
pub(crate) fn names<'a>(runs: impl IntoIterator<Item = &'a wire::ResourceRef>) -> String {
    runs.into_iter().map(|run| run.name.as_str()).collect::<Vec<_>>().join(", ")
}

/// Prints decisions with their checks, grouped by events and by the objects that carry the rules.
pub(crate) fn print_decisions<'a>(decisions: impl IntoIterator<Item = RenderedDecision<'a>>) {
    let mut last = None;
    for RenderedDecision { owner, event, rule, verdict, reason, checks, further, notes } in decisions {
        let group = (event, owner);
        if last.as_ref() != Some(&group) {
            println!("{}", heading(&group.1, event));
            notes.iter().for_each(Note::print);
            last = Some(group);
        }
        let (word, rule) = (verdict.word(), escape_for_terminal(rule));
        wrap::print(2, 10, &format!("{word} \"{rule}\": {}", escape_for_terminal(&reason)));
        if further > 0 {
            let text = format!("and {further} further rules for the same reason");
            wrap::print(12, 12, &text.dimmed().to_string());
        }
        print_checks(checks);
    }
}

fn print_checks(mut checks: Vec<wire::Check>) {
    checks.retain(|check| check.predicate != BROKEN.1);
    let longest = checks.iter().map(|check| check.predicate.len()).max().unwrap_or_default();
    let width = longest.max(PREDICATE_WIDTH);
    for wire::Check { predicate, passed, expected, found } in checks {
        let (expected, found) = (escape_for_terminal(&expected), escape_for_terminal(&found));
        let line = match passed {
            true if expected == found => format!("✓ {predicate:<width$} {found}"),
            true => format!("✓ {predicate:<width$} expected {expected}, found {found}"),
            false => format!("✗ {predicate:<width$} expected {expected}, found {found}"),
        };
        // The mark, the predicate and the spaces after them.
        wrap::print(12, 12 + 2 + width + 1, &line.dimmed().to_string());
    }
}

/// The owner, with the number of the event unless it is the first: most deliveries have only one.
pub(crate) fn heading(owner: &wire::ResourceRef, event: u32) -> String {
    let name = owner.object_name().to_string();
    let (kind, name) = (escape_for_terminal(&owner.kind), escape_for_terminal(&name));
    let name = name.bold();
    if event == 0 { format!("{kind} {name}") } else { format!("{kind} {name}, event {}", event + 1) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(name: &str) -> wire::ResourceRef {
        (&trigger_core::ResourceRef::new(
            "shipwright.io",
            "BuildRun",
            trigger_core::ObjectKey::new("team-a", name),
        ))
            .into()
    }

    fn launch(name: &str, error: Option<&str>) -> wire::Launch {
        let error = error.map(ToOwned::to_owned);
        wire::Launch { run: run(name), event: 0, uid: None, existed: false, error, state: None }
    }

    #[test]
    fn a_run_that_was_refused_is_never_called_started() {
        let (made, refused) = (launch("made", None), launch("refused", Some("quota")));
        for (runs, launches, expected) in [
            (vec![run("made")], vec![made.clone()], (Verdict::Fired, "started made")),
            (vec![run("refused")], vec![refused.clone()], (Verdict::Failed, "could not create refused")),
            (
                vec![run("made"), run("refused")],
                vec![made.clone(), refused],
                (Verdict::Failed, "could not create refused; started made"),
            ),
            (vec![run("made")], vec![], (Verdict::Waits, "made is not created yet")),
            (vec![run("a"), run("b")], vec![], (Verdict::Waits, "a, b are not created yet")),
            (vec![run("made"), run("b")], vec![made], (Verdict::Waits, "b is not created yet; started made")),
            (vec![], vec![], (Verdict::Failed, "every condition holds, but its run could not be made")),
        ] {
            let (verdict, reason) = fired(&runs, Some(&launches));
            assert_eq!((verdict, reason.as_str()), expected);
        }
        assert_eq!(fired(&[], None).0, Verdict::Fires, "a dry run starts nothing");
    }
}
