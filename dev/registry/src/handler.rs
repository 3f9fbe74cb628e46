//! What is answered to a request (OCI distribution specification, "API").

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, LOCATION, RANGE, WWW_AUTHENTICATE};
use http::{HeaderMap, Method, Request};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use serde_json::json;

use crate::auth::{Demand, Tokens, random};
use crate::faults::{Fault, Faults, TOKENS};
use crate::notifications::Notifications;
use crate::requests::{Requests, Seen};
use crate::responses::{self, Answer, DIGEST, error, full, status};
use crate::store::{Manifest, Store};

/// The largest body that is taken, in bytes.
const LONGEST_BODY: usize = 64 * 1024 * 1024;

/// What all requests share.
#[derive(Debug)]
pub(crate) struct Shared {
    /// With the port, as clients name it.
    pub(crate) host: String,
    pub(crate) scheme: &'static str,
    pub(crate) demand: Demand,
    pub(crate) anonymous_pull: bool,
    pub(crate) with_digest: bool,
    pub(crate) token_life: Duration,
    pub(crate) tokens: Tokens,
    pub(crate) store: Store,
    pub(crate) faults: Faults,
    pub(crate) requests: Requests,
    pub(crate) notifications: Notifications,
}

/// A request with its body.
struct Call {
    method: Method,
    path: String,
    query: HashMap<String, String>,
    scopes: Vec<String>,
    authorization: Option<String>,
    headers: HeaderMap,
    body: Bytes,
}

/// What a path leads to.
enum Place<'a> {
    Root,
    Tokens,
    Manifest { repository: &'a str, reference: &'a str },
    Blob { repository: &'a str, digest: &'a str },
    Upload { repository: &'a str, id: &'a str },
    Tags { repository: &'a str },
}

impl<'a> Place<'a> {
    fn of(path: &'a str) -> Option<Self> {
        if path == TOKENS {
            return Some(Self::Tokens);
        }
        let rest = path.strip_prefix("/v2")?.strip_prefix('/').unwrap_or_default();
        if rest.is_empty() {
            return Some(Self::Root);
        }
        if let Some(repository) = rest.strip_suffix("/tags/list") {
            return Some(Self::Tags { repository });
        }
        if let Some((repository, id)) = rest.rsplit_once("/blobs/uploads/") {
            return Some(Self::Upload { repository, id });
        }
        if let Some((repository, digest)) = rest.rsplit_once("/blobs/") {
            return Some(Self::Blob { repository, digest });
        }
        let (repository, reference) = rest.rsplit_once("/manifests/")?;
        Some(Self::Manifest { repository, reference })
    }

    /// What faults and rights know it as.
    fn name(&self) -> &'a str {
        match self {
            Self::Root => "",
            Self::Tokens => TOKENS,
            Self::Manifest { repository, .. }
            | Self::Blob { repository, .. }
            | Self::Upload { repository, .. }
            | Self::Tags { repository } => repository,
        }
    }
}

pub(crate) async fn handle(shared: Arc<Shared>, request: Request<Incoming>) -> Answer {
    let Some(call) = receive(&shared, request).await else { return error(413, "SIZE_INVALID") };
    let Some(place) = Place::of(&call.path) else { return error(404, "NAME_UNKNOWN") };
    if let Some(fault) = shared.faults.judge(place.name()) {
        if let Fault::Slow(delay) = fault {
            tokio::time::sleep(delay).await;
        }
        if let Some(answer) = responses::fault(&fault) {
            return answer;
        }
    }
    if let Place::Tokens = place {
        return give_token(&shared, &call);
    }
    if let Some(refusal) = refuse(&shared, &call, place.name()) {
        return refusal;
    }
    match place {
        Place::Root | Place::Tokens => responses::json(200, &json!({})),
        Place::Manifest { repository, reference } => manifest(&shared, &call, repository, reference),
        Place::Blob { digest, .. } => blob(&shared, &call.method, digest),
        Place::Upload { repository, id } => upload(&shared, &call, repository, id),
        Place::Tags { repository } => match shared.store.tags(repository) {
            Some(tags) => responses::json(200, &json!({"name": repository, "tags": tags})),
            None => error(404, "NAME_UNKNOWN"),
        },
    }
}

/// Notes a request and reads it; nothing if it is too long.
async fn receive(shared: &Shared, request: Request<Incoming>) -> Option<Call> {
    let (head, body) = request.into_parts();
    let authorization = head.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let authorization = authorization.map(ToOwned::to_owned);
    shared.requests.add(Seen {
        method: head.method.to_string(),
        path: head.uri.path_and_query().map(ToString::to_string).unwrap_or_default(),
        authorization: authorization.clone(),
        at: Instant::now(),
    });
    let body = Limited::new(body, LONGEST_BODY).collect().await.ok()?.to_bytes();
    let is_form = head.headers.get(CONTENT_TYPE).is_some_and(|t| t == "application/x-www-form-urlencoded");
    let form: &[u8] = if is_form { &body } else { b"" };
    let query = head.uri.query().unwrap_or_default().as_bytes();
    let pairs = form_urlencoded::parse(query).into_owned();
    let pairs: Vec<_> = pairs.chain(form_urlencoded::parse(form).into_owned()).collect();
    let scopes = pairs.iter().filter(|(name, _)| name == "scope");
    let scopes = scopes.flat_map(|(_, scopes)| scopes.split(' ').map(ToOwned::to_owned)).collect();
    Some(Call {
        path: head.uri.path().to_owned(),
        method: head.method,
        query: pairs.into_iter().collect(),
        scopes,
        authorization,
        headers: head.headers,
        body,
    })
}

/// Why a caller may not do what it wants.
fn refuse(shared: &Shared, call: &Call, repository: &str) -> Option<Answer> {
    let authorization = call.authorization.as_deref();
    let action = if matches!(call.method, Method::GET | Method::HEAD) { "pull" } else { "push" };
    let challenge = match &shared.demand {
        Demand::Nothing => return None,
        Demand::Basic(login) if login.is_in(authorization) => return None,
        Demand::Basic(_) => "Basic realm=\"devregistry\"".to_owned(),
        Demand::Token(_) if shared.tokens.allow(authorization, repository, action) => return None,
        Demand::Token(_) => {
            let actions = if action == "push" { "pull,push" } else { "pull" };
            let Shared { scheme, host, .. } = shared;
            let scope = if repository.is_empty() {
                String::new()
            } else {
                format!(",scope=\"repository:{repository}:{actions}\"")
            };
            format!("Bearer realm=\"{scheme}://{host}{TOKENS}\",service=\"devregistry\"{scope}")
        }
    };
    let mut answer = error(401, "UNAUTHORIZED");
    if let Ok(challenge) = challenge.parse() {
        answer.headers_mut().insert(WWW_AUTHENTICATE, challenge);
    }
    Some(answer)
}

/// The service for tokens: to the login by GET, and by POST for its password as an identity token.
fn give_token(shared: &Shared, call: &Call) -> Answer {
    let Demand::Token(login) = &shared.demand else { return error(404, "UNSUPPORTED") };
    let refreshes = call.method == Method::POST
        && call.query.get("grant_type").is_some_and(|grant| grant == "refresh_token")
        && call.query.get("refresh_token") == Some(&login.password);
    let is_anonymous = call.method == Method::GET && call.authorization.is_none() && shared.anonymous_pull;
    let only_pulls = call.scopes.iter().all(|scope| scope.ends_with(":pull"));
    if !(refreshes || login.is_in(call.authorization.as_deref()) || (is_anonymous && only_pulls)) {
        return error(401, "UNAUTHORIZED");
    }
    let token = shared.tokens.give(call.scopes.clone(), shared.token_life);
    // Those that exchange an identity token look for it under this name.
    let name = if refreshes { "access_token" } else { "token" };
    responses::json(200, &json!({name: token, "expires_in": shared.token_life.as_secs()}))
}

fn manifest(shared: &Shared, call: &Call, repository: &str, reference: &str) -> Answer {
    match call.method {
        Method::GET | Method::HEAD => match shared.store.manifest(repository, reference) {
            Some(manifest) => responses::manifest(manifest, &call.method, shared.with_digest),
            None => error(404, "MANIFEST_UNKNOWN"),
        },
        Method::PUT => {
            let media_type = call.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
            let manifest = Manifest::new(call.body.clone(), media_type);
            let digest = manifest.digest.clone();
            if reference.contains(':') && reference != digest {
                return error(400, "DIGEST_INVALID");
            }
            if shared.keep(repository, reference, &manifest).is_err() {
                return error(507, "TOOMANYREQUESTS");
            }
            let place = format!("/v2/{repository}/manifests/{digest}");
            full(status(201).header(LOCATION, place).header(DIGEST, digest), Bytes::new())
        }
        _ => error(405, "UNSUPPORTED"),
    }
}

impl Shared {
    /// Keeps a manifest and tells those who want to know.
    pub(crate) fn keep(
        &self,
        repository: &str,
        reference: &str,
        manifest: &Manifest,
    ) -> Result<(), crate::store::Full> {
        self.store.put(repository, reference, manifest.clone())?;
        self.notifications.pushed(self, repository, reference, manifest);
        Ok(())
    }
}

fn blob(shared: &Shared, method: &Method, digest: &str) -> Answer {
    let Some(blob) = shared.store.blob(digest) else { return error(404, "BLOB_UNKNOWN") };
    let builder = status(200).header(CONTENT_TYPE, "application/octet-stream").header(DIGEST, digest);
    let builder = builder.header(CONTENT_LENGTH, blob.len());
    full(builder, if method == Method::HEAD { Bytes::new() } else { blob })
}

fn upload(shared: &Shared, call: &Call, repository: &str, id: &str) -> Answer {
    let store = &shared.store;
    let digest = call.query.get("digest");
    let (id, ends) = match call.method {
        Method::POST => {
            let id = random();
            store.begin(&id);
            (id, digest.is_some())
        }
        Method::PATCH => (id.to_owned(), false),
        Method::PUT => (id.to_owned(), true),
        _ => return error(405, "UNSUPPORTED"),
    };
    let length = match store.extend(&id, &call.body) {
        Ok(Some(length)) => length,
        Ok(None) => return error(404, "BLOB_UPLOAD_UNKNOWN"),
        Err(_) => return error(507, "SIZE_INVALID"),
    };
    if !ends {
        let place = format!("/v2/{repository}/blobs/uploads/{id}");
        let range = format!("0-{}", length.saturating_sub(1));
        return full(status(202).header(LOCATION, place).header(RANGE, range), Bytes::new());
    }
    match digest {
        Some(digest) if store.finish(&id, digest) => {
            let place = format!("/v2/{repository}/blobs/{digest}");
            full(status(201).header(LOCATION, place).header(DIGEST, digest), Bytes::new())
        }
        _ => error(400, "DIGEST_INVALID"),
    }
}
