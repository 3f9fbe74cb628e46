use std::collections::BTreeSet;
use std::sync::Arc;

use anstream::println;
use owo_colors::OwoColorize;
use trigger_api::triggers::Kind;
use trigger_core::DeliveryId;
use trigger_expr::params::Resolved;
use trigger_rules::interceptors::{Ask, MemberList, Question, Record, RecordedVerdict};
use trigger_rules::listeners::{
    GroupDecision, GroupOutcome, Listener, ListenerError, ListenerObject, RunId, TriggerDecision,
    TriggerOutcome,
};
use trigger_targets::{Existing, Plan};

use super::course::{Course, is_behind};
use super::creation::creations;
use super::keys::KeyFinding;
use super::source::ListenerSource;
use crate::render_decisions::{Note, NoteKind, Verdict, heading};
use crate::sanitize::escape_for_terminal;
use crate::wrap;

/// The longest value of a parameter that is printed, in characters.
const LONGEST_VALUE: usize = 100;
/// How many reasons of triggers that wait for other events are printed.
const MOST_EXCLUSIONS: usize = 10;

/// The decisions of a listener on a request, ready to print.
pub(super) struct Report<'a> {
    listener: &'a Listener,
    course: &'a Course,
    source: &'a ListenerSource,
    triggers: Vec<Assessed<'a>>,
}

/// A trigger with what becomes of it.
struct Assessed<'a> {
    decision: &'a TriggerDecision,
    verdict: Verdict,
    reason: String,
    params: &'a [Resolved],
    plans: Vec<Plan>,
}

impl<'a> Report<'a> {
    /// Renders the objects of the triggers that fire.
    pub(super) fn new(
        listener: &'a Listener,
        course: &'a Course,
        source: &'a ListenerSource,
        delivery: &DeliveryId,
    ) -> Self {
        let assess = |decision| Assessed::new(listener, course, decision, delivery);
        Self { listener, course, source, triggers: course.decided.triggers.iter().map(assess).collect() }
    }

    /// Whether a trigger would fire.
    pub(super) fn fires(&self) -> bool {
        self.triggers.iter().any(|trigger| trigger.verdict == Verdict::Fires)
    }

    /// Whether a trigger would fire if there was a key.
    pub(super) fn is_blocked(&self) -> bool {
        self.triggers.iter().any(|trigger| trigger.verdict == Verdict::Blocked)
    }

    /// The objects whose errors it shows.
    pub(super) fn shown(&self) -> BTreeSet<ListenerObject> {
        let triggers = self.triggers.iter().map(|trigger| trigger.decision.trigger.object.clone());
        triggers.chain([self.object()]).collect()
    }

    fn object(&self) -> ListenerObject {
        ListenerObject { kind: Kind::EventListener, key: self.listener.settings.key.clone() }
    }

    /// Prints the objects that would be created, as YAML documents.
    pub(super) fn print_objects(&self) -> anyhow::Result<()> {
        let fires = |trigger: &&Assessed<'_>| trigger.verdict == Verdict::Fires;
        for plan in self.triggers.iter().filter(fires).flat_map(|trigger| &trigger.plans) {
            println!("---\n{}", serde_saphyr::to_string(&plan.manifest.object()?)?.trim_end());
        }
        Ok(())
    }

    /// Prints all decisions.
    pub(super) fn print(&self) {
        println!("{}", heading(&(&self.object().resource()).into(), 0));
        self.notes().iter().for_each(Note::print);
        for group in &self.course.decided.groups {
            self.print_group(group);
        }
        let mut last = self.object();
        for trigger in &self.triggers {
            let object = &trigger.decision.trigger.object;
            if *object != last {
                println!("{}", heading(&(&object.resource()).into(), 0));
                last = object.clone();
            }
            trigger.print(self.course);
        }
        self.print_excluded();
    }

    /// The lines about the listener itself. Errors of its groups and of its triggers stand with these.
    fn notes(&self) -> Vec<Note> {
        let groups = self.course.decided.groups.iter().filter_map(|group| match &group.outcome {
            GroupOutcome::Broken(error) => Some(error),
            GroupOutcome::Passed | GroupOutcome::Stopped => None,
        });
        let triggers = self.triggers.iter().flat_map(|trigger| trigger.decision.trigger.errors());
        let told: Vec<_> = groups.chain(triggers).collect();
        let errors =
            self.source.errors_of(&self.object()).iter().filter(|error| !told.contains(&&error.error));
        let note =
            |error: &ListenerError| Note { kind: kind(error.error.is_hint()), text: error.to_string() };
        let invented = self.course.invented.iter().map(|name| Note {
            kind: NoteKind::Hint,
            text: format!("the request has no header {name}: one that the key verifies is assumed"),
        });
        errors.map(note).chain(invented).collect()
    }

    fn print_group(&self, decision: &GroupDecision) {
        let (ask, reason) = (self.course.asks.get(&decision.run), stop(&decision.records));
        let word = match &decision.outcome {
            GroupOutcome::Passed => "passes ".green().to_string(),
            GroupOutcome::Stopped if ask.is_some() => Verdict::Asks.word(),
            GroupOutcome::Stopped => Verdict::Skipped.word(),
            GroupOutcome::Broken(_) => Verdict::Broken.word(),
        };
        let reason = match (&decision.outcome, ask) {
            (GroupOutcome::Broken(error), _) => error.to_string(),
            (GroupOutcome::Passed, _) => "its triggers see the event".to_owned(),
            (GroupOutcome::Stopped, Some(ask)) => asks(ask, &decision.records),
            (GroupOutcome::Stopped, None) => stopped(reason),
        };
        let name = escape_for_terminal(&decision.name);
        wrap::print(2, 10, &format!("{word} group \"{name}\": {}", escape_for_terminal(&reason)));
        print_keys(self.course, &decision.run);
        print_records(&decision.records, ask);
    }

    fn print_excluded(&self) {
        let Course { excluded, exclusions, .. } = self.course;
        match excluded {
            0 if self.triggers.is_empty() && self.course.decided.groups.is_empty() => {
                println!("  the listener has no triggers");
            }
            0 => {}
            1 => println!("1 trigger waits for other events"),
            number => println!("{number} triggers wait for other events"),
        }
        for (interceptor, message) in exclusions.iter().take(MOST_EXCLUSIONS) {
            let line = escape_for_terminal(&format!("{interceptor}: {message}")).dimmed().to_string();
            wrap::print(2, 4, &line);
        }
    }
}

impl<'a> Assessed<'a> {
    fn new(
        listener: &Listener,
        course: &Course,
        decision: &'a TriggerDecision,
        delivery: &DeliveryId,
    ) -> Self {
        let assessed = |verdict, reason| Self { decision, verdict, reason, params: &[], plans: Vec::new() };
        match &decision.outcome {
            TriggerOutcome::Stopped => match course.asks.get(&decision.run) {
                Some(ask) => assessed(Verdict::Asks, asks(ask, &decision.records)),
                None => assessed(Verdict::Skipped, stopped(stop(&decision.records))),
            },
            TriggerOutcome::Unresolved(error) => assessed(Verdict::Broken, error.clone()),
            TriggerOutcome::Broken(error) => assessed(Verdict::Broken, error.to_string()),
            TriggerOutcome::Fired(params) => match creations(listener, decision, params, delivery) {
                Err(error) => Self { params, ..assessed(Verdict::Broken, format!("{error:#}")) },
                Ok(plans) => {
                    let (verdict, reason) = if course.has_no_key(&decision.run) {
                        (Verdict::Blocked, "every interceptor would let a request with a key pass")
                    } else if plans.is_empty() {
                        (Verdict::Fires, "the template has no objects, so nothing is created")
                    } else if decision.records.is_empty() {
                        (Verdict::Fires, "it has no interceptors, so every request fires it")
                    } else {
                        (Verdict::Fires, "every interceptor lets the event pass")
                    };
                    Self { params, plans, ..assessed(verdict, reason.to_owned()) }
                }
            },
        }
    }

    fn print(&self, course: &Course) {
        let Self { decision, verdict, reason, params, plans } = self;
        let TriggerDecision { run, trigger, records, .. } = decision;
        let name =
            if trigger.name.is_empty() { trigger.path.clone() } else { format!("\"{}\"", trigger.name) };
        let group = course.decided.groups.iter().find(|group| is_behind(run, &group.run));
        let group = group.map(|group| format!(" of group \"{}\"", group.name)).unwrap_or_default();
        let title = format!("{name}{group}: {reason}");
        wrap::print(2, 10, &format!("{} {}", verdict.word(), escape_for_terminal(&title)));
        for note in self.notes() {
            wrap::print(12, 20, &note.line());
        }
        print_keys(course, run);
        print_records(records, course.asks.get(run));
        for param in *params {
            let line = format!("param {} = {}", param.name(), cut(&param.text()));
            wrap::print(12, 14, &escape_for_terminal(&line).dimmed().to_string());
        }
        for plan in plans {
            wrap::print(12, 14, &escape_for_terminal(&creation(plan)));
        }
    }

    /// Errors and hints of the trigger, and the remedy for a missing value.
    fn notes(&self) -> Vec<Note> {
        let mut notes: Vec<_> = self
            .decision
            .trigger
            .errors()
            .filter(|error| *self.reason != *error.to_string())
            .map(|error| Note { kind: kind(error.is_hint()), text: error.to_string() })
            .collect();
        if matches!(self.decision.outcome, TriggerOutcome::Unresolved(_)) {
            let text =
                "give the param a default in the TriggerTemplate, or stop such events with a CEL filter";
            notes.push(Note { kind: NoteKind::Hint, text: text.to_owned() });
        }
        notes
    }
}

fn kind(is_hint: bool) -> NoteKind {
    if is_hint { NoteKind::Hint } else { NoteKind::Error }
}

/// The interceptor that stopped an event, and its message.
pub(super) fn stop(records: &[Record]) -> Option<(Arc<str>, String)> {
    let last = records.last()?;
    let message = match &last.verdict {
        RecordedVerdict::Passed { .. } => return None,
        RecordedVerdict::Stopped { message, .. } => message.clone(),
        RecordedVerdict::Failed { message } => format!("it cannot decide: {message}"),
    };
    Some((Arc::clone(&last.interceptor), message))
}

fn stopped(stop: Option<(Arc<str>, String)>) -> String {
    stop.map_or_else(
        || "an interceptor stops the event".to_owned(),
        |(name, message)| format!("{name}: {message}"),
    )
}

/// The question of the last interceptor, which has to be answered first.
fn asks(ask: &Ask, records: &[Record]) -> String {
    let name = records.last().map(|record| &*record.interceptor).unwrap_or_default();
    format!("{name} asks {}", question(&ask.question))
}

fn question(question: &Question) -> String {
    match question {
        Question::Secret(check) => format!("for the Secret {}", check.key.secret),
        Question::Call(request) => format!("the interceptor at {}", request.address.url()),
        Question::ChangedFiles(files) => {
            let access = &files.access;
            format!(
                "{} for the files of pull request {} of {}/{}",
                access.provider, files.number, access.owner, access.repository
            )
        }
        Question::Membership(membership) => {
            let access = &membership.access;
            let list = match membership.list {
                MemberList::Organization => "a member of the organization",
                MemberList::Collaborators => "a collaborator",
                MemberList::OwnersFile => "in the file OWNERS",
            };
            format!(
                "{} whether {} is {list} of {}/{}",
                access.provider, membership.login, access.owner, access.repository
            )
        }
        _ => "another server".to_owned(),
    }
}

fn print_keys(course: &Course, run: &RunId) {
    for note in course.keys.get(run).into_iter().flatten().map(KeyFinding::note) {
        wrap::print(12, 20, &note.line());
    }
}

/// Prints what each interceptor said. The last one has a question if there is one.
fn print_records(records: &[Record], ask: Option<&Ask>) {
    let width = records.iter().map(|record| record.interceptor.chars().count()).max().unwrap_or_default();
    for (place, record) in records.iter().enumerate() {
        let (name, is_last) = (escape_for_terminal(&record.interceptor), place + 1 == records.len());
        let (mark, text) = match &record.verdict {
            RecordedVerdict::Passed { extensions } if extensions.is_empty() => ('✓', "passed".to_owned()),
            RecordedVerdict::Passed { extensions } => {
                ('✓', format!("passed, adds extensions: {}", extensions.join(", ")))
            }
            _ if is_last && ask.is_some() => ('?', "not asked".to_owned()),
            RecordedVerdict::Stopped { code: Some(code), .. } => ('✗', format!("stopped with {code}")),
            RecordedVerdict::Stopped { code: None, .. } => ('✗', "stopped".to_owned()),
            RecordedVerdict::Failed { .. } => ('✗', "cannot decide".to_owned()),
        };
        let line = format!("{mark} {name:<width$}  {}", escape_for_terminal(&text));
        wrap::print(12, 12 + 2 + width + 2, &line.dimmed().to_string());
        if let RecordedVerdict::Stopped { operands, .. } = &record.verdict {
            for operand in operands {
                wrap::print(14, 16, &escape_for_terminal(&operand.to_string()).dimmed().to_string());
            }
        }
    }
}

/// The line about an object that would be created.
fn creation(plan: &Plan) -> String {
    let resource = &plan.resource;
    let generated = if plan.existing == Existing::Created { " (generated name)" } else { "" };
    let account = plan.run_as.as_ref().map(|account| format!(" as the service account {account}"));
    format!("creates {} {}{generated}{}", resource.kind, resource.key, account.unwrap_or_default())
}

/// The beginning of a text.
fn cut(text: &str) -> String {
    match text.char_indices().nth(LONGEST_VALUE) {
        None => text.to_owned(),
        Some((place, _)) => {
            let (begin, rest) = text.split_at(place);
            format!("{begin}… ({} further bytes)", rest.len())
        }
    }
}
