use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use aws_lc_rs::digest::{SHA256, digest};
use futures::FutureExt;
use futures::future::BoxFuture;
use k8s_openapi::api::authentication::v1::{TokenReview, TokenReviewSpec};
use k8s_openapi::api::authorization::v1::{ResourceAttributes, SubjectAccessReview, SubjectAccessReviewSpec};
use kube::api::PostParams;
use kube::{Api, Client};
use tokio::sync::Semaphore;
use trigger_api::shipwright;
use trigger_runtime::{Access, AccessError, Action, User, error_chain};

use crate::client::Connection;

/// The group of resources that exist only to be asked about.
const OWN_GROUP: &str = "trigger.shipwright.io";
/// For how long an answer is believed. Rights that were taken away last so long.
const BELIEVED: Duration = Duration::from_secs(10);
/// How many answers of each kind are remembered.
const REMEMBERED: usize = 4096;
/// How many reviews are asked for side by side: strangers with made-up tokens must not trouble the API server.
const SIDE_BY_SIDE: usize = 16;
/// An API server that does not answer this fast is taken to be away.
const ANSWERS_WITHIN: Duration = Duration::from_secs(5);

/// Asks the API server who somebody is (TokenReview) and what they may do (SubjectAccessReview).
///
/// Tokens are not kept: what is remembered about one is filed under its SHA-256.
pub struct AccessReviewer {
    client: Client,
    users: Memory<[u8; 32], Option<User>>,
    rights: Memory<(User, Action, Option<Box<str>>), bool>,
    room: Semaphore,
}

impl AccessReviewer {
    /// Asks over `connection`.
    pub fn new(connection: &Connection) -> Self {
        Self {
            client: connection.client.clone(),
            users: Memory::default(),
            rights: Memory::default(),
            room: Semaphore::new(SIDE_BY_SIDE),
        }
    }

    async fn who(&self, token: &str) -> Result<Option<User>, AccessError> {
        let mut key = [0; 32];
        key.copy_from_slice(digest(&SHA256, token.as_bytes()).as_ref());
        if let Some(known) = self.users.recall(&key) {
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
        self.users.remember(key, user.clone());
        Ok(user)
    }

    async fn may(&self, user: &User, action: Action, namespace: Option<&str>) -> Result<bool, AccessError> {
        let key = (user.clone(), action, namespace.map(Box::from));
        if let Some(known) = self.rights.recall(&key) {
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
        self.rights.remember(key, allowed);
        Ok(allowed)
    }

    async fn ask<R>(&self, reviews: Api<R>, review: R, resource: &str) -> Result<R, AccessError>
    where
        R: kube::Resource + Clone + std::fmt::Debug + serde::Serialize + serde::de::DeserializeOwned,
    {
        let _permit = self.room.acquire().await.map_err(|error| fault(error.to_string()))?;
        let parameters = PostParams::default();
        match tokio::time::timeout(ANSWERS_WITHIN, reviews.create(&parameters, &review)).await {
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

/// Answers of the last seconds, so many at most.
struct Memory<K, V>(Mutex<HashMap<K, (Instant, V)>>);

impl<K, V> Default for Memory<K, V> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Eq + Hash, V: Clone> Memory<K, V> {
    fn recall(&self, key: &K) -> Option<V> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (at, value) = known.get(key)?;
        (at.elapsed() < BELIEVED).then(|| value.clone())
    }

    fn remember(&self, key: K, value: V) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= REMEMBERED {
            known.retain(|_, (at, _)| at.elapsed() < BELIEVED);
        }
        if known.len() >= REMEMBERED {
            // Rather ask again than hold more.
            known.clear();
        }
        known.insert(key, (Instant::now(), value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_is_remembered_than_fits() {
        let memory = Memory::default();
        for number in 0..=REMEMBERED * 2 {
            memory.remember(number, number);
        }
        assert!(memory.0.lock().unwrap().len() <= REMEMBERED);
        assert_eq!(memory.recall(&(REMEMBERED * 2)), Some(REMEMBERED * 2));
        assert_eq!(memory.recall(&0), None);
    }
}
