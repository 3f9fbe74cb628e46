//! A Build of every hostile shape: each bound is an error with a reason of its own, and leaves the rest in force.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use trigger_api::shipwright::Build;
use trigger_core::{
    Branch, ChangedFiles, Commit, Event, GitEvent, GitEventKind, KnownHosts, ObjectKey, RepoId, Repository,
    Unsigned, Verification,
};

use crate::decide::testing::{decide, verified_by};
use crate::owners::Source;
use crate::{Applied, Inventory, Outcome, image};

const URL: &str = "https://git.example.com/acme/web";

fn build(name: &str, annotations: &Value, trigger: &Value) -> Build {
    serde_json::from_value(json!({
        "metadata": {"namespace": "team-b", "name": name, "uid": name, "annotations": annotations},
        "spec": {"source": {"git": {"url": URL}}, "output": {"image": "registry.example/out"}, "trigger": trigger},
    }))
    .unwrap()
}

fn git(branches: &Value) -> Value {
    json!({"name": "n", "type": "GitHub", "github": {"events": ["Push"], "branches": branches}})
}

fn images(names: &Value) -> Value {
    json!({"name": "images", "type": "Image", "github": {}, "image": {"names": names}})
}

fn pipeline(object_ref: &Value) -> Value {
    json!({"name": "n", "type": "Pipeline", "github": {}, "objectRef": object_ref})
}

fn reasons(applied: &Applied) -> Vec<&'static str> {
    applied.errors.iter().map(|error| error.error.reason()).collect()
}

fn numbered(count: usize, prefix: &str) -> Value {
    (0..count).map(|number| Value::from(format!("{prefix}{number}"))).collect()
}

fn push(branch: &str) -> Event {
    let commit = Commit::parse(&"a".repeat(40)).unwrap();
    let kind = GitEventKind::Push { branch: Branch::parse(branch).unwrap(), commit: commit.into() };
    let repository = Repository { names: vec![RepoId::parse(URL).unwrap()], default_branch: None };
    Event::Git(GitEvent {
        repository,
        sender: None,
        kind,
        push: None,
        changed_files: ChangedFiles::NOT_LISTED,
    })
}

fn fired(inventory: &Inventory, verification: &Verification) -> usize {
    inventory.mark_synced();
    let decisions = decide(&push("main"), verification, &inventory.current().unwrap());
    decisions.iter().filter(|decision| matches!(decision.outcome, Outcome::Fired(_))).count()
}

#[test]
fn a_rule_beyond_a_bound_is_one_error_and_its_neighbour_works() {
    let labels: BTreeMap<_, _> = (0..33).map(|number| (format!("k{number}"), "v")).collect();
    let long = "x".repeat(70_000);
    for (expected, rule) in [
        ("TriggerNameTooLong", json!({"name": long, "type": "GitHub", "github": {"events": ["Push"]}})),
        (
            "TriggerTooManyEvents",
            json!({"name": "n", "type": "GitHub", "github": {"events": vec!["Push"; 17]}}),
        ),
        ("TriggerEventTooLong", json!({"name": "n", "type": "GitHub", "github": {"events": [long]}})),
        ("TriggerTooManyBranches", git(&numbered(101, "b"))),
        ("TriggerPatternTooLong", git(&json!(["*a".repeat(70_000)]))),
        ("TriggerPatternTooLong", git(&json!([long]))),
        ("TriggerPatternTooComplex", git(&json!(["*a".repeat(17)]))),
        ("TriggerInvalidBranchPattern", git(&json!(["a[z-a]"]))),
        ("TriggerTooManyImages", images(&numbered(65, "image-"))),
        ("TriggerInvalidImage", images(&json!([long, "node"]))),
        ("TriggerTooManyStatuses", pipeline(&json!({"name": "ci", "status": numbered(33, "S")}))),
        ("TriggerStatusTooLong", pipeline(&json!({"name": "ci", "status": [long]}))),
        ("TriggerTooManyLabels", pipeline(&json!({"selector": labels, "status": ["Failed"]}))),
        ("TriggerLabelTooLong", pipeline(&json!({"selector": {"a": long}, "status": ["Failed"]}))),
        ("TriggerInvalidPipelineName", pipeline(&json!({"name": "../..", "status": ["Failed"]}))),
        ("TriggerInvalidType", json!({"name": "n", "type": long})),
    ] {
        let inventory = Inventory::new(KnownHosts::NONE);
        let trigger = json!({"triggerSecret": "hook", "when": [rule, git(&json!(["main"]))]});
        let applied = inventory.apply(&build("web", &json!({}), &trigger));
        assert_eq!(reasons(&applied), [expected]);
        assert!(applied.errors[0].to_string().len() <= 1400, "{expected}: {}", applied.errors[0]);
        assert_eq!(fired(&inventory, &verified_by(ObjectKey::new("team-b", "hook"))), 1, "{expected}");
    }
}

#[test]
fn the_first_rules_of_too_many_work() {
    let inventory = Inventory::new(KnownHosts::NONE);
    let mut when = vec![git(&json!(["dev"])); 3000];
    when[255] = git(&json!(["main"]));
    when[256] = git(&json!(["main"]));
    let applied = inventory.apply(&build("web", &json!({}), &json!({"triggerSecret": "hook", "when": when})));
    assert_eq!(reasons(&applied), ["TriggerTooManyRules"]);
    inventory.mark_synced();
    let decisions =
        decide(&push("main"), &verified_by(ObjectKey::new("team-b", "hook")), &inventory.current().unwrap());
    assert_eq!((decisions.len(), decisions[255].index), (256, 255));
    assert!(matches!(decisions[255].outcome, Outcome::Fired(_)));
}

#[test]
fn values_of_all_rules_are_bounded_together() {
    let inventory = Inventory::new(KnownHosts::NONE);
    let when: Vec<_> = (0..10).map(|_| git(&numbered(100, "b"))).collect();
    let applied = inventory.apply(&build("web", &json!({}), &json!({"triggerSecret": "hook", "when": when})));
    assert_eq!(reasons(&applied), ["TriggerTooManyValues"; 5]);
}

#[test]
fn errors_of_a_build_are_bounded() {
    let inventory = Inventory::new(KnownHosts::NONE);
    let when = vec![git(&json!(["x".repeat(5000)])); 256];
    let applied = inventory.apply(&build("web", &json!({}), &json!({"when": when})));
    assert_eq!(applied.errors.len(), 33);
    assert_eq!(reasons(&applied)[32], "TriggerTooManyErrors");
    let text: usize = applied.errors.iter().map(|error| error.to_string().len()).sum();
    assert!(text < 40_000, "{text}");
}

#[test]
fn a_secret_that_cannot_exist_is_never_a_candidate_and_the_decision_says_why() {
    let long = "x".repeat(70_000);
    for name in ["a b", "hook\n", &long, "../..", "x?watch=true", "Hook", "hook?", "?limit=1"] {
        let inventory = Inventory::new(KnownHosts::NONE);
        let trigger = json!({"triggerSecret": name, "when": [git(&json!(["main"])), git(&json!(["dev"]))]});
        let applied = inventory.apply(&build("web", &json!({}), &trigger));
        assert_eq!(reasons(&applied), ["TriggerInvalidSecretName"], "{name:?}");
        inventory.mark_synced();
        let rules = inventory.current().unwrap();
        let candidates = rules.webhook_candidates(&[RepoId::parse(URL).unwrap()]);
        assert_eq!((candidates.keys.len(), candidates.without_secret), (0, false));
        // Neither a key of the name nor an operator who accepts everything makes it fire.
        let unsigned = Verification { unsigned: Unsigned::Operator, ..Verification::default() };
        for verification in [verified_by(ObjectKey::new("team-b", name)), unsigned] {
            let decisions = decide(&push("main"), &verification, &rules);
            assert!(decisions.iter().all(|decision| matches!(decision.outcome, Outcome::Skipped(_))));
            let message = decisions[0].message();
            assert!(message.contains("which no Secret can have") && message.len() < 500, "{message}");
        }
    }
    let clone = json!({"metadata": {"namespace": "b", "name": "c"}, "spec": {
        "source": {"git": {"url": URL, "cloneSecret": "../.."}}, "trigger": {"when": [git(&json!([]))]}}});
    let applied = Inventory::new(KnownHosts::NONE).apply(&serde_json::from_value::<Build>(clone).unwrap());
    assert_eq!(reasons(&applied), ["TriggerInvalidSecretName"]);
}

#[test]
fn annotations_are_bounded_and_no_duration_overflows() {
    let settings = |annotations: Value| {
        let inventory = Inventory::new(KnownHosts::NONE);
        let trigger = json!({"when": [images(&json!(["node"])), {"name": "other", "type": "Image", "github": {},
            "image": {"names": ["python"]}}]});
        let build = build("web", &annotations, &trigger);
        let applied = inventory.apply(&build);
        inventory.mark_synced();
        let rules = inventory.current().unwrap();
        (reasons(&applied), image::of(rules.owner(&build.reference()).unwrap()).unwrap().clone())
    };
    for interval in ["2500000000000000h", "169h", "1s", "-1h", "9223372036854775807s", &"9".repeat(70_000)] {
        let (errors, images) = settings(json!({"trigger.shipwright.io/image-interval": interval}));
        assert_eq!((errors, images.interval), (vec!["TriggerInvalidAnnotation"], None), "{interval:.20}");
    }
    let (errors, images) = settings(json!({"trigger.shipwright.io/image-interval": "168h"}));
    assert_eq!((errors.len(), images.interval.map(|interval| interval.as_secs())), (0, Some(7 * 86_400)));

    let long = "images,".repeat(200);
    let (errors, images) = settings(json!({"trigger.shipwright.io/suspend-images": long}));
    assert_eq!((errors, images.names.len()), (vec!["TriggerAnnotationTooLong"], 0), "all of them rest");

    let names: Vec<_> = (0..20).map(|number| format!("s{number}")).collect();
    let (errors, images) = settings(json!({"trigger.shipwright.io/image-secrets": names.join(",")}));
    assert_eq!((errors, images.secrets.len()), (vec!["TriggerTooManyImageSecrets"], 16));
    let (errors, images) =
        settings(json!({"trigger.shipwright.io/image-secrets": "good,../..,x?watch=true"}));
    assert_eq!((errors, images.secrets.len()), (vec!["TriggerInvalidSecretName"], 1));
    let wrong = json!({"trigger.shipwright.io/forks": "x".repeat(70_000)});
    let applied =
        Inventory::new(KnownHosts::NONE).apply(&build("web", &wrong, &json!({"when": [git(&json!([]))]})));
    assert_eq!(reasons(&applied), ["TriggerInvalidAnnotation"]);
    assert!(applied.errors[0].to_string().len() < 500);
}

#[test]
fn a_revision_that_is_too_long_breaks_the_rule() {
    let build = json!({"metadata": {"namespace": "b", "name": "c"}, "spec": {
        "source": {"git": {"url": URL, "revision": "r".repeat(2000)}}, "trigger": {"when": [git(&json!([]))]}}});
    let applied = Inventory::new(KnownHosts::NONE).apply(&serde_json::from_value::<Build>(build).unwrap());
    assert_eq!(reasons(&applied), ["TriggerRevisionTooLong"]);
}
