//! The world around a listener: its objects, Secrets, the servers of interceptors and the Git provider.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use trigger_api::triggers::Kind;
use trigger_core::{KeyRef, ObjectKey};
use trigger_rules::interceptors::{Answer, MemberList, Question, SecretAnswer, WireRequest, WireResponse};
use trigger_rules::listeners::{ListenerInventory, ListenerObject};

use crate::record::{Record, Server};

pub(crate) struct World<'a> {
    pub(crate) inventory: ListenerInventory,
    secrets: BTreeMap<ObjectKey, Map<String, Value>>,
    record: &'a Record,
}

impl<'a> World<'a> {
    pub(crate) fn new(record: &'a Record) -> Self {
        let mut world = Self { inventory: ListenerInventory::default(), secrets: BTreeMap::new(), record };
        for object in &record.objects {
            let (kind, namespace, name) = identity(object);
            if kind == "Secret" {
                let data = object["data"].as_object().unwrap().clone();
                world.secrets.insert(ObjectKey::new(namespace, name), data);
                continue;
            }
            let kind = Kind::ALL.into_iter().find(|known| known.name() == kind).unwrap();
            let mut object = object.clone();
            let mut metadata = json!({"namespace": namespace, "name": name, "uid": "uid-of-the-object"});
            for field in ["labels", "annotations"] {
                if let Some(value) = object.remove(field) {
                    metadata[field] = value;
                }
            }
            object.remove(kind.name());
            object.insert("metadata".to_owned(), metadata);
            let refusal =
                record.refused.iter().find(|refused| identity(refused) == (kind.name(), namespace, name));
            if let Some(refusal) = refusal {
                crate::play::check_refusal(kind, Value::Object(object), refusal["message"].as_str().unwrap());
                continue;
            }
            world.inventory.apply(kind, Value::Object(object));
        }
        world.inventory.mark_synced();
        world
    }

    /// Answers a question of an interceptor. Requests to servers are noted.
    pub(crate) fn answer(&self, question: &Question, calls: &mut Vec<Value>) -> Answer {
        match question {
            Question::Secret(check) => Answer::Secret(
                self.secret(&check.key)
                    .map_or_else(|missing| missing, |value| check.compare(value.as_bytes())),
            ),
            Question::Call(request) => self.call(request, calls),
            Question::ChangedFiles(files) => match self.token(files.access.token.as_ref()) {
                Err(missing) => Answer::Secret(missing),
                Ok(()) => Answer::ChangedFiles(self.record.forge.as_ref().unwrap().files.clone()),
            },
            Question::Membership(membership) => {
                if let Err(missing) = self.token(membership.access.token.as_ref()) {
                    return Answer::Secret(missing);
                }
                let forge = self.record.forge.as_ref().unwrap();
                let is_in =
                    |list: Option<&Vec<String>>| list.is_some_and(|list| list.contains(&membership.login));
                match membership.list {
                    MemberList::Organization => Answer::Member(is_in(forge.members.as_ref())),
                    MemberList::Collaborators => Answer::Member(is_in(Some(&forge.collaborators))),
                    MemberList::OwnersFile => Answer::OwnersFile(forge.owners.clone()),
                }
            }
            _ => panic!("a question of an unknown kind"),
        }
    }

    fn secret(&self, key: &KeyRef) -> Result<&str, SecretAnswer> {
        let data = self.secrets.get(&key.secret).ok_or(SecretAnswer::NoSecret)?;
        data.get(&*key.entry).and_then(Value::as_str).ok_or(SecretAnswer::NoEntry)
    }

    fn token(&self, token: Option<&KeyRef>) -> Result<(), SecretAnswer> {
        token.map_or(Ok(()), |token| self.secret(token).map(|_| ()))
    }

    fn call(&self, request: &WireRequest, calls: &mut Vec<Value>) -> Answer {
        let (scheme, rest) = request.address.url().split_once("://").unwrap();
        let body = String::from_utf8(request.body.to_vec()).unwrap();
        let mut call = json!({"call": format!("POST {}", request.address.url()), "body": body});
        let mut headers = Map::new();
        for (name, values) in request.headers.iter() {
            let value = if values.len() == 1 { json!(values[0]) } else { json!(values) };
            headers.insert(name.to_owned(), value);
        }
        if !headers.is_empty() {
            call["headers"] = Value::Object(headers);
        }
        let Some(server) = self.record.servers.iter().find(|server| server.serves(rest)) else {
            calls.push(call);
            let body = b"404 page not found\n";
            return Answer::Response(WireResponse::new(404, "Not Found", trigger_expr::Headers::new(), body));
        };
        if server.tls != (scheme == "https") {
            return Answer::Unknown("the server speaks another protocol".to_owned());
        }
        calls.push(call);
        if server.seconds > request.timeout.as_secs_f64() {
            return Answer::Unknown("no answer in time".to_owned());
        }
        let mut headers = server.headers.read();
        headers.append("Content-Length", server.body.len().to_string());
        Answer::Response(WireResponse::new(server.status, "OK", headers, server.body.as_bytes()))
    }
}

impl Server {
    fn serves(&self, address: &str) -> bool {
        let split = |url: &str| {
            let (authority, path) = url.split_at(url.find('/').unwrap_or(url.len()));
            let (host, port) = authority.split_once(':').unwrap_or((authority, "80"));
            (host.to_owned(), port.to_owned(), path.to_owned())
        };
        let (own, found) = (split(&self.url), split(address));
        let any_port = !self.url.split('/').next().unwrap().contains(':');
        (own.0 == "*" || own.0 == found.0)
            && (any_port || own.1 == found.1)
            && (own.2.is_empty() || own.2 == found.2)
    }
}

/// Kind, namespace and name of an object in a record.
fn identity(object: &Map<String, Value>) -> (&str, &str, &str) {
    let known = Kind::ALL.into_iter().map(Kind::name).chain(["Secret"]);
    let mut found = known.filter_map(|kind| Some((kind, object.get(kind)?.as_str()?)));
    let (kind, name) = found.next().unwrap();
    let (namespace, name) = name.split_once('/').unwrap_or(("", name));
    (kind, namespace, name)
}

/// The listener that all requests are sent to.
pub(crate) fn front() -> ListenerObject {
    ListenerObject::new(Kind::EventListener, "depot", "front")
}
