use kube::Client;
use kube::api::{DynamicObject, ListParams};
use kube::core::ApiResource;
use serde_json::{Map, Value, json};
use trigger_api::triggers::{GROUP, Kind};

use super::Scope;
use crate::api_server_error::is_status;
use crate::client::{ClientError, Connection};
use crate::sentence::{Remedies, sentence};
use crate::watch::{LIST_PAGE, dynamic_objects};

/// The objects of a kind of Tekton Triggers in `scope`, as manifests; `None` if the API server does not serve it. Those
/// without a namespace belong to every scope.
///
/// A manifest is of the version in which it was listed, which need not be that of its author.
pub async fn list_tekton_triggers(
    connection: &Connection,
    scope: &Scope,
    kind: Kind,
) -> Result<Option<Vec<Value>>, ClientError> {
    for version in kind.versions() {
        let resource = resource(kind, version);
        match list(&connection.client, &resource, scope, kind).await {
            Ok(objects) => return Ok(Some(objects)),
            Err(error) if is_status(&error, 404) => {}
            Err(error) => {
                let forbidden = format!("ask for the right to list {}", kind.plural());
                let absent = format!("the API server does not serve {}", kind.plural());
                let remedies = Remedies { forbidden: &forbidden, absent: &absent };
                return Err(ClientError::TektonTriggers(sentence(&error, remedies)));
            }
        }
    }
    Ok(None)
}

/// A kind in one of its versions.
pub(super) fn resource(kind: Kind, version: &str) -> ApiResource {
    ApiResource {
        group: GROUP.to_owned(),
        version: version.to_owned(),
        api_version: format!("{GROUP}/{version}"),
        kind: kind.name().to_owned(),
        plural: kind.plural().to_owned(),
    }
}

async fn list(
    client: &Client,
    resource: &ApiResource,
    scope: &Scope,
    kind: Kind,
) -> Result<Vec<Value>, kube::Error> {
    let mut objects = Vec::new();
    for namespace in parts(kind, scope) {
        let api = dynamic_objects(client, resource, namespace.as_deref());
        let mut page = ListParams::default().limit(LIST_PAGE);
        loop {
            let list = api.list(&page).await?;
            objects.extend(list.items.into_iter().map(|object| manifest(object, resource)));
            match list.metadata.continue_.filter(|token| !token.is_empty()) {
                Some(token) => page = page.continue_token(&token),
                None => break,
            }
        }
    }
    Ok(objects)
}

/// The parts of a scope in which a kind is listed. Objects without a namespace belong to every scope.
pub(super) fn parts(kind: Kind, scope: &Scope) -> Vec<Option<String>> {
    if kind.is_namespaced() { scope.parts() } else { vec![None] }
}

/// An object as a manifest. The entries of a list say neither their version nor their kind.
pub(super) fn manifest(mut object: DynamicObject, resource: &ApiResource) -> Value {
    // Long, and of no use to what is made of an object.
    object.metadata.managed_fields = None;
    let mut fields = match object.data {
        Value::Object(fields) => fields,
        _ => Map::new(),
    };
    fields.insert("apiVersion".to_owned(), resource.api_version.as_str().into());
    fields.insert("kind".to_owned(), resource.kind.as_str().into());
    fields.insert("metadata".to_owned(), json!(object.metadata));
    Value::Object(fields)
}
