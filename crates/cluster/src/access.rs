use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use futures::FutureExt;
use futures::future::BoxFuture;
use k8s_openapi::api::authentication::v1::{TokenReview, TokenReviewSpec};
use k8s_openapi::api::authorization::v1::{ResourceAttributes, SubjectAccessReview, SubjectAccessReviewSpec};
use kube::api::PostParams;
use kube::{Api, Client};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::Instant;
use trigger_api::shipwright;
use trigger_api::triggers::{self, Kind};
use trigger_core::{ObjectKey, is_dns_label};
use trigger_runtime::{Access, AccessError, Action, ExpiringMap, KeyedSemaphore, ListenerRights, User};

use crate::client::Connection;
use crate::names;
use crate::sentence::words;

/// The API group of resources that exist in access reviews only.
const OWN_GROUP: &str = "trigger.shipwright.io";
/// How long a review's result is kept. Revoked rights last so long.
const REVIEW_TTL: Duration = Duration::from_secs(10);
/// The number of cached results of each kind: requests with random tokens must not fill memory.
const MAX_RESULTS: usize = 4096;
/// The number of concurrent reviews for known accounts: they must not overload the API server.
pub(crate) const CONCURRENT_REVIEWS: usize = 12;
/// How many of them are for one account. A caller with many namespaces needs one for each, and takes turns with others.
pub(crate) const REVIEWS_PER_ACCOUNT: usize = 3;
/// The number of concurrent reviews of tokens of unknown accounts. Invented tokens delay only other newcomers.
pub(crate) const REVIEWS_OF_NEW_TOKENS: usize = 4;
/// How long the account of a token is known after the API server accepted it.
const ACCOUNT_TTL: Duration = Duration::from_hours(1);
/// The timeout of a review.
const REVIEW_TIMEOUT: Duration = Duration::from_secs(5);

/// Asks the API server who a caller is (TokenReview), and what a caller or the service account of a listener may do
/// (SubjectAccessReview).
///
/// Tokens are not kept: results are cached under the SHA-256 of the token.
pub struct AccessReviewer {
    client: Client,
    users: ExpiringMap<[u8; 32], Option<User>>,
    rights: ExpiringMap<(User, Right, Option<Box<str>>), bool>,
    turns: KeyedSemaphore<Box<str>>,
    reviews: Semaphore,
    /// The accounts of the tokens that the API server accepted lately.
    accounts: ExpiringMap<[u8; 32], Box<str>>,
    new_tokens: Semaphore,
}

/// A right to do something with a kind of resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Right {
    verb: &'static str,
    /// In the plural.
    resource: &'static str,
    group: &'static str,
}

impl From<Action> for Right {
    fn from(action: Action) -> Self {
        let (verb, resource, group) = match action {
            Action::Read => ("get", "builds", shipwright::GROUP),
            Action::Replay => ("create", "buildruns", shipwright::GROUP),
            Action::Administer => ("update", "loglevels", OWN_GROUP),
        };
        Self { verb, resource, group }
    }
}

impl AccessReviewer {
    /// Asks over `connection`.
    pub fn new(connection: &Connection) -> Self {
        Self {
            client: connection.client.clone(),
            users: ExpiringMap::new(MAX_RESULTS),
            rights: ExpiringMap::new(MAX_RESULTS),
            turns: KeyedSemaphore::new(REVIEWS_PER_ACCOUNT),
            reviews: Semaphore::new(CONCURRENT_REVIEWS),
            accounts: ExpiringMap::new(MAX_RESULTS),
            new_tokens: Semaphore::new(REVIEWS_OF_NEW_TOKENS),
        }
    }

    async fn who(&self, token: &str) -> Result<Option<User>, AccessError> {
        let mut key = [0; 32];
        key.copy_from_slice(digest(&SHA256, token.as_bytes()).as_ref());
        if let Some(known) = self.users.get(&key, Instant::now()) {
            return Ok(known);
        }
        let account = self.accounts.get(&key, Instant::now());
        let (_turn, _permit) = match account {
            Some(account) => (Some(self.turns.acquire(account).await), permit(&self.reviews).await?),
            None => (None, permit(&self.new_tokens).await?),
        };
        // Another request with this token may have asked while this one waited.
        if let Some(known) = self.users.get(&key, Instant::now()) {
            return Ok(known);
        }
        let spec = TokenReviewSpec { token: Some(token.to_owned()), ..TokenReviewSpec::default() };
        let review = TokenReview { spec, ..TokenReview::default() };
        let review = ask(Api::all(self.client.clone()), review, "tokenreviews").await?;
        let status = review.status.unwrap_or_default();
        let user = status.user.filter(|_| status.authenticated == Some(true)).unwrap_or_default();
        let user = user.username.filter(|name| !name.is_empty()).map(|name| User {
            name,
            groups: user.groups.unwrap_or_default(),
            uid: user.uid.filter(|uid| !uid.is_empty()),
        });
        if let Some(user) = &user {
            self.accounts.insert(key, user.account().into(), ACCOUNT_TTL, Instant::now());
        }
        self.users.insert(key, user.clone(), REVIEW_TTL, Instant::now());
        Ok(user)
    }

    async fn may(&self, user: &User, right: Right, namespace: Option<&str>) -> Result<bool, AccessError> {
        if namespace.is_some_and(|namespace| !is_dns_label(namespace)) {
            // There is no such namespace, and an empty name would stand for all.
            return Ok(false);
        }
        let key = (user.clone(), right, namespace.map(Box::from));
        if let Some(known) = self.rights.get(&key, Instant::now()) {
            return Ok(known);
        }
        let (_turn, _permit) =
            (self.turns.acquire(user.account().into()).await, permit(&self.reviews).await?);
        if let Some(known) = self.rights.get(&key, Instant::now()) {
            return Ok(known);
        }
        let Right { verb, resource, group } = right;
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
        let review = ask(Api::all(self.client.clone()), review, "subjectaccessreviews").await?;
        let allowed = review.status.is_some_and(|status| status.allowed && status.denied != Some(true));
        self.rights.insert(key, allowed, REVIEW_TTL, Instant::now());
        Ok(allowed)
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
        self.may(user, action.into(), namespace).boxed()
    }
}

impl ListenerRights for AccessReviewer {
    fn may_select<'a>(
        &'a self,
        account: &'a ObjectKey,
        namespace: &'a str,
    ) -> BoxFuture<'a, Result<bool, AccessError>> {
        let right = Right { verb: "list", resource: Kind::Trigger.plural(), group: triggers::GROUP };
        async move {
            // There is no such service account, and a `:` in its name would make it another.
            if !names::is_possible(account) {
                return Ok(false);
            }
            self.may(&User::service_account(account), right, Some(namespace)).await
        }
        .boxed()
    }
}

async fn permit(room: &Semaphore) -> Result<SemaphorePermit<'_>, AccessError> {
    room.acquire().await.map_err(|error| fault(error.to_string()))
}

/// Sends a review.
async fn ask<R>(reviews: Api<R>, review: R, resource: &str) -> Result<R, AccessError>
where
    R: kube::Resource + Clone + std::fmt::Debug + serde::Serialize + serde::de::DeserializeOwned,
{
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
        Ok(Err(kube::Error::SerdeError(_))) => Err(fault("the API server's answer is no review".to_owned())),
        Ok(Err(error)) => Err(fault(words(&error))),
        Err(_) => Err(fault("the API server does not answer".to_owned())),
    }
}

fn fault(reason: String) -> AccessError {
    AccessError { reason }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::scripted_api::ScriptedApi;

    /// An API server where only the service account `depot/clerk` may do anything, and that in `harbour`.
    fn api() -> ScriptedApi {
        ScriptedApi::new(|request| {
            let spec = &request.body["spec"];
            let is_allowed = spec["user"] == "system:serviceaccount:depot:clerk"
                && spec["resourceAttributes"]["namespace"] == "harbour";
            (201, json!({"metadata": {}, "spec": spec, "status": {"allowed": is_allowed}}))
        })
    }

    #[tokio::test(start_paused = true)]
    async fn a_listener_selects_where_its_service_account_may_list_triggers() {
        let api = api();
        let reviewer = AccessReviewer::new(&Connection::of(api.client()));
        let may = async |namespace: &str, name: &str, of: &str| {
            reviewer.may_select(&ObjectKey::new(namespace, name), of).await.unwrap()
        };
        assert!(may("depot", "clerk", "harbour").await);
        assert!(may("depot", "clerk", "harbour").await, "from the cache");
        assert!(!may("depot", "clerk", "depot").await && !may("harbour", "clerk", "harbour").await);
        let requests = api.requests();
        assert_eq!(requests.len(), 3);
        let groups = ["system:serviceaccounts", "system:serviceaccounts:depot", "system:authenticated"];
        let attributes = json!({"group": "triggers.tekton.dev", "resource": "triggers", "verb": "list", "namespace": "harbour"});
        let spec = json!({
            "user": "system:serviceaccount:depot:clerk", "groups": groups, "resourceAttributes": attributes,
        });
        assert_eq!(requests[0].body["spec"], spec);

        tokio::time::advance(REVIEW_TTL).await;
        assert!(may("depot", "clerk", "harbour").await);
        assert_eq!(api.requests().len(), 4, "a right may have been taken away");
        for (namespace, name, of) in
            [("depot", "clerk:x", "harbour"), ("", "clerk", "harbour"), ("depot", "clerk", "")]
        {
            assert!(!may(namespace, name, of).await, "{namespace} {name} {of}");
        }
        assert_eq!(api.requests().len(), 4, "what cannot exist is not asked about");
    }

    #[tokio::test]
    async fn a_review_that_is_forbidden_is_an_error_with_the_remedy() {
        let api = ScriptedApi::new(|_| {
            let status = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 403,
                "reason": "Forbidden", "message": "no"});
            (403, status)
        });
        let reviewer = AccessReviewer::new(&Connection::of(api.client()));
        let error = reviewer.may_select(&ObjectKey::new("depot", "clerk"), "harbour").await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "access cannot be reviewed: this program may not create subjectaccessreviews: bind its service account to the \
             ClusterRole system:auth-delegator"
        );
    }
}
