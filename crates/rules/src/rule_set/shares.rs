use std::collections::HashSet;
use std::sync::Arc;

use trigger_core::{Event, RepoId, ResourceRef};

use super::{Kind, OwnerRules, RuleSet};
use crate::auth::{Auth, KeyBinding};
use crate::limits::{MOST_COMPARED, MOST_OWNERS, MOST_SECRETS};
use crate::rule_error::RuleError;

/// The rules of a namespace that were left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// The namespace.
    pub namespace: Arc<str>,
    /// How many rules.
    pub rules: usize,
}

/// The owners of one kind of rule that an event applies to, as far as the share of their namespace reaches.
#[derive(Default)]
pub(crate) struct Applying<'a> {
    /// The owners, each once, in the order of their names.
    pub(crate) owners: Vec<&'a OwnerRules>,
    /// The rules of the others.
    pub(crate) left_out: Vec<LeftOut>,
}

/// The part of its share of one event that a namespace has used up. The owners of a namespace are adjacent in the index.
#[derive(Default)]
struct Share<'a> {
    namespace: Option<&'a Arc<str>>,
    owners: usize,
    compared: usize,
}

impl<'a> Share<'a> {
    /// Whether the namespace of the owner has a share left for it.
    fn take(&mut self, kind: Kind, owner: &'a OwnerRules) -> bool {
        let namespace = owner.owner.namespace();
        if self.namespace != Some(namespace) {
            *self = Self { namespace: Some(namespace), ..Self::default() };
        }
        self.owners += 1;
        self.compared += owner.compared(kind);
        self.owners <= MOST_OWNERS && self.compared <= MOST_COMPARED
    }
}

impl RuleSet {
    /// The owners with rules of a kind that an event applies to. One namespace must not take the time of all: it has a
    /// share of owners and rules, in the order of their names.
    pub(crate) fn applying_to(&self, kind: Kind, event: &Event) -> Applying<'_> {
        let (mut applying, mut share) = (Applying::default(), Share::default());
        let trigger = kind.get();
        for owner in self.under_any(&trigger.lookup(event), |rules| trigger.applies_to(event, rules)) {
            if share.take(kind, owner) {
                applying.owners.push(owner);
                continue;
            }
            let (namespace, rules) = (owner.owner.namespace(), owner.count(kind.name()));
            match applying.left_out.last_mut().filter(|last| last.namespace == *namespace) {
                Some(last) => last.rules += rules,
                None => applying.left_out.push(LeftOut { namespace: Arc::clone(namespace), rules }),
            }
        }
        applying
    }

    /// The owners with rules of a kind that a webhook about a repository could fire, as far as the share of their
    /// namespace reaches.
    pub(crate) fn about_repository(&self, kind: Kind, names: &[RepoId]) -> Vec<&OwnerRules> {
        let (trigger, mut share) = (kind.get(), Share::default());
        let keys = trigger.lookup_repository(names);
        let mut owners = self.under_any(&keys, |rules| trigger.is_about_repository(names, rules));
        owners.retain(|owner| share.take(kind, owner));
        owners
    }

    /// Whether the namespace of an owner has a share left for it, among the owners with rules of the same kind about the
    /// same subject.
    pub(crate) fn check_share(&self, kind: Kind, owner: &OwnerRules) -> Vec<RuleError> {
        let namespace = owner.owner.namespace();
        let keys = owner.rules.iter().filter(|rule| rule.kind == kind).flat_map(|rule| &rule.keys);
        let keys: HashSet<_> = keys.collect();
        let mut errors = Vec::new();
        for key in &keys {
            let bucket = self.index.get(*key).map(AsRef::as_ref).unwrap_or_default();
            let behind = bucket.partition_point(|other| other.owner <= owner.owner);
            let first = bucket[..behind].partition_point(|other| {
                let ResourceRef { group, kind, key } = &other.owner;
                (group, kind, &key.namespace) < (&owner.owner.group, &owner.owner.kind, namespace)
            });
            let before = &bucket[first..behind];
            // The rules of a Build about Git all have one key. Others have many, and their owners are counted only.
            let mut share = Share::default();
            let fits = before.len() <= MOST_OWNERS
                && (keys.len() > 1 || before.iter().all(|other| share.take(kind, other)));
            if !fits {
                errors.push(too_many(before.len()));
                break;
            }
            if keys.len() == 1 && before.len() > MOST_SECRETS {
                errors.extend(check_secrets(kind, before));
            }
        }
        errors
    }
}

fn too_many(owners: usize) -> RuleError {
    let message = format!(
        "{owners} Builds of the namespace with rules about the same thing are too many: the first {MOST_OWNERS} are \
         decided, in the order of their names, with up to {MOST_COMPARED} rules and branches; use fewer, or several \
         namespaces"
    );
    RuleError::new("TriggerTooManyForRepository", message)
}

/// Whether the Secret of the last of these owners is read for their repository.
fn check_secrets(kind: Kind, owners: &[Arc<OwnerRules>]) -> Option<RuleError> {
    let (last, others) = owners.split_last()?;
    let secret = last.secret(kind)?;
    let before: HashSet<_> = others.iter().filter_map(|owner| owner.secret(kind)).collect();
    if before.len() < MOST_SECRETS || before.contains(&secret) {
        return None;
    }
    let message = format!(
        "the Builds of the namespace name {} Secrets for the same repository, the first {MOST_SECRETS} are read; use \
         one Secret for several Builds",
        before.len() + 1
    );
    Some(RuleError::new("TriggerTooManySecrets", message))
}

impl OwnerRules {
    /// The rules of a kind and their values.
    fn compared(&self, kind: Kind) -> usize {
        let rules = self.rules.iter().filter(|rule| rule.kind == kind);
        rules.map(|rule| 1 + rule.matcher.as_ref().map_or(0, |matcher| matcher.extent().values)).sum()
    }

    /// The Secret that verifies deliveries for the rules of a kind.
    fn secret(&self, kind: Kind) -> Option<&KeyBinding> {
        let rules = self.rules.iter().filter(|rule| rule.kind == kind);
        rules
            .map(|rule| &rule.auth)
            .find_map(|auth| if let Auth::Keys(binding) = auth { Some(&**binding) } else { None })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use trigger_api::shipwright::Build;
    use trigger_core::{
        Branch, ChangedFiles, Commit, GitEvent, GitEventKind, KnownHosts, ObjectKey, Repository,
    };

    use super::*;
    use crate::decide::testing::verified_by;
    use crate::{DecisionInput, Inventory, LazyPayload, Outcome, decide};

    const URL: &str = "https://git.example.com/acme/web";

    fn build(namespace: &str, number: usize, secret: &str, rules: usize) -> Build {
        let rule = |branch: usize| json!({"name": "n", "type": "GitHub", "github": {"events": ["Push"], "branches": [format!("b{branch}")]}});
        let when: Vec<Value> = (0..rules).map(rule).collect();
        serde_json::from_value(json!({
            "metadata": {"namespace": namespace, "name": format!("b{number:05}"), "uid": "u"},
            "spec": {
                "source": {"git": {"url": URL}},
                "trigger": {"triggerSecret": secret, "when": when},
            },
        }))
        .unwrap()
    }

    fn push() -> Event {
        let commit = Commit::parse(&"a".repeat(40)).unwrap();
        let kind = GitEventKind::Push { branch: Branch::parse("b0").unwrap(), commit: commit.into() };
        let repository = Repository { names: vec![RepoId::parse(URL).unwrap()], default_branch: None };
        Event::Git(GitEvent {
            repository,
            sender: None,
            kind,
            push: None,
            changed_files: ChangedFiles::NOT_LISTED,
        })
    }

    fn reasons(inventory: &Inventory, build: &Build) -> Vec<&'static str> {
        inventory.apply(build).errors.iter().map(|error| error.error.reason()).collect()
    }

    #[test]
    fn a_namespace_with_too_many_builds_of_one_repository_costs_the_others_a_share() {
        let inventory = Inventory::new(KnownHosts::NONE);
        for number in 0..1000 {
            assert_eq!(reasons(&inventory, &build("team-b", number, "hook", 1)), [""; 0], "{number}");
        }
        let further = build("team-b", 1000, "hook", 1);
        assert_eq!(reasons(&inventory, &further), ["TriggerTooManyForRepository"]);
        assert_eq!(
            reasons(&inventory, &build("team-c", 0, "hook", 1)),
            [""; 0],
            "another namespace has its own share"
        );
        inventory.mark_synced();
        let (event, rules) = (push(), inventory.current().unwrap());
        let verification = verified_by(ObjectKey::new("team-c", "hook"));
        let facts = trigger_core::Facts::default();
        let decided = decide(DecisionInput {
            event: &event,
            verification: &verification,
            facts: &facts,
            payload: &LazyPayload::none(),
            rules: &rules,
        });
        assert_eq!(decided.decisions.len(), 1001);
        assert!(matches!(decided.decisions[1000].outcome, Outcome::Fired(_)), "team-c, behind all of team-b");
        assert_eq!(decided.left_out, [LeftOut { namespace: "team-b".into(), rules: 1 }]);
        assert_eq!(rules.webhook_candidates(&[RepoId::parse(URL).unwrap()]).owners, 1001);
    }

    #[test]
    fn rules_and_branches_count_towards_the_share() {
        let inventory = Inventory::new(KnownHosts::NONE);
        let found: Vec<_> =
            (0..40).map(|number| reasons(&inventory, &build("team-b", number, "hook", 256))).collect();
        assert_eq!(found.iter().filter(|reasons| reasons.is_empty()).count(), MOST_COMPARED / 512);
        inventory.mark_synced();
        let (event, rules) = (push(), inventory.current().unwrap());
        let facts = trigger_core::Facts::default();
        let stranger = verified_by(ObjectKey::new("team-a", "hook"));
        let decided = decide(DecisionInput {
            event: &event,
            verification: &stranger,
            facts: &facts,
            payload: &LazyPayload::none(),
            rules: &rules,
        });
        // The attack: rules of a stranger about a repository. Each of its Builds is one small decision.
        assert_eq!(decided.decisions.len(), 16);
        assert!(decided.decisions.iter().all(|decision| decision.further == 255));
        let text = |decision: &crate::Decision| {
            decision.checks.iter().map(|check| check.expected.len() + check.found.len()).sum::<usize>()
        };
        assert!(decided.decisions.iter().all(|decision| text(decision) <= 640));
        assert_eq!(decided.left_out[0].rules, 24 * 256);
    }

    #[test]
    fn a_namespace_offers_a_bounded_number_of_secrets_for_a_repository() {
        let inventory = Inventory::new(KnownHosts::NONE);
        for number in 0..200 {
            let reasons = reasons(&inventory, &build("team-b", number, &format!("hook-{number}"), 1));
            let expected: &[&str] = if number < MOST_SECRETS { &[] } else { &["TriggerTooManySecrets"] };
            assert_eq!(reasons, expected, "{number}");
        }
        assert_eq!(
            reasons(&inventory, &build("team-b", 500, "hook-0", 1)),
            [""; 0],
            "a Secret that is read anyway"
        );
        inventory.apply(&build("team-a", 0, "hook", 1));
        inventory.mark_synced();
        let candidates = inventory.current().unwrap().webhook_candidates(&[RepoId::parse(URL).unwrap()]);
        let of = |namespace: &str| {
            candidates.keys.iter().filter(|key| *key.secret.namespace == *namespace).count()
        };
        assert_eq!((of("team-b"), of("team-a")), (MOST_SECRETS, 1));
    }
}
