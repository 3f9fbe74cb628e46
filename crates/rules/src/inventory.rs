use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwapOption;
use trigger_core::{KnownHosts, ObjectKey, ResourceRef};

use crate::auth::KeyBinding;
use crate::interner::Interner;
use crate::owners::{CompileContext, OWNERS, Source};
use crate::rule_error::OwnerError;
use crate::rule_set::{CompilerStates, RuleSet};
use crate::triggers::KINDS;

/// The rules of all owners: fed by apply, delete and retain, read as immutable snapshots.
///
/// Readers never wait. It has no snapshot before [`Inventory::mark_synced`]: until every owner has been
/// seen once, "no rule" would be a lie.
pub struct Inventory {
    published: ArcSwapOption<RuleSet>,
    writer: Mutex<Writer>,
}

struct Writer {
    rules: RuleSet,
    hosts: KnownHosts,
    states: CompilerStates,
    names: Interner,
    bindings: Interner<KeyBinding>,
    synced: bool,
}

/// The result of applying an owner.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Applied {
    /// What keeps its rules from working.
    pub errors: Vec<OwnerError>,
}

impl Inventory {
    /// An empty inventory that is not synced. `hosts` says how addresses at public services are compared.
    pub fn new(hosts: KnownHosts) -> Self {
        let writer = Writer {
            rules: RuleSet::new(KINDS),
            hosts,
            states: CompilerStates::new(KINDS),
            names: Interner::default(),
            bindings: Interner::default(),
            synced: false,
        };
        Self { published: ArcSwapOption::empty(), writer: Mutex::new(writer) }
    }

    /// The rules as they are now; `None` until every owner has been seen once.
    pub fn current(&self) -> Option<Arc<RuleSet>> {
        self.published.load_full()
    }

    /// Takes an owner as it is now: added or changed.
    pub fn apply(&self, source: &dyn Source) -> Applied {
        self.write(|writer| writer.apply(source))
    }

    /// Forgets an owner.
    pub fn delete(&self, owner: &ResourceRef) {
        self.write(|writer| writer.rules.remove(owner));
    }

    /// Forgets every owner of a group and kind in `namespace` (or anywhere, if absent) that is not among `listed`: after
    /// a fresh list has been applied, what it did not hold is gone. Owners of other kinds stay.
    pub fn retain(&self, group: &str, kind: &str, namespace: Option<&str>, listed: &HashSet<ObjectKey>) {
        self.write(|writer| {
            let gone: Vec<_> = writer
                .rules
                .owners()
                .map(|rules| &rules.owner)
                .filter(|owner| owner.is_a(group, kind))
                .filter(|owner| namespace.is_none_or(|namespace| namespace == owner.namespace().as_ref()))
                .filter(|owner| !listed.contains(&owner.key))
                .cloned()
                .collect();
            for owner in &gone {
                writer.rules.remove(owner);
            }
        });
    }

    /// Marks that every owner has been seen once. From now on there are snapshots.
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
    fn apply(&mut self, source: &dyn Source) -> Applied {
        let owner = source.reference();
        let compiled = OWNERS.iter().find(|kind| kind.is_of(&owner)).and_then(|kind| {
            let context = CompileContext {
                hosts: &self.hosts,
                states: &mut self.states,
                names: &mut self.names,
                bindings: &mut self.bindings,
            };
            kind.compile(source, context)
        });
        let Some(rules) = compiled else {
            self.rules.remove(&owner);
            return Applied::default();
        };
        let (mut errors, rules) = (rules.errors.to_vec(), Arc::new(rules));
        self.rules.insert(&rules);
        let of_all = KINDS.iter().flat_map(|kind| kind.check_among(&self.rules, &rules));
        errors.extend(of_all.map(OwnerError::of_owner));
        Applied { errors }
    }
}
