//! Handling of one request.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST, HeaderName, USER_AGENT};
use http::{HeaderMap, Method, Request, Response};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::sync::watch::Receiver;

use super::accept::{Shape, aggregated_discovery};
use super::body::{self, Body};
use super::query::Query;
use super::route::{ObjectPath, Route};
use super::server::Shared;
use super::table::{Include, metadata_only, table};
use super::{control, discovery, openapi, protobuf, watch};
use crate::attributes::Attributes;
use crate::audit::{LoggedRequest, RequestKind};
use crate::impersonation::Impersonation;
use crate::operations::{self, DeleteOptions, Deleted, Propagation, Subresource, Target, Written};
use crate::patch::PatchKind;
use crate::resources::Registry;
use crate::reviews;
use crate::status::{self, ApiError, Cause};
use crate::store::Object;
use crate::users::UserInfo;

/// Limit of a request body: twice the largest object. Patches and options are smaller.
const BODY_BYTES: usize = 2 * operations::OBJECT_BYTES;

/// What the answer to a TokenRequest says. The token is valid as long as the cluster runs.
const TOKEN_LIFETIME: Duration = Duration::from_hours(1);

/// An authenticated request with its body.
struct Call {
    method: Method,
    query: Query,
    headers: HeaderMap,
    body: Bytes,
    requester: UserInfo,
    impersonation: Option<Impersonation>,
}

impl Call {
    /// The user whose rights it has.
    fn acting_user(&self, shared: &Shared) -> Result<UserInfo, ApiError> {
        match &self.impersonation {
            Some(impersonation) => impersonation.acting_user(&self.requester, shared.authorizer()),
            None => Ok(self.requester.clone()),
        }
    }
}

/// Handles a request. Errors become `Status` objects.
pub(super) async fn handle(shared: Arc<Shared>, request: Request<Incoming>) -> Response<Body> {
    let mut response = match route(&shared, request).await {
        Ok(response) => response,
        Err(error) => body::error(&error),
    };
    body::date(&mut response, shared.store.now());
    response
}

async fn route(shared: &Arc<Shared>, request: Request<Incoming>) -> Result<Response<Body>, ApiError> {
    let (head, incoming) = request.into_parts();
    let requester = shared.users.authenticate(text(&head.headers, &AUTHORIZATION))?;
    let impersonation = Impersonation::of(&head.headers, &head.uri)?;
    let body = Limited::new(incoming, BODY_BYTES).collect().await.map_err(|error| {
        if error.is::<http_body_util::LengthLimitError>() {
            let message = format!("Request entity too large: limit is {BODY_BYTES}");
            return ApiError::new(413, "RequestEntityTooLarge", message);
        }
        ApiError::bad_request(format!("cannot read the request body: {error}"))
    })?;
    let call = Call {
        method: head.method,
        query: Query::parse(head.uri.query().unwrap_or_default()),
        headers: head.headers,
        body: body.to_bytes(),
        requester,
        impersonation,
    };
    let registry = shared.store.registry();
    let accept = text(&call.headers, &ACCEPT).unwrap_or_default();
    let host = text(&call.headers, &HOST).unwrap_or_default();
    let found =
        |value: Option<Value>| value.map(|v| body::json(200, &v)).ok_or_else(ApiError::unknown_resource);
    let route = Route::parse(head.uri.path());
    if !matches!(route, Route::Objects(_)) {
        call.acting_user(shared)?;
    }
    match route {
        Route::Objects(path) => objects(shared, &registry, call, &path).await,
        Route::Control(path) => {
            let (value, outage) =
                control::control(&shared.faults, &shared.requests, &call.method, &path, &call.body)?;
            shared.request_outage(outage);
            Ok(body::json(200, &value))
        }
        _ if call.method != Method::GET => Err(ApiError::method_not_allowed()),
        Route::Version => Ok(body::json(200, &discovery::version())),
        Route::Health => Ok(body::respond(200, "text/plain", b"ok".to_vec())),
        Route::CoreVersions => match aggregated_discovery(accept) {
            Some(format) => Ok(aggregated(&registry, true, format)),
            None => Ok(body::json(200, &discovery::core_versions(host))),
        },
        Route::Groups => match aggregated_discovery(accept) {
            Some(format) => Ok(aggregated(&registry, false, format)),
            None => Ok(body::json(200, &discovery::groups(&registry))),
        },
        Route::Group(name) => found(discovery::group(&registry, &name)),
        Route::Resources { group, version } => found(discovery::resources(&registry, &group, &version)),
        Route::OpenApiIndex => Ok(body::json(200, &openapi::index(&registry))),
        Route::OpenApi { group, version } => found(openapi::document(&registry, &group, &version)),
        Route::Unknown => Err(ApiError::unknown_resource()),
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

fn aggregated(registry: &Registry, core: bool, format: &'static str) -> Response<Body> {
    let content_type = if format == "v2" {
        "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
    } else {
        "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList"
    };
    let value = discovery::aggregated(registry, core, format);
    body::respond(200, content_type, serde_json::to_vec(&value).unwrap_or_default())
}

async fn objects(
    shared: &Arc<Shared>,
    registry: &Registry,
    call: Call,
    path: &ObjectPath,
) -> Result<Response<Body>, ApiError> {
    let verb = verb(&call, path).ok_or_else(ApiError::method_not_allowed)?;
    let resource = if path.group.is_empty() {
        path.resource.clone()
    } else {
        format!("{}.{}", path.resource, path.group)
    };
    let kind = RequestKind { verb: verb.to_owned(), resource, subresource: path.subresource.clone() };
    shared.requests.count_arrival(&kind);
    // First: a watch that no fault meets is dropped with those that are open when faults are set.
    let drops = shared.faults.watch_drops();
    let effect = shared.faults.effect_on(verb, &kind.resource, &path.subresource, &path.namespace);
    if !effect.delay.is_zero() {
        tokio::time::sleep(effect.delay).await;
    }
    let user = call.acting_user(shared);
    let impersonated = call.impersonation.as_ref().map(|impersonation| impersonation.logged(user.is_ok()));
    let result = match effect.error {
        Some(error) => Err(error),
        None => user.and_then(|user| {
            shared.authorizer().check(&user, attributes(verb, path))?;
            perform(shared, registry, &call, path, verb, &user, drops)
        }),
    };
    let status = result.as_ref().map_or_else(|error| error.code, |response| response.status().as_u16());
    shared.requests.log_response(LoggedRequest {
        kind,
        version: path.version.clone(),
        namespace: path.namespace.clone(),
        name: path.name.clone(),
        user: call.requester.name,
        impersonated,
        agent: text(&call.headers, &USER_AGENT).unwrap_or_default().to_owned(),
        status,
    });
    result
}

/// The attributes of a request. A namespace counts as an object in itself.
fn attributes<'a>(verb: &'a str, path: &'a ObjectPath) -> Attributes<'a> {
    let is_namespace = path.group.is_empty() && path.resource == "namespaces";
    Attributes {
        verb,
        group: &path.group,
        resource: &path.resource,
        subresource: &path.subresource,
        namespace: if is_namespace { &path.name } else { &path.namespace },
        name: &path.name,
    }
}

fn verb(call: &Call, path: &ObjectPath) -> Option<&'static str> {
    let collection = path.name.is_empty();
    Some(match call.method.as_str() {
        "GET" if path.is_watch || call.query.flag("watch") => "watch",
        "GET" if collection => "list",
        "GET" => "get",
        "POST" if collection || is_token_request(path) => "create",
        "PUT" if !collection => "update",
        "PATCH" if !collection => "patch",
        "DELETE" if collection => "deletecollection",
        "DELETE" => "delete",
        _ => return None,
    })
}

fn perform(
    shared: &Arc<Shared>,
    registry: &Registry,
    call: &Call,
    path: &ObjectPath,
    verb: &str,
    user: &UserInfo,
    drops: Receiver<u64>,
) -> Result<Response<Body>, ApiError> {
    if is_token_request(path) {
        return token(shared, registry, call, path, verb);
    }
    let target = find_target(registry, path)?;
    let store = &shared.store;
    if target.resource.is_review() {
        return review(shared, call, &target, verb, user);
    }
    if target.resource.namespaced && target.namespace.is_empty() && !matches!(verb, "list" | "watch") {
        return Err(ApiError::method_not_allowed());
    }
    if target.subresource == Subresource::Status && matches!(verb, "delete" | "watch") {
        return Err(ApiError::method_not_allowed());
    }
    let accept = text(&call.headers, &ACCEPT).unwrap_or_default();
    let shape = Shape::negotiate(accept).ok_or_else(|| {
        ApiError::new(406, "NotAcceptable", "only the following media types are accepted: application/json")
    })?;
    let agent = text(&call.headers, &USER_AGENT).unwrap_or_default();
    let mut response = match verb {
        "get" => {
            let object = operations::get(store, &target)?;
            object_response(call, &target, shape, 200, &object)
        }
        "list" => {
            let listed = operations::list(store, &target, &call.query.list_options(&target)?)?;
            list_response(call, &target, shape, &listed)
        }
        "watch" => watch::watch(store, target.clone(), &call.query, shape, drops)?,
        "create" => {
            let options = call.query.write_options("CreateOptions", agent)?;
            write_response(
                call,
                &target,
                shape,
                &operations::create(store, &target, decode(call)?, &options)?,
            )
        }
        "update" => {
            let options = call.query.write_options("UpdateOptions", agent)?;
            write_response(
                call,
                &target,
                shape,
                &operations::update(store, &target, decode(call)?, &options)?,
            )
        }
        "patch" => {
            let content_type = text(&call.headers, &CONTENT_TYPE).unwrap_or_default();
            let kind = PatchKind::from_content_type(content_type)
                .ok_or_else(|| ApiError::unsupported_media(content_type, PatchKind::ACCEPTED))?;
            let options = call.query.write_options("PatchOptions", agent)?;
            let invalid = |cause| Err(ApiError::invalid_options("PatchOptions", cause));
            if kind == PatchKind::Apply && call.query.text("fieldManager").is_empty() {
                return invalid(Cause::required("fieldManager", "is required for apply patch"));
            }
            if kind != PatchKind::Apply && options.force {
                return invalid(Cause::forbidden("force", "may not be specified for non-apply patch"));
            }
            write_response(
                call,
                &target,
                shape,
                &operations::patch(store, &target, kind, &decode(call)?, &options)?,
            )
        }
        "delete" => match operations::delete(store, &target, &delete_options(call)?)? {
            Deleted::Terminating(object) => object_response(call, &target, shape, 200, &object),
            Deleted::Gone(object) => {
                body::json(200, &status::deleted(&target.resource.name, &target.name, object.uid()))
            }
        },
        "deletecollection" => {
            let selected = call.query.list_options(&target)?;
            let deleted = operations::delete_collection(store, &target, &selected, &delete_options(call)?)?;
            let revision = store.revision();
            let listed =
                operations::Listed { revision, objects: deleted, token: String::new(), remaining: None };
            list_response(call, &target, shape, &listed)
        }
        _ => return Err(ApiError::method_not_allowed()),
    };
    if let Some(text) = target.resource.version(&target.version).and_then(|v| v.deprecation.clone()) {
        body::warn(&mut response, &[text]);
    }
    Ok(response)
}

fn find_target(registry: &Registry, path: &ObjectPath) -> Result<Target, ApiError> {
    let resource =
        registry.served(&path.group, &path.version, &path.resource).ok_or_else(ApiError::unknown_resource)?;
    let has_status = resource.version(&path.version).is_some_and(|v| v.status);
    let subresource = match path.subresource.as_str() {
        "" => Subresource::None,
        "status" if has_status => Subresource::Status,
        _ => return Err(ApiError::unknown_resource()),
    };
    if !resource.namespaced && !path.namespace.is_empty() {
        return Err(ApiError::unknown_resource());
    }
    Ok(Target {
        resource: Arc::clone(resource),
        version: path.version.clone(),
        namespace: path.namespace.clone(),
        name: path.name.clone(),
        subresource,
    })
}

fn review(
    shared: &Shared,
    call: &Call,
    target: &Target,
    verb: &str,
    user: &UserInfo,
) -> Result<Response<Body>, ApiError> {
    if verb != "create" {
        return Err(ApiError::method_not_allowed());
    }
    let mut review = decode(call)?;
    if !review.is_object() {
        return Err(ApiError::bad_request("the body is not an object"));
    }
    reviews::answer(target.resource.strategy, &mut review, user, shared.authorizer())?;
    review["kind"] = target.resource.name.kind.as_str().into();
    review["apiVersion"] = target.api_version().into();
    Ok(body::json(201, &review))
}

/// Whether a path is the subresource `token` of a ServiceAccount.
fn is_token_request(path: &ObjectPath) -> bool {
    path.group.is_empty() && path.resource == "serviceaccounts" && path.subresource == "token"
}

/// Answers a TokenRequest. The duration and the audience that it asks for have no effect.
fn token(
    shared: &Shared,
    registry: &Registry,
    call: &Call,
    path: &ObjectPath,
    verb: &str,
) -> Result<Response<Body>, ApiError> {
    if verb != "create" {
        return Err(ApiError::method_not_allowed());
    }
    let account = ObjectPath { subresource: String::new(), ..path.clone() };
    operations::get(&shared.store, &find_target(registry, &account)?)?;
    let mut review = decode(call).ok().filter(Value::is_object).unwrap_or_else(|| json!({}));
    let now = Timestamp::now();
    let expires = now + TOKEN_LIFETIME;
    let token = shared.users.issue(&path.namespace, &path.name)?;
    review["kind"] = "TokenRequest".into();
    review["apiVersion"] = "authentication.k8s.io/v1".into();
    review["metadata"] = json!({"name": path.name, "namespace": path.namespace, "creationTimestamp": now});
    review["spec"]["expirationSeconds"] = TOKEN_LIFETIME.as_secs().into();
    review["status"] = json!({"token": token, "expirationTimestamp": expires});
    Ok(body::json(201, &review))
}

/// Decodes the body: JSON, YAML or protobuf, by content type.
fn decode(call: &Call) -> Result<Value, ApiError> {
    let content_type = text(&call.headers, &CONTENT_TYPE).unwrap_or("application/json");
    let undecodable =
        |error: String| ApiError::bad_request(format!("the object provided is unrecognized: {error}"));
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    match media_type {
        "application/yaml" | "application/apply-patch+yaml" => {
            // YAML includes JSON. Clients mostly send JSON, and its parser is much faster.
            if let Ok(value) = serde_json::from_slice(&call.body) {
                return Ok(value);
            }
            let text = std::str::from_utf8(&call.body).map_err(|error| undecodable(error.to_string()))?;
            serde_saphyr::from_str(text).map_err(|error| undecodable(error.to_string()))
        }
        other
            if other == "application/json"
                || other.ends_with("+json")
                || other.is_empty()
                || other == "*/*" =>
        {
            serde_json::from_slice(&call.body).map_err(|error| undecodable(error.to_string()))
        }
        // A 415 makes the client send JSON: for kinds that `protobuf` lacks, and for malformed bodies.
        "application/vnd.kubernetes.protobuf" if !call.body.is_empty() => protobuf::decode(&call.body)
            .ok_or_else(|| ApiError::unsupported_media(media_type, "application/json, application/yaml")),
        other => Err(ApiError::unsupported_media(other, "application/json, application/yaml")),
    }
}

fn delete_options(call: &Call) -> Result<DeleteOptions, ApiError> {
    let mut options: DeleteOptions = if call.body.is_empty() {
        DeleteOptions::default()
    } else {
        serde_json::from_value(decode(call)?)
            .map_err(|error| ApiError::bad_request(format!("invalid DeleteOptions: {error}")))?
    };
    match call.query.text("propagationPolicy") {
        "" => {}
        "Foreground" => options.propagation_policy = Some(Propagation::Foreground),
        "Background" => options.propagation_policy = Some(Propagation::Background),
        "Orphan" => options.propagation_policy = Some(Propagation::Orphan),
        other => {
            let cause =
                Cause::unsupported("propagationPolicy", other, &["Foreground", "Background", "Orphan"]);
            return Err(ApiError::invalid_options("DeleteOptions", cause));
        }
    }
    if call.query.is_dry_run("DeleteOptions")? {
        options.dry_run = vec!["All".to_owned()];
    }
    Ok(options)
}

fn write_response(call: &Call, target: &Target, shape: Shape, written: &Written) -> Response<Body> {
    let code = if written.created { 201 } else { 200 };
    let mut response = object_response(call, target, shape, code, &written.object);
    body::warn(&mut response, &written.warnings);
    response
}

fn object_response(call: &Call, target: &Target, shape: Shape, code: u16, object: &Object) -> Response<Body> {
    if shape == Shape::Object && target.resource.is_presented_as_stored(&target.version) {
        return body::json(code, &object.value);
    }
    let mut value = object.value.clone();
    target.resource.present(&target.version, &mut value);
    let shaped = match shape {
        Shape::Object => value,
        Shape::Metadata => metadata_only(&value, "PartialObjectMetadata"),
        Shape::Table => {
            let metadata = json!({"resourceVersion": value["metadata"]["resourceVersion"]});
            table(target, &[value], &metadata, Include::parse(call.query.text("includeObject")))
        }
    };
    body::json(code, &shaped)
}

fn list_response(call: &Call, target: &Target, shape: Shape, listed: &operations::Listed) -> Response<Body> {
    let mut metadata = json!({"resourceVersion": listed.revision.to_string()});
    if !listed.token.is_empty() {
        metadata["continue"] = listed.token.as_str().into();
        if let Some(remaining) = listed.remaining {
            metadata["remainingItemCount"] = remaining.into();
        }
    }
    let as_stored = shape == Shape::Object && target.resource.is_presented_as_stored(&target.version);
    if as_stored {
        let items = listed.objects.iter().map(|object| &object.value);
        return list_of(&target.resource.list_kind, &target.api_version(), &metadata, items);
    }
    let mut values: Vec<Value> = listed.objects.iter().map(|object| object.value.clone()).collect();
    for value in &mut values {
        target.resource.present(&target.version, value);
    }
    match shape {
        Shape::Object => list_of(&target.resource.list_kind, &target.api_version(), &metadata, values.iter()),
        Shape::Metadata => {
            let items: Vec<Value> =
                values.iter().map(|v| metadata_only(v, "PartialObjectMetadata")).collect();
            list_of("PartialObjectMetadataList", "meta.k8s.io/v1", &metadata, items.iter())
        }
        Shape::Table => {
            let include = Include::parse(call.query.text("includeObject"));
            body::json(200, &table(target, &values, &metadata, include))
        }
    }
}

/// Serializes a list item by item: lists are the largest responses.
fn list_of<'a>(
    kind: &str,
    api_version: &str,
    metadata: &Value,
    items: impl Iterator<Item = &'a Value>,
) -> Response<Body> {
    let head = json!({"kind": kind, "apiVersion": api_version, "metadata": metadata}).to_string();
    let mut bytes = head.into_bytes();
    bytes.pop();
    bytes.extend_from_slice(b",\"items\":[");
    for (index, item) in items.enumerate() {
        if index > 0 {
            bytes.push(b',');
        }
        // Serializing a JSON value into memory cannot fail.
        let _ = serde_json::to_writer(&mut bytes, item);
    }
    bytes.extend_from_slice(b"]}");
    body::respond(200, "application/json", bytes)
}
