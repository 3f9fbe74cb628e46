//! The answers of the API server that may pass, and those that are permanent. Every read and write is judged here;
//! docs/troubleshooting.md has the same table for people.
//!
//! An answer is permanent only if it is certain that the same request would get it again. All others may pass: a
//! request that is repeated in vain costs a little, and a delivery that is given up is lost.

use crate::missing_right::why_forbidden;
use crate::sentence::words;

/// An error of the API server, or of the connection to it.
pub(crate) struct ApiServerError {
    /// The message of the API server, or the chain of the transport's errors.
    pub(crate) message: String,
    pub(crate) verdict: Verdict,
}

/// Whether a repeated request would fail in the same way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The API server is away, busy, starting, or out of step with the client.
    MayPass,
    /// A right is missing, a quota is used up, or the kind is not served. A person may change that, and an API
    /// server that starts says so before it has read everything.
    MayBeAllowed,
    /// The same request fails again.
    Permanent,
}

impl Verdict {
    /// How often a write is tried again that is only for people to read. Longer outages are known without it, and a right
    /// that is missing would delay every one.
    pub(crate) fn retries(self) -> u32 {
        match self {
            Self::MayPass => 4,
            Self::MayBeAllowed => 1,
            Self::Permanent => 0,
        }
    }
}

/// Ends the message of an object that the quota does not admit now. A quota that wants another object
/// (`failed quota: ... must specify cpu`) does not admit it later either.
const QUOTA_WAITS: [&str; 3] = ["exceeded quota: ", "status unknown for quota: ", "insufficient quota "];

/// Parts of the messages of policies: of webhooks, and of ValidatingAdmissionPolicies.
const DENIALS: [&str; 2] = [" denied the request", " denied request: "];

impl ApiServerError {
    pub(crate) fn of(error: &kube::Error) -> Self {
        let status = match error {
            kube::Error::Api(status) => status,
            kube::Error::Discovery(_) => {
                let message = "the API server does not serve this kind; install its CustomResourceDefinition";
                return Self { message: message.to_owned(), verdict: Verdict::MayBeAllowed };
            }
            other => return Self { message: words(other), verdict: Verdict::MayPass },
        };
        let message = match status.message.as_str() {
            "" => format!("the API server answered {}", status.code),
            message => message.to_owned(),
        };
        Self { verdict: verdict(status.code, &message), message }
    }

    pub(crate) fn is_permanent(&self) -> bool {
        self.verdict == Verdict::Permanent
    }
}

/// The table.
fn verdict(code: u16, message: &str) -> Verdict {
    let denied = DENIALS.iter().any(|part| message.contains(part));
    match code {
        // A conflict, an admission webhook that is overloaded, an outage.
        408 | 409 | 429 | 500..=599 => Verdict::MayPass,
        // A policy may give any reason.
        400..=499 if denied => Verdict::Permanent,
        403 => forbidden(message),
        // The namespace of a new object. An object that is read and does not exist is no error.
        404 if message.starts_with("namespaces ") => Verdict::Permanent,
        // A custom resource while the API server starts or its definition changes, also as plain text.
        404 => Verdict::MayBeAllowed,
        // The request itself: malformed, of a wrong type, too large, invalid.
        400 | 405 | 406 | 413..=415 | 422 | 431 => Verdict::Permanent,
        // Lapsed credentials, an old resource version, a proxy on the way.
        _ => Verdict::MayPass,
    }
}

/// The API server says 403 for rights, for quotas, and for everything that its admission plugins reject.
fn forbidden(message: &str) -> Verdict {
    let Some(why) = why_forbidden(message) else { return Verdict::MayBeAllowed };
    let waits_for_quota = QUOTA_WAITS.iter().any(|begin| why.starts_with(begin));
    // `User "..." cannot create resource "..." in API group "..."`, also for an impersonation.
    let is_right = why.starts_with("User ") && why.contains(" cannot ");
    // A plugin that has not read its objects yet.
    let is_starting = why.contains("not yet ready to handle request");
    if waits_for_quota || is_right || is_starting { Verdict::MayBeAllowed } else { Verdict::Permanent }
}

pub(crate) fn is_status(error: &kube::Error, code: u16) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == code)
}

/// Whether the API server knows that the object does not exist. A 404 without the object's name is that of a path which
/// is not served, perhaps not yet.
pub(crate) fn is_absent(error: &kube::Error) -> bool {
    let kube::Error::Api(status) = error else { return false };
    let names_object = status.details.as_ref().is_some_and(|details| !details.name.is_empty());
    status.code == 404 && names_object && !status.message.contains("could not find the requested resource")
}

/// Whether the API server does not serve the path of a new object. A namespace that does not exist is named.
pub(crate) fn is_unserved(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == 404 && !status.message.starts_with("namespaces "))
}

pub(crate) fn already_exists(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == 409 && status.reason == "AlreadyExists")
}

#[cfg(test)]
mod tests {
    use kube::core::Status;
    use kube::error::DiscoveryError;

    use super::*;

    fn status(code: u16, message: &str) -> kube::Error {
        kube::Error::Api(Status::failure(message, "Reason").with_code(code).boxed())
    }

    #[test]
    fn answers_that_may_pass_are_told_from_permanent_ones() {
        use Verdict::{MayBeAllowed, MayPass, Permanent};

        let runs = "buildruns.shipwright.io \"x\" is forbidden: ";
        for (code, message, expected) in [
            (400, "the body cannot be decoded", Permanent),
            (401, "Unauthorized", MayPass),
            (403, "Forbidden", MayBeAllowed),
            (403, &format!("{runs}exceeded quota: builds, requested: count/x=1, used: 2"), MayBeAllowed),
            (403, &format!("{runs}status unknown for quota: builds, resources: count/x"), MayBeAllowed),
            (403, &format!("{runs}failed quota: builds: must specify cpu"), Permanent),
            (403, &format!("{runs}User \"a\" cannot create resource \"buildruns\""), MayBeAllowed),
            (403, &format!("{runs}not yet ready to handle request"), MayBeAllowed),
            (403, &format!("{runs}violates PodSecurity \"restricted:latest\""), Permanent),
            // The name of an object is any text.
            (403, "pods \"a is forbidden: exceeded quota: b\" is forbidden: violates PodSecurity", Permanent),
            (
                403,
                &format!("{runs}unable to create new content in namespace a because it is being terminated"),
                Permanent,
            ),
            (403, "admission webhook \"p\" denied the request: no", Permanent),
            (401, "ValidatingAdmissionPolicy 'p' with binding 'b' denied request: no", Permanent),
            (500, "admission webhook \"p\" denied the request: no endpoints", MayPass),
            (404, "404 page not found", MayBeAllowed),
            (404, "the server could not find the requested resource", MayBeAllowed),
            (404, "namespaces \"team-a\" not found", Permanent),
            (409, "the object has been modified", MayPass),
            (410, "too old resource version", MayPass),
            (413, "limit is 3145728", Permanent),
            (422, "is invalid", Permanent),
            (429, "too many requests", MayPass),
            (500, "etcdserver: mvcc: database space exceeded", MayPass),
            (503, "unavailable", MayPass),
            (504, "Timeout", MayPass),
        ] {
            assert_eq!(ApiServerError::of(&status(code, message)).verdict, expected, "{code} {message}");
        }
        let unserved = kube::Error::Discovery(DiscoveryError::MissingKind("BuildRun".to_owned()));
        let unserved = ApiServerError::of(&unserved);
        assert_eq!(unserved.verdict, MayBeAllowed);
        assert!(unserved.message.contains("install its CustomResourceDefinition"));
        let broken = ApiServerError::of(&kube::Error::LinesCodecMaxLineLengthExceeded);
        assert_eq!(broken.verdict, MayPass);
    }

    #[test]
    fn only_an_object_that_is_named_is_absent() {
        let not_found = |message: &str, name: &str| {
            let details = serde_json::from_value(serde_json::json!({"name": name})).unwrap();
            let status = Status::failure(message, "NotFound").with_code(404).with_details(details);
            kube::Error::Api(status.boxed())
        };
        assert!(is_absent(&not_found("buildruns.shipwright.io \"x\" not found", "x")));
        assert!(!is_absent(&not_found("the server could not find the requested resource", "x")));
        assert!(!is_absent(&not_found("the server could not find the requested resource", "")));
        assert!(!is_absent(&status(404, "404 page not found")));
    }
}
