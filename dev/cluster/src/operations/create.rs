//! Creating objects.

use serde_json::{Value, json};

use super::{Target, WriteOptions, Written, admit, cascade, dry_run_object};
use crate::identity;
use crate::patch::{Managers, Operation, Writer};
use crate::resources::Strategy;
use crate::status::ApiError;
use crate::store::{Expect, Key, Store, StoreError, Write};

/// Creates `body`.
pub(crate) fn create(
    store: &Store,
    target: &Target,
    mut body: Value,
    options: &WriteOptions,
) -> Result<Written, ApiError> {
    admit::check_identity(target, &mut body)?;
    if body["metadata"]["resourceVersion"].as_str().is_some_and(|version| !version.is_empty()) {
        return Err(ApiError::bad_request("resourceVersion should not be set on objects to be created"));
    }
    let warnings = admit::prune(target, &mut body, options.validation)?;
    insert(store, target, body, Managers::default(), Operation::Update, options, warnings)
}

/// Creates a pruned object. An apply passes the managers that it has computed.
pub(super) fn insert(
    store: &Store,
    target: &Target,
    mut object: Value,
    mut managers: Managers,
    operation: Operation,
    options: &WriteOptions,
    warnings: Vec<String>,
) -> Result<Written, ApiError> {
    let served = target.served()?;
    served.schema.fill_defaults(&mut object);
    set_server_fields(store, target, &mut object);
    if target.has_status()
        && let Some(map) = object.as_object_mut()
    {
        map.remove("status");
    }
    admit::validate(target, &object)?;
    admit::check_new(target, &object)?;
    target.resource.to_stored(&mut object);
    target.resource.prepare_for_create(&mut object);
    if target.resource.strategy == Strategy::Definition {
        object["status"] = crate::resources::accepted_status(&object);
    }
    if operation == Operation::Update {
        let writer = writer(target, options);
        managers.record_update(&json!({}), &object, &served.schema, &writer);
    }
    managers.write(&mut object);
    admit::check_size(&object)?;
    let key = Key::new(target.namespace.as_str(), object["metadata"]["name"].as_str().unwrap_or_default());
    if options.dry_run {
        if store.get(&target.resource.collection(), &key).is_some() {
            return Err(ApiError::already_exists(&target.resource.name, &key.name));
        }
        return Ok(Written { object: dry_run_object(object, 0), created: true, warnings });
    }
    let has_prefix = object["metadata"]["generateName"].as_str().is_some_and(|prefix| !prefix.is_empty());
    let object = store
        .commit(&target.resource.collection(), &key, Expect::Absent, Write::Put(object))
        .map_err(|error| {
            match error {
                // As the real server does, also for a name that the client has chosen.
                StoreError::Exists if has_prefix => {
                    ApiError::try_again("POST", &target.resource.name, &key.name)
                }
                error => api_error(target, &key, &error),
            }
        })?;
    cascade::after_creation(store, &object);
    Ok(Written { object, created: true, warnings })
}

/// The writer of a request, for `managedFields`.
pub(super) fn writer(target: &Target, options: &WriteOptions) -> Writer {
    Writer {
        manager: options.manager.clone(),
        api_version: target.api_version(),
        subresource: target.subresource_name(),
        now: identity::now(),
    }
}

fn set_server_fields(store: &Store, target: &Target, object: &mut Value) {
    let metadata = &mut object["metadata"];
    let unnamed = metadata["name"].as_str().is_none_or(str::is_empty);
    if let (true, Some(prefix)) = (unnamed, metadata["generateName"].as_str().filter(|p| !p.is_empty())) {
        metadata["name"] = identity::generated_name(prefix).into();
    }
    if let Some(map) = metadata.as_object_mut() {
        for key in [
            "resourceVersion",
            "selfLink",
            "managedFields",
            "deletionTimestamp",
            "deletionGracePeriodSeconds",
            "generation",
        ] {
            map.remove(key);
        }
    }
    admit::drop_empty_fields(metadata);
    metadata["uid"] = identity::uid().into();
    metadata["creationTimestamp"] = identity::format_seconds(store.now()).into();
    if target.resource.is_custom() || target.resource.strategy == Strategy::Definition {
        metadata["generation"] = 1.into();
    }
}

fn api_error(target: &Target, key: &Key, error: &StoreError) -> ApiError {
    match error {
        StoreError::Exists | StoreError::Stale => ApiError::already_exists(&target.resource.name, &key.name),
        StoreError::NamespaceMissing => ApiError::namespace_not_found(&key.namespace),
        StoreError::NamespaceTerminating => {
            let detail = format!(
                "unable to create new content in namespace {} because it is being terminated",
                key.namespace
            );
            ApiError::forbidden(&target.resource.name, &key.name, &detail)
        }
        StoreError::UnknownResource => ApiError::unknown_resource(),
    }
}
