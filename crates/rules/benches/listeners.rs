//! The candidates and decisions of a listener for one event, with 1 and with 1,000 triggers of which one can match, of other
//! types of event or other repositories; and the change of one binding among those of 1,000 triggers.
//!
//! The budget for 1,000 triggers is twice that for one.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use jiff::Timestamp;
use serde_json::{Value, json};
use trigger_api::triggers::Kind;
use trigger_expr::Headers;
use trigger_rules::interceptors::{Body, ReceivedRequest, State};
use trigger_rules::listeners::{ListenerAnswers, ListenerInventory};

fn object(kind: Kind, name: &str, spec: &Value) -> (Kind, Value) {
    (kind, json!({"metadata": {"namespace": "depot", "name": name, "uid": "u"}, "spec": spec}))
}

/// How triggers are told apart.
type Interceptors = fn(usize) -> Value;
const KINDS: [(&str, Interceptors); 2] = [("types", of_type), ("repositories", of_repository)];

fn of_type(number: usize) -> Value {
    let event = format!("event-{number}");
    json!([{"ref": {"name": "github"}, "params": [{"name": "eventTypes", "value": [event]}]}])
}

fn of_repository(number: usize) -> Value {
    let filter = format!("body.repository.full_name == 'acme/r-{number}'");
    json!([{"ref": {"name": "cel"}, "params": [{"name": "filter", "value": filter}]}])
}

fn trigger(interceptors: Interceptors, number: usize) -> Value {
    json!({
        "interceptors": interceptors(number),
        "bindings": [{"ref": format!("fields-{number}")}],
        "template": {"ref": "blueprint"},
    })
}

fn binding(value: &str) -> Value {
    json!({"params": [{"name": "revision", "value": value}]})
}

fn inventory(interceptors: Interceptors, triggers: usize) -> ListenerInventory {
    let inventory = ListenerInventory::default();
    let apply = |(kind, object)| {
        inventory.apply(kind, object);
    };
    apply(object(Kind::EventListener, "front", &json!({"labelSelector": {}})));
    let template = json!({"params": [{"name": "revision"}], "resourcetemplates": [{"kind": "PipelineRun"}]});
    apply(object(Kind::TriggerTemplate, "blueprint", &template));
    for number in 0..triggers {
        apply(object(Kind::TriggerBinding, &format!("fields-{number}"), &binding("$(body.after)")));
        apply(object(Kind::Trigger, &format!("trigger-{number}"), &trigger(interceptors, number)));
    }
    inventory.mark_synced();
    inventory
}

fn event() -> State {
    let mut headers = Headers::new();
    headers.append("X-GitHub-Event", "event-0".to_owned());
    let after = "0123456789abcdef0123456789abcdef01234567";
    let body = json!({"after": after, "repository": {"full_name": "acme/r-0"}});
    State::new(ReceivedRequest {
        body: Body::new(body.to_string()),
        headers: headers.into(),
        url: "/".into(),
        event_id: "e".into(),
        at: Timestamp::UNIX_EPOCH,
    })
}

fn against(criterion: &mut Criterion) {
    let counts = KINDS.into_iter().flat_map(|kind| [(kind, 1), (kind, 1_000)]);
    for ((kind, interceptors), triggers) in counts {
        let inventory = inventory(interceptors, triggers);
        let Some(set) = inventory.current() else { return };
        let Some(listener) = set.listener("depot", "front") else { return };
        let (event, answers) = (event(), ListenerAnswers::default());
        criterion.bench_function(&format!("candidates/{kind}/{triggers}_triggers"), |bencher| {
            bencher.iter(|| listener.candidates(black_box(&event)).len());
        });
        criterion.bench_function(&format!("decide/{kind}/{triggers}_triggers"), |bencher| {
            bencher.iter(|| listener.decide(black_box(&event), &answers));
        });
        let values = [binding("$(body.before)"), binding("$(body.after)")];
        let mut turn = values.iter().cycle();
        criterion.bench_function(&format!("apply_binding/{kind}/{triggers}_triggers"), |bencher| {
            bencher.iter(|| {
                let Some(value) = turn.next() else { return };
                let (kind, object) = object(Kind::TriggerBinding, "fields-0", value);
                inventory.apply(kind, object);
            });
        });
    }
}

criterion_group!(benches, against);
criterion_main!(benches);
