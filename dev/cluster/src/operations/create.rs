//! Creating objects.

use serde_json::{Value, json};

use super::{Target, WriteOptions, Written, admit, collect, imagined};
use crate::identity;
use crate::patch::{Managers, Operation, Writer};
use crate::resources::Role;
use crate::status::ApiError;
use crate::store::{Expect, Key, Refused, Store, Write};

/// Creates `body`.
pub(crate) fn create(
    store: &Store,
    target: &Target,
    mut body: Value,
    options: &WriteOptions,
) -> Result<Written, ApiError> {
    admit::identify(target, &mut body)?;
    if body["metadata"]["resourceVersion"].as_str().is_some_and(|version| !version.is_empty()) {
        return Err(ApiError::bad_request("resourceVersion should not be set on objects to be created"));
    }
    let warnings = admit::prune(target, &mut body, options.validation)?;
    insert(store, target, body, Managers::default(), Operation::Update, options, warnings)
}

/// Creates a pruned object; for an apply the managers are known already.
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
    name_and_stamp(target, &mut object);
    if target.has_status()
        && let Some(map) = object.as_object_mut()
    {
        map.remove("status");
    }
    admit::validate(target, &object)?;
    admit::check_new(target, &object)?;
    target.resource.to_stored(&mut object);
    target.resource.prepare_for_create(&mut object);
    if target.resource.role == Role::Definition {
        object["status"] = crate::resources::accepted_status(&object);
    }
    if operation == Operation::Update {
        let writer = writer(target, options);
        managers.note_update(&json!({}), &object, &served.schema, &writer);
    }
    managers.write(&mut object);
    admit::check_size(&object)?;
    let key = Key::new(target.namespace.as_str(), object["metadata"]["name"].as_str().unwrap_or_default());
    if options.dry_run {
        if store.get(&target.resource.collection(), &key).is_some() {
            return Err(ApiError::already_exists(&target.resource, &key.name));
        }
        return Ok(Written { object: imagined(object, 0), created: true, warnings });
    }
    let object = store
        .commit(&target.resource.collection(), &key, Expect::Absent, Write::Put(object))
        .map_err(|refused| refusal(target, &key, &refused))?;
    collect::after_creation(store, &object);
    Ok(Written { object, created: true, warnings })
}

/// Who writes, for `managedFields`.
pub(super) fn writer(target: &Target, options: &WriteOptions) -> Writer {
    Writer {
        manager: options.manager.clone(),
        api_version: target.api_version(),
        subresource: target.subresource(),
        now: identity::now(),
    }
}

fn name_and_stamp(target: &Target, object: &mut Value) {
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
    admit::tidy(metadata);
    metadata["uid"] = identity::uid().into();
    metadata["creationTimestamp"] = identity::now().into();
    if target.resource.is_custom() || target.resource.role == Role::Definition {
        metadata["generation"] = 1.into();
    }
}

fn refusal(target: &Target, key: &Key, refused: &Refused) -> ApiError {
    match refused {
        Refused::Exists | Refused::Stale => ApiError::already_exists(&target.resource, &key.name),
        Refused::NamespaceMissing => ApiError::namespace_not_found(&key.namespace),
        Refused::NamespaceTerminating => {
            let detail = format!(
                "unable to create new content in namespace {} because it is being terminated",
                key.namespace
            );
            ApiError::forbidden(&target.resource, &key.name, &detail)
        }
        Refused::Unknown => ApiError::unknown_resource(),
    }
}
