//! Requests as a service account: the API server decides by the rights of the account, and not by ours.

use http::{HeaderValue, Request};
use trigger_core::ObjectKey;
use trigger_runtime::User;

use crate::names;

/// The header with the user whose rights a request has.
const IMPERSONATE_USER: &str = "impersonate-user";

/// Sends a request as this service account, if there is one. The API server adds the groups of the account.
pub(crate) fn run_as(
    mut request: Request<Vec<u8>>,
    account: Option<&ObjectKey>,
) -> Result<Request<Vec<u8>>, kube::Error> {
    if let Some(account) = account {
        names::check_service_account(account)?;
        let user = HeaderValue::from_str(&user_name(account));
        let user = user.map_err(|error| kube::Error::HttpError(error.into()))?;
        request.headers_mut().insert(IMPERSONATE_USER, user);
    }
    Ok(request)
}

/// The user name of a service account.
pub(crate) fn user_name(account: &ObjectKey) -> String {
    User::service_account(account).name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_name_of_a_service_account_comes_into_the_header() {
        let header = |account: Option<ObjectKey>| {
            let request = run_as(Request::new(Vec::new()), account.as_ref())?;
            let values = request.headers().get_all(IMPERSONATE_USER).iter();
            Ok::<_, kube::Error>(values.map(|value| value.to_str().unwrap().to_owned()).collect::<Vec<_>>())
        };
        assert_eq!(header(None).unwrap(), [""; 0]);
        let ci = ObjectKey::new("team-a", "ci");
        assert_eq!(header(Some(ci)).unwrap(), ["system:serviceaccount:team-a:ci"]);
        for (namespace, name) in [("team-a", "x:y"), ("a:b", "ci"), ("team-a", ""), ("team-a", "ci\r\nx: y")]
        {
            assert!(header(Some(ObjectKey::new(namespace, name))).is_err(), "{namespace} {name:?}");
        }
    }
}
