//! The candidates and decisions of a listener for one event, with 1 and with 1,000 triggers of which one can match; and
//! the change of one binding among those of 1,000 triggers.
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

fn trigger(number: usize) -> Value {
    let event = format!("event-{number}");
    json!({
        "interceptors": [{"ref": {"name": "github"}, "params": [{"name": "eventTypes", "value": [event]}]}],
        "bindings": [{"ref": format!("fields-{number}")}],
        "template": {"ref": "blueprint"},
    })
}

fn binding(value: &str) -> Value {
    json!({"params": [{"name": "revision", "value": value}]})
}

fn inventory(triggers: usize) -> ListenerInventory {
    let inventory = ListenerInventory::default();
    let apply = |(kind, object)| {
        inventory.apply(kind, object);
    };
    apply(object(Kind::EventListener, "front", &json!({"labelSelector": {}})));
    let template = json!({"params": [{"name": "revision"}], "resourcetemplates": [{"kind": "PipelineRun"}]});
    apply(object(Kind::TriggerTemplate, "blueprint", &template));
    for number in 0..triggers {
        apply(object(Kind::TriggerBinding, &format!("fields-{number}"), &binding("$(body.after)")));
        apply(object(Kind::Trigger, &format!("trigger-{number}"), &trigger(number)));
    }
    inventory.mark_synced();
    inventory
}

fn event() -> State {
    let mut headers = Headers::new();
    headers.append("X-GitHub-Event", "event-0".to_owned());
    State::new(ReceivedRequest {
        body: Body::new(json!({"after": "0123456789abcdef0123456789abcdef01234567"}).to_string()),
        headers: headers.into(),
        url: "/".into(),
        event_id: "e".into(),
        at: Timestamp::UNIX_EPOCH,
    })
}

fn against(criterion: &mut Criterion) {
    for triggers in [1, 1_000] {
        let inventory = inventory(triggers);
        let Some(set) = inventory.current() else { return };
        let Some(listener) = set.listener("depot", "front") else { return };
        let (event, answers) = (event(), ListenerAnswers::default());
        criterion.bench_function(&format!("candidates/{triggers}_triggers"), |bencher| {
            bencher.iter(|| listener.candidates(black_box(event.headers())).len());
        });
        criterion.bench_function(&format!("decide/{triggers}_triggers"), |bencher| {
            bencher.iter(|| listener.decide(black_box(&event), &answers));
        });
        let values = [binding("$(body.before)"), binding("$(body.after)")];
        let mut turn = values.iter().cycle();
        criterion.bench_function(&format!("apply_binding/{triggers}_triggers"), |bencher| {
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
