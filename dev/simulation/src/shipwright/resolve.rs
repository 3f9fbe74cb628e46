//! The Build of a BuildRun.

use serde_json::{Value, json};
use trigger_devcluster::names::label_value_error;
use trigger_devcluster::{ApiError, StoreHandle};

use super::build_resource;
use crate::RETRY;
use crate::run_status::key;

/// Polls for the registration of a Build, [`RETRY`] apart, before its run fails.
const REGISTRATION_ATTEMPTS: u32 = 200;

/// Fields of a BuildRun that exclude an embedded Build spec.
const NOT_WITH_EMBEDDED: &[&str] = &[
    "output",
    "paramValues",
    "env",
    "timeout",
    "nodeSelector",
    "tolerations",
    "schedulerName",
    "runtimeClassName",
    "stepResources",
];

/// A run that cannot start: reason and message of its condition `Succeeded`.
pub(super) type Failure = (&'static str, String);

/// The Build of a run. An embedded one has only a `spec`.
pub(super) async fn resolve(store: &StoreHandle, run: &Value) -> Result<Result<Value, Failure>, ApiError> {
    let (namespace, name) = key(run);
    if label_value_error(name).is_some() {
        return Ok(Err(("BuildRunNameInvalid", "the name must be no more than 63 characters".to_owned())));
    }
    let build = &run["spec"]["build"];
    let reference = build["name"].as_str().filter(|name| !name.is_empty());
    let embedded = build.get("spec").filter(|spec| !spec.is_null());
    match (reference, embedded) {
        (None, None) => Ok(Err(("BuildRunNoRefOrSpec", "no build referenced or specified".to_owned()))),
        (Some(_), Some(_)) => {
            let message = "fields 'build.name' and 'build.spec' are mutually exclusive";
            Ok(Err(("BuildRunAmbiguousBuild", message.to_owned())))
        }
        (None, Some(spec)) => Ok(check_embedded(run, spec).map(|()| json!({"spec": spec}))),
        (Some(reference), None) => wait_for_registration(store, namespace, reference).await,
    }
}

fn check_embedded(run: &Value, spec: &Value) -> Result<(), Failure> {
    let beside = NOT_WITH_EMBEDDED.iter().find(|key| run["spec"].get(**key).is_some());
    let inside = spec.get("trigger").map(|_| &"build.spec.trigger");
    match beside.or(inside) {
        Some(field) => Err((
            "BuildRunBuildFieldOverrideForbidden",
            format!("cannot use '{field}' override and 'build.spec' simultaneously"),
        )),
        None => Ok(()),
    }
}

async fn wait_for_registration(
    store: &StoreHandle,
    namespace: &str,
    name: &str,
) -> Result<Result<Value, Failure>, ApiError> {
    for _ in 0..REGISTRATION_ATTEMPTS {
        let Some(build) = store.get(&build_resource(), namespace, name).await? else {
            return Ok(Err(("BuildNotFound", format!("build.shipwright.io {name:?} not found"))));
        };
        match build["status"]["registered"].as_str() {
            Some("True") => return Ok(Ok(build)),
            Some("False") => {
                let message = format!("the Build is not registered correctly, build: {name}");
                return Ok(Err(("BuildRegistrationFailed", message)));
            }
            _ => tokio::time::sleep(RETRY).await,
        }
    }
    Ok(Err(("BuildRegistrationFailed", "the Build was not registered in time".to_owned())))
}
