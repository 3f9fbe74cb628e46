//! Triggers of one type of event that are found by the text in the body that their filters demand.

use serde_json::json;

use super::*;
use crate::interceptors::{Answer, Question, RecordedVerdict, WireResponse};
use crate::limits::MOST_EVALUATED;

const PUSH: [(&str, &str); 1] = [("X-GitHub-Event", "push")];
/// So many triggers are found by texts.
const MANY: usize = MOST_EVALUATED + 1;

fn cel(filter: &str) -> Value {
    json!({"ref": {"name": "cel"}, "params": [{"name": "filter", "value": filter}]})
}

/// Verifies with the key in a Secret.
fn hook(secret: &str) -> Value {
    let secret = json!({"secretName": secret, "secretKey": "token"});
    json!({"ref": {"name": "github"}, "params": [
        {"name": "eventTypes", "value": ["push"]}, {"name": "secretRef", "value": secret},
    ]})
}

fn overlays() -> Value {
    json!({"ref": {"name": "cel"}, "params": [{"name": "overlays", "value": [{"key": "x", "expression": "'x'"}]}]})
}

fn relay() -> Value {
    json!({"webhook": {"url": "http://relay.example/"}})
}

fn is_of(number: usize) -> Value {
    cel(&format!("body.ref == 'main' && body.repository.full_name == 'acme/r-{number}'"))
}

#[expect(clippy::needless_pass_by_value, reason = "interceptors are written in place")]
fn entry(name: impl Into<String>, interceptors: Value) -> Value {
    json!({"name": name.into(), "template": {"spec": {}}, "interceptors": interceptors})
}

/// A trigger of each of so many repositories.
fn of_repositories(count: usize) -> Vec<Value> {
    (0..count).map(|number| entry(format!("r-{number}"), json!([hook("hook"), is_of(number)]))).collect()
}

fn push_to(repository: &str) -> Value {
    json!({"ref": "main", "repository": {"full_name": repository}})
}

fn listener(entries: &[Value]) -> std::sync::Arc<Listener> {
    Fixture::new([front(json!({"triggers": entries}))]).listener("depot", "front")
}

#[test]
fn triggers_are_found_by_the_text_that_their_filters_demand() {
    let mut entries = of_repositories(MANY);
    entries.extend([
        entry("any", json!([hook("hook")])),
        entry("two", json!([hook("hook"), cel("body.repository.full_name in ['acme/r-1', 'acme/r-2']")])),
        entry("twice", json!([hook("hook"), cel("body.repository.full_name in ['acme/r-1', 'acme/r-1']")])),
        entry("project", json!([hook("hook"), cel("'acme/r-1' == body['project'].path")])),
        entry("untyped", json!([cel("body.repository.full_name == 'acme/r-1'")])),
    ]);
    let listener = listener(&entries);
    let every = names(listener.triggers());
    let mut project = push_to("acme/r-2");
    project["project"] = json!({"path": "acme/other"});
    for (body, expected) in [
        (push_to("acme/r-1"), vec!["r-1", "any", "two", "twice", "project", "untyped"]),
        (push_to("acme/r-16"), vec!["r-16", "any", "project", "untyped"]),
        (push_to("acme/none"), vec!["any", "project", "untyped"]),
        (push_to("ACME/r-1"), vec!["any", "project", "untyped"]),
        (project, vec!["r-2", "any", "two", "untyped"]),
        (json!({}), every.clone()),
        (json!({"repository": "acme/r-1"}), every.clone()),
        (json!({"repository": {"full_name": 1}}), every.clone()),
        (json!(["repository"]), every.clone()),
    ] {
        let event = event(&body, &PUSH);
        assert_eq!(names(listener.candidates(&event)), expected, "{body}");
        let mut all = names(listener.excluded(&event));
        all.extend(names(listener.candidates(&event)));
        all.sort_unstable();
        let mut sorted = every.clone();
        sorted.sort_unstable();
        assert_eq!(all, sorted, "a trigger is a candidate or excluded");
        for decision in listener.decide_excluded(&event, usize::MAX) {
            let last = decision.records.last().map(|record| &record.verdict);
            assert!(matches!(last, Some(RecordedVerdict::Stopped { .. })), "{decision:?}");
        }
    }
    let other = event(&push_to("acme/r-1"), &[("X-GitHub-Event", "release")]);
    assert_eq!(names(listener.candidates(&other)), ["untyped"]);
}

#[test]
fn a_body_is_read_as_the_interceptors_read_it() {
    let listener = listener(&of_repositories(MANY));
    let form = [PUSH[0], ("Content-Type", "application/x-www-form-urlencoded")];
    for (body, headers, expected) in [
        (r#"{"repository":{"full_name":"acme/r-1"},"x":"a&b=c"}"#, &PUSH[..], 1),
        // The form makes other fields of it.
        (r#"{"repository":{"full_name":"acme/r-1"},"x":"a&b=c"}"#, &form[..], MANY),
        (r#"{"repository":{"full_name":"acme/none"}}"#, &form[..], 0),
        ("repository=acme&ref=main", &form[..], MANY),
        ("no JSON", &PUSH[..], MANY),
        ("", &PUSH[..], MANY),
        (r#"{"repository":{"full_name":"acme/\u00722","full_name":"acme/r-2"}}"#, &PUSH[..], 1),
    ] {
        let event = event_of_text(body.to_owned(), headers);
        assert_eq!(listener.candidates(&event).len(), expected, "{body}");
    }
}

#[test]
fn few_triggers_are_all_decided_and_their_body_is_not_read_before() {
    let spec = |count: usize| front(json!({"triggers": of_repositories(count)}));
    let fixture = Fixture::new([spec(MOST_EVALUATED)]);
    let found = |fixture: &Fixture| {
        let event = event(&push_to("acme/r-1"), &PUSH);
        let count = fixture.listener("depot", "front").candidates(&event).len();
        (count, event.body().is_read())
    };
    assert_eq!(found(&fixture), (MOST_EVALUATED, false));
    fixture.apply(spec(MANY));
    assert_eq!(found(&fixture), (1, true));
    fixture.apply(spec(MOST_EVALUATED));
    assert_eq!(found(&fixture), (MOST_EVALUATED, false), "a trigger that is gone has left the index");
    let listener = listener(&of_repositories(MANY));
    let other = event(&push_to("acme/r-1"), &[("X-GitHub-Event", "release")]);
    assert_eq!((listener.candidates(&other).len(), other.body().is_read()), (0, false));
}

#[test]
fn a_changed_filter_is_found_by_its_new_text() {
    let (before, mut after) = (of_repositories(MANY), of_repositories(MANY));
    let fixture = Fixture::new([front(json!({"triggers": before}))]);
    let earlier = fixture.listener("depot", "front");
    after[1]["interceptors"][1] = is_of(99);
    fixture.apply(front(json!({"triggers": after})));
    let now = fixture.listener("depot", "front");
    let (old, new) = (event(&push_to("acme/r-1"), &PUSH), event(&push_to("acme/r-99"), &PUSH));
    assert_eq!(
        (earlier.candidates(&old).len(), earlier.candidates(&new).len()),
        (1, 0),
        "a copy stays as it is"
    );
    assert_eq!((now.candidates(&old).len(), now.candidates(&new).len()), (0, 1));
}

#[test]
fn interceptors_before_the_filter_may_have_to_see_every_event() {
    let own = json!({"ref": {"name": "own", "kind": "NamespacedInterceptor"}});
    let many_types: Vec<_> =
        (0..65).map(|number| format!("type-{number}")).chain(["push".to_owned()]).collect();
    let typed = json!({"ref": {"name": "github"}, "params": [{"name": "eventTypes", "value": many_types}]});
    let compares = cel("header.canonical('X-Key').compareSecret('token', 'hook')");
    let filter = is_of(0);
    let url = json!({"clientConfig": {"url": "http://own.example/"}});
    let own_object = object(Kind::Interceptor, "depot", "own", url.clone());
    let all = |interceptors: &Value| {
        let entries: Vec<_> =
            (0..MANY).map(|number| entry(number.to_string(), interceptors.clone())).collect();
        front(json!({"triggers": entries}))
    };
    let found = |fixture: &Fixture| {
        let listener = fixture.listener("depot", "front");
        assert_eq!(listener.errors(), []);
        listener.candidates(&event(&push_to("acme/none"), &PUSH)).len()
    };
    for (interceptors, expected) in [
        (json!([filter]), 0),
        (json!([hook("hook"), filter]), 0),
        (json!([hook("hook"), overlays(), filter]), 0),
        (json!([overlays(), filter]), 0),
        (json!([filter, relay()]), 0),
        (json!([filter, hook("hook")]), 0),
        (json!([filter, own]), 0),
        (json!([relay(), filter]), MANY),
        (json!([hook("hook"), relay(), filter]), MANY),
        (json!([own, filter]), MANY),
        (json!([overlays(), hook("hook"), filter]), MANY),
        (json!([compares, filter]), MANY),
        (json!([typed, filter]), MANY),
        (json!([hook("hook"), cel("body.repository.full_name == 'acme/r-1' || true")]), MANY),
    ] {
        let fixture = Fixture::new([own_object.clone(), all(&interceptors)]);
        assert_eq!(found(&fixture), expected, "{interceptors}");
    }
    let fixture = Fixture::new([all(&json!([hook("hook"), filter]))]);
    for core in ["github", "cel"] {
        assert_eq!(found(&fixture), 0);
        fixture.apply(object(Kind::ClusterInterceptor, "", core, url.clone()));
        assert_eq!(found(&fixture), MANY, "{core} leads elsewhere");
        fixture.delete(Kind::ClusterInterceptor, "", core);
    }
}

#[test]
fn triggers_of_a_group_are_found_by_the_body_behind_its_interceptors() {
    let triggers = (0..MANY).map(|number| {
        let spec = json!({"template": {"spec": {}}, "interceptors": [is_of(number)]});
        object(Kind::Trigger, "depot", &format!("r-{number}"), spec)
    });
    let group = |interceptors: Value| {
        front(json!({"triggerGroups": [
            {"name": "g", "interceptors": interceptors, "triggerSelector": {"labelSelector": {}}},
        ]}))
    };
    let fixture = Fixture::new(triggers.chain([group(json!([relay()]))]));
    let (listener, event) = (fixture.listener("depot", "front"), event(&push_to("acme/r-1"), &PUSH));
    let asked = listener.decide(&event, &ListenerAnswers::default());
    let [(run, ask)] = &asked.needs[..] else { panic!("{asked:?}") };
    assert!(matches!(ask.question, Question::Call(_)));
    let body = push_to("acme/r-3").to_string();
    let response = WireResponse::new(200, "OK", Headers::new(), body.as_bytes());
    let mut answers = ListenerAnswers::default();
    answers.add(run, ask, Answer::Response(response));
    let decided = listener.decide(&event, &answers);
    let runs: Vec<_> = decided.triggers.iter().map(|decision| decision.run.as_str()).collect();
    assert_eq!(runs, ["group/g/0/trigger/depot/r-3"]);
    let concerned = |listener: &Listener| listener.groups().next().unwrap().concerned(&event).len();
    assert_eq!(concerned(&listener), MANY, "the body may become another one");
    fixture.apply(group(json!([overlays()])));
    assert_eq!(concerned(&fixture.listener("depot", "front")), 1);
}

#[test]
fn one_trigger_stands_for_all_that_know_a_sender_by_the_same_key() {
    let mut entries = of_repositories(MANY);
    entries.extend([
        entry("other-1", json!([hook("other"), is_of(101)])),
        entry("other-2", json!([hook("other"), is_of(102)])),
        entry("late-1", json!([is_of(103), hook("hook")])),
        entry("late-2", json!([is_of(104), hook("late")])),
    ]);
    entries.extend((0..MANY).map(|number| entry(format!("open-{number}"), json!([is_of(200 + number)]))));
    let listener = listener(&entries);
    let signature = format!("sha256={}", "0".repeat(64));
    let event = event(&push_to("acme/none"), &[PUSH[0], ("X-Hub-Signature-256", &signature)]);
    assert_eq!(names(listener.candidates(&event)), [""; 0]);
    let stand_ins = names(listener.stand_ins(&event));
    assert_eq!(stand_ins, ["r-0", "other-1", "late-1", "open-0"]);
    let answers = ListenerAnswers::default();
    let mut deciding = listener.deciding(Choice::StandIns, &event, &answers);
    while deciding.step() {}
    let decided = deciding.finish();
    let asked = decided.needs.iter().map(|(_, ask)| match &ask.question {
        Question::Secret(check) => check.key.secret.to_string(),
        other => panic!("{other:?}"),
    });
    assert_eq!(asked.collect::<Vec<_>>(), ["depot/hook", "depot/other"]);
    assert_eq!(listener.decide(&event, &ListenerAnswers::default()).needs, []);
}

#[test]
fn an_excluded_trigger_says_which_text_it_saw() {
    let listener = listener(&of_repositories(MANY));
    let excluded = listener.decide_excluded(&event(&push_to("acme/none"), &PUSH), 2);
    assert_eq!(excluded.len(), 2);
    let [record] = &excluded[1].records[..] else { panic!("{excluded:?}") };
    assert_eq!((record.place, &*record.interceptor), (1, "cel"), "no signature is asked for");
    let RecordedVerdict::Stopped { message, operands, .. } = &record.verdict else { panic!("{record:?}") };
    assert!(message.ends_with("did not return true"), "{message}");
    let texts: Vec<_> = operands.iter().map(ToString::to_string).collect();
    let seen =
        "body.repository.full_name == 'acme/r-1' is false (body.repository.full_name is \"acme/none\")";
    assert_eq!(texts, ["body.ref == 'main' is true (body.ref is \"main\")", seen]);
}
