use kube::api::{DynamicObject, ListParams};
use kube::core::ApiResource;
use kube::{Api, Client};
use serde_json::{Map, Value, json};
use trigger_api::triggers::{GROUP, Kind};

use super::Scope;
use crate::api_server_error::is_status;
use crate::client::{ClientError, Connection};
use crate::sentence::{Remedies, sentence};
use crate::watch::LIST_PAGE;

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
        let resource = ApiResource {
            group: GROUP.to_owned(),
            version: (*version).to_owned(),
            api_version: format!("{GROUP}/{version}"),
            kind: kind.name().to_owned(),
            plural: kind.plural().to_owned(),
        };
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

async fn list(
    client: &Client,
    resource: &ApiResource,
    scope: &Scope,
    kind: Kind,
) -> Result<Vec<Value>, kube::Error> {
    let parts = if kind.is_namespaced() { scope.parts() } else { vec![None] };
    let mut objects = Vec::new();
    for namespace in parts {
        let api: Api<DynamicObject> = match &namespace {
            None => Api::all_with(client.clone(), resource),
            Some(namespace) => Api::namespaced_with(client.clone(), namespace, resource),
        };
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

/// The entries of a list say neither their version nor their kind.
fn manifest(object: DynamicObject, resource: &ApiResource) -> Value {
    let mut fields = match object.data {
        Value::Object(fields) => fields,
        _ => Map::new(),
    };
    fields.insert("apiVersion".to_owned(), resource.api_version.as_str().into());
    fields.insert("kind".to_owned(), resource.kind.as_str().into());
    fields.insert("metadata".to_owned(), json!(object.metadata));
    Value::Object(fields)
}
