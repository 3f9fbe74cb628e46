//! Errors in rules: of the Builds that an event concerns as lines below their names, of all others as a count.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use owo_colors::OwoColorize;
use trigger_api::shipwright::Build;
use trigger_core::{Event, ResourceRef};
use trigger_rules::{Decision, Inventory, OwnerError, Predicate, RuleSet, Source};

use crate::render_decisions::{Note, NoteKind, heading};

/// The errors and hints of each Build that has any.
#[derive(Default)]
pub(super) struct RuleErrors(BTreeMap<ResourceRef, Vec<OwnerError>>);

impl RuleErrors {
    /// Takes Builds into an inventory, and keeps the errors.
    pub(super) fn applying(builds: &[Build], inventory: &Inventory) -> Self {
        let mut errors = BTreeMap::new();
        for build in builds {
            let found = inventory.apply(build).errors;
            if !found.is_empty() {
                errors.insert(build.reference(), found);
            }
        }
        Self(errors)
    }

    /// The lines about an owner of `decisions`, without the errors that the decisions have in full.
    pub(super) fn notes(&self, owner: &ResourceRef, decisions: &[&Decision]) -> Vec<Note> {
        let checks = decisions.iter().filter(|decision| decision.owner == *owner).flat_map(|one| &one.checks);
        let shown: BTreeSet<_> = checks
            .filter(|check| check.predicate == Predicate::RULE)
            .map(|check| check.found.as_str())
            .collect();
        let errors = self.0.get(owner).map(Vec::as_slice).unwrap_or_default();
        errors.iter().filter(|error| !shown.contains(&*error.error.to_string())).map(note).collect()
    }

    /// The owners with errors about the repository of an event, for which there are no decisions: none of their rules is
    /// of a known kind.
    fn undecided<'a>(
        &'a self,
        events: &[Event],
        rules: &RuleSet,
        decided: &BTreeSet<&ResourceRef>,
    ) -> Vec<&'a ResourceRef> {
        let names = events.iter().filter_map(|event| match event {
            Event::Git(event) => Some(&event.repository.names),
            Event::PipelineRun(_) | Event::Image(_) | Event::Webhook(_) => None,
        });
        let names: Vec<_> = names.flatten().collect();
        let is_about = |owner: &&ResourceRef| {
            let repository = rules.owner(owner).and_then(|rules| rules.repository.as_ref());
            repository.is_some_and(|own| names.iter().any(|name| name.is_same_repository(own)))
        };
        self.0.keys().filter(|owner| !decided.contains(owner)).filter(is_about).collect()
    }

    /// Prints the errors of the Builds that the events concern and that have no decisions, and counts the others.
    pub(super) fn print_rest(
        &self,
        events: &[Event],
        rules: &RuleSet,
        decisions: &[&Decision],
        (folder, namespaces): (Option<&Path>, &[String]),
    ) {
        let mut shown: BTreeSet<_> = decisions.iter().map(|decision| &decision.owner).collect();
        for owner in self.undecided(events, rules, &shown) {
            anstream::println!("{}", heading(&owner.into(), 0));
            self.notes(owner, &[]).iter().for_each(Note::print);
            shown.insert(owner);
        }
        let is_broken = |errors: &[OwnerError]| errors.iter().any(|error| !error.error.is_hint());
        let others =
            self.0.iter().filter(|(owner, errors)| !shown.contains(owner) && is_broken(errors)).count();
        if others > 0 {
            let (builds, have) = if others == 1 { ("Build", "has") } else { ("Builds", "have") };
            let validate = validate_command(folder, namespaces);
            let line = format!("{others} other {builds} {have} errors in rules: `{validate}` lists them.");
            anstream::eprintln!("{}", line.dimmed());
        }
    }
}

/// An error as a line below the name of its owner.
pub(in crate::commands) fn note(error: &OwnerError) -> Note {
    let kind = if error.error.is_hint() { NoteKind::Hint } else { NoteKind::Error };
    Note { kind, text: error.to_string() }
}

/// The command that lists the errors of what was read.
pub(super) fn validate_command(folder: Option<&Path>, namespaces: &[String]) -> String {
    let command = "shipwright-trigger validate";
    match folder {
        Some(folder) => format!("{command} --manifests {}", folder.display()),
        None if namespaces.is_empty() => command.to_owned(),
        None => format!("{command} -n {}", namespaces.join(",")),
    }
}
