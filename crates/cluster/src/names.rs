//! The check of names before they become part of a request path.
//!
//! The client puts names into the path as they are: the Secret `?limit=1` would list all Secrets of the namespace, and
//! `../..` would address another resource. Every name that comes from a field of an object, from the journal or from a
//! request passes here. An object with such a name cannot exist, so nothing is sent, and a repetition would not help.
//!
//! Objects of any kind have the names that the API server allows in a path: a ClusterRole may be called `system:node`.
//! Their names are percent-encoded.

use kube::core::Status;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use trigger_core::{ObjectKey, ResourceRef, is_dns_label, is_dns_subdomain};

/// The longest name of an object of any kind, in bytes. The API server has no limit for kinds whose names are no DNS names.
const LONGEST_NAME: usize = 253;
/// How much of a name that is too long is in the error, in characters.
const SHOWN: usize = 80;
/// The form of names of most kinds.
const DNS_NAME: &str = "names are DNS subdomains";
/// The bytes that a segment of a path has as `%XX`: all but those that RFC 3986 calls unreserved.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Whether an object whose name is a DNS name can have this one in this namespace.
pub(crate) fn is_possible(key: &ObjectKey) -> bool {
    is_dns_label(&key.namespace) && is_dns_subdomain(&key.name)
}

/// Checks the name and the namespace of an object whose name is a DNS name.
///
/// The error is that of the API server for such a name: 422, which [`crate::api_server_error::ApiServerError`] calls
/// permanent.
pub(crate) fn check(key: &ObjectKey) -> Result<(), kube::Error> {
    if is_possible(key) { Ok(()) } else { Err(impossible("object", "name", &key.to_string(), DNS_NAME)) }
}

/// Checks the namespace and the name of a service account, which become part of a user name.
pub(crate) fn check_service_account(account: &ObjectKey) -> Result<(), kube::Error> {
    let error = || impossible("service account", "name", &account.to_string(), DNS_NAME);
    if is_possible(account) { Ok(()) } else { Err(error()) }
}

/// Checks the parts of the path to an object of any kind: its kind in this API version, its namespace and its name.
/// Returns the name as a segment of the path.
pub(crate) fn check_resource(object: &ResourceRef, version: &str) -> Result<String, kube::Error> {
    let is_group = object.group.is_empty() || is_dns_subdomain(&object.group);
    // The kind of a CustomResourceDefinition is a DNS label in lower case.
    let is_kind = is_dns_label(&object.kind.to_ascii_lowercase());
    if !is_group || !is_dns_label(version) || !is_kind {
        let kind = format!("{}/{version} {}", object.group, object.kind);
        return Err(impossible("object", "kind", &kind, "groups and kinds are DNS names"));
    }
    if !is_dns_label(object.namespace()) {
        return Err(impossible("object", "namespace", object.namespace(), "namespaces are DNS labels"));
    }
    let name = object.name();
    if !is_path_segment(name) {
        let form =
            "a name has no `/`, `%` or control characters, is not `.` or `..`, and has at most 253 bytes";
        return Err(impossible("object", "name", &object.key.to_string(), form));
    }
    Ok(utf8_percent_encode(name, ENCODED).to_string())
}

/// Whether the API server allows this name for a kind whose names are no DNS names. It allows control characters too, which
/// have no place in logs and terminals.
fn is_path_segment(name: &str) -> bool {
    let is_bad = |c: char| matches!(c, '/' | '%') || c.is_control();
    !matches!(name, "" | "." | "..") && name.len() <= LONGEST_NAME && !name.chars().any(is_bad)
}

fn impossible(what: &str, part: &str, text: &str, form: &str) -> kube::Error {
    let shown: String = text.chars().take(SHOWN).collect();
    let message = format!("no {what} can have the {part} {shown:?}: {form}; correct it where it is written");
    kube::Error::Api(Status::failure(&message, "Invalid").with_code(422).boxed())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::api_server_error::{ApiServerError, Verdict};

    fn named(namespace: &str, name: &str) -> ResourceRef {
        ResourceRef::new("rbac.authorization.k8s.io", "Role", ObjectKey::new(namespace, name))
    }

    /// Asserts that it is the permanent error of a name, in one line.
    fn assert_impossible(error: &kube::Error) {
        let ApiServerError { message, verdict } = ApiServerError::of(error);
        assert!(verdict == Verdict::Permanent && message.contains(" can have the "), "{message}");
        assert!(!message.chars().any(char::is_control) && message.len() < 1000, "{message:?}");
    }

    #[test]
    fn names_that_are_no_dns_names_are_permanent_errors() {
        let long = "a".repeat(10_000);
        assert!(is_possible(&ObjectKey::new("team-a", "web.1")));
        for name in
            ["", "?limit=1", "hook?", "x?watch=true", "../..", "..", "a/b", "a#b", "a%2fb", "a b", "a\n"]
                .into_iter()
                .chain([long.as_str(), "system:x", "a\r\nImpersonate-Group: system:masters"])
        {
            for key in [ObjectKey::new("team-a", name), ObjectKey::new(name, "web")] {
                assert_impossible(&check(&key).expect_err(name));
                assert_impossible(&check_service_account(&key).expect_err(name));
            }
        }
    }

    #[test]
    fn names_of_any_kind_are_those_that_the_api_server_allows_in_a_path() {
        for (name, segment) in [
            ("web.1", "web.1"),
            ("system:node", "system%3Anode"),
            ("Web_1~", "Web_1~"),
            ("a b?x=1#y", "a%20b%3Fx%3D1%23y"),
            ("...", "..."),
            ("é", "%C3%A9"),
        ] {
            assert_eq!(check_resource(&named("team-a", name), "v1").unwrap(), segment);
        }
        let long = "a".repeat(254);
        for name in ["", ".", "..", "a/b", "../..", "a%2fb", "%", "a\n", "a\u{85}", &long] {
            assert_impossible(&check_resource(&named("team-a", name), "v1").expect_err(name));
        }
        for namespace in ["", "..", "team/a", "team-a?", "Team", "team.a", &long] {
            assert_impossible(&check_resource(&named(namespace, "web"), "v1").expect_err(namespace));
        }
    }

    #[test]
    fn kinds_are_of_any_group_and_none_changes_the_path() {
        let check = |group: &str, version: &str, kind: &str| {
            let object = ResourceRef::new(group, kind, ObjectKey::new("team-a", "web"));
            check_resource(&object, version)
        };
        for (group, version, kind) in
            [("", "v1", "ConfigMap"), ("tekton.dev", "v1beta1", "Task"), ("a.example", "v2", "My-Kind")]
        {
            assert!(check(group, version, kind).is_ok(), "{group} {version} {kind}");
        }
        let long = "K".repeat(10_000);
        for (group, version, kind) in [
            ("a/b", "v1", "Build"),
            ("..", "v1", "Build"),
            ("shipwright.io", "v1?", "Build"),
            ("shipwright.io", "", "Build"),
            ("shipwright.io", "v1/x", "Build"),
            ("shipwright.io", "v1", "Build/x"),
            ("shipwright.io", "v1", ""),
            ("shipwright.io", "v1", &long),
        ] {
            assert_impossible(&check(group, version, kind).expect_err(kind));
        }
    }

    proptest! {
        #[test]
        fn a_name_stays_one_segment_of_the_path_and_is_read_back_as_it_was(name in "\\PC{0,40}|[./?#%&a:\\s\\\\]{0,6}|.{0,8}") {
            let checked = check_resource(&named("team-a", &name), "v1");
            let is_refused = matches!(name.as_str(), "" | "." | "..")
                || name.chars().any(|c| c == '/' || c == '%' || c.is_control());
            prop_assert_eq!(checked.is_err(), is_refused);
            if let Ok(segment) = checked {
                let uri: http::Uri = format!("http://api.example/roles/{segment}").parse().unwrap();
                prop_assert_eq!(uri.query(), None);
                let segments: Vec<_> = uri.path().split('/').collect();
                prop_assert_eq!(&segments, &["", "roles", &segment]);
                let decoded = percent_encoding::percent_decode_str(&segment).decode_utf8().unwrap();
                prop_assert_eq!(decoded, name);
            }
        }
    }
}
