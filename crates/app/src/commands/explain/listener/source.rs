use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use anstream::eprintln;
use anyhow::Context;
use owo_colors::OwoColorize;
use trigger_cluster::{CoalescingSecretReader, Scope, connect};
use trigger_rules::listeners::{ListenerError, ListenerInventory, ListenerObject, ListenerSet};
use trigger_runtime::Secrets;

use super::super::super::tekton_objects::{TektonObject, TektonObjects};
use super::super::errors::validate_command;
use crate::manifests::{self, ManifestSecrets};
use crate::sanitize::escape_for_terminal;

/// Listeners with everything that they run, and the Secrets that it names.
pub(super) struct ListenerSource {
    pub(super) listeners: Arc<ListenerSet>,
    pub(super) secrets: Box<dyn Secrets>,
    errors: BTreeMap<ListenerObject, Arc<[ListenerError]>>,
}

impl ListenerSource {
    /// Reads the objects of a folder, or else those of these namespaces of the cluster; of all, if there are none.
    pub(super) async fn read(folder: Option<&Path>, namespaces: &[String]) -> anyhow::Result<Self> {
        if let Some(folder) = folder {
            return Self::of_folder(folder);
        }
        let connection = connect(None).await?;
        let TektonObjects { objects, unreadable, .. } =
            TektonObjects::list(&connection, &Scope::of(namespaces)).await;
        for reason in unreadable {
            print_not_read(&reason);
        }
        Self::new(objects, CoalescingSecretReader::new(&connection))
    }

    fn of_folder(folder: &Path) -> anyhow::Result<Self> {
        let mut objects = Vec::new();
        for (file, object) in manifests::each(&[folder.to_owned()])? {
            match object {
                Ok(object) => objects.push(object),
                Err(error) => print_not_read(&format!("{file}: {:#}", anyhow::Error::new(error))),
            }
        }
        let secrets = ManifestSecrets::of(&objects);
        Self::new(objects.into_iter().filter_map(TektonObject::of).collect(), secrets)
    }

    fn new(objects: Vec<TektonObject>, secrets: impl Secrets + 'static) -> anyhow::Result<Self> {
        let (inventory, mut errors) = (ListenerInventory::default(), BTreeMap::new());
        for TektonObject { kind, manifest } in objects {
            for changed in inventory.apply(kind, manifest) {
                errors.insert(changed.object, changed.errors);
            }
        }
        inventory.mark_synced();
        let listeners = inventory.current().context("the listeners are not known")?;
        Ok(Self { listeners, secrets: Box::new(secrets), errors })
    }

    /// The errors and hints of an object.
    pub(super) fn errors_of(&self, object: &ListenerObject) -> &[ListenerError] {
        self.errors.get(object).map_or(&[], |errors| errors)
    }

    /// Prints how many objects have errors besides those that are shown.
    pub(super) fn print_rest(
        &self,
        shown: &BTreeSet<ListenerObject>,
        (folder, namespaces): (Option<&Path>, &[String]),
    ) {
        let is_broken = |errors: &[ListenerError]| errors.iter().any(|error| !error.error.is_hint());
        let others =
            self.errors.iter().filter(|(object, errors)| !shown.contains(*object) && is_broken(errors));
        let others = others.count();
        if others == 0 {
            return;
        }
        let (objects, have) = if others == 1 { ("object", "has") } else { ("objects", "have") };
        let validate = validate_command(folder, namespaces);
        let line = format!(
            "{others} other {objects} of Tekton Triggers {have} errors: `{validate}` lists those of their form."
        );
        eprintln!("{}", line.dimmed());
    }
}

fn print_not_read(reason: &str) {
    eprintln!("{} {}", "not read:".yellow(), escape_for_terminal(reason));
}
