//! The check of names before they become part of a request path.
//!
//! The client puts names into the path as they are: the Secret `?limit=1` would list all Secrets of the namespace, and
//! `../..` would address another resource. Every name that comes from a field of an object, from the journal or from a
//! request passes here. An object with such a name cannot exist, so nothing is sent, and a repetition would not help.

use kube::core::Status;
use trigger_core::{ObjectKey, ResourceRef, is_dns_label, is_dns_subdomain};

/// Whether an object can have this name in this namespace.
pub(crate) fn is_possible(key: &ObjectKey) -> bool {
    is_dns_label(&key.namespace) && is_dns_subdomain(&key.name)
}

/// Checks the name and the namespace of an object.
///
/// The error is that of the API server for such a name: 422, which [`crate::api_server_error::ApiServerError`] calls
/// permanent.
pub(crate) fn check(key: &ObjectKey) -> Result<(), kube::Error> {
    if is_possible(key) { Ok(()) } else { Err(impossible(&format!("the name {:?}", key.to_string()))) }
}

/// Checks the parts of the path to an object: its kind in this API version, its namespace and its name.
pub(crate) fn check_resource(object: &ResourceRef, version: &str) -> Result<(), kube::Error> {
    let is_kind = !object.kind.is_empty() && object.kind.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if !is_dns_subdomain(&object.group) || !is_dns_label(version) || !is_kind {
        let kind = format!("{}/{version} {}", object.group, object.kind);
        return Err(impossible(&format!("the kind {kind:?}")));
    }
    check(&object.key)
}

fn impossible(part: &str) -> kube::Error {
    let message =
        format!("no object can have {part}: names are DNS subdomains; correct it where it is written");
    kube::Error::Api(Status::failure(&message, "Invalid").with_code(422).boxed())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api_server_error::{ApiServerError, Verdict};

    #[test]
    fn names_that_would_change_a_request_path_are_permanent_errors() {
        let build = |namespace: &str, name: &str| {
            ResourceRef::new("shipwright.io", "Build", ObjectKey::new(namespace, name))
        };
        assert!(check_resource(&build("team-a", "web.1"), "v1beta1").is_ok());
        for name in
            ["", "?limit=1", "hook?", "x?watch=true", "../..", "..", "a/b", "a#b", "a%2fb", "a b", "a\n"]
        {
            for object in [build("team-a", name), build(name, "web")] {
                let error = check_resource(&object, "v1beta1").expect_err(name);
                let ApiServerError { message, verdict } = ApiServerError::of(&error);
                assert!(verdict == Verdict::Permanent && message.contains("no object can have"), "{message}");
                assert!(!message.chars().any(char::is_control), "{message:?}");
            }
        }
        for (group, version, kind) in
            [("a/b", "v1", "Build"), ("shipwright.io", "v1?", "Build"), ("shipwright.io", "v1", "Build/x")]
        {
            let object = ResourceRef::new(group, kind, ObjectKey::new("team-a", "web"));
            assert!(check_resource(&object, version).is_err(), "{group} {version} {kind}");
        }
    }
}
