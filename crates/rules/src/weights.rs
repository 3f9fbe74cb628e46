use std::collections::HashMap;
use std::sync::Arc;

use crate::limits::{ALLOWANCE, LARGEST_EXCESS};
use crate::rule_error::RuleError;
use crate::rule_set::OwnerRules;

/// The memory that the owners of each namespace take beyond [`ALLOWANCE`] each. Those of one namespace must not take
/// that of all.
#[derive(Debug, Default)]
pub(crate) struct NamespaceWeights(HashMap<Arc<str>, usize>);

impl NamespaceWeights {
    /// Counts the rules of an owner, unless the namespace has no room for them.
    pub(crate) fn add(&mut self, rules: &OwnerRules) -> Result<(), RuleError> {
        let excess = excess(rules);
        if excess == 0 {
            return Ok(());
        }
        let taken = self.0.get(rules.owner.namespace()).copied().unwrap_or_default();
        if taken + excess > LARGEST_EXCESS {
            let message = format!(
                "the large Builds of the namespace take {} MiB of memory, and this one needs {} KiB more; make them \
                 smaller, or use another namespace, then change this Build",
                taken >> 20,
                excess.div_ceil(1 << 10)
            );
            return Err(RuleError::new("TriggerNamespaceTooLarge", message));
        }
        self.0.insert(Arc::clone(rules.owner.namespace()), taken + excess);
        Ok(())
    }

    /// Gives back the memory of rules that were added.
    pub(crate) fn remove(&mut self, rules: &OwnerRules) {
        let (namespace, excess) = (rules.owner.namespace(), excess(rules));
        if let Some(taken) = self.0.get_mut(namespace) {
            *taken = taken.saturating_sub(excess);
            if *taken == 0 {
                self.0.remove(namespace);
            }
        }
    }
}

/// What an owner takes beyond the allowance. It follows from the rules alone.
fn excess(rules: &OwnerRules) -> usize {
    let template = rules.rules.first().map_or(0, |rule| rule.target.template.len());
    let rule = |rule: &crate::rule_set::Rule| {
        let condition = rule.matcher.as_ref().map_or(0, |matcher| matcher.extent().bytes);
        size_of_val(rule) + rule.name.len() + condition
    };
    (template + rules.rules.iter().map(rule).sum::<usize>()).saturating_sub(ALLOWANCE)
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use trigger_api::shipwright::Build;
    use trigger_core::KnownHosts;

    use crate::Inventory;
    use crate::owners::Source;

    fn build(namespace: &str, number: usize, size: usize) -> Build {
        serde_json::from_value(json!({
            "metadata": {"namespace": namespace, "name": format!("b{number}"), "uid": "u"},
            "spec": {
                "source": {"git": {"url": "https://git.example.com/acme/web"}},
                "paramValues": [{"name": "p", "value": "x".repeat(size)}],
                "trigger": {"when": [{"name": "n", "type": "GitHub", "github": {"events": ["Push"]}}]},
            },
        }))
        .unwrap()
    }

    #[test]
    fn large_builds_of_one_namespace_leave_room_for_those_of_others() {
        let inventory = Inventory::new(KnownHosts::NONE);
        let size = 60 << 10;
        let reasons = |namespace: &str, number| {
            let applied = inventory.apply(&build(namespace, number, size)).errors;
            applied.iter().map(|error| error.error.reason()).collect::<Vec<_>>()
        };
        let most = (0..2000).find(|number| !reasons("team-b", *number).is_empty()).unwrap();
        assert!((250..300).contains(&most), "{most}");
        assert_eq!(reasons("team-b", most), ["TriggerNamespaceTooLarge"]);
        assert_eq!(reasons("team-a", 0), [""; 0], "another namespace has room");
        assert_eq!(reasons("team-b", 0), [""; 0], "a Build that changes is counted once");
        assert!(
            inventory.apply(&build("team-b", most + 1, 100)).errors.is_empty(),
            "an ordinary one has room"
        );
        inventory.delete(&build("team-b", 0, 0).reference());
        assert_eq!(reasons("team-b", most), [""; 0], "a deleted one makes room");
    }

    #[test]
    fn a_build_that_is_too_large_starts_nothing() {
        let inventory = Inventory::new(KnownHosts::NONE);
        let errors = inventory.apply(&build("team-a", 0, 70 << 10)).errors;
        assert_eq!(errors.len(), 1);
        assert_eq!(errors[0].error.reason(), "TriggerBuildTooLarge");
    }
}
