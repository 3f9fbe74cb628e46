//! Legacy webhook interceptors: the event itself is sent, and the answer takes its place.

use std::time::Duration;

use bytes::Bytes;
use serde_json::{Map, Value};
use trigger_core::is_dns_label;
use trigger_expr::cel::set_overlay;

use super::body::Body;
use super::compile_error::CompileFault;
use super::declaration::{ServiceRef, WebhookDeclaration};
use super::interceptor::{Halt, Interceptor, Passage, Run};
use super::remote::{ask_response, bounded, subject};
use super::settings::CallSettings;
use super::state::State;
use super::wire::{Address, Origin, Redirects, WireRequest};
use crate::go_json::go_json;
use crate::limits::{LARGEST_WEBHOOK_ANSWER, LONGEST_PARAM_ITEM, MOST_WEBHOOK_HEADERS};
use crate::text::quoted;

/// As Tekton's listener has it, for the whole answer.
const TIMEOUT: Duration = Duration::from_secs(5);

/// The header with the URL of the request that reached the listener.
const REQUEST_URL: &str = "Eventlistener-Request-Url";

/// The headers that belong to a connection, and are never passed on. The last one would make an answer unreadable: the
/// client decides which compressions it understands.
const OF_CONNECTION: [&str; 11] = [
    "Connection",
    "Content-Length",
    "Expect",
    "Host",
    "Keep-Alive",
    "Proxy-Connection",
    "Te",
    "Trailer",
    "Transfer-Encoding",
    "Upgrade",
    "Accept-Encoding",
];

/// A legacy webhook interceptor.
#[derive(Debug)]
pub(super) struct Webhook {
    address: Address,
    /// The configured headers, each with all its values.
    headers: Vec<(String, Vec<String>)>,
    timeout: Duration,
    retries: u8,
    subject: String,
}

impl Webhook {
    pub(super) fn compile(
        name: &str,
        declaration: &WebhookDeclaration<'_>,
        namespace: &str,
        settings: &CallSettings,
    ) -> Result<Self, CompileFault> {
        let url = match (declaration.url.filter(|url| !url.is_empty()), &declaration.object_ref) {
            (Some(url), _) => url.to_owned(),
            (None, Some(service)) => service_url(service, namespace)?,
            (None, None) => return Err(CompileFault::NoService),
        };
        let address = Address::new(&url, &[], Origin::Namespace(namespace.into()))?;
        let found = declaration.headers.len();
        if found > MOST_WEBHOOK_HEADERS {
            return Err(CompileFault::TooManyHeaders { found });
        }
        let headers = declaration.headers.iter().map(|(name, value)| header(name, value));
        let headers = headers.collect::<Result<Vec<_>, _>>()?;
        let configuration = Value::from_iter(headers.clone()).to_string();
        Ok(Self {
            subject: subject("webhook", &address, &configuration),
            address,
            headers,
            timeout: settings.timeout(name, TIMEOUT),
            retries: settings.retries(name),
        })
    }

    fn request(&self, run: &Run<'_>, body: Bytes) -> WireRequest {
        let mut headers = run.state.headers().clone();
        for name in OF_CONNECTION {
            headers.remove(name);
        }
        headers.insert(REQUEST_URL, vec![run.state.request().url.to_string()]);
        for (name, values) in &self.headers {
            headers.insert(name, values.clone());
        }
        WireRequest {
            address: self.address.clone(),
            headers,
            body,
            timeout: self.timeout,
            retries: self.retries,
            redirects: Redirects::RefuseBody,
            largest_answer: LARGEST_WEBHOOK_ANSWER,
        }
    }
}

impl Interceptor for Webhook {
    fn intercept(&self, run: &Run<'_>) -> Result<Passage, Halt> {
        let request = || Ok(self.request(run, body_with_extensions(run.state)?));
        let response = ask_response(run, &self.subject, request)?;
        if response.status != 200 {
            let (status, reason, body) = (response.status, &response.reason, &response.body);
            let message = format!("request rejected; status: {status} {reason}; message: {body}");
            return Err(Halt::stop_with(None, message, Vec::new()));
        }
        bounded(response, LARGEST_WEBHOOK_ANSWER)?;
        let body = Body::new(response.body.as_bytes().to_vec());
        Ok(Passage { replaced: Some((body, response.headers.clone())), ..Passage::default() })
    }

    fn most_asks(&self) -> usize {
        1
    }

    fn is_outside(&self) -> bool {
        true
    }
}

fn service_url(service: &ServiceRef<'_>, namespace: &str) -> Result<String, CompileFault> {
    let namespace = if service.namespace.is_empty() { namespace } else { service.namespace };
    let is_service = service.kind == "Service" && service.api_version == "v1";
    if !is_service || !is_dns_label(service.name) || !is_dns_label(namespace) {
        return Err(CompileFault::NoService);
    }
    Ok(format!("http://{}.{namespace}.svc/", service.name))
}

fn header(name: &str, value: &Value) -> Result<(String, Vec<String>), CompileFault> {
    let refuse = |expected| CompileFault::Header { name: quoted(name), expected };
    let name_byte = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if name.is_empty() || name.len() > LONGEST_PARAM_ITEM || !name.bytes().all(name_byte) {
        return Err(refuse("a name of letters, digits and dashes"));
    }
    if OF_CONNECTION.iter().any(|reserved| reserved.eq_ignore_ascii_case(name)) {
        return Err(refuse("a name that does not belong to the connection"));
    }
    let values = match value {
        Value::String(value) => vec![value.as_str()],
        Value::Array(values) => {
            values.iter().map(Value::as_str).collect::<Option<_>>().ok_or(refuse("a list of strings"))?
        }
        _ => return Err(refuse("a string or a list of strings")),
    };
    let is_legal = |value: &&str| value.len() <= LONGEST_PARAM_ITEM && !value.chars().any(char::is_control);
    if values.len() > MOST_WEBHOOK_HEADERS || !values.iter().all(is_legal) {
        return Err(refuse("few and short values without line breaks"));
    }
    Ok((name.to_owned(), values.into_iter().map(ToOwned::to_owned).collect()))
}

/// The body with the extensions at `extensions`. The text of the body stays as it is where it can.
fn body_with_extensions(state: &State) -> Result<Bytes, Halt> {
    let (body, extensions) = (state.body(), state.extensions());
    if extensions.is_empty() {
        return Ok(body.bytes().clone());
    }
    let failed =
        |error: &dyn std::fmt::Display| Halt::fail(format!("could not merge extensions with body: {error}"));
    let object = body.object().map_err(|error| failed(&error))?;
    let own = object.and_then(|object| object.get("extensions"));
    let mut merged = own.and_then(Value::as_object).cloned().unwrap_or_default();
    for (key, value) in extensions {
        // A dot in a key nests, as in the key of an overlay.
        set_overlay(&mut merged, key, value.clone()).map_err(|error| failed(&error))?;
    }
    let json = |value: &Map<String, Value>| go_json(value).ok_or_else(|| failed(&"a value is no JSON"));
    let text = body.text();
    let open = text.trim_ascii_end().strip_suffix('}');
    let is_empty = object.is_none_or(Map::is_empty);
    if let (Some(open), None) = (open, own) {
        let comma = if is_empty { "" } else { "," };
        return Ok(Bytes::from(format!("{open}{comma}\"extensions\":{}}}", json(&merged)?)));
    }
    let mut object = object.cloned().unwrap_or_default();
    object.insert("extensions".to_owned(), Value::Object(merged));
    json(&object).map(Bytes::from)
}
