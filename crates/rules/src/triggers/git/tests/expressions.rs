//! The annotation `filter`: an expression of CEL that an event has to make true.

use super::filters::{annotate, annotated, errors, explained, labeled, push_of, tag};
use super::*;
use crate::Payload;

fn payload() -> LazyPayload<'static> {
    LazyPayload::new(|| {
        let kept = [("x-github-event".to_owned(), "push".to_owned())];
        Payload::parse(r#"{"head_commit": {"message": "fix [skip ci]"}, "size": 2}"#, &kept)
    })
}

/// The outcomes and the last check of each decision: what it found.
fn decided(builds: &[Build], event: &Event, payload: &LazyPayload<'_>) -> Vec<(String, String)> {
    let (verification, facts) = (signed(), Facts::default());
    let rules = inventory(builds).current().unwrap();
    let input = DecisionInput { event, verification: &verification, facts: &facts, payload, rules: &rules };
    let decisions = crate::decide(input).decisions;
    let found = decisions.iter().map(|decision| decision.checks.last().unwrap().found.clone());
    outcomes(&decisions).into_iter().zip(found).collect()
}

#[track_caller]
fn check_filter(filter: &str, event: &Event, expected: &str) {
    let build = annotated(&[("filter", filter), ("tags", "**"), ("actions", "opened, labeled")]);
    assert_eq!(errors(&build), [], "{filter}");
    let decided = decided(&[build], event, &payload());
    assert_eq!(decided[0].0, expected, "{filter}: {decided:?}");
}

#[test]
fn an_event_has_to_make_the_filter_true() {
    let opened = pull_request(PullRequestAction::Opened, "feature", "main", Origin::SameRepository);
    let push = push_of(&["docs/a.md", "web/b.js"]);
    for (filter, event, expected) in [
        (r#"event.kind == "Push" && event.branch == "main" && event.tag == """#, &push, "fired rule 0"),
        (&*format!("event.commit == '{SHA}'"), &push, "fired rule 0"),
        (r#"event.sender != "ada""#, &push, "filter-false"),
        (
            r#"event.repository == "github.com/acme/web" && event.default_branch == "trunk""#,
            &push,
            "fired rule 0",
        ),
        (r#"event.changed_files.exists(f, f.startsWith("web/"))"#, &push, "fired rule 0"),
        (r#"event.changed_files.all(f, f.endsWith(".md"))"#, &push, "filter-false"),
        ("event.changed_files_known && event.changed_files.size() == 2", &push, "fired rule 0"),
        ("!event.changed_files_known", &opened, "fired rule 0"),
        ("event.number == 7 && event.base == 'main' && event.head == 'feature'", &opened, "fired rule 0"),
        ("event.action == 'opened' && !event.fork && !event.labels_known", &opened, "fired rule 0"),
        ("event.action == 'opened'", &push, "filter-false"),
        ("'ready' in event.labels", &labeled("labeled", &["ready"]), "fired rule 0"),
        ("event.kind != 'Push'", &tag("v1"), "fired rule 0"),
        ("event.kind != 'Push'", &push, "filter-false"),
        ("event.tag.matches('^v[0-9]+$')", &tag("v1"), "fired rule 0"),
        ("!body.head_commit.message.contains('[skip ci]')", &push, "filter-false"),
        ("header['X-Github-Event'][0] == 'push'", &push, "fired rule 0"),
        ("size(header) > 0 && event.sender != 'renovate'", &push, "fired rule 0"),
        ("body.absent == 1", &push, "filter-failed"),
        ("'text'", &push, "filter-false"),
    ] {
        check_filter(filter, event, expected);
    }
}

#[test]
fn a_filter_that_fails_skips_its_own_build_only() {
    let other = named("other", &serde_json::to_value(annotated(&[]).spec).unwrap());
    let failing = annotated(&[("filter", "body.missing.field == 1")]);
    let found = decided(&[failing, other], &push("main"), &payload());
    assert_eq!((&*found[0].0, &*found[1].0), ("fired rule 0", "filter-failed"));
    assert!(found[1].1.contains("no such key"), "{found:?}");
}

#[test]
fn the_decision_shows_the_operands_that_are_not_true() {
    for (filter, expected) in [
        (
            "event.branch == 'main' && event.sender != 'ada' && body.size > 2",
            "event.sender != 'ada' is false (event.sender is \"ada\"); body.size > 2 is false (body.size is 2)",
        ),
        ("event.tag", "event.tag is \"\", and no boolean"),
        (
            "event.kind == 'Push' && body.missing.field == 1",
            "body.missing.field == 1 fails: no such key: missing",
        ),
    ] {
        let found = decided(&[annotated(&[("filter", filter)])], &push("main"), &payload());
        assert_eq!(found[0].1, expected, "{filter}");
    }
    let (message, expected, _) = explained(annotated(&[("filter", "event.kind\n  == 'Tag'")]), &push("main"));
    assert_eq!(expected, "event.kind == 'Tag'");
    let operand = r#"event.kind == 'Tag' is false (event.kind is "Push")"#;
    assert_eq!(message, format!("the filter is not true: {operand}"));
}

#[test]
fn filters_of_a_namespace_end_with_its_steps() {
    let build = |number: usize| {
        let spec = annotated(&[]).spec;
        let build = named(&format!("b{number:03}"), &serde_json::to_value(spec).unwrap());
        let pairs = "event.changed_files.all(a, event.changed_files.all(b, a != b || a == b))";
        annotate(build, &[("filter", pairs)])
    };
    let builds: Vec<_> = (0..24).map(build).collect();
    let files: Vec<_> = (0..200).map(|number| number.to_string()).collect();
    let files: Vec<_> = files.iter().map(String::as_str).collect();
    let found = decided(&builds, &push_of(&files), &payload());
    let fired = found.iter().filter(|(outcome, _)| outcome == "fired rule 0").count();
    assert!((1..24).contains(&fired), "{found:?}");
    assert!(found[fired].1.contains("take too long"), "{found:?}");
}

#[test]
fn the_payload_is_read_only_if_a_filter_names_it() {
    let lazy = payload();
    decided(&[annotated(&[("filter", "event.kind == 'Push'")])], &push("main"), &lazy);
    decided(&[annotated(&[("filter", "body.size == 2")])], &push("dev"), &lazy);
    assert!(!lazy.was_asked_for(), "the branch is another one");
    decided(&[annotated(&[("filter", "body.size == 2")])], &push("main"), &lazy);
    assert!(lazy.was_asked_for());
    let unreadable = LazyPayload::new(|| Err("it is too large".to_owned()));
    let found = decided(&[annotated(&[("filter", "body.size == 2")])], &push("main"), &unreadable);
    assert_eq!(found, [("filter-failed".to_owned(), "it is too large".to_owned())]);
}

#[test]
fn an_expression_that_is_not_valid_is_an_error_of_the_build_with_its_place() {
    let long = "1 == 1 && ".repeat(1000) + "true";
    for (filter, expected) in [
        ("event.kind == ", "at line 1, column "),
        ("true &&\nevnt.kind == 'Push'", "at line 2, column 1: undeclared reference to 'evnt'"),
        ("extensions.x == 1", "undeclared reference to 'extensions'"),
        ("", "is empty"),
        (&long, "too large"),
        ("event.tag.matches('a+') && ".repeat(9).trim_end_matches(" && "), "at most 8 are allowed"),
        ("body.token.compareSecret('key', 'name')", "reads none"),
    ] {
        let two: &[(&[&str], &[&str])] = &[(&["Push"], &["main"]), (&["Push"], &["dev"])];
        let build = annotate(with_rules(None, two), &[("filter", filter)]);
        let found = errors(&build);
        assert!(found.len() == 1 && found[0].0.contains(expected) && !found[0].1, "{filter}: {found:?}");
        check(build, &push("main"), &["rule-broken"]);
    }
}
