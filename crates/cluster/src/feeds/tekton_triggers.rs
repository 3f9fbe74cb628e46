use kube::api::ListParams;
use kube::core::ApiResource;
use kube::{Client, ResourceExt};
use serde_json::{Map, Value};
use trigger_api::triggers::{GROUP, Kind};

use super::Scope;
use super::listed::Listed;
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
) -> Result<Option<Listed<Value>>, ClientError> {
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
) -> Result<Listed<Value>, kube::Error> {
    let mut objects = Listed::default();
    for namespace in parts(kind, scope) {
        let api = dynamic_objects(client, resource, namespace.as_deref());
        let mut page = ListParams::default().limit(LIST_PAGE);
        loop {
            let list = api.list(&page).await?;
            for object in list.items {
                let read = object.value().map(|object| manifest(object, resource));
                let name = || match object.namespace() {
                    Some(namespace) => format!("{} {namespace}/{}", resource.kind, object.name_any()),
                    None => format!("{} {}", resource.kind, object.name_any()),
                };
                objects.add(read, name);
            }
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
pub(super) fn manifest(object: Value, resource: &ApiResource) -> Value {
    let mut fields = match object {
        Value::Object(fields) => fields,
        _ => Map::new(),
    };
    // Long, and of no use to what is made of an object.
    if let Some(metadata) = fields.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.remove("managedFields");
    }
    fields.insert("apiVersion".to_owned(), resource.api_version.as_str().into());
    fields.insert("kind".to_owned(), resource.kind.as_str().into());
    Value::Object(fields)
}
