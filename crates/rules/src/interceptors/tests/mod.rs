//! Chains as a whole: tables of events and interceptors with the results that Tekton's listener has, or that are
//! deliberately different.

mod asks;
mod authentication;
mod bounds;
mod cel;
mod compilation;
mod forge;
mod forms;
mod git;
mod hostile;
mod remote;
mod secrets;
mod webhook;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Map, Value};
use trigger_expr::Headers;

use super::*;

/// When every event of these tests arrives.
const NOW: i64 = 1_700_000_000;

/// An event with these headers and this body.
fn event(headers: &[(&str, &str)], body: &str) -> State {
    event_at("/hook?a=1", headers, body.as_bytes())
}

fn event_at(url: &str, headers: &[(&str, &str)], body: &[u8]) -> State {
    let mut map = Headers::new();
    for (name, value) in headers {
        map.append(name, (*value).to_owned());
    }
    State::new(ReceivedRequest {
        body: Body::new(body.to_vec()),
        headers: map.into(),
        url: url.into(),
        event_id: "event-1".into(),
        at: Timestamp::from_second(NOW).unwrap(),
    })
}

/// The trigger of these tests.
fn trigger() -> TriggerId {
    TriggerId { scope: ChainScope::Trigger, namespace: "team-a".into(), name: "push".into() }
}

/// Compiles interceptors written as in a Trigger. `ref.address` stands for the object that the reference leads to.
fn compile(interceptors: &Value) -> Result<Chain, CompileError> {
    compile_for(trigger(), interceptors, &CallSettings::default())
}

fn compile_for(
    trigger: TriggerId,
    interceptors: &Value,
    settings: &CallSettings,
) -> Result<Chain, CompileError> {
    let text = |value: &'_ Value, key: &str| value[key].as_str().unwrap_or_default().to_owned();
    let interceptors = interceptors.as_array().unwrap();
    let params: Vec<Map<String, Value>> =
        interceptors.iter().map(|one| one["params"].as_object().cloned().unwrap_or_default()).collect();
    let names: Vec<_> = interceptors.iter().map(|one| text(one, "name")).collect();
    let references: Vec<_> = interceptors
        .iter()
        .map(|one| {
            let address = one["ref"]["address"].as_str();
            let address = address.map(|url| Address::new(url, b"", Origin::Cluster).unwrap());
            (text(&one["ref"], "name"), text(&one["ref"], "kind"), address)
        })
        .collect();
    let services: Vec<_> = interceptors
        .iter()
        .map(|one| &one["webhook"]["objectRef"])
        .map(|one| ["kind", "apiVersion", "namespace", "name"].map(|key| text(one, key)))
        .collect();
    let headers: Vec<Vec<(&str, &Value)>> = interceptors
        .iter()
        .map(|one| {
            let headers = one["webhook"]["header"].as_array().into_iter().flatten();
            headers.map(|header| (header["name"].as_str().unwrap(), &header["value"])).collect()
        })
        .collect();
    let declarations: Vec<_> = interceptors
        .iter()
        .enumerate()
        .map(|(place, one)| {
            let (name, kind, address) = &references[place];
            let [service_kind, api_version, namespace, service] = &services[place];
            Declaration {
                name: &names[place],
                reference: one.get("ref").map(|_| Reference { name, kind, address: address.as_ref() }),
                params: &params[place],
                webhook: one.get("webhook").map(|webhook| WebhookDeclaration {
                    url: webhook["url"].as_str(),
                    object_ref: webhook.get("objectRef").map(|_| ServiceRef {
                        kind: service_kind,
                        api_version,
                        namespace,
                        name: service,
                    }),
                    headers: &headers[place],
                }),
            }
        })
        .collect();
    Chain::compile(trigger, &declarations, settings)
}

/// The world outside a chain, and the questions that it was asked.
#[derive(Default)]
struct World {
    /// The values of entries, by `namespace/name/entry`.
    secrets: BTreeMap<&'static str, &'static [u8]>,
    /// The answers of servers, by URL.
    servers: BTreeMap<&'static str, WireResponse>,
    /// The people in each list.
    members: BTreeMap<&'static str, Vec<&'static str>>,
    owners: Option<&'static str>,
    files: Vec<&'static str>,
    asked: Vec<Ask>,
}

impl World {
    /// With the Secret `hook` of the trigger's namespace.
    fn with_secret() -> Self {
        Self { secrets: [("team-a/hook/token", b"s3cret".as_slice())].into(), ..Self::default() }
    }

    /// With a server that answers with the status 200.
    fn with_server(url: &'static str, body: &str) -> Self {
        Self { servers: [(url, ok(body))].into(), ..Self::default() }
    }

    fn answer(&self, question: &Question) -> Answer {
        match question {
            Question::Secret(check) => {
                let (secret, entry) = (&check.key.secret, &check.key.entry);
                match self.secrets.get(format!("{secret}/{entry}").as_str()) {
                    Some(value) => Answer::Secret(check.compare(value)),
                    None if self.secrets.keys().any(|key| key.starts_with(&format!("{secret}/"))) => {
                        Answer::Secret(SecretAnswer::NoEntry)
                    }
                    None => Answer::Secret(SecretAnswer::NoSecret),
                }
            }
            Question::Call(request) => match self.servers.get(&**request.address.url()) {
                Some(response) => Answer::Response(response.clone()),
                None => Answer::Unknown("connection refused".into()),
            },
            Question::ChangedFiles(question) => match question.number {
                404 => Answer::Refused("404 Not Found".into()),
                _ => Answer::ChangedFiles(self.files.iter().map(ToString::to_string).collect()),
            },
            Question::Membership(Membership { list: MemberList::OwnersFile, .. }) => {
                Answer::OwnersFile(self.owners.map(ToOwned::to_owned))
            }
            Question::Membership(Membership { list, login, .. }) => {
                let members = self.members.get(list.name());
                Answer::Member(members.is_some_and(|members| members.contains(&login.as_str())))
            }
        }
    }

    /// Takes an event through a chain, and answers its questions.
    fn take(&mut self, chain: &Chain, state: State) -> Step {
        let mut answers = Answers::default();
        let mut step = chain.advance(chain.begin(state.clone()), &answers);
        while let Step::Asks(ask, course) = step {
            assert!(self.asked.len() < 1000, "the chain does not end");
            assert!(answers.get(&ask.key).is_none(), "asked twice: {ask:?}");
            answers.add(ask.key.clone(), self.answer(&ask.question));
            self.asked.push(*ask);
            step = chain.advance(course, &answers);
        }
        assert!(answers.iter().count() <= chain.most_asks());
        // A replay with the stored answers asks nothing and ends alike.
        let stored = serde_json::to_string(&answers).unwrap();
        let stored: Answers = serde_json::from_str(&stored).unwrap();
        let again = chain.advance(chain.begin(state), &stored);
        assert_eq!(describe(&again), describe(&step));
        step
    }
}

/// A response with the status 200.
fn ok(body: &str) -> WireResponse {
    WireResponse::new(200, "OK", Headers::new(), body.as_bytes())
}

/// A result in one line: `passed` with the extensions, or why not.
fn describe(step: &Step) -> String {
    let last = |course: &Course| course.records().last().map(|record| record.verdict.clone());
    match step {
        Step::Passed(course) => {
            let extensions = course.state().extensions();
            if extensions.is_empty() {
                "passed".to_owned()
            } else {
                format!("passed {}", Value::Object(extensions.clone()))
            }
        }
        Step::Stopped(course) => match last(course) {
            Some(RecordedVerdict::Stopped { code: Some(code), message, .. }) => {
                format!("{} {message}", code.number())
            }
            Some(RecordedVerdict::Stopped { code: None, message, .. }) => format!("stopped {message}"),
            other => panic!("{other:?}"),
        },
        Step::Failed(course) => match last(course) {
            Some(RecordedVerdict::Failed { message }) => format!("failed {message}"),
            other => panic!("{other:?}"),
        },
        Step::Asks(ask, _) => format!("asks {}", ask.key.subject),
    }
}

/// The result of one event in one chain.
fn result(interceptors: &Value, headers: &[(&str, &str)], body: &str, world: &mut World) -> String {
    let chain = compile(interceptors).unwrap();
    describe(&world.take(&chain, event(headers, body)))
}
