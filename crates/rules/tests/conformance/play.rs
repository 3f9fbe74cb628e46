//! Plays a record.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value, json};
use trigger_api::triggers::Kind;
use trigger_core::ObjectKey;
use trigger_expr::template::Renderer;
use trigger_rules::interceptors::{
    Body, ReceivedRequest, Record as InterceptorRecord, RecordedVerdict, State, core_names,
};
use trigger_rules::listeners::{
    Answer, Arrival, Examined, GroupOutcome, Listener, ListenerAnswers, TriggerDecision, TriggerOutcome,
};

use crate::record::{Exchange, Record};
use crate::world::{World, front};

/// What happened in an exchange.
#[derive(Debug, Default)]
pub(crate) struct Played {
    pub(crate) answer: Value,
    pub(crate) created: Vec<Value>,
    pub(crate) interceptors: Vec<Value>,
    pub(crate) calls: Vec<Value>,
}

/// Plays the exchanges of a record, one after the other.
pub(crate) fn play(record: &Record) -> Vec<Played> {
    let world = World::new(record);
    let mut uids = Uids::default();
    (1..)
        .zip(&record.exchanges)
        .map(|(number, exchange)| one(record, &world, exchange, number, &mut uids))
        .collect()
}

fn one(record: &Record, world: &World<'_>, exchange: &Exchange, number: u32, uids: &mut Uids) -> Played {
    let set = world.inventory.current().unwrap();
    let front = front();
    let Some(listener) = set.listener(&front.key.namespace, &front.key.name) else {
        return Played { answer: "no listener".into(), ..Played::default() };
    };
    let (method, target) = exchange.request.split_once(' ').unwrap();
    let payload = exchange.payload();
    let mut headers = exchange.headers.read();
    if !exchange.chunked && (method == "POST" || !payload.is_empty()) {
        headers.insert("Content-Length", vec![payload.len().to_string()]);
    }
    let event_id = format!("{number:08x}-1111-4111-8111-111111111111");
    let answering = listener.answering();
    let request_url = match answering.examine(Arrival { target, headers: &headers, body: &payload }, "") {
        Examined::Answered(answer) => {
            return Played { answer: describe(&answer, &event_id), ..Played::default() };
        }
        Examined::Event { request_url } => request_url,
    };
    let answer = describe(&answering.accepted(&headers, &event_id), &event_id);
    let event = State::new(ReceivedRequest {
        body: Body::new(payload),
        headers: headers.into(),
        url: request_url.into(),
        event_id: event_id.as_str().into(),
        at: Timestamp::UNIX_EPOCH,
    });
    let (mut answers, mut calls) = (ListenerAnswers::default(), Vec::new());
    let decided = loop {
        let decided = listener.decide(&event, &answers);
        if decided.needs.is_empty() {
            break decided;
        }
        for (run, ask) in &decided.needs {
            answers.add(run, ask, world.answer(&ask.question, &mut calls));
        }
    };
    let mut interceptors = Vec::new();
    for group in &decided.groups {
        assert!(!matches!(group.outcome, GroupOutcome::Broken(_)), "{:?}", group.outcome);
        interceptors.extend(
            group.records.iter().filter_map(|found| entry(&format!("group {}", group.group.name), found)),
        );
    }
    let excluded = listener.decide_excluded(&event, usize::MAX);
    for decision in decided.triggers.iter().chain(&excluded) {
        interceptors.extend(decision.records.iter().filter_map(|found| entry(&decision.trigger.name, found)));
        if let (Err(broken), TriggerOutcome::Broken(_)) = (&decision.trigger.chain, &decision.outcome) {
            interceptors.push(json!({"trigger": &*decision.trigger.name, "broken": broken.to_string()}));
        }
    }
    let fired = decided.triggers.iter().enumerate();
    let created =
        fired.flat_map(|(place, decision)| create(record, listener, decision, &event_id, (number, place)));
    let created: Vec<_> = sorted_by_trigger(&created.collect::<Vec<_>>());
    let created = created.into_iter().map(|object| uids.replace(object)).collect();
    let calls = calls.into_iter().map(|call| with_placeholder(&call, &event_id)).collect::<Vec<_>>();
    Played { answer, created, interceptors: sorted(&interceptors), calls: sorted(&calls) }
}

/// An answer in the words of records.
fn describe(answer: &Answer, event_id: &str) -> Value {
    let header = |name: &str| {
        let mut found = answer.headers.iter().filter(|(known, _)| *known == name);
        found.next().map(|(_, value)| value.as_str())
    };
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let names = json!(["front", "depot"]);
    match answer.status {
        200 => "probe".into(),
        202 => {
            assert_eq!(json!([body["eventListener"], body["namespace"]]), names);
            assert_eq!(
                json!([body["eventListenerUID"], body["eventID"]]),
                json!(["uid-of-the-object", event_id])
            );
            if header("Ce-Id").is_some() { "accepted as CloudEvent".into() } else { "accepted".into() }
        }
        307 => json!({"redirected": header("Location")}),
        400 => {
            assert_eq!(json!([body["eventListener"], body["namespace"]]), names);
            let message = body["errorMessage"].as_str().unwrap();
            json!({"refused": message.strip_prefix("Invalid event body format : ").unwrap()})
        }
        status => panic!("unexpected status {status}"),
    }
}

/// What an interceptor in process decided, in the form of records.
fn entry(trigger: &str, found: &InterceptorRecord) -> Option<Value> {
    if !core_names().any(|name| *found.interceptor == *name) {
        return None;
    }
    let mut entry = json!({"trigger": trigger, "interceptor": &*found.interceptor});
    match &found.verdict {
        RecordedVerdict::Passed { extensions } if extensions.is_empty() => return None,
        RecordedVerdict::Passed { extensions } => entry["extensions"] = json!(extensions),
        RecordedVerdict::Stopped { code, message, .. } => {
            entry["code"] = json!(code.map(|code| code.number()));
            entry["message"] = json!(message);
        }
        RecordedVerdict::Failed { message } => entry["failed"] = json!(message),
    }
    Some(entry)
}

/// The objects that a trigger creates, up to the first that is refused.
fn create(
    record: &Record,
    listener: &Listener,
    decision: &TriggerDecision,
    event_id: &str,
    (number, place): (u32, usize),
) -> Vec<Value> {
    let TriggerOutcome::Fired(params) = &decision.outcome else { return Vec::new() };
    let trigger = &decision.trigger;
    let template = &trigger.blueprint.as_ref().unwrap().template;
    let uid = format!("{number:08x}{UID_MARK}{place:012x}");
    let renderer = Renderer::new(params, &uid, template.old_escape);
    let account = trigger.service_account.as_ref().unwrap_or(&listener.service_account);
    let mut created = Vec::new();
    for resource in &template.resource_templates {
        let Ok(object) = renderer.render(resource) else { break };
        let object = with_placeholder(&object, event_id);
        let Some(object) = stored(object, trigger, account, listener) else { break };
        let is = |wanted: &Option<String>, found: &str| wanted.as_ref().is_none_or(|wanted| wanted == found);
        let refused = record.refusals.iter().any(|refusal| {
            let text = |field: &str| object[field].as_str().unwrap_or("v1");
            is(&refusal.account, &account.to_string())
                && is(&refusal.trigger, &trigger.name)
                && is(&refusal.api_version, text("apiVersion"))
                && refusal.kind.as_ref().is_none_or(|kind| object.get(kind).is_some())
        });
        if refused {
            break;
        }
        created.push(object);
    }
    created
}

/// A rendered object in the form of records. `None` if it could not be sent.
fn stored(
    mut object: Value,
    trigger: &trigger_rules::listeners::ListenerTrigger,
    account: &ObjectKey,
    listener: &Listener,
) -> Option<Value> {
    let metadata = object["metadata"].take();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let namespace = metadata["namespace"].as_str().unwrap_or(&trigger.namespace).to_owned();
    let name = match metadata["name"].as_str() {
        Some(name) if !name.is_empty() => name.to_owned(),
        _ => format!("{}*", text(&metadata["generateName"])),
    };
    let mut stored = json!({"trigger": &*trigger.name});
    if *account != listener.service_account {
        stored["as"] = account.to_string().into();
    }
    let kind = text(&object["kind"]);
    stored[kind.as_str()] = format!("{namespace}/{name}").into();
    if object["apiVersion"] != "v1" {
        stored["apiVersion"] = object["apiVersion"].clone();
    }
    for field in ["labels", "annotations"] {
        if let Some(values) = metadata[field].as_object().filter(|values| !values.is_empty()) {
            if field == "labels" && values.values().any(|value| !value.is_string()) {
                return None;
            }
            stored[field] = Value::Object(values.clone());
        }
    }
    for (field, value) in object.as_object()? {
        if !["apiVersion", "kind", "metadata"].contains(&field.as_str()) {
            stored[field.as_str()] = value.clone();
        }
    }
    Some(stored)
}

/// The value with a placeholder for the id of its event.
fn with_placeholder(value: &Value, event_id: &str) -> Value {
    let text = value.to_string().replace(event_id, "<event id>");
    serde_json::from_str(&text).unwrap()
}

/// Objects in the order of their triggers; those of one trigger stay in theirs.
pub(crate) fn sorted_by_trigger(objects: &[Value]) -> Vec<Value> {
    let mut sorted = objects.to_vec();
    sorted.sort_by_key(|object| object["trigger"].as_str().unwrap_or_default().to_owned());
    sorted
}

/// Values in the order of their texts.
pub(crate) fn sorted(values: &[Value]) -> Vec<Value> {
    let mut sorted = values.to_vec();
    sorted.sort_by_key(Value::to_string);
    sorted
}

/// The middle of every unique id that is made here. Payloads hold others.
const UID_MARK: &str = "-2222-4222-8222-";

/// Placeholders for unique ids, numbered as they appear in a record.
#[derive(Default)]
struct Uids(BTreeMap<String, usize>);

impl Uids {
    fn replace(&mut self, object: Value) -> Value {
        const LENGTH: usize = 36;
        let text = object.to_string();
        let (mut replaced, mut rest) = (String::new(), text.as_str());
        while !rest.is_empty() {
            match rest.get(..LENGTH).filter(|text| is_uid(text)) {
                Some(uid) => {
                    let next = self.0.len() + 1;
                    let number = *self.0.entry(uid.to_owned()).or_insert(next);
                    replaced.push_str(&format!("<uid{number}>"));
                    rest = &rest[LENGTH..];
                }
                None => {
                    let first = rest.chars().next().unwrap();
                    replaced.push(first);
                    rest = &rest[first.len_utf8()..];
                }
            }
        }
        serde_json::from_str(&replaced).unwrap()
    }
}

fn is_uid(text: &str) -> bool {
    let dashes = [8, 13, 18, 23];
    let is_of_form = |(place, byte): (usize, u8)| match byte {
        b'-' => dashes.contains(&place),
        digit => digit.is_ascii_hexdigit() && !dashes.contains(&place),
    };
    text.contains(UID_MARK) && text.bytes().enumerate().all(is_of_form)
}

/// Validation refuses an object with this message.
pub(crate) fn check_refusal(kind: Kind, mut object: Value, message: &str) {
    object["apiVersion"] = "triggers.tekton.dev/v1beta1".into();
    object["kind"] = kind.name().into();
    let found = trigger_api::triggers::validate(object);
    assert_eq!(found.map(|errors| errors.to_string()).as_deref(), Some(message));
}
