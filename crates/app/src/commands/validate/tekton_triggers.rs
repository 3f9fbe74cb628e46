use std::collections::BTreeSet;

use trigger_api::triggers::{EventListener, FieldError, Kind, Reference, references, validate};
use trigger_rules::listeners::cloud_event_address;

use super::super::tekton_objects::TektonObject;
use crate::render_decisions::{Note, NoteKind};

/// The objects that exist, as far as that is known.
#[derive(Default)]
pub(super) struct KnownObjects {
    /// The kinds of which every object is known, at least in these namespaces.
    pub(super) kinds: BTreeSet<Kind>,
    /// The namespaces; none for all.
    pub(super) namespaces: BTreeSet<String>,
    /// Kind, namespace and name of each.
    objects: BTreeSet<(Kind, Option<String>, String)>,
}

impl KnownObjects {
    /// Adds an object.
    pub(super) fn add(&mut self, object: &TektonObject) {
        let namespace = object.namespace().map(ToOwned::to_owned);
        self.objects.insert((object.kind, namespace, object.field("name").to_owned()));
    }

    /// Whether it is sure that there is no object of this reference.
    fn lacks(&self, reference: &Reference) -> bool {
        let Reference { kind, namespace, name, .. } = reference;
        let is_listed = match namespace {
            Some(namespace) => self.namespaces.is_empty() || self.namespaces.contains(namespace),
            None => self.namespaces.is_empty() || !kind.is_namespaced(),
        };
        let is_it = |(other, place, same): &(Kind, Option<String>, String)| {
            other == kind && same == name && (namespace.is_none() || place == namespace)
        };
        is_listed && self.kinds.contains(kind) && !self.objects.iter().any(is_it)
    }
}

/// What there is to say about an object.
pub(super) fn notes(object: &TektonObject, known: &KnownObjects) -> Vec<Note> {
    let errors = validate(object.manifest.clone()).unwrap_or_default();
    let mut notes: Vec<_> = errors.iter().map(error_note).collect();
    let absent = references(&object.manifest).into_iter().filter(|reference| known.lacks(reference));
    notes.extend(cloud_event_error(object));
    notes.extend(absent.map(|reference| hint(&reference)));
    notes
}

/// The error in `spec.cloudEventURI` of a listener, which Tekton's admission does not check.
fn cloud_event_error(object: &TektonObject) -> Option<Note> {
    if object.kind != Kind::EventListener {
        return None;
    }
    let uri = EventListener::try_from(object.manifest.clone()).ok()?.spec.cloud_event_uri?;
    let error = cloud_event_address(&uri, &object.namespace().unwrap_or_default().into()).err()?;
    Some(Note { kind: NoteKind::Error, text: format!("spec.cloudEventURI: {error}") })
}

fn error_note(error: &FieldError) -> Note {
    // The details stand in a line of their own.
    let text = error.to_string().trim_end_matches([':', ' ']).replace('\n', "; ");
    Note { kind: NoteKind::Error, text }
}

fn hint(reference: &Reference) -> Note {
    let Reference { path, kind, namespace, name } = reference;
    let place =
        namespace.as_ref().map(|namespace| format!(" in the namespace {namespace}")).unwrap_or_default();
    Note { kind: NoteKind::Hint, text: format!("{path}: there is no {} `{name}`{place}", kind.name()) }
}
