use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use trigger_calls::{Calls, CallsSettings};
use trigger_core::{KeyRef, ObjectKey};
use trigger_expr::Headers;
use trigger_rules::interceptors::{
    Address, Answer, Ask, AskKey, Origin, Question, Redirects, WireRequest, WireResponse,
};
use trigger_runtime::{SecretData, SecretError, Secrets};

use crate::server::Server;

/// The namespace of most questions.
pub(crate) const NAMESPACE: &str = "team-a";
/// The access token in the Secret `hook`, under `token`.
pub(crate) const TOKEN: &str = "ghp_hush";

/// Allows private addresses and plain HTTP for these servers alone.
pub(crate) fn settings(servers: &[&Server]) -> CallsSettings {
    let hosts: Vec<_> = servers.iter().map(|server| server.host()).collect();
    CallsSettings {
        private: hosts.iter().map(|host| host.parse().unwrap()).collect::<Vec<_>>(),
        plain_http: hosts.iter().map(|host| host.parse().unwrap()).collect(),
        ..CallsSettings::default()
    }
}

pub(crate) fn calls(settings: CallsSettings) -> Calls {
    Calls::new(settings, Arc::new(Known)).unwrap()
}

/// The Secrets of these tests.
struct Known;

impl Secrets for Known {
    fn read<'a>(&'a self, secret: &'a ObjectKey) -> BoxFuture<'a, Result<Arc<SecretData>, SecretError>> {
        let entries = [("token", format!("{TOKEN}\n")), ("empty", "\n".into()), ("odd", "a b".into())];
        let found = match &*secret.name {
            "hook" => Ok(entries.map(|(entry, value)| (entry.to_owned(), value.into_bytes()))),
            "forbidden" => Err(SecretError::Forbidden(secret.clone())),
            "late" => Err(SecretError::Unavailable {
                secret: secret.clone(),
                reason: "the API server is down".into(),
            }),
            _ => Err(SecretError::Missing(secret.clone())),
        };
        std::future::ready(found.map(|entries| Arc::new(SecretData::new(BTreeMap::from(entries))))).boxed()
    }
}

/// An entry of a Secret in the namespace.
pub(crate) fn entry(secret: &str, entry: &str) -> KeyRef {
    KeyRef::new(ObjectKey::new(NAMESPACE, secret), entry)
}

pub(crate) fn ask(question: Question) -> Ask {
    Ask { key: AskKey { trigger: "t".into(), place: 0, subject: "call".into() }, question }
}

/// A request with a body, without retries, patient enough for a busy machine. The namespace has chosen the address.
pub(crate) fn request(url: &str) -> WireRequest {
    let mut headers = Headers::new();
    headers.append("Content-Type", "application/json".to_owned());
    headers.append("Authorization", "Bearer hush".to_owned());
    WireRequest {
        address: address(url, b"", Origin::Namespace(NAMESPACE.into())),
        headers,
        body: "{}".into(),
        timeout: Duration::from_secs(50),
        retries: 0,
        redirects: Redirects::SendBodyAgain,
        largest_answer: 1000,
    }
}

pub(crate) fn address(url: &str, ca_bundle: &[u8], origin: Origin) -> Address {
    Address::new(url, ca_bundle, origin).unwrap()
}

pub(crate) async fn answer(calls: &Calls, question: Question) -> Answer {
    let answer = calls.answer(&ask(question), NAMESPACE).await;
    let text = format!("{answer:?}");
    assert!(!text.contains("hush"), "an answer repeats a secret: {text}");
    answer
}

/// The response to a request.
pub(crate) async fn response(calls: &Calls, request: WireRequest) -> WireResponse {
    match answer(calls, Question::Call(Box::new(request))).await {
        Answer::Response(response) => response,
        other => panic!("{other:?}"),
    }
}

/// Why there is no response to a request.
pub(crate) async fn unknown(calls: &Calls, request: WireRequest) -> String {
    match answer(calls, Question::Call(Box::new(request))).await {
        Answer::Unknown(reason) => reason,
        other => panic!("{other:?}"),
    }
}
