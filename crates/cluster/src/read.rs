use kube::api::{DynamicObject, GetParams};
use kube::core::Request;
use kube::{Api, Resource};
use serde::de::DeserializeOwned;
use serde_json::Value;
use trigger_core::ObjectKey;

use crate::api_server_error::is_absent;
use crate::impersonation;
use crate::watch::Unread;

/// An object, or `None` if it does not exist. One that takes too much memory is an error.
///
/// [`Api::get_opt`] takes every 404 for that, and an API server that starts answers 404 for custom resources that it has.
pub(crate) async fn get_opt<K: Clone + Resource + DeserializeOwned>(
    api: &Api<K>,
    name: &str,
) -> Result<Option<K>, kube::Error> {
    Ok(get_opt_unread(api, name).await?.map(|object| object.read()).transpose()?)
}

/// The same without reading it.
pub(crate) async fn get_opt_unread<K: Clone + Resource>(
    api: &Api<K>,
    name: &str,
) -> Result<Option<Unread<K>>, kube::Error> {
    match get_unread(api, name).await {
        Ok(object) => Ok(Some(object)),
        Err(error) if is_absent(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

/// An object that is not read yet.
pub(crate) async fn get_unread<K: Clone + Resource>(
    api: &Api<K>,
    name: &str,
) -> Result<Unread<K>, kube::Error> {
    let request = Request::new(api.resource_url()).get(name, &GetParams::default());
    let request = request.map_err(kube::Error::BuildRequest)?;
    api.clone().into_client().request(request).await
}

/// The metadata of an object, within an object. Reads as the service account `run_as`, if there is one. The rest of the
/// object, such as the data of a Secret, is not sent.
pub(crate) async fn get_metadata(
    api: &Api<DynamicObject>,
    name: &str,
    run_as: Option<&ObjectKey>,
) -> Result<Value, kube::Error> {
    let request = Request::new(api.resource_url()).get_metadata(name, &GetParams::default());
    let request = impersonation::run_as(request.map_err(kube::Error::BuildRequest)?, run_as)?;
    let metadata: Unread<Value> = api.clone().into_client().request(request).await?;
    Ok(metadata.read()?)
}
