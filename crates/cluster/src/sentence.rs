//! Errors of the API server, and of the way to it, as people read them: one sentence, with the remedy.
//!
//! kube's own messages hold Rust structures and say the same thing two or three times. The log, `/readyz` and the commands
//! take theirs from here.

use std::error::Error;
use std::fmt::Write;

use kube::config::{InferConfigError, KubeconfigError, LoadDataError};
use kube::core::Status;
use kube::runtime::watcher;

use crate::missing_right::{MissingRight, why_forbidden};

/// The remedies of errors whose remedy depends on the kind of object.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Remedies<'a> {
    /// For a right that is missing.
    pub(crate) forbidden: &'a str,
    /// For a kind that is not installed.
    pub(crate) absent: &'a str,
}

/// What to do about credentials that are not accepted.
const CREDENTIALS: &str = "renew them, or select another context with `kubectl config use-context`";
/// What to do about an API server that does not answer.
const UNREACHABLE: &str = "check that it runs, and that the kubeconfig has its address";
/// What to do without any kubeconfig.
const NOT_CONFIGURED: &str = "set KUBECONFIG to a kubeconfig, or run in a pod with a service account";

/// The error in one sentence, with the remedy.
pub(crate) fn sentence(error: &kube::Error, remedies: Remedies<'_>) -> String {
    match error {
        kube::Error::Api(status) => of_status(status, remedies),
        kube::Error::Discovery(_) => remedies.absent.to_owned(),
        other => words(other),
    }
}

/// The error of a watch in one sentence, with the remedy.
pub(crate) fn of_watch(error: &watcher::Error, remedies: Remedies<'_>) -> String {
    match error {
        watcher::Error::InitialListFailed(error)
        | watcher::Error::WatchStartFailed(error)
        | watcher::Error::WatchFailed(error) => sentence(error, remedies),
        watcher::Error::WatchError(status) => of_status(status, remedies),
        watcher::Error::NoResourceVersion => "the list of the API server has no resource version".to_owned(),
    }
}

/// The error in a few words, where the remedy is known from the context.
pub(crate) fn words(error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) if status.message.is_empty() => answered(status),
        kube::Error::Api(status) => status.message.clone(),
        kube::Error::Auth(error) => format!("the kubeconfig's credentials cannot be used: {}", root(error)),
        kube::Error::HyperError(error) => unreachable(error),
        kube::Error::Service(error) => unreachable(error.as_ref()),
        kube::Error::ReadEvents(error) => {
            format!("the connection to the API server has ended: {}", root(error))
        }
        kube::Error::SerdeError(error) => {
            format!("the answer of the API server cannot be understood: {error}")
        }
        other => root(other),
    }
}

fn of_status(status: &Status, remedies: Remedies<'_>) -> String {
    match status.code {
        401 => format!("the API server does not accept the credentials; {CREDENTIALS}"),
        403 => format!("{}; {}", right(&status.message), remedies.forbidden),
        404 => remedies.absent.to_owned(),
        _ => answered(status),
    }
}

fn answered(status: &Status) -> String {
    let mut text = format!("the API server answered {}", status.code);
    if !status.message.is_empty() {
        // Writing to a string does not fail.
        let _ = write!(text, ": {}", status.message);
    }
    text
}

/// The right that is missing.
fn right(message: &str) -> String {
    if let Some(right) = MissingRight::of(message) {
        let (user, verb) = (right.user, right.verb);
        format!("the user {user} may not {verb} {} {}", right.resource(), right.place())
    } else {
        format!("the API server forbids it: {}", why_forbidden(message).unwrap_or(message))
    }
}

fn unreachable(error: &(dyn Error + 'static)) -> String {
    format!("the API server cannot be reached: {}; {UNREACHABLE}", root(error))
}

/// The text of the innermost cause: those around it repeat it, or name layers of the client.
fn root(error: &(dyn Error + 'static)) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    let text = cause.to_string();
    let text = text.split_once(" (os error ").map_or(text.as_str(), |(text, _)| text);
    // The operating system begins its messages with a capital.
    let mut characters = text.chars();
    match characters.next() {
        Some(first) if cause.is::<std::io::Error>() => first.to_lowercase().chain(characters).collect(),
        _ => text.to_owned(),
    }
}

/// Why no API server is configured.
pub(crate) fn not_configured(error: &InferConfigError) -> String {
    let kubeconfig = error.source().and_then(<dyn Error>::downcast_ref::<KubeconfigError>);
    match kubeconfig {
        None | Some(KubeconfigError::FindPath) => {
            format!("no Kubernetes API server is configured; {NOT_CONFIGURED}")
        }
        // Without KUBECONFIG, the file of kubectl need not exist.
        Some(KubeconfigError::ReadConfig(cause, path))
            if cause.kind() == std::io::ErrorKind::NotFound && std::env::var_os("KUBECONFIG").is_none() =>
        {
            let path = path.display();
            format!("no Kubernetes API server is configured: {path} does not exist; {NOT_CONFIGURED}")
        }
        Some(kubeconfig) => of_kubeconfig(kubeconfig),
    }
}

/// Why a kubeconfig cannot be used.
pub(crate) fn of_kubeconfig(error: &KubeconfigError) -> String {
    let data = |what: &str, error: &LoadDataError| match error {
        LoadDataError::ReadFile(cause, path) => {
            format!(
                "the kubeconfig names the {what} {}, which cannot be read: {}",
                path.display(),
                root(cause)
            )
        }
        other => format!("the {what} in the kubeconfig cannot be used: {}", root(other)),
    };
    match error {
        KubeconfigError::ReadConfig(cause, path) => {
            let path = path.display();
            format!(
                "the kubeconfig {path} cannot be read: {}; correct KUBECONFIG, or create the file",
                root(cause)
            )
        }
        KubeconfigError::Parse(cause) => {
            let cause = cause.to_string();
            let first = cause.lines().next().unwrap_or_default();
            format!("the kubeconfig is no valid YAML of a Config: {first}; correct the file, or KUBECONFIG")
        }
        KubeconfigError::CurrentContextNotSet => {
            "the kubeconfig selects no context; run `kubectl config use-context NAME`".to_owned()
        }
        KubeconfigError::LoadContext(name) => {
            format!(
                "the kubeconfig has no context `{name}`; `kubectl config get-contexts` lists those that it has"
            )
        }
        KubeconfigError::LoadClusterOfContext(name) => {
            format!("the kubeconfig has no cluster `{name}`, which its context names; correct the context")
        }
        KubeconfigError::MissingClusterUrl => {
            "the cluster in the kubeconfig has no `server`; add its address".to_owned()
        }
        KubeconfigError::ParseClusterUrl(cause) => {
            format!(
                "the `server` in the kubeconfig is no address: {cause}; write it like https://10.0.0.1:6443"
            )
        }
        KubeconfigError::LoadCertificateAuthority(cause) => data("certificate authority", cause),
        KubeconfigError::LoadClientCertificate(cause) => data("client certificate", cause),
        KubeconfigError::LoadClientKey(cause) => data("client key", cause),
        other => format!("the kubeconfig cannot be used: {}", root(other)),
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use kube::config::Kubeconfig;

    use super::*;

    const REMEDIES: Remedies<'_> =
        Remedies { forbidden: "bind the role", absent: "Builds are not installed" };

    fn status(code: u16, message: &str) -> kube::Error {
        kube::Error::Api(Status::failure(message, "Reason").with_code(code).boxed())
    }

    /// An error around another, as the layers of a client make them.
    #[derive(Debug, thiserror::Error)]
    #[error("client error (Connect)")]
    struct Layer(#[source] io::Error);

    #[test]
    fn an_error_is_one_sentence_without_rust_structures() {
        let refused = || io::Error::from_raw_os_error(111);
        let forbidden = "builds.shipwright.io is forbidden: User \"system:serviceaccount:a:b\" cannot list resource \
                         \"builds\" in API group \"shipwright.io\" at the cluster scope";
        let in_one = "secrets \"x\" is forbidden: User \"me\" cannot get resource \"secrets\" in API group \"\" in the \
                      namespace \"team-a\"";
        for (error, expected) in [
            (
                status(403, forbidden),
                "the user system:serviceaccount:a:b may not list builds.shipwright.io in all namespaces; bind the role",
            ),
            (status(403, in_one), "the user me may not get secrets in the namespace team-a; bind the role"),
            (status(403, "no"), "the API server forbids it: no; bind the role"),
            (status(404, "page not found"), "Builds are not installed"),
            (
                status(401, "Unauthorized"),
                "the API server does not accept the credentials; renew them, or select another context with `kubectl \
                 config use-context`",
            ),
            (status(503, "etcd is away"), "the API server answered 503: etcd is away"),
            (status(500, ""), "the API server answered 500"),
            (
                kube::Error::Service(Layer(refused()).into()),
                "the API server cannot be reached: connection refused; check that it runs, and that the kubeconfig has \
                 its address",
            ),
        ] {
            let text = sentence(&error, REMEDIES);
            assert_eq!(text, expected);
            assert_eq!(of_watch(&watcher::Error::InitialListFailed(error), REMEDIES), expected);
            assert!(!text.contains("Status {") && !text.contains("Error"), "{text}");
        }
    }

    #[test]
    fn a_kubeconfig_that_cannot_be_used_is_named_with_the_remedy() {
        let absent = KubeconfigError::ReadConfig(io::ErrorKind::NotFound.into(), "/a/config".into());
        let broken = Kubeconfig::from_yaml("[").unwrap_err();
        for (error, parts) in [
            (absent, ["the kubeconfig /a/config cannot be read: entity not found", "correct KUBECONFIG"]),
            (broken, ["the kubeconfig is no valid YAML", "correct the file"]),
            (KubeconfigError::LoadContext("prod".to_owned()), ["no context `prod`", "get-contexts"]),
            (KubeconfigError::CurrentContextNotSet, ["selects no context", "use-context NAME"]),
        ] {
            let text = of_kubeconfig(&error);
            assert!(parts.iter().all(|part| text.contains(part)) && !text.contains('\n'), "{text}");
        }
    }
}
