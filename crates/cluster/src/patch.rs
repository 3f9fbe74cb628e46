//! Writes to the API server: with our field manager, and without parsing responses that are not needed.

use kube::api::{DynamicObject, Patch, PatchParams, PostParams};
use kube::core::Request;
use kube::{Api, Resource};
use serde_json::Value;
use trigger_core::ObjectKey;

use crate::MANAGER;
use crate::impersonation;
use crate::watch::Unread;

/// The parameters of every patch.
pub(crate) fn patch_parameters() -> PatchParams {
    PatchParams { field_manager: Some(MANAGER.to_owned()), ..PatchParams::default() }
}

/// Creates an object from its JSON. Impersonates the service account `run_as`, if there is one. The object that comes back is not
/// read yet.
pub(crate) async fn create(
    api: &Api<DynamicObject>,
    object: &Value,
    run_as: Option<&ObjectKey>,
) -> Result<Unread<DynamicObject>, kube::Error> {
    let parameters = PostParams { field_manager: Some(MANAGER.to_owned()), ..PostParams::default() };
    let body = serde_json::to_vec(object).map_err(kube::Error::SerdeError)?;
    let request = Request::new(api.resource_url()).create(&parameters, body);
    let request = impersonation::run_as(request.map_err(kube::Error::BuildRequest)?, run_as)?;
    api.clone().into_client().request(request).await
}

/// Like [`Api::patch_status`], but does not read what comes back, which is the whole object.
pub(crate) async fn patch_status(
    api: &Api<DynamicObject>,
    name: &str,
    patch: &Patch<Value>,
) -> Result<(), kube::Error> {
    let request =
        Request::new(api.resource_url()).patch_subresource("status", name, &patch_parameters(), patch);
    let client = api.clone().into_client();
    client.request_text(request.map_err(kube::Error::BuildRequest)?).await.map(drop)
}

/// Like [`Api::patch_status`], but the object that comes back is not read yet.
pub(crate) async fn patch_status_unread<K: Clone + Resource>(
    api: &Api<K>,
    name: &str,
    patch: &Patch<Value>,
) -> Result<Unread<K>, kube::Error> {
    let request =
        Request::new(api.resource_url()).patch_subresource("status", name, &patch_parameters(), patch);
    let request = request.map_err(kube::Error::BuildRequest)?;
    api.clone().into_client().request(request).await
}

/// Like [`Api::patch`] with a merge patch, but does not read what comes back.
pub(crate) async fn merge<K: Clone + Resource>(
    api: &Api<K>,
    name: &str,
    patch: &Value,
) -> Result<(), kube::Error> {
    let request = Request::new(api.resource_url()).patch(name, &patch_parameters(), &Patch::Merge(patch));
    let client = api.clone().into_client();
    client.request_text(request.map_err(kube::Error::BuildRequest)?).await.map(drop)
}
