use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use futures::FutureExt;
use futures::future::BoxFuture;
use k8s_openapi::api::authentication::v1::{TokenReview, TokenReviewSpec};
use k8s_openapi::api::authorization::v1::{ResourceAttributes, SubjectAccessReview, SubjectAccessReviewSpec};
use kube::api::PostParams;
use kube::{Api, Client};
use tokio::sync::Semaphore;
use tokio::time::Instant;
use trigger_api::shipwright;
use trigger_runtime::{Access, AccessError, Action, ExpiringMap, User, error_chain};

use crate::client::Connection;

/// The API group of resources that exist in access reviews only.
const OWN_GROUP: &str = "trigger.shipwright.io";
/// How long a review's result is kept. Revoked rights last so long.
const REVIEW_TTL: Duration = Duration::from_secs(10);
/// The number of cached results of each kind: requests with random tokens must not fill memory.
const MAX_RESULTS: usize = 4096;
/// The number of concurrent reviews: requests with invented tokens must not overload the API server.
const CONCURRENT_REVIEWS: usize = 16;
/// The timeout of a review.
const REVIEW_TIMEOUT: Duration = Duration::from_secs(5);

/// Asks the API server who a caller is (TokenReview) and what the caller may do (SubjectAccessReview).
///
/// Tokens are not kept: results are cached under the SHA-256 of the token.
pub struct AccessReviewer {
    client: Client,
    users: ExpiringMap<[u8; 32], Option<User>>,
    rights: ExpiringMap<(User, Action, Option<Box<str>>), bool>,
    room: Semaphore,
}

impl AccessReviewer {
    /// Asks over `connection`.
    pub fn new(connection: &Connection) -> Self {
        Self {
            client: connection.client.clone(),
            users: ExpiringMap::new(MAX_RESULTS),
            rights: ExpiringMap::new(MAX_RESULTS),
            room: Semaphore::new(CONCURRENT_REVIEWS),
        }
    }

    async fn who(&self, token: &str) -> Result<Option<User>, AccessError> {
        let mut key = [0; 32];
        key.copy_from_slice(digest(&SHA256, token.as_bytes()).as_ref());
        if let Some(known) = self.users.get(&key, Instant::now()) {
            return Ok(known);
        }
        let spec = TokenReviewSpec { token: Some(token.to_owned()), ..TokenReviewSpec::default() };
        let review = TokenReview { spec, ..TokenReview::default() };
        let review = self.ask(Api::all(self.client.clone()), review, "tokenreviews").await?;
        let status = review.status.unwrap_or_default();
        let user = status.user.filter(|_| status.authenticated == Some(true)).unwrap_or_default();
        let user = user.username.filter(|name| !name.is_empty()).map(|name| User {
            name,
            groups: user.groups.unwrap_or_default(),
            uid: user.uid.filter(|uid| !uid.is_empty()),
        });
        self.users.insert(key, user.clone(), REVIEW_TTL, Instant::now());
        Ok(user)
    }

    async fn may(&self, user: &User, action: Action, namespace: Option<&str>) -> Result<bool, AccessError> {
        let key = (user.clone(), action, namespace.map(Box::from));
        if let Some(known) = self.rights.get(&key, Instant::now()) {
            return Ok(known);
        }
        let (verb, resource, group) = match action {
            Action::Read => ("get", "builds", shipwright::GROUP),
            Action::Replay => ("create", "buildruns", shipwright::GROUP),
            Action::Administer => ("update", "loglevels", OWN_GROUP),
        };
        let attributes = ResourceAttributes {
            group: Some(group.to_owned()),
            // An empty namespace stands for all of them.
            namespace: Some(namespace.unwrap_or_default().to_owned()),
            resource: Some(resource.to_owned()),
            verb: Some(verb.to_owned()),
            ..ResourceAttributes::default()
        };
        let spec = SubjectAccessReviewSpec {
            user: Some(user.name.clone()),
            groups: Some(user.groups.clone()),
            uid: user.uid.clone(),
            resource_attributes: Some(attributes),
            ..SubjectAccessReviewSpec::default()
        };
        let review = SubjectAccessReview { spec, ..SubjectAccessReview::default() };
        let review = self.ask(Api::all(self.client.clone()), review, "subjectaccessreviews").await?;
        let allowed = review.status.is_some_and(|status| status.allowed && status.denied != Some(true));
        self.rights.insert(key, allowed, REVIEW_TTL, Instant::now());
        Ok(allowed)
    }

    async fn ask<R>(&self, reviews: Api<R>, review: R, resource: &str) -> Result<R, AccessError>
    where
        R: kube::Resource + Clone + std::fmt::Debug + serde::Serialize + serde::de::DeserializeOwned,
    {
        let _permit = self.room.acquire().await.map_err(|error| fault(error.to_string()))?;
        let parameters = PostParams::default();
        match tokio::time::timeout(REVIEW_TIMEOUT, reviews.create(&parameters, &review)).await {
            Ok(Ok(review)) => Ok(review),
            Ok(Err(kube::Error::Api(status))) if matches!(status.code, 401 | 403) => Err(fault(format!(
                "this program may not create {resource}: bind its service account to the ClusterRole \
                 system:auth-delegator"
            ))),
            // The words of an error could repeat what was asked, and so the token.
            Ok(Err(kube::Error::Api(status))) => {
                Err(fault(format!("the API server answered {} to a review", status.code)))
            }
            Ok(Err(kube::Error::SerdeError(_))) => {
                Err(fault("the API server's answer is no review".to_owned()))
            }
            Ok(Err(error)) => Err(fault(error_chain(&error))),
            Err(_) => Err(fault("the API server does not answer".to_owned())),
        }
    }
}

impl Access for AccessReviewer {
    fn authenticate<'a>(&'a self, token: &'a str) -> BoxFuture<'a, Result<Option<User>, AccessError>> {
        self.who(token).boxed()
    }

    fn allows<'a>(
        &'a self,
        user: &'a User,
        action: Action,
        namespace: Option<&'a str>,
    ) -> BoxFuture<'a, Result<bool, AccessError>> {
        self.may(user, action, namespace).boxed()
    }
}

fn fault(reason: String) -> AccessError {
    AccessError { reason }
}
