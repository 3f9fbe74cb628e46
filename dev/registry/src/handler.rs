//! Handling of requests (OCI distribution specification, "API").

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, LOCATION, RANGE, WWW_AUTHENTICATE};
use http::{HeaderMap, Method, Request};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use serde_json::json;

use crate::auth::{Authentication, Tokens, random};
use crate::faults::{Fault, Faults, TOKENS};
use crate::notifications::Notifications;
use crate::requests::{RecordedRequest, Requests};
use crate::responses::{self, DIGEST, RegistryResponse, error, full, status};
use crate::store::{Manifest, Store};

/// Limit of a request body, in bytes.
const MAX_BODY: usize = 64 * 1024 * 1024;

/// State shared by all requests.
#[derive(Debug)]
pub(crate) struct Shared {
    /// Host and port.
    pub(crate) host: String,
    pub(crate) scheme: &'static str,
    pub(crate) authentication: Authentication,
    pub(crate) anonymous_pull: bool,
    pub(crate) with_digest: bool,
    pub(crate) token_lifetime: Duration,
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

/// The API endpoint of a path.
enum Endpoint<'a> {
    Root,
    Tokens,
    Manifest { repository: &'a str, reference: &'a str },
    Blob { repository: &'a str, digest: &'a str },
    Upload { repository: &'a str, id: &'a str },
    Tags { repository: &'a str },
}

impl<'a> Endpoint<'a> {
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

    /// The target of faults and rights.
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

pub(crate) async fn handle(shared: Arc<Shared>, request: Request<Incoming>) -> RegistryResponse {
    let Some(call) = receive(&shared, request).await else { return error(413, "SIZE_INVALID") };
    let Some(endpoint) = Endpoint::of(&call.path) else { return error(404, "NAME_UNKNOWN") };
    if let Some(fault) = shared.faults.take(endpoint.name()) {
        if let Fault::Slow(delay) = fault {
            tokio::time::sleep(delay).await;
        }
        if let Some(response) = responses::fault(&fault) {
            return response;
        }
    }
    if let Endpoint::Tokens = endpoint {
        return issue_token(&shared, &call);
    }
    if let Some(unauthorized) = authenticate(&shared, &call, endpoint.name()) {
        return unauthorized;
    }
    match endpoint {
        Endpoint::Root | Endpoint::Tokens => responses::json(200, &json!({})),
        Endpoint::Manifest { repository, reference } => manifest(&shared, &call, repository, reference),
        Endpoint::Blob { digest, .. } => blob(&shared, &call.method, digest),
        Endpoint::Upload { repository, id } => upload(&shared, &call, repository, id),
        Endpoint::Tags { repository } => match shared.store.tags(repository) {
            Some(tags) => responses::json(200, &json!({"name": repository, "tags": tags})),
            None => error(404, "NAME_UNKNOWN"),
        },
    }
}

/// Records a request and reads its body. `None` if the body is too long.
async fn receive(shared: &Shared, request: Request<Incoming>) -> Option<Call> {
    let (head, body) = request.into_parts();
    let authorization = head.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let authorization = authorization.map(ToOwned::to_owned);
    shared.requests.add(RecordedRequest {
        method: head.method.to_string(),
        path: head.uri.path_and_query().map(ToString::to_string).unwrap_or_default(),
        authorization: authorization.clone(),
        at: Instant::now(),
    });
    let body = Limited::new(body, MAX_BODY).collect().await.ok()?.to_bytes();
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

/// The 401 response, if the request lacks the required authentication.
fn authenticate(shared: &Shared, call: &Call, repository: &str) -> Option<RegistryResponse> {
    let authorization = call.authorization.as_deref();
    let action = if matches!(call.method, Method::GET | Method::HEAD) { "pull" } else { "push" };
    let challenge = match &shared.authentication {
        Authentication::None => return None,
        Authentication::Basic(login) if login.is_in(authorization) => return None,
        Authentication::Basic(_) => "Basic realm=\"devregistry\"".to_owned(),
        Authentication::Token(_) if shared.tokens.allow(authorization, repository, action) => return None,
        Authentication::Token(_) => {
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
    let mut response = error(401, "UNAUTHORIZED");
    if let Ok(challenge) = challenge.parse() {
        response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
    }
    Some(response)
}

/// The token service: GET with the login, or POST with the password as an identity token (`refresh_token`).
fn issue_token(shared: &Shared, call: &Call) -> RegistryResponse {
    let Authentication::Token(login) = &shared.authentication else { return error(404, "UNSUPPORTED") };
    let refreshes = call.method == Method::POST
        && call.query.get("grant_type").is_some_and(|grant| grant == "refresh_token")
        && call.query.get("refresh_token") == Some(&login.password);
    let is_anonymous = call.method == Method::GET && call.authorization.is_none() && shared.anonymous_pull;
    let only_pulls = call.scopes.iter().all(|scope| scope.ends_with(":pull"));
    if !(refreshes || login.is_in(call.authorization.as_deref()) || (is_anonymous && only_pulls)) {
        return error(401, "UNAUTHORIZED");
    }
    let token = shared.tokens.issue(call.scopes.clone(), shared.token_lifetime);
    // Clients that exchange an identity token read this field.
    let name = if refreshes { "access_token" } else { "token" };
    responses::json(200, &json!({name: token, "expires_in": shared.token_lifetime.as_secs()}))
}

fn manifest(shared: &Shared, call: &Call, repository: &str, reference: &str) -> RegistryResponse {
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
            if shared.store_manifest(repository, reference, &manifest).is_err() {
                return error(507, "TOOMANYREQUESTS");
            }
            let location = format!("/v2/{repository}/manifests/{digest}");
            full(status(201).header(LOCATION, location).header(DIGEST, digest), Bytes::new())
        }
        _ => error(405, "UNSUPPORTED"),
    }
}

impl Shared {
    /// Stores a manifest and sends notifications.
    pub(crate) fn store_manifest(
        &self,
        repository: &str,
        reference: &str,
        manifest: &Manifest,
    ) -> Result<(), crate::store::StoreFull> {
        self.store.put(repository, reference, manifest.clone())?;
        self.notifications.pushed(repository, reference, manifest);
        Ok(())
    }
}

fn blob(shared: &Shared, method: &Method, digest: &str) -> RegistryResponse {
    let Some(blob) = shared.store.blob(digest) else { return error(404, "BLOB_UNKNOWN") };
    let builder = status(200).header(CONTENT_TYPE, "application/octet-stream").header(DIGEST, digest);
    let builder = builder.header(CONTENT_LENGTH, blob.len());
    full(builder, if method == Method::HEAD { Bytes::new() } else { blob })
}

fn upload(shared: &Shared, call: &Call, repository: &str, id: &str) -> RegistryResponse {
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
        let location = format!("/v2/{repository}/blobs/uploads/{id}");
        let range = format!("0-{}", length.saturating_sub(1));
        return full(status(202).header(LOCATION, location).header(RANGE, range), Bytes::new());
    }
    match digest {
        Some(digest) if store.finish(&id, digest) => {
            let location = format!("/v2/{repository}/blobs/{digest}");
            full(status(201).header(LOCATION, location).header(DIGEST, digest), Bytes::new())
        }
        _ => error(400, "DIGEST_INVALID"),
    }
}
