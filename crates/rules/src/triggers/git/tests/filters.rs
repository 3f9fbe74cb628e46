//! The annotations of a Build that narrow its rules down, or let them fire for tags.

use trigger_core::{FileList, Labels};

use super::*;

const PUSH_OR_PULL_REQUEST: &[(&[&str], &[&str])] = &[(&["Push", "PullRequest"], &["main"])];

/// A Build whose one rule is for pushes and pull requests, with annotations.
pub(super) fn annotated(annotations: &[(&str, &str)]) -> Build {
    annotate(with_rules(None, PUSH_OR_PULL_REQUEST), annotations)
}

pub(super) fn annotate(mut build: Build, annotations: &[(&str, &str)]) -> Build {
    let full =
        annotations.iter().map(|(key, value)| (format!("trigger.shipwright.io/{key}"), (*value).to_owned()));
    build.metadata.annotations = Some(full.collect());
    build
}

pub(super) fn push_of(files: &[&str]) -> Event {
    let Event::Git(mut push) = push("main") else { unreachable!("it is of Git") };
    let mut list = FileList::default();
    for file in files {
        list.insert(file).unwrap();
    }
    push.changed_files = ChangedFiles::Known(list);
    Event::Git(push)
}

pub(super) fn tag(name: &str) -> Event {
    event(GitEventKind::Tag { tag: Tag::parse(name).unwrap(), commit: Commit::parse(SHA).unwrap().into() })
}

pub(super) fn labeled(action: &str, labels: &[&str]) -> Event {
    let action = PullRequestAction::Other(action.to_owned());
    let mut event = pull_request(action, "feature", "main", Origin::SameRepository);
    if let Event::Git(GitEvent { kind: GitEventKind::PullRequest(pull_request), .. }) = &mut event {
        pull_request.labels = Labels::new(labels.iter().copied());
    }
    event
}

/// The message of the one decision, and its last check: what it expected and found.
pub(super) fn explained(build: Build, event: &Event) -> (String, String, String) {
    let decisions = decide(event, &signed(), &inventory(&[build]).current().unwrap());
    let [decision] = decisions.as_slice() else { panic!("{decisions:#?}") };
    let check = decision.checks.last().unwrap();
    (decision.message(), check.expected.clone(), check.found.clone())
}

pub(super) fn errors(build: &Build) -> Vec<(String, bool)> {
    let errors = Inventory::new(KnownHosts::NONE).apply(build).errors;
    errors.iter().map(|error| (error.to_string(), error.error.is_hint())).collect()
}

#[test]
fn a_push_has_to_change_a_file_that_the_rule_is_about() {
    let web = || annotated(&[("paths", "web/**, go.mod\n !web/docs/**"), ("paths-ignore", "**/*.md")]);
    assert_eq!(errors(&web()), []);
    check(web(), &push_of(&["web/main.go"]), &["fired rule 0"]);
    check(web(), &push_of(&["docs/a.png", "go.mod"]), &["fired rule 0"]);
    check(web(), &push_of(&["web/docs/a.png", "web/README.md", "api/x.go"]), &["paths-not-listed"]);
    let (message, expected, found) = explained(web(), &push_of(&["docs/a.png"]));
    assert_eq!(expected, "web/**, go.mod, !web/docs/**, ignoring **/*.md");
    assert_eq!(found, "docs/a.png");
    assert_eq!(message, format!("the changed files are {found}, the rule is for {expected}"));
}

#[test]
fn files_that_are_not_known_start_the_build_and_the_decision_says_why() {
    let web = || annotated(&[("paths", "web/**")]);
    let opened = pull_request(PullRequestAction::Opened, "feature", "main", Origin::SameRepository);
    for event in [push("main"), opened] {
        check(web(), &event, &["fired rule 0"]);
        let (_, _, found) = explained(web(), &event);
        assert_eq!(found, "unknown: the event lists no files");
    }
    check(web(), &push("dev"), &["branch-not-listed"]);
}

#[test]
fn a_tag_fires_a_rule_of_pushes_if_the_build_names_it() {
    let tagged = || annotated(&[("tags", "v*, !v*-rc*, refs/tags/release/**")]);
    for (name, expected) in [
        ("v1.0.0", "fired rule 0"),
        ("v1.0.0-rc1", "tag-not-listed"),
        ("release/2/x", "fired rule 0"),
        ("main", "tag-not-listed"),
    ] {
        check(tagged(), &tag(name), &[expected]);
    }
    let (message, ..) = explained(tagged(), &tag("main"));
    assert_eq!(message, "the tag is main, the rule is for v*, !v*-rc*, release/**");
    // Branches decide for branches.
    check(tagged(), &push("main"), &["fired rule 0"]);
    check(tagged(), &push("v1"), &["branch-not-listed"]);
    check(annotated(&[]), &tag("v1"), &["event-not-listed"]);
    let pull_requests = with_rules(None, &[(&["PullRequest"], &["main"])]);
    check(annotate(pull_requests, &[("tags", "v*")]), &tag("v1"), &["event-not-listed"]);
    let deleted = event(GitEventKind::TagDeleted { tag: Tag::parse("v1").unwrap() });
    check(tagged(), &deleted, &["ref-deleted"]);
    assert_eq!(explained(tagged(), &deleted).0, "the tag v1 was deleted, there is nothing to build");
}

#[test]
fn the_files_of_a_tag_are_not_known() {
    check(annotated(&[("tags", "v*"), ("paths", "web/**")]), &tag("v1"), &["fired rule 0"]);
}

#[test]
fn a_run_of_a_tag_names_no_branches() {
    let rules = inventory(&[annotated(&[("tags", "v*")])]).current().unwrap();
    let details = |event: &Event| {
        let decisions = decide(event, &signed(), &rules);
        let Outcome::Fired(cause) = &decisions[0].outcome else { panic!("{decisions:?}") };
        cause.details.iter().map(|(key, _)| *key).collect::<Vec<_>>()
    };
    assert_eq!(details(&push("main")), [annotations::WHEN_GITHUB_EVENTS, annotations::WHEN_GITHUB_BRANCHES]);
    assert_eq!(details(&tag("v1")), [annotations::WHEN_GITHUB_EVENTS]);
}

#[test]
fn labels_and_actions_are_of_pull_requests() {
    let ready = || annotated(&[("labels", "ready, urgent, !wip"), ("actions", "labeled, closed")]);
    for (event, expected) in [
        (labeled("labeled", &["ready"]), "fired rule 0"),
        (labeled("labeled", &["ready", "wip"]), "labels-not-listed"),
        (labeled("labeled", &[]), "labels-not-listed"),
        (labeled("closed", &["urgent", "x"]), "fired rule 0"),
        (labeled("merged", &["ready"]), "action-not-listed"),
        (pull_request(PullRequestAction::Opened, "a", "main", Origin::SameRepository), "action-not-listed"),
        (labeled("labeled", &["x"; 200]), "fired rule 0"),
    ] {
        check(ready(), &event, &[expected]);
    }
    check(ready(), &push("main"), &["fired rule 0"]);
    assert_eq!(
        explained(ready(), &labeled("labeled", &["a", "b"])).0,
        "the labels of the pull request are a, b, the rule is for ready, urgent, !wip"
    );
    assert_eq!(
        explained(ready(), &labeled("edited", &[])).0,
        "the action on the pull request is edited, the rule is for labeled, closed"
    );
    check(annotated(&[("labels", "ready")]), &labeled("labeled", &["ready"]), &["no-code-changed"]);
}

#[test]
fn a_fork_needs_permission_for_every_action() {
    let action = PullRequestAction::Other("labeled".to_owned());
    let event = pull_request(action, "main", "main", Origin::Fork(None));
    check(annotated(&[("actions", "labeled")]), &event, &["fork-not-allowed"]);
}

#[test]
fn a_mistake_is_one_error_of_the_build_and_breaks_its_rules_of_this_type_only() {
    let many = vec!["a*"; 101].join(",");
    let long = "x".repeat(20_000);
    for (annotation, value, reason) in [
        ("paths", "", "TriggerAnnotationEmpty"),
        ("labels", " ,\n, ", "TriggerAnnotationEmpty"),
        ("labels", "ready, !", "TriggerAnnotationEmpty"),
        ("labels", "! ", "TriggerAnnotationEmpty"),
        ("tags", &long, "TriggerAnnotationTooLong"),
        ("paths-ignore", &many, "TriggerTooManyPatterns"),
        ("labels", &many, "TriggerTooManyPatterns"),
        ("actions", &many, "TriggerTooManyPatterns"),
        ("paths", &long[..300], "TriggerPatternTooLong"),
        ("labels", &long[..300], "TriggerPatternTooLong"),
        ("actions", &long[..400], "TriggerActionTooLong"),
        ("tags", "*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a", "TriggerPatternTooComplex"),
        ("paths", "[z-a]", "TriggerInvalidPattern"),
        ("paths", "/docs/**, docs/", "TriggerPathNeverMatches"),
        ("paths", "!docs/**", "TriggerOnlyExclusions"),
        ("tags", "!v*", "TriggerOnlyExclusions"),
        ("tags", "v 1", "TriggerTagNeverMatches"),
        ("labels", "a, !a", "TriggerLabelNeverMatches"),
        ("actions", "open, any action", "TriggerUnknownAction"),
    ] {
        let two: &[(&[&str], &[&str])] = &[(&["Push", "PullRequest"], &["main"]), (&["Push"], &["dev"])];
        let build = annotate(with_rules(None, two), &[(annotation, value)]);
        let inventory = Inventory::new(KnownHosts::NONE);
        let errors = inventory.apply(&build).errors;
        let found: Vec<_> = errors.iter().map(|error| (error.error.reason(), error.rule.is_some())).collect();
        assert_eq!(found, [(reason, false)], "{annotation}: {errors:?}");
        assert!(errors[0].to_string().len() < 1100, "{annotation}");
        // Both are broken for one reason: one decision says so.
        check(build, &push("main"), &["rule-broken"]);
    }
}

#[test]
fn a_mistake_in_a_part_of_a_list_leaves_the_rest_in_force() {
    for (annotation, value, reason, is_hint) in [
        ("paths", "web/**, /docs/**", "TriggerPathNeverMatches", false),
        ("paths", "web/**, docs", "TriggerPathUnlikely", true),
        ("paths", "web/**, !/docs/**", "TriggerPathNeverMatches", false),
        ("tags", "v*, refs/heads/main", "TriggerTagUnlikely", true),
        ("labels", "a, b, !b", "TriggerLabelUnlikely", true),
        ("actions", "opened, update", "TriggerUnknownAction", false),
        ("actions", "opened, assigned", "TriggerActionUnlikely", true),
    ] {
        let build = annotated(&[(annotation, value)]);
        let found = Inventory::new(KnownHosts::NONE).apply(&build).errors;
        let reasons: Vec<_> =
            found.iter().map(|error| (error.error.reason(), error.error.is_hint())).collect();
        assert_eq!(reasons, [(reason, is_hint)], "{found:?}");
        check(build, &push_of(&["web/a"]), &["fired rule 0"]);
    }
}

#[test]
fn an_annotation_without_a_rule_that_it_concerns_is_a_hint() {
    for (events, annotation, value, event) in [
        ("PullRequest", "paths", "web/**", "Push"),
        ("PullRequest", "paths-ignore", "docs/**", "Push"),
        ("PullRequest", "tags", "v*", "Push"),
        ("Push", "labels", "ready", "PullRequest"),
        ("Push", "actions", "opened", "PullRequest"),
    ] {
        let build = annotate(with_rules(None, &[(&[events], &["main"])]), &[(annotation, value)]);
        let found = errors(&build);
        let [(text, true)] = &found[..] else { panic!("{found:?}") };
        let expected = format!("the annotation `trigger.shipwright.io/{annotation}` has no effect");
        assert!(text.contains(&expected) && text.contains(&format!("names `{event}`")), "{text}");
        let other: &[(&[&str], &[&str])] = &[(&[events], &["main"]), (&[event], &["main"])];
        assert_eq!(errors(&annotate(with_rules(None, other), &[(annotation, value)])), []);
    }
}

#[test]
fn each_list_of_paths_without_effect_is_named() {
    let pull_requests = with_rules(None, &[(&["PullRequest"], &["main"])]);
    let found = errors(&annotate(pull_requests, &[("paths", "web/**"), ("paths-ignore", "web/docs/**")]));
    let names = |key: &str| found.iter().filter(|(text, _)| text.contains(&format!("/{key}`"))).count();
    assert_eq!((found.len(), names("paths"), names("paths-ignore")), (2, 1, 1), "{found:?}");
}

#[test]
fn patterns_count_for_each_rule_that_compares_them() {
    let rule: (&[&str], &[&str]) = (&["Push"], &["main"]);
    let paths: Vec<_> = (0..100).map(|number| format!("{number}/**")).collect();
    let found = errors(&annotate(with_rules(None, &[rule; 6]), &[("paths", &paths.join(","))]));
    assert_eq!(found.len(), 1, "five rules fit: {found:?}");
    assert!(found[0].0.contains("more than 512"), "{found:?}");
}
