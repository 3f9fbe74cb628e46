//! Authorization by the rules in the table of users, and by the roles in the store.

use crate::attributes::Attributes;
use crate::rbac::Roles;
use crate::status::ApiError;
use crate::store::Store;
use crate::users::{AUTHENTICATED, MASTERS, UserInfo, Users};

/// Decides by all rules that there are. They always answer reviews, and restrict requests only on a cluster that was
/// built with `authorize`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Authorizer<'a> {
    pub(crate) users: &'a Users,
    pub(crate) roles: &'a Roles,
    pub(crate) store: &'a Store,
}

impl Authorizer<'_> {
    /// Checks a request. The error is a 403.
    pub(crate) fn check(&self, user: &UserInfo, wanted: Attributes<'_>) -> Result<(), ApiError> {
        if !self.users.authorized || self.allows(user, wanted) {
            return Ok(());
        }
        Err(wanted.forbidden_to(&user.name))
    }

    /// Whether the rules allow it.
    pub(crate) fn allows(&self, user: &UserInfo, wanted: Attributes<'_>) -> bool {
        user.is_in(MASTERS)
            || (user.is_in(AUTHENTICATED) && is_basic(wanted))
            || self.users.rules_of(user).any(|rule| rule.allows(wanted))
            || self.roles.allow(self.store, user, wanted)
    }
}

/// Kubernetes grants it to every authenticated user by the ClusterRole `system:basic-user`: the review of the own rights.
fn is_basic(wanted: Attributes<'_>) -> bool {
    (wanted.verb, wanted.group, wanted.resource)
        == ("create", "authorization.k8s.io", "selfsubjectaccessreviews")
}
