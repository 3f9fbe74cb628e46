//! Rules of type `GitHub`: the lines I1 to I5, X5 to X7 and what the scenarios say about branches.

mod expressions;
mod filters;

use std::collections::HashSet;

use serde_json::{Value, json};
use trigger_api::annotations;
use trigger_api::shipwright::Build;
use trigger_core::{
    AbbreviatedCommit, Branch, ChangedFiles, Commit, CommitRef, Event, Fact, FactValue, Facts, GitEvent,
    GitEventKind, KnownHosts, Need, ObjectKey, Origin, PullRequest, PullRequestAction, RepoId, Repository,
    Tag, Unsigned, Verification,
};

use crate::decide::testing::{decide, verified_by};
use trigger_targets::build_run::BUILD;

use crate::{Decision, DecisionInput, Inventory, LazyPayload, Outcome};

const SHA: &str = "0123456789abcdef0123456789abcdef01234567";
const URL: &str = "https://github.com/acme/web.git";

fn build(spec: &Value) -> Build {
    named("web", spec)
}

fn named(name: &str, spec: &Value) -> Build {
    let metadata =
        json!({"namespace": "team-a", "name": name, "uid": format!("uid-{name}"), "generation": 1});
    serde_json::from_value(json!({"metadata": metadata, "spec": spec})).unwrap()
}

/// A Build of `URL` with one rule a line: its events and its branches.
fn with_rules(revision: Option<&str>, rules: &[(&[&str], &[&str])]) -> Build {
    let when: Vec<_> = rules
        .iter()
        .enumerate()
        .map(|(index, (events, branches))| {
            let github = json!({"events": events, "branches": branches});
            json!({"name": format!("rule {index}"), "type": "GitHub", "github": github})
        })
        .collect();
    let git = json!({"url": URL, "revision": revision});
    let trigger = json!({"triggerSecret": "hook", "when": when});
    build(&json!({"source": {"type": "Git", "git": git}, "trigger": trigger}))
}

fn inventory(builds: &[Build]) -> Inventory {
    let inventory = Inventory::new(KnownHosts::NONE.ignoring_case());
    for build in builds {
        inventory.apply(build);
    }
    inventory.mark_synced();
    inventory
}

fn event(kind: GitEventKind) -> Event {
    let names = vec![RepoId::parse("https://github.com/acme/web").unwrap()];
    let default_branch = Some(Branch::parse("trunk").unwrap());
    let repository = Repository { names, default_branch };
    Event::Git(GitEvent {
        repository,
        sender: Some("ada".to_owned()),
        kind,
        push: None,
        changed_files: ChangedFiles::NOT_LISTED,
    })
}

fn push(branch: &str) -> Event {
    let branch = Branch::parse(branch).unwrap();
    event(GitEventKind::Push { branch, commit: Commit::parse(SHA).unwrap().into() })
}

fn pull_request(action: PullRequestAction, head: &str, base: &str, origin: Origin) -> Event {
    event(GitEventKind::PullRequest(PullRequest {
        number: 7,
        action,
        base: Branch::parse(base).unwrap(),
        head: Branch::parse(head).unwrap(),
        commit: Commit::parse(SHA).unwrap().into(),
        origin,
        labels: None,
    }))
}

fn signed() -> Verification {
    verified_by(ObjectKey::new("team-a", "hook"))
}

fn outcomes(decisions: &[Decision]) -> Vec<String> {
    decisions
        .iter()
        .map(|decision| match &decision.outcome {
            Outcome::Fired(cause) => format!("fired {}", cause.name),
            Outcome::AlsoMatched(_) => "also".to_owned(),
            Outcome::Skipped(reason) => reason.name().to_owned(),
        })
        .collect()
}

#[track_caller]
fn check(build: Build, event: &Event, expected: &[&str]) {
    let rules = inventory(&[build]).current().unwrap();
    let decisions = decide(event, &signed(), &rules);
    assert_eq!(outcomes(&decisions), expected, "{decisions:#?}");
    for decision in &decisions {
        let skipped = matches!(decision.outcome, Outcome::Skipped(_));
        assert_eq!(decision.checks.last().is_some_and(|check| !check.passed), skipped, "{decision:#?}");
        let all_but_last = decision.checks.split_last().map(|(_, rest)| rest).unwrap_or_default();
        assert!(all_but_last.iter().all(|check| check.passed), "{decision:#?}");
    }
}

#[test]
fn builds_come_and_go() {
    let inventory = Inventory::new(KnownHosts::NONE);
    assert!(inventory.current().is_none(), "no snapshot before every Build has been seen");
    inventory.mark_synced();
    assert_eq!(inventory.current().unwrap().len(), 0);

    let web = with_rules(None, &[(&["Push"], &["main"])]);
    assert_eq!(inventory.apply(&web).errors, []);
    let before = inventory.current().unwrap();
    assert_eq!(before.len(), 1, "I1");
    inventory.delete(&BUILD.named(ObjectKey::new("team-a", "web")));
    assert_eq!(inventory.current().unwrap().len(), 0, "I2");
    assert_eq!(before.len(), 1, "a snapshot does not change");
    assert!(decide(&push("main"), &signed(), &inventory.current().unwrap()).is_empty());
}

#[test]
fn an_edit_takes_the_place_of_what_was() {
    let inventory = inventory(&[with_rules(None, &[(&["Push"], &["main"])])]);
    let elsewhere = build(&json!({
        "source": {"type": "Git", "git": {"url": "https://github.com/acme/other"}},
        "trigger": {"when": [{"name": "n", "type": "GitHub", "github": {"events": ["Push"]}}]},
    }));
    inventory.apply(&elsewhere);
    assert!(decide(&push("main"), &signed(), &inventory.current().unwrap()).is_empty());
    inventory.apply(&build(&json!({"source": {"type": "Git", "git": {"url": URL}}})));
    assert_eq!(inventory.current().unwrap().len(), 0, "a Build that lost its rules is forgotten");
}

#[test]
fn a_fresh_list_of_one_namespace_leaves_the_others() {
    let inventory = inventory(&[with_rules(None, &[(&["Push"], &[])])]);
    inventory.retain("shipwright.io", "Build", Some("team-b"), &HashSet::new());
    assert_eq!(inventory.current().unwrap().len(), 1);
    inventory.retain("shipwright.io", "Build", None, &HashSet::from([ObjectKey::new("team-a", "web")]));
    assert_eq!(inventory.current().unwrap().len(), 1);
    inventory.retain("shipwright.io", "Build", Some("team-a"), &HashSet::new());
    assert_eq!(inventory.current().unwrap().len(), 0);
}

#[test]
fn a_repository_without_a_name_finds_nothing() {
    let rules = inventory(&[with_rules(None, &[(&["Push"], &["main"])])]).current().unwrap();
    assert_eq!(rules.webhook_candidates(&[]).owners, 0, "I3");
    let other = RepoId::parse("https://github.com/acme/web2").unwrap();
    assert_eq!(rules.webhook_candidates(&[other]).owners, 0);
    assert!(Branch::parse("").is_err(), "I4: there is no push without a branch");
    let same = RepoId::parse("git@github.com:acme/web.git").unwrap();
    let candidates = rules.webhook_candidates(&[same]);
    assert_eq!((candidates.owners, candidates.keys.len()), (1, 1));
}

#[test]
fn events_and_branches_of_one_entry_go_together() {
    let both: &[(&[&str], &[&str])] = &[(&["Push"], &["main"]), (&["PullRequest"], &["main"])];
    check(with_rules(None, both), &push("main"), &["fired rule 0", "event-not-listed"]);
    check(with_rules(None, both), &push("dev"), &["branch-not-listed", "event-not-listed"]);
    check(with_rules(None, &[(&["PullRequest"], &["main"])]), &push("main"), &["event-not-listed"]);
}

#[test]
fn one_run_a_target_however_many_rules_match() {
    let two: &[(&[&str], &[&str])] = &[(&["Push"], &["main"]), (&["Push", "PullRequest"], &["main", "dev"])];
    check(with_rules(None, two), &push("main"), &["fired rule 0", "also"]);
    check(with_rules(None, two), &push("dev"), &["branch-not-listed", "fired rule 1"]);
}

#[test]
fn a_rule_without_branches_falls_back() {
    let rule: &[(&[&str], &[&str])] = &[(&["Push"], &[])];
    check(with_rules(Some("main"), rule), &push("main"), &["fired rule 0"]);
    check(with_rules(Some("refs/heads/release-1"), rule), &push("release-1"), &["fired rule 0"]);
    check(with_rules(Some("release-1"), rule), &push("main"), &["branch-not-listed"]);
    check(with_rules(None, rule), &push("trunk"), &["fired rule 0"]);
    check(with_rules(None, rule), &push("main"), &["branch-not-listed"]);
    check(with_rules(Some(SHA), rule), &push("main"), &["revision-is-commit"]);

    let Event::Git(mut without_default) = push("main") else { unreachable!() };
    without_default.repository.default_branch = None;
    check(with_rules(None, rule), &Event::Git(without_default), &["fired rule 0"]);
}

#[test]
fn branches_may_be_patterns() {
    for (pattern, branch, fires) in [
        ("release-*", "release-1", true),
        ("release-*", "release/1", false),
        ("feature/*", "feature/a", true),
        ("feature/*", "feature/a/b", false),
        ("feature/**", "feature/a/b", true),
        ("v?", "v1", true),
        ("v?", "v10", false),
        ("v[0-9]", "v7", true),
        ("v[0-9]", "vx", false),
        ("*{x}", "a{x}", true),
        ("*{x,y}", "ax", false),
        ("main", "Main", false),
        ("refs/heads/main", "main", true),
        ("*", "main", true),
        ("*", "a/b", false),
        ("a.b*", "axb", false),
    ] {
        let expected = if fires { "fired rule 0" } else { "branch-not-listed" };
        check(with_rules(None, &[(&["Push"], &[pattern])]), &push(branch), &[expected]);
    }
    let inventory = Inventory::new(KnownHosts::NONE);
    let faults = inventory.apply(&with_rules(None, &[(&["Push"], &["v[1"])])).errors;
    assert_eq!(faults.len(), 1);
    assert_eq!(faults[0].error.reason(), "TriggerInvalidBranchPattern");
}

#[test]
fn pull_requests_are_compared_by_their_base() {
    let rule: &[(&[&str], &[&str])] = &[(&["PullRequest"], &["main"])];
    let opened =
        |head: &str, base: &str| pull_request(PullRequestAction::Opened, head, base, Origin::SameRepository);
    check(with_rules(None, rule), &opened("feature", "main"), &["fired rule 0"]);
    check(with_rules(None, rule), &opened("main", "dev"), &["branch-not-listed"]);
    check(with_rules(None, &[(&["Push"], &["main"])]), &opened("feature", "main"), &["event-not-listed"]);
    let with = |action| pull_request(action, "feature", "main", Origin::SameRepository);
    for action in [
        PullRequestAction::Synchronize,
        PullRequestAction::Reopened,
        PullRequestAction::ReadyForReview,
        PullRequestAction::BaseChanged,
    ] {
        check(with_rules(None, rule), &with(action), &["fired rule 0"]);
    }
    for action in ["closed", "labeled", "edited"] {
        let action = PullRequestAction::Other(action.to_owned());
        check(with_rules(None, rule), &with(action), &["no-code-changed"]);
    }
}

#[test]
fn an_invalid_output_of_pull_requests_keeps_pull_requests_from_building_and_nothing_else() {
    let mut build = with_rules(None, &[(&["Push", "PullRequest"], &["main"]), (&["PullRequest"], &["main"])]);
    let annotation =
        |value: &str| Some([(annotations::PULL_REQUEST_OUTPUT.to_owned(), value.to_owned())].into());
    let opened = pull_request(PullRequestAction::Opened, "feature", "main", Origin::SameRepository);
    build.metadata.annotations = annotation("registry.example/acme/web:pr-$(numbr)");
    let applied = Inventory::new(KnownHosts::NONE).apply(&build);
    let errors: Vec<_> = applied.errors.iter().map(|error| error.error.reason()).collect();
    assert_eq!(errors, ["TriggerInvalidPullRequestOutput"], "{applied:?}");
    check(build.clone(), &opened, &["event-not-listed", "rule-broken"]);
    check(build.clone(), &push("main"), &["fired rule 0", "rule-broken"]);

    build.metadata.annotations = annotation("registry.example/acme/web:pr-$(number)");
    check(build, &opened, &["fired rule 0", "also"]);
}

#[test]
fn a_fork_needs_permission() {
    let rule: &[(&[&str], &[&str])] = &[(&["PullRequest"], &["main"])];
    let fork = RepoId::parse("https://github.com/mallory/web").unwrap();
    for origin in [Origin::Fork(Some(fork)), Origin::Fork(None)] {
        let event = pull_request(PullRequestAction::Opened, "main", "main", origin);
        check(with_rules(None, rule), &event, &["fork-not-allowed"]);

        let mut allowing = with_rules(None, rule);
        let annotation = ("trigger.shipwright.io/forks".to_owned(), "allow".to_owned());
        allowing.metadata.annotations = Some([annotation].into());
        check(allowing, &event, &["fired rule 0"]);
    }
}

#[test]
fn what_leaves_nothing_to_build_fires_nothing() {
    let rule: &[(&[&str], &[&str])] = &[(&["Push", "PullRequest"], &["main", "star"])];
    let main = Branch::parse("main").unwrap();
    let tag = Tag::parse("main").unwrap();
    let commit = Commit::parse(SHA).unwrap();
    let star = GitEventKind::Other { name: "star".to_owned() };
    check(with_rules(None, rule), &event(GitEventKind::BranchDeleted { branch: main }), &["ref-deleted"]);
    check(
        with_rules(None, rule),
        &event(GitEventKind::Tag { tag: tag.clone(), commit: commit.into() }),
        &["event-not-listed"],
    );
    check(with_rules(None, rule), &event(GitEventKind::TagDeleted { tag }), &["event-not-listed"]);
    check(with_rules(None, rule), &event(star), &["event-not-listed"]);
    check(with_rules(None, rule), &event(GitEventKind::Ping), &[]);
}

#[test]
fn only_the_own_secret_counts() {
    let rules = inventory(&[with_rules(None, &[(&["Push"], &["main"])])]).current().unwrap();
    let decided = |verification: &Verification| outcomes(&decide(&push("main"), verification, &rules));
    let other = verified_by(ObjectKey::new("team-b", "hook"));
    assert_eq!(decided(&other), ["secret-did-not-verify"]);
    assert_eq!(
        decided(&Verification { unsigned: Unsigned::Operator, ..Verification::default() }),
        ["secret-did-not-verify"]
    );
    assert_eq!(decided(&signed()), ["fired rule 0"]);
}

#[test]
fn without_a_secret_only_the_operator_can_let_it_in() {
    let mut open = with_rules(None, &[(&["Push"], &["main"])]);
    open.spec.trigger.as_mut().unwrap().trigger_secret = None;
    let mut cloning = open.clone();
    cloning.metadata.name = Some("cloning".to_owned());
    cloning.spec.source.as_mut().unwrap().git.as_mut().unwrap().clone_secret = Some("clone".to_owned());
    let rules = inventory(&[open, cloning]).current().unwrap();
    let decided = |verification: &Verification| {
        let mut decisions = decide(&push("main"), verification, &rules);
        decisions.sort_by(|a, b| a.owner.cmp(&b.owner));
        outcomes(&decisions)
    };
    let clone = ObjectKey::new("team-a", "clone");
    assert_eq!(decided(&signed()), ["secret-did-not-verify", "no-secret"]);
    let unsigned = Verification { unsigned: Unsigned::Operator, ..Verification::default() };
    assert_eq!(decided(&unsigned), ["secret-did-not-verify", "fired rule 0"]);
    let without_entry = Verification { without_entry: vec![clone.clone()], ..unsigned };
    assert_eq!(decided(&without_entry), ["fired rule 0", "fired rule 0"]);
    let verified = verified_by(clone);
    assert_eq!(decided(&verified), ["fired rule 0", "no-secret"]);
}

#[test]
fn what_is_decided_reads_the_same_whoever_changed_last() {
    let spec = json!({
        "source": {"type": "Git", "git": {"url": URL}},
        "trigger": {"triggerSecret": "hook", "when": [
            {"name": "r", "type": "GitHub", "github": {"events": ["Push"], "branches": ["main"]}},
        ]},
    });
    let builds = ["b", "d", "a", "c"].map(|name| named(name, &spec));
    let inventory = inventory(&builds);
    for build in builds {
        inventory.apply(&build);
        let rules = inventory.current().unwrap();
        let decisions = decide(&push("main"), &signed(), &rules);
        let names: Vec<_> = decisions.iter().map(|decision| decision.owner.name().as_ref()).collect();
        assert_eq!(names, ["a", "b", "c", "d"]);
    }
}

#[test]
fn a_broken_rule_leaves_its_neighbours_alone() {
    let spec = json!({
        "source": {"type": "Git", "git": {"url": URL}},
        "trigger": {"triggerSecret": "hook", "when": [
            {"name": "broken", "type": "GitHub", "github": {"events": []}},
            {"name": "unheard", "type": "GitLab"},
            {"name": "good", "type": "GitHub", "github": {"events": ["Push"], "branches": ["main"]}},
        ]},
    });
    let inventory = Inventory::new(KnownHosts::NONE);
    inventory.mark_synced();
    let faults = inventory.apply(&build(&spec)).errors;
    let reasons: Vec<_> = faults.iter().map(|fault| fault.error.reason()).collect();
    assert_eq!(reasons, ["TriggerInvalidGitHubWebHook", "TriggerInvalidType"]);
    check(build(&spec), &push("main"), &["rule-broken", "fired good"]);
}

#[test]
fn a_mistake_in_a_part_of_a_rule_is_reported_and_the_rest_fires() {
    for (events, branches, expected) in [
        (&["Push", "push"][..], &["main"][..], vec![("TriggerUnknownEvent", false)]),
        (&["Push"], &["main", "^dev$"], vec![("TriggerBranchNeverMatches", false)]),
        (&["Push"], &["main", "!wip/**", "refs/tags/v1"], vec![("TriggerBranchUnlikely", true); 2]),
        (
            &["Push"],
            &["main", "^a$", "!b"],
            vec![("TriggerBranchNeverMatches", false), ("TriggerBranchUnlikely", true)],
        ),
    ] {
        let build = with_rules(None, &[(events, branches)]);
        let errors = Inventory::new(KnownHosts::NONE).apply(&build).errors;
        let found: Vec<_> =
            errors.iter().map(|error| (error.error.reason(), error.error.is_hint())).collect();
        assert_eq!(found, expected, "{errors:?}");
        check(build, &push("main"), &["fired rule 0"]);
    }
    let hints = Inventory::new(KnownHosts::NONE).apply(&with_rules(Some(SHA), &[(&["Push"], &[])])).errors;
    assert_eq!(hints[0].error.reason(), "TriggerRevisionNoBranch");
}

#[test]
fn a_rule_that_no_event_can_match_is_broken() {
    for (events, branches, reason) in [
        (&["push", "pull_request"][..], &["main"][..], "TriggerUnknownEvent"),
        (&["Push"], &["^main$", "release/.*"], "TriggerBranchNeverMatches"),
    ] {
        let build = with_rules(None, &[(events, branches)]);
        let errors = Inventory::new(KnownHosts::NONE).apply(&build).errors;
        assert_eq!((errors.len(), errors[0].error.reason()), (1, reason), "{errors:?}");
        check(build, &push("main"), &["rule-broken"]);
    }
}

#[test]
fn a_build_without_a_usable_repository_says_so() {
    let inventory = Inventory::new(KnownHosts::NONE);
    let trigger = json!({"when": [{"name": "n", "type": "GitHub", "github": {"events": ["Push"]}}]});
    for (source, reason) in [
        (json!(null), "TriggerInvalidRepository"),
        (json!({"type": "Git", "git": {"url": ""}}), "TriggerInvalidRepository"),
        (json!({"type": "Git", "git": {"url": "/srv/git"}}), "TriggerInvalidRepository"),
    ] {
        let faults = inventory.apply(&build(&json!({"source": source, "trigger": trigger}))).errors;
        assert_eq!(faults.len(), 1, "{source}");
        assert_eq!(faults[0].error.reason(), reason, "{source}");
    }
}

#[test]
fn the_message_says_what_was_expected_and_found() {
    let rule: &[(&[&str], &[&str])] = &[(&["Push"], &["main", "release-*"])];
    let rules = inventory(&[with_rules(None, rule)]).current().unwrap();
    let decisions = decide(&push("dev"), &signed(), &rules);
    assert_eq!(decisions[0].message(), "the branch is dev, the rule is for main, release-*");
    let predicates: Vec<_> = decisions[0].checks.iter().map(|check| check.predicate.name()).collect();
    assert_eq!(predicates, ["secret", "event", "branch"]);
}

#[test]
fn equal_names_in_two_namespaces_are_two_builds() {
    let mut other = with_rules(None, &[(&["Push"], &["main"])]);
    other.metadata.namespace = Some("team-b".to_owned());
    let rules = inventory(&[with_rules(None, &[(&["Push"], &["main"])]), other]).current().unwrap();
    assert_eq!(rules.len(), 2);
    let mut found = outcomes(&decide(&push("main"), &signed(), &rules));
    found.sort();
    assert_eq!(found, ["fired rule 0", "secret-did-not-verify"]);
}

#[test]
fn every_spelling_of_a_repository_finds_its_builds() {
    let spellings =
        ["git@github.com:acme/web.git", "ssh://git@github.com/acme/web", "https://GitHub.com/acme/web/"];
    let builds: Vec<_> = spellings
        .iter()
        .enumerate()
        .map(|(index, url)| {
            let when = json!([{"name": "n", "type": "GitHub", "github": {"events": ["Push"], "branches": ["main"]}}]);
            let trigger = json!({"triggerSecret": "hook", "when": when});
            named(&format!("b{index}"), &json!({"source": {"git": {"url": url}}, "trigger": trigger}))
        })
        .collect();
    let rules = inventory(&builds).current().unwrap();
    assert_eq!(outcomes(&decide(&push("main"), &signed(), &rules)), ["fired n", "fired n", "fired n"]);
}

#[test]
fn an_abbreviated_commit_is_asked_for_before_anything_fires() {
    let rule: &[(&[&str], &[&str])] = &[(&["PullRequest"], &["main"])];
    let rules = inventory(&[with_rules(None, rule)]).current().unwrap();
    let mut event = pull_request(PullRequestAction::Opened, "feature", "main", Origin::SameRepository);
    let Event::Git(GitEvent { kind: GitEventKind::PullRequest(pull_request), .. }) = &mut event else {
        unreachable!("it is a pull request");
    };
    let abbreviated = AbbreviatedCommit::parse(&SHA[..12]).unwrap();
    pull_request.commit = CommitRef::Abbreviated(abbreviated.clone());
    let repository = RepoId::parse("https://github.com/acme/web").unwrap();
    let need = Need::FullCommit { repository, abbreviated };
    let verification = signed();
    let decided = |facts: &Facts| {
        let payload = LazyPayload::none();
        crate::decide(DecisionInput {
            event: &event,
            verification: &verification,
            facts,
            payload: &payload,
            rules: &rules,
        })
    };

    let first = decided(&Facts::default());
    assert_eq!((first.decisions.len(), first.needs), (0, vec![need.clone()]));
    for (value, expected, resolved) in [
        (FactValue::Commit(Commit::parse(SHA).unwrap()), "fired rule 0", SHA),
        (FactValue::Unknown("no credential covers the repository".to_owned()), "commit-unknown", &SHA[..12]),
    ] {
        let mut facts = Facts::default();
        facts.add(Fact { need: need.clone(), value, at: jiff::Timestamp::UNIX_EPOCH });
        let second = decided(&facts);
        assert_eq!((outcomes(&second.decisions), second.needs), (vec![expected.to_owned()], vec![]));
        let Event::Git(event) = event.clone().resolved(&facts) else { unreachable!("it is of Git") };
        assert_eq!(event.commit().map(CommitRef::as_str), Some(resolved));
    }
    let other = inventory(&[with_rules(None, &[(&["PullRequest"], &["dev"])])]).current().unwrap();
    let skipped = decide(&event, &verification, &other);
    assert_eq!(outcomes(&skipped), ["branch-not-listed"], "what is skipped anyway asks nothing");
}

#[test]
fn an_owner_of_another_kind_with_the_same_name_stays() {
    let inventory = inventory(&[with_rules(None, &[(&["Push"], &["main"])])]);
    inventory.retain("triggers.tekton.dev", "EventListener", None, &HashSet::new());
    inventory.delete(&trigger_core::ResourceRef::new(
        "triggers.tekton.dev",
        "EventListener",
        ObjectKey::new("team-a", "web"),
    ));
    assert_eq!(inventory.current().unwrap().len(), 1);
}
