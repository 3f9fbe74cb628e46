use std::collections::{BTreeMap, HashMap};
use std::fmt::{Display, Write};

use tracing::warn;
use trigger_core::ResourceRef;
use trigger_rules::RuleError;
use trigger_runtime::Leadership;
use trigger_targets::Subject;

use crate::event_recorder::{EventRecorder, LONGEST_NOTE, ObjectEvent};

/// Reports broken and doubtful rules as Events on their objects. Only the leader does: each error once, and later if no
/// replica led.
pub(super) struct RuleReports {
    recorder: EventRecorder,
    leadership: Leadership,
    broken: HashMap<ResourceRef, Broken>,
}

/// An object with broken or doubtful rules.
struct Broken {
    about: Subject,
    notes: BTreeMap<&'static str, Note>,
}

/// The text of an Event about one or several errors, or hints.
#[derive(Default)]
struct Note {
    text: String,
    is_hint: bool,
    /// Whether an Event was written.
    is_reported: bool,
}

impl RuleReports {
    /// Nothing is broken yet.
    pub(super) fn new(recorder: EventRecorder, leadership: Leadership) -> Self {
        Self { recorder, leadership, broken: HashMap::new() }
    }

    /// Takes the errors of an object as they are now, each with its text. None if it works.
    pub(super) fn set<'a, T: Display>(
        &mut self,
        about: Subject,
        errors: impl IntoIterator<Item = (&'a RuleError, T)>,
    ) {
        let mut notes = notes(errors);
        if notes.is_empty() {
            self.broken.remove(&about.resource);
            return;
        }
        let before = self.broken.get(&about.resource).filter(|before| before.about.uid == about.uid);
        for (reason, note) in &mut notes {
            let before = before.and_then(|before| before.notes.get(reason));
            note.is_reported = before.is_some_and(|before| before.is_reported && before.text == note.text);
        }
        let resource = about.resource.clone();
        let mut broken = Broken { about, notes };
        if self.leadership.is_ours() {
            broken.report(&self.recorder);
        }
        self.broken.insert(resource, broken);
    }

    /// Forgets an object.
    pub(super) fn forget(&mut self, resource: &ResourceRef) {
        self.broken.remove(resource);
    }

    /// Forgets all objects but these.
    pub(super) fn retain(&mut self, mut keep: impl FnMut(&ResourceRef) -> bool) {
        self.broken.retain(|resource, _| keep(resource));
    }

    /// Reports the errors that were not reported yet, if this replica leads.
    pub(super) fn report(&mut self) {
        if self.leadership.is_ours() {
            for broken in self.broken.values_mut() {
                broken.report(&self.recorder);
            }
        }
    }
}

impl Broken {
    fn report(&mut self, recorder: &EventRecorder) {
        for (reason, note) in &mut self.notes {
            if std::mem::replace(&mut note.is_reported, true) {
                continue;
            }
            let message =
                if note.is_hint { "a rule may not do what it seems to say" } else { "a rule is broken" };
            warn!(object = %self.about.resource, reason, note = note.text, "{message}");
            recorder.report(ObjectEvent {
                about: self.about.clone(),
                related: None,
                warning: true,
                reason: (*reason).into(),
                action: "Compile",
                note: note.text.clone(),
            });
        }
    }
}

/// One note per reason: an Event's reason about one object should have one meaning.
fn notes<'a, T: Display>(
    errors: impl IntoIterator<Item = (&'a RuleError, T)>,
) -> BTreeMap<&'static str, Note> {
    let mut notes = BTreeMap::<_, Note>::new();
    for (error, text) in errors {
        let note = notes.entry(error.reason()).or_default();
        note.is_hint = error.is_hint();
        // An Event carries no more, and a line of the log need not either.
        if note.text.len() >= LONGEST_NOTE {
            continue;
        }
        let separator = if note.text.is_empty() { "" } else { "; " };
        // Writing to a string does not fail.
        let _ = write!(note.text, "{separator}{text}");
    }
    notes
}

#[cfg(test)]
mod tests {
    use tokio::sync::watch;
    use trigger_api::shipwright::Build;
    use trigger_core::{KnownHosts, ObjectKey};
    use trigger_rules::{Inventory, OwnerError};
    use trigger_runtime::Lead;
    use trigger_targets::build_run::BUILD;

    use super::*;

    /// The errors of a Build with rules of unknown types.
    fn errors(types: &[&str]) -> Vec<OwnerError> {
        let when: Vec<_> = types.iter().map(|kind| serde_json::json!({"name": kind, "type": kind})).collect();
        let build: Build = serde_json::from_value(serde_json::json!({
            "apiVersion": "shipwright.io/v1beta1", "kind": "Build",
            "metadata": {"name": "web", "namespace": "team-a"},
            "spec": {
                "source": {"type": "Git", "git": {"url": "https://github.com/acme/web"}},
                "trigger": {"triggerSecret": "hook", "when": when},
            },
        }))
        .unwrap();
        let errors = Inventory::new(KnownHosts::NONE).apply(&build).errors;
        assert_eq!(errors.is_empty(), types.is_empty(), "{errors:?}");
        errors
    }

    fn about(uid: &str) -> Subject {
        let resource = BUILD.named(ObjectKey::new("team-a", "web"));
        Subject { resource, version: BUILD.version.into(), uid: uid.to_owned() }
    }

    #[test]
    fn the_leader_reports_each_error_once() {
        let (lead, leadership) = watch::channel(Lead { ours: false, leader: None });
        let (recorder, mut events) = EventRecorder::received();
        let mut reports = RuleReports::new(recorder, Leadership::by(leadership));
        let mut reported =
            || std::iter::from_fn(|| events.try_recv().ok()).map(|event| event.note).collect::<Vec<_>>();
        let set = |reports: &mut RuleReports, uid, types: &[&str]| {
            let errors = errors(types);
            reports.set(about(uid), errors.iter().map(|error| (&error.error, error)));
        };
        set(&mut reports, "1", &["Fax"]);
        reports.report();
        assert_eq!(reported(), [""; 0], "another replica leads");

        lead.send_replace(Lead { ours: true, leader: None });
        reports.report();
        let first = reported();
        assert!(first.len() == 1 && first[0].contains("Fax"), "{first:?}");
        reports.report();
        set(&mut reports, "1", &["Fax"]);
        assert_eq!(reported(), [""; 0], "it was reported");

        set(&mut reports, "1", &["Telex"]);
        let other = reported();
        assert!(other.len() == 1 && other[0].contains("Telex"), "{other:?}");
        set(&mut reports, "1", &[]);
        set(&mut reports, "1", &["Telex"]);
        assert_eq!(reported(), other, "it had been corrected");
        set(&mut reports, "2", &["Telex"]);
        assert_eq!(reported(), other, "it is another object of the same name");
    }
}
