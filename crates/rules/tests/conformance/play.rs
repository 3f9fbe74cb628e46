//! Plays a record.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value, json};
use trigger_api::triggers::{Kind, LABEL_EVENT_ID, LABEL_EVENT_LISTENER, LABEL_TRIGGER};
use trigger_core::{DeliveryId, ObjectKey, Ordinal, event_id};
use trigger_rules::interceptors::{
    Body, Code, ReceivedRequest, Record as InterceptorRecord, RecordedVerdict, State, core_names,
};
use trigger_rules::listeners::{
    Answer, Arrival, Examined, GroupOutcome, Listener, ListenerAnswers, ListenerTrigger, TriggerDecision,
    TriggerOutcome,
};
use trigger_targets::Existing;
use trigger_targets::template::{FiredTrigger, plans};

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
    let delivery = DeliveryId::derive(&[b"exchange", &number.to_be_bytes()]);
    let event_id = event_id(&delivery, Ordinal::FIRST);
    let answering = listener.settings.answering();
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
        interceptors
            .extend(group.records.iter().filter_map(|found| entry(&format!("group {}", group.name), found)));
    }
    let excluded = listener.decide_excluded(&event, usize::MAX);
    for decision in decided.triggers.iter().chain(&excluded) {
        interceptors.extend(decision.records.iter().filter_map(|found| entry(&decision.trigger.name, found)));
        if let (Err(broken), TriggerOutcome::Broken(_)) = (&decision.trigger.chain, &decision.outcome) {
            interceptors.push(json!({"trigger": &*decision.trigger.name, "broken": broken.to_string()}));
        }
    }
    let created = decided.triggers.iter().flat_map(|decision| create(record, listener, decision, &delivery));
    let created: Vec<_> = sorted_by_trigger(&created.collect::<Vec<_>>());
    let headers = serde_json::to_string(&exchange.headers.read()).unwrap();
    let request = format!("{:?} {headers} {}", record.objects, exchange.body);
    let created = created.into_iter().map(|object| uids.replace(&object, &request)).collect();
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
            entry["code"] = json!(code.map(Code::number));
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
    delivery: &DeliveryId,
) -> Vec<Value> {
    let TriggerOutcome::Fired(params) = &decision.outcome else { return Vec::new() };
    let trigger = &decision.trigger;
    let template = &trigger.blueprint.as_ref().unwrap().template;
    let account = trigger.service_account.as_ref().unwrap_or(&listener.settings.service_account);
    let plans = plans(&FiredTrigger {
        delivery,
        ordinal: Ordinal::FIRST,
        replay: None,
        listener: &listener.settings.key,
        owner: &trigger.subject(),
        trigger: &ObjectKey::new(trigger.namespace.clone(), trigger.name.clone()),
        occurrence: decision.occurrence,
        run_as: account,
        annotations: &[],
        params: params.clone().into(),
        resource_templates: template.resource_templates.clone(),
        old_escape: template.old_escape,
    });
    let mut created = Vec::new();
    for plan in plans.unwrap_or_default() {
        assert_eq!(plan.run_as.as_ref(), Some(account));
        let object = plan.manifest.object().unwrap();
        let event_id = event_id(delivery, Ordinal::FIRST);
        let labels = &object["metadata"]["labels"];
        let own = [LABEL_EVENT_LISTENER, LABEL_TRIGGER, LABEL_EVENT_ID].map(|label| &labels[label]);
        assert_eq!(json!(own), json!([&*listener.settings.key.name, &*trigger.name, event_id]));
        let is_fixed = !matches!(plan.existing, Existing::Created);
        let object = stored(with_placeholder(&object, &event_id), trigger, account, listener, is_fixed);
        let is = |wanted: &Option<String>, found: &str| wanted.as_ref().is_none_or(|wanted| wanted == found);
        let refused = record.refusals.iter().any(|refusal| {
            is(&refusal.account, &account.to_string())
                && is(&refusal.trigger, &trigger.name)
                && is(&refusal.api_version, object["apiVersion"].as_str().unwrap_or("v1"))
                && refusal.kind.as_ref().is_none_or(|kind| object.get(kind).is_some())
        });
        if refused {
            break;
        }
        created.push(object);
    }
    created
}

/// A rendered object in the form of records: without what every object gets.
fn stored(
    mut object: Value,
    trigger: &ListenerTrigger,
    account: &ObjectKey,
    listener: &Listener,
    is_fixed: bool,
) -> Value {
    let metadata = object["metadata"].take();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let namespace = metadata["namespace"].as_str().unwrap_or(&trigger.namespace).to_owned();
    let base = text(&metadata["generateName"]);
    let name = if is_fixed { text(&metadata["name"]) } else { format!("{base}*") };
    let mut stored = json!({"trigger": &*trigger.name});
    if *account != listener.settings.service_account {
        stored["as"] = account.to_string().into();
    }
    stored[text(&object["kind"]).as_str()] = format!("{namespace}/{name}").into();
    if object["apiVersion"] != "v1" {
        stored["apiVersion"] = object["apiVersion"].clone();
    }
    let is_ours =
        |key: &str| key.starts_with("triggers.tekton.dev/") || key.starts_with("trigger.shipwright.io/");
    for field in ["labels", "annotations"] {
        let mut values = metadata[field].as_object().cloned().unwrap_or_default();
        values.retain(|key, _| !is_ours(key));
        if !values.is_empty() {
            stored[field] = Value::Object(values);
        }
    }
    for (field, value) in object.as_object().unwrap() {
        if !["apiVersion", "kind", "metadata"].contains(&field.as_str()) {
            stored[field.as_str()] = value.clone();
        }
    }
    stored
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

/// Placeholders for unique ids, numbered as they appear in a record.
#[derive(Default)]
struct Uids(BTreeMap<String, usize>);

impl Uids {
    /// `known` are the objects and the request, which may hold other ids.
    fn replace(&mut self, object: &Value, known: &str) -> Value {
        const LENGTH: usize = 36;
        let text = object.to_string();
        let (mut replaced, mut rest) = (String::new(), text.as_str());
        while !rest.is_empty() {
            let uid = rest.get(..LENGTH).filter(|text| is_uid(text) && !known.contains(*text));
            if let Some(uid) = uid {
                let next = self.0.len() + 1;
                let number = self.0.entry(uid.to_owned()).or_insert(next).to_string();
                replaced.extend(["<uid", &number, ">"]);
                rest = &rest[LENGTH..];
            } else {
                let first = rest.chars().next().unwrap();
                replaced.push(first);
                rest = &rest[first.len_utf8()..];
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
    text.bytes().enumerate().all(is_of_form)
}

/// Validation refuses an object with this message.
pub(crate) fn check_refusal(kind: Kind, mut object: Value, message: &str) {
    object["apiVersion"] = "triggers.tekton.dev/v1beta1".into();
    object["kind"] = kind.name().into();
    let found = trigger_api::triggers::validate(object);
    assert_eq!(found.map(|errors| errors.to_string()).as_deref(), Some(message));
}
