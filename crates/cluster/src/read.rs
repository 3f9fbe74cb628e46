use std::fmt::Debug;

use kube::Api;
use serde::de::DeserializeOwned;

use crate::api_server_error::is_absent;

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
