use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwapOption;
use trigger_api::shipwright::Build;
use trigger_core::ObjectKey;

use crate::compile::compile;
use crate::git::Patterns;
use crate::image::cycle;
use crate::interner::Interner;
use crate::rule_error::{RuleError, RuleErrorKind};
use crate::rule_set::{RuleSet, TargetRules};

/// The rules of all Builds: fed by apply, delete and retain, read as immutable snapshots.
///
/// Readers never wait. It has no snapshot before [`Inventory::mark_synced`]: until every Build has been
/// seen once, "no rule" would be a lie.
#[derive(Default)]
pub struct Inventory {
    published: ArcSwapOption<RuleSet>,
    writer: Mutex<Writer>,
}

#[derive(Default)]
struct Writer {
    rules: RuleSet,
    patterns: Patterns,
    names: Interner,
    synced: bool,
}

/// What became of an applied Build.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Applied {
    /// What keeps its rules from working.
    pub faults: Vec<RuleError>,
}

impl Inventory {
    /// An empty inventory that is not synced.
    pub fn new() -> Self {
        Self::default()
    }

    /// The rules as they are now; `None` until every Build has been seen once.
    pub fn current(&self) -> Option<Arc<RuleSet>> {
        self.published.load_full()
    }

    /// Takes a Build as it is now: added or changed.
    pub fn apply(&self, build: &Build) -> Applied {
        self.write(|writer| writer.apply(build))
    }

    /// Forgets a Build.
    pub fn delete(&self, build: &ObjectKey) {
        self.write(|writer| writer.rules.remove(build));
    }

    /// Forgets every Build in `namespace` (or anywhere, if absent) that is not among `listed`: after a
    /// fresh list has been applied, what it did not hold is gone.
    pub fn retain(&self, namespace: Option<&str>, listed: &HashSet<ObjectKey>) {
        self.write(|writer| {
            let gone: Vec<_> = writer
                .rules
                .targets()
                .map(|rules| &rules.target.key)
                .filter(|key| namespace.is_none_or(|namespace| namespace == key.namespace.as_ref()))
                .filter(|key| !listed.contains(*key))
                .cloned()
                .collect();
            for key in &gone {
                writer.rules.remove(key);
            }
        });
    }

    /// Says that every Build has been seen once. From now on there are snapshots.
    pub fn mark_synced(&self) {
        self.write(|writer| writer.synced = true);
    }

    fn write<T>(&self, change: impl FnOnce(&mut Writer) -> T) -> T {
        // A panic while holding the lock leaves whole maps behind: they are persistent.
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let result = change(&mut writer);
        if writer.synced {
            self.published.store(Some(Arc::new(writer.rules.clone())));
        }
        result
    }
}

impl Writer {
    /// The circle that the rules of a Build close, if they do. A later change may close or open one as well:
    /// what counts is how it stands when an image changes.
    fn cycles(&self, rules: &TargetRules) -> Option<RuleError> {
        let names = rules.images.iter().flat_map(|images| &images.names);
        let circle = names.into_iter().find_map(|name| cycle(&self.rules, &rules.target.key, name))?;
        Some(RuleError { rule: None, kind: RuleErrorKind::Cycle(circle) })
    }

    fn apply(&mut self, build: &Build) -> Applied {
        let Some(rules) = compile(build, &mut self.patterns, &mut self.names) else {
            let metadata = &build.metadata;
            if let (Some(namespace), Some(name)) = (&metadata.namespace, &metadata.name) {
                self.rules.remove(&ObjectKey::new(namespace.as_str(), name.as_str()));
            }
            return Applied::default();
        };
        let (mut faults, rules) = (rules.faults.to_vec(), Arc::new(rules));
        self.rules.insert(Arc::clone(&rules));
        faults.extend(self.cycles(&rules));
        Applied { faults }
    }
}
