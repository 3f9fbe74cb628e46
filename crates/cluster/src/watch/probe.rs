use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use k8s_openapi::api::authorization::v1::{
    ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec,
};
use kube::api::PostParams;
use kube::{Api, Client, Resource};
use tokio::time::timeout;

use super::Failure;
use super::retry::CouldWork;
use crate::api_server_error::is_status;

/// The timeout of a probe.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Asks the API server whether a watch that failed could work now. Costs far less than a list: the discovery API and
/// reviews of one's own rights are answered from memory, and every service account may use them.
pub(crate) struct Probe {
    client: Client,
    namespace: Option<String>,
    group: String,
    api_version: String,
    plural: String,
}

impl Probe {
    pub(crate) fn of<K: Resource>(client: Client, kind: &K::DynamicType, namespace: Option<&str>) -> Self {
        Self {
            client,
            namespace: namespace.map(ToOwned::to_owned),
            group: K::group(kind).into_owned(),
            api_version: K::api_version(kind).into_owned(),
            plural: K::plural(kind).into_owned(),
        }
    }

    /// Whether this program may list and watch the kind.
    async fn is_allowed(&self) -> Result<bool, kube::Error> {
        let reviews: Api<SelfSubjectAccessReview> = Api::all(self.client.clone());
        for verb in ["list", "watch"] {
            let attributes = ResourceAttributes {
                group: Some(self.group.clone()),
                namespace: self.namespace.clone(),
                resource: Some(self.plural.clone()),
                verb: Some(verb.to_owned()),
                ..ResourceAttributes::default()
            };
            let spec = SelfSubjectAccessReviewSpec {
                resource_attributes: Some(attributes),
                ..SelfSubjectAccessReviewSpec::default()
            };
            let review = SelfSubjectAccessReview { spec, ..SelfSubjectAccessReview::default() };
            let review = reviews.create(&PostParams::default(), &review).await?;
            if !review.status.is_some_and(|status| status.allowed) {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

impl CouldWork for Probe {
    fn could_work(&self, failure: Failure) -> BoxFuture<'_, bool> {
        let answer = async move {
            match failure {
                Failure::Forbidden => self.is_allowed().await.unwrap_or(false),
                Failure::Absent => {
                    is_served(&self.client, &self.api_version, &self.plural).await.unwrap_or(false)
                }
                Failure::Unreachable | Failure::Other | Failure::Expired | Failure::Interrupted => {
                    is_served(&self.client, &self.api_version, &self.plural).await.is_ok()
                }
            }
        };
        timeout(TIMEOUT, answer).map(|answer| answer.unwrap_or(false)).boxed()
    }
}

/// Whether the API server serves a kind, according to the discovery API (ClusterRole `system:discovery`).
pub(crate) async fn is_served(client: &Client, api_version: &str, plural: &str) -> Result<bool, kube::Error> {
    Ok(served(client, api_version).await?.iter().any(|served| served == plural))
}

/// The kinds of a group version that the API server serves, in the plural, according to the discovery API.
pub(crate) async fn served(client: &Client, api_version: &str) -> Result<Vec<String>, kube::Error> {
    match client.list_api_group_resources(api_version).await {
        Ok(list) => Ok(list.resources.into_iter().map(|resource| resource.name).collect()),
        Err(error) if is_status(&error, 404) => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}
