use futures::future::BoxFuture;

/// Authenticates and authorizes callers of the admin API. The API server decides, so the cluster's own roles apply.
pub trait Access: Send + Sync + 'static {
    /// The user of a bearer token; `None` if the API server rejects the token.
    fn authenticate<'a>(&'a self, token: &'a str) -> BoxFuture<'a, Result<Option<User>, AccessError>>;

    /// Whether `user` may do `action` in `namespace`, or in every namespace if none is named.
    fn allows<'a>(
        &'a self,
        user: &'a User,
        action: Action,
        namespace: Option<&'a str>,
    ) -> BoxFuture<'a, Result<bool, AccessError>>;
}

/// A user as the API server knows it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct User {
    /// The name, such as `system:serviceaccount:team-a:robot`.
    pub name: String,
    /// The groups the user is in.
    pub groups: Vec<String>,
    /// `uid`, where there is one.
    pub uid: Option<String>,
}

/// An action that the admin API offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// See the deliveries that concern a namespace: for users who may `get` its Builds.
    Read,
    /// Replay a delivery: for users who may `create` BuildRuns in the namespace.
    Replay,
    /// Change the log level: for users who may `update` `loglevels.trigger.shipwright.io`, a resource that
    /// exists for this check only.
    Administer,
}

/// The API server could not answer a review.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("access cannot be reviewed: {reason}")]
pub struct AccessError {
    /// The cause, in a sentence. Contains nothing of the token.
    pub reason: String,
}
