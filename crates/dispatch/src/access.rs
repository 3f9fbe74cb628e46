use futures::future::BoxFuture;

/// Who may look and who may act: asked of the API server, so that the cluster's own roles decide.
pub trait Access: Send + Sync + 'static {
    /// Whose token it is; nobody's if the API server does not accept it.
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
    /// The groups it is in.
    pub groups: Vec<String>,
    /// `uid`, where there is one.
    pub uid: Option<String>,
}

/// What somebody wants to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// See the deliveries that concern a namespace: for those who may `get` its Builds.
    Read,
    /// Have a delivery worked on once more: for those who may `create` BuildRuns there.
    Replay,
    /// Change how the program itself works: for those who may `update` `loglevels.trigger.shipwright.io`, a
    /// resource that exists for this question only.
    Administer,
}

/// Why it cannot be told who may do what.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("access cannot be reviewed: {reason}")]
pub struct AccessError {
    /// What is the matter, in a sentence. Nothing of the token.
    pub reason: String,
}
