use serde_json::json;

use super::*;
use crate::interceptors::{Answer, Question, RecordedVerdict, WireResponse};
use crate::limits::LARGEST_FIRED;

fn relay() -> Value {
    json!({"webhook": {"url": "http://relay.example/"}})
}

fn overlay(key: &str, expression: &str) -> Value {
    json!({"ref": {"name": "cel"}, "params": [{"name": "overlays", "value": [{"key": key, "expression": expression}]}]})
}

fn ids(decided: &ListenerDecided) -> Vec<&str> {
    decided.triggers.iter().map(|decision| decision.run.as_str()).collect()
}

#[test]
fn each_run_has_an_id_that_other_entries_do_not_change() {
    let entry = |name: &str| json!({"name": name, "template": {"spec": {}}});
    let group = |name: &str| json!({"name": name, "triggerSelector": {"labelSelector": {}}});
    let spec = |entries: Value| {
        front(json!({
            "triggers": entries,
            "labelSelector": {},
            "triggerGroups": [group("g"), group("g"), group("")],
        }))
    };
    let fixture = Fixture::new([
        trigger("depot", "shared"),
        spec(json!([entry("a"), entry("b"), entry("a"), entry("")])),
    ]);
    let decide = |fixture: &Fixture| {
        fixture.listener("depot", "front").decide(&event(&json!({}), &[]), &ListenerAnswers::default())
    };
    let shared = [
        "trigger/depot/shared",
        "group/g/0/trigger/depot/shared",
        "group/g/1/trigger/depot/shared",
        "group//0/trigger/depot/shared",
    ];
    let entries = ["entry/a/0", "entry/b/0", "entry/a/1", "entry//0"];
    let decided = decide(&fixture);
    assert_eq!(ids(&decided), [&entries[..], &shared[..]].concat());
    let objects = decided
        .triggers
        .iter()
        .map(|decision| (decision.trigger.subject(), decision.trigger.name.clone(), decision.occurrence));
    let objects: std::collections::HashSet<_> = objects.collect();
    assert_eq!(objects.len(), decided.triggers.len(), "no two runs have objects of one name");
    fixture.apply(spec(json!([{"triggerRef": "shared"}, entry("new"), entry("b")])));
    assert_eq!(ids(&decide(&fixture)), [&["entry/new/0", "entry/b/0"][..], &shared[..]].concat());
}

#[test]
fn a_trigger_in_two_groups_gets_an_answer_for_each() {
    let group = |name: &str| {
        json!({
            "name": name,
            "interceptors": [overlay("from", &format!("'{name}'"))],
            "triggerSelector": {"labelSelector": {}},
        })
    };
    let asking = json!({
        "interceptors": [relay()],
        "bindings": [{"name": "n", "value": "$(body.n) of $(extensions.from)"}],
        "template": {"spec": {"params": [{"name": "n"}]}},
    });
    let fixture = Fixture::new([
        object(Kind::Trigger, "depot", "asking", asking),
        front(json!({"triggerGroups": [group("first"), group("second")]})),
    ]);
    let listener = fixture.listener("depot", "front");
    let (event, mut answers) = (event(&json!({}), &[]), ListenerAnswers::default());
    let decided = listener.decide(&event, &answers);
    assert_eq!((decided.groups.len(), ids(&decided)), (2, vec![]));
    assert_eq!(decided.needs.len(), 2);
    for (number, (run, ask)) in decided.needs.iter().enumerate() {
        let Question::Call(request) = &ask.question else { panic!("{ask:?}") };
        let sent: Value = serde_json::from_slice(&request.body).unwrap();
        let group = ["first", "second"][number];
        assert_eq!(sent["extensions"]["from"], group);
        assert_eq!(run.as_str(), format!("group/{group}/0/trigger/depot/asking"));
        let body = json!({"n": number}).to_string();
        let response = WireResponse::new(200, "OK", Headers::new(), body.as_bytes());
        answers.add(run, ask, Answer::Response(response));
    }
    let text = serde_json::to_string(&answers).unwrap();
    assert_eq!(serde_json::from_str::<ListenerAnswers>(&text).unwrap(), answers, "answers are stored");
    let decided = listener.decide(&event, &answers);
    assert_eq!(decided.needs, []);
    let values = decided.triggers.iter().map(|decision| match &decision.outcome {
        TriggerOutcome::Fired(params) => params[0].text(),
        other => panic!("{other:?}"),
    });
    assert_eq!(values.collect::<Vec<_>>(), ["0 of first", "1 of second"]);
}

#[test]
fn what_is_missing_counts_once_the_interceptors_let_the_event_pass() {
    let filter = json!({"ref": {"name": "cel"}, "params": [{"name": "filter", "value": "body.n == 1"}]});
    let entry = |name: &str, rest: Value| {
        let mut entry = json!({"name": name, "interceptors": [filter], "template": {"spec": {}}});
        entry.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
        entry
    };
    let entries = json!([
        entry("sound", json!({})),
        entry("no-template", json!({"template": {"ref": "gone"}})),
        entry("no-value", json!({"bindings": [{"name": "x", "value": "$(body.x)"}]})),
        entry("no-interceptor", json!({"interceptors": [{"ref": {"name": "gone"}}]})),
    ]);
    let listener = Fixture::new([front(json!({"triggers": entries}))]).listener("depot", "front");
    let outcomes = |body: Value| {
        let decided = listener.decide(&event(&body, &[]), &ListenerAnswers::default());
        let outcome = |decision: &TriggerDecision| match &decision.outcome {
            TriggerOutcome::Fired(_) => "fired".to_owned(),
            TriggerOutcome::Stopped => "stopped".to_owned(),
            TriggerOutcome::Unresolved(error) => error.clone(),
            TriggerOutcome::Broken(error) => error.to_string(),
        };
        decided.triggers.iter().map(outcome).collect::<Vec<_>>()
    };
    let [sound, template, value, interceptor] = &outcomes(json!({"n": 1}))[..] else { panic!() };
    assert_eq!(sound, "fired");
    assert!(template.starts_with("error getting TriggerTemplate gone: "), "{template}");
    let expected = "failed to ApplyEventValuesToParams: failed to replace JSONPath value for param x: $(body.x): x is not found";
    assert_eq!(value, expected);
    assert!(interceptor.starts_with("url resolution failed for interceptor gone with: "), "{interceptor}");
    assert_eq!(outcomes(json!({"n": 2}))[..3], ["stopped"; 3]);
}

#[test]
fn a_group_that_stops_an_event_has_no_decisions_on_its_triggers() {
    let group = |name: &str, interceptors: Value| json!({"name": name, "interceptors": interceptors, "triggerSelector": {"labelSelector": {}}});
    let no = json!([{"ref": {"name": "cel"}, "params": [{"name": "filter", "value": "false"}]}]);
    let broken = json!([{"ref": {"name": "gone"}}]);
    let groups = json!([group("no", no), group("broken", broken), group("asks", json!([relay()]))]);
    let fixture = Fixture::new([trigger("depot", "t"), front(json!({"triggerGroups": groups}))]);
    let listener = fixture.listener("depot", "front");
    let decided = listener.decide(&event(&json!({}), &[]), &ListenerAnswers::default());
    assert_eq!(ids(&decided), [""; 0]);
    assert!(matches!(decided.groups[0].outcome, GroupOutcome::Stopped), "{:?}", decided.groups);
    assert!(matches!(decided.groups[1].outcome, GroupOutcome::Broken(_)), "{:?}", decided.groups);
    assert_eq!(decided.groups.len(), 2, "the third has to ask");
    assert_eq!(decided.needs[0].0.as_str(), "group/asks/0");
}

#[test]
fn triggers_that_are_excluded_have_decisions_on_demand() {
    let entry = |name: &str, kind: &str| {
        let params = json!([{"name": "eventTypes", "value": [kind]}]);
        json!({"name": name, "template": {"spec": {}}, "interceptors": [{"ref": {"name": "github"}, "params": params}]})
    };
    let entries: Vec<_> =
        (0..5).map(|number| entry(&format!("t-{number}"), &format!("type-{number}"))).collect();
    let listener = Fixture::new([front(json!({"triggers": entries}))]).listener("depot", "front");
    let event = event(&json!({}), &[("X-GitHub-Event", "type-3")]);
    assert_eq!(ids(&listener.decide(&event, &ListenerAnswers::default())), ["entry/t-3/0"]);
    let excluded = listener.decide_excluded(&event, 3);
    let names: Vec<_> = excluded.iter().map(|decision| &*decision.trigger.name).collect();
    assert_eq!(names, ["t-0", "t-1", "t-2"]);
    for decision in &excluded {
        let Some(RecordedVerdict::Stopped { message, .. }) =
            decision.records.last().map(|found| &found.verdict)
        else {
            panic!("{decision:?}")
        };
        assert_eq!(message, "event type type-3 is not allowed");
    }
}

#[test]
fn the_triggers_of_a_listener_share_the_steps_of_their_expressions() {
    let entry = |filter: &str| {
        let cel = json!({"ref": {"name": "cel"}, "params": [{"name": "filter", "value": filter}]});
        json!({"interceptors": [cel], "template": {"spec": {}}})
    };
    let mut entries = vec![entry("lists.range(700).all(a, lists.range(200).all(b, a + b >= 0))"); 20];
    entries.push(entry("true"));
    let fixture = Fixture::new([front(json!({"triggers": entries}))]);
    let (event, answers) = (event(&json!({}), &[]), ListenerAnswers::default());
    for _ in 0..2 {
        let decided = fixture.listener("depot", "front").decide(&event, &answers);
        let is_refused = |decision: &TriggerDecision| {
            let verdict = decision.records.last().map(|record| &record.verdict);
            matches!(verdict, Some(RecordedVerdict::Stopped { message, .. })
                if message.contains("take more than 4000000 steps together for the event"))
        };
        let refused: Vec<_> = decided.triggers.iter().map(is_refused).collect();
        assert_eq!((refused.first(), refused.last()), (Some(&false), Some(&true)), "{refused:?}");
        assert!(refused.is_sorted(), "the first ones are decided: {refused:?}");
    }
}

#[test]
fn the_triggers_of_a_listener_share_the_memory_of_their_values() {
    let entry = json!({
        "bindings": [{"name": "text", "value": "$(body.text)"}],
        "template": {"spec": {"params": [{"name": "text"}]}},
    });
    let fixture = Fixture::new([front(json!({"triggers": vec![entry; 4]}))]);
    let listener = fixture.listener("depot", "front");
    for (bytes, expected) in [
        (LARGEST_FIRED / 4, [true; 4]),
        (LARGEST_FIRED / 2, [true, true, false, false]),
        (LARGEST_FIRED / 2 + 1, [true, false, false, false]),
    ] {
        let event = event(&json!({"text": "x".repeat(bytes)}), &[]);
        let decided = listener.decide(&event, &ListenerAnswers::default());
        let fired = |decision: &TriggerDecision| match &decision.outcome {
            TriggerOutcome::Fired(_) => true,
            TriggerOutcome::Unresolved(message) => {
                assert!(message.contains("more than 2097152 bytes together"), "{message}");
                false
            }
            other => panic!("{other:?}"),
        };
        assert_eq!(decided.triggers.iter().map(fired).collect::<Vec<_>>(), expected, "{bytes}");
    }
}
