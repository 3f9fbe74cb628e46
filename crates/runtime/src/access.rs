use futures::future::BoxFuture;
use trigger_core::ObjectKey;

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

/// Whether listeners may use Triggers of other namespaces. The API server decides by the rights of their service accounts,
/// as it does for Tekton's own listeners, which read Triggers as these accounts.
pub trait ListenerRights: Send + Sync + 'static {
    /// Whether the service account may list the Triggers of `namespace`.
    fn may_select<'a>(
        &'a self,
        account: &'a ObjectKey,
        namespace: &'a str,
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

impl User {
    /// A service account, as the API server knows it from a token of its own.
    pub fn service_account(account: &ObjectKey) -> Self {
        let ObjectKey { namespace, name } = account;
        Self {
            name: format!("{SERVICE_ACCOUNT}{namespace}:{name}"),
            groups: vec![
                "system:serviceaccounts".to_owned(),
                format!("system:serviceaccounts:{namespace}"),
                "system:authenticated".to_owned(),
            ],
            uid: None,
        }
    }

    /// The name under which the use of a shared resource is counted. ServiceAccounts of a namespace count together: the
    /// tenant of the namespace makes as many as it likes.
    pub fn account(&self) -> &str {
        let service_account = self.name.strip_prefix(SERVICE_ACCOUNT);
        let end = service_account.and_then(|rest| rest.find(':')).map(|end| SERVICE_ACCOUNT.len() + end);
        end.map_or(&self.name, |end| &self.name[..end])
    }

    /// The namespace of the ServiceAccount, if the user is one.
    pub fn namespace(&self) -> Option<&str> {
        let (namespace, _) = self.name.strip_prefix(SERVICE_ACCOUNT)?.split_once(':')?;
        Some(namespace)
    }
}

/// The beginning of the user names of ServiceAccounts. The namespace follows, a colon, and the name.
const SERVICE_ACCOUNT: &str = "system:serviceaccount:";

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_service_accounts_of_a_namespace_are_one_account() {
        for (name, account, namespace) in [
            ("system:serviceaccount:team-a:one", "system:serviceaccount:team-a", Some("team-a")),
            ("system:serviceaccount:team-a:two", "system:serviceaccount:team-a", Some("team-a")),
            ("system:serviceaccount:team-a", "system:serviceaccount:team-a", None),
            ("ada", "ada", None),
        ] {
            let user = User { name: name.to_owned(), groups: Vec::new(), uid: None };
            assert_eq!((user.account(), user.namespace()), (account, namespace), "{name}");
        }
    }
}
