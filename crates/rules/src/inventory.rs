use std::collections::HashSet;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwapOption;
use trigger_core::{KnownHosts, ObjectKey, ResourceRef};

use crate::auth::KeyBinding;
use crate::interner::Interner;
use crate::owners::{CompileContext, OWNERS, Source};
use crate::rule_error::{OwnerError, RuleError};
use crate::rule_set::{Coverage, Kind, OwnerRules, RuleSet};
use crate::triggers::KINDS;
use crate::weights::NamespaceWeights;

/// The rules of all owners: fed by apply, delete and retain, read as immutable snapshots.
///
/// Readers never wait. It has no snapshot before [`Inventory::publish`]: until the owners have been listed, "no rule"
/// would be a lie. A snapshot knows the namespaces of which that is still true, see [`Coverage`].
///
/// A task drops its snapshot before it awaits I/O or a turn. A snapshot keeps all objects that have changed since, so a tenant
/// that changes its objects would fill the memory with one version of them per waiting request.
pub struct Inventory {
    published: ArcSwapOption<RuleSet>,
    writer: Mutex<Writer>,
}

struct Writer {
    rules: RuleSet,
    hosts: KnownHosts,
    names: Interner,
    bindings: Interner<KeyBinding>,
    weights: NamespaceWeights,
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
            names: Interner::default(),
            bindings: Interner::default(),
            weights: NamespaceWeights::default(),
            synced: false,
        };
        Self { published: ArcSwapOption::empty(), writer: Mutex::new(writer) }
    }

    /// The rules as they are now; `None` until the owners have been listed. The caller drops them before it awaits I/O.
    pub fn current(&self) -> Option<Arc<RuleSet>> {
        self.published.load_full()
    }

    /// Takes an owner as it is now: added or changed.
    pub fn apply(&self, source: &dyn Source) -> Applied {
        self.write(|writer| writer.apply(source))
    }

    /// Takes an owner whose content cannot be read, as it is now: added or changed. `why` is a part of a sentence. It has no
    /// rules, which is an error of the owner alone.
    pub fn refuse(&self, owner: &ResourceRef, why: impl fmt::Display) -> Applied {
        self.delete(owner);
        Applied { errors: vec![OwnerError::of_owner(RuleError::unreadable(why))] }
    }

    /// Forgets an owner.
    pub fn delete(&self, owner: &ResourceRef) {
        self.write(|writer| writer.remove(owner));
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
                writer.remove(owner);
            }
        });
    }

    /// Marks that every owner has been listed.
    pub fn mark_synced(&self) {
        self.publish(Coverage::default());
    }

    /// Marks how far the owners are known. From now on there are snapshots.
    pub fn publish(&self, coverage: Coverage) {
        self.write(|writer| {
            writer.rules.set_coverage(coverage);
            writer.synced = true;
        });
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
        self.apply_with(&owner, |context| {
            OWNERS.iter().find(|kind| kind.is_of(&owner)).and_then(|kind| kind.compile(source, context))
        })
    }

    /// Compiles an owner. If the compiler panics, that is an error of this owner alone: the watch on owners must not end
    /// for one of them, as it would end again for the same one after each restart.
    fn apply_with(
        &mut self,
        owner: &ResourceRef,
        compile: impl FnOnce(CompileContext<'_>) -> Option<OwnerRules>,
    ) -> Applied {
        let context =
            CompileContext { hosts: &self.hosts, names: &mut self.names, bindings: &mut self.bindings };
        let compiled = catch_unwind(AssertUnwindSafe(|| compile(context)));
        self.remove(owner);
        let Ok(compiled) = compiled else { return Applied { errors: vec![panicked()] } };
        let Some(rules) = compiled else { return Applied::default() };
        if let Err(error) = self.weights.add(&rules) {
            return Applied { errors: vec![OwnerError::of_owner(error)] };
        }
        let (mut errors, rules) = (rules.errors.to_vec(), Arc::new(rules));
        self.rules.insert(&rules);
        let among = || {
            let kinds = self.rules.kinds();
            let of_kind = |kind: Kind| {
                let mut errors = kind.get().check_among(&self.rules, &rules);
                errors.extend(self.rules.check_share(kind, &rules));
                errors
            };
            kinds.flat_map(of_kind).collect::<Vec<_>>()
        };
        let Ok(of_all) = catch_unwind(AssertUnwindSafe(among)) else {
            self.remove(owner);
            return Applied { errors: vec![panicked()] };
        };
        errors.extend(of_all.into_iter().map(OwnerError::of_owner));
        Applied { errors }
    }

    fn remove(&mut self, owner: &ResourceRef) {
        if let Some(rules) = self.rules.remove(owner) {
            self.weights.remove(&rules);
        }
    }
}

fn panicked() -> OwnerError {
    let message = "the program panicked while it read the rules, which is a bug: please report it with this object; the \
                   object has no rules until it is changed";
    OwnerError::of_owner(RuleError::new("TriggerCompilerPanicked", message))
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use trigger_api::shipwright::Build;

    use super::*;

    fn build(name: &str) -> Build {
        serde_json::from_value(json!({
            "metadata": {"namespace": "team-a", "name": name, "uid": "u"},
            "spec": {
                "source": {"git": {"url": "https://git.example.com/acme/web"}},
                "trigger": {"when": [{"name": "n", "type": "GitHub", "github": {"events": ["Push"]}}]},
            },
        }))
        .unwrap()
    }

    #[test]
    fn an_owner_that_cannot_be_read_has_no_rules_and_one_error() {
        let inventory = Inventory::new(KnownHosts::NONE);
        let (large, good) = (build("large"), build("good"));
        inventory.apply(&large);
        inventory.apply(&good);
        inventory.mark_synced();
        let errors = inventory.refuse(&large.reference(), "it is too large").errors;
        assert_eq!(errors[0].error.reason(), "TriggerUnreadableObject");
        assert_eq!(errors[0].to_string(), "the object cannot be read: it is too large");
        let rules = inventory.current().unwrap();
        assert!(rules.owner(&large.reference()).is_none() && rules.owner(&good.reference()).is_some());
        assert_eq!(inventory.apply(&large).errors, [], "it can be corrected");
    }

    #[test]
    fn a_panic_while_an_object_is_compiled_is_an_error_of_this_object() {
        let inventory = Inventory::new(KnownHosts::NONE);
        let (bad, good) = (build("bad"), build("good"));
        inventory.apply(&bad);
        inventory.apply(&good);
        inventory.mark_synced();
        let found = inventory.write(|writer| writer.apply_with(&bad.reference(), |_| panic!("on purpose")));
        assert_eq!(found.errors[0].error.reason(), "TriggerCompilerPanicked");
        let rules = inventory.current().unwrap();
        assert!(rules.owner(&bad.reference()).is_none(), "rules that it has no longer must not fire");
        assert!(rules.owner(&good.reference()).is_some());
        assert_eq!(inventory.apply(&bad).errors, [], "it can be corrected");
        assert_eq!(inventory.current().unwrap().len(), 2);
    }
}
