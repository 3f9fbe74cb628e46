use std::fmt::Debug;

use kube::Api;
use kube::api::{DynamicObject, GetParams};
use kube::core::Request;
use serde::de::DeserializeOwned;
use serde_json::Value;
use trigger_core::ObjectKey;

use crate::api_server_error::is_absent;
use crate::impersonation;

/// An object, or `None` if it does not exist.
///
/// [`Api::get_opt`] takes every 404 for that, and an API server that starts answers 404 for custom resources that it has.
pub(crate) async fn get_opt<K>(api: &Api<K>, name: &str) -> Result<Option<K>, kube::Error>
where
    K: Clone + DeserializeOwned + Debug,
{
    match api.get(name).await {
        Ok(object) => Ok(Some(object)),
        Err(error) if is_absent(&error) => Ok(None),
        Err(error) => Err(error),
    }
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
    api.clone().into_client().request(request).await
}
