use trigger_core::KeyRef;

use super::answer::SecretAnswer;
use super::ask::SecretCheck;
use super::authentication::{Authentication, PresentedError, Scheme, SecretDemand};
use super::interceptor::{Halt, Run};
use super::params::{Params, ParamsError, SecretRef};
use super::status::Code;

/// The parameter `secretRef` of an interceptor: a key must verify what the sender presents.
#[derive(Debug)]
pub(super) struct SecretGuard {
    /// The kind of interceptor, for messages.
    kind: &'static str,
    /// `None`: the reference names no entry.
    demand: Option<SecretDemand>,
    words: GuardWords,
}

/// The words of an interceptor for checks that fail.
#[derive(Debug, Clone, Copy)]
pub(super) struct GuardWords {
    /// The code if a header is missing.
    pub(super) missing: Code,
    /// The code if the key does not verify.
    pub(super) refused: Code,
    /// The message if the key does not verify.
    pub(super) refusal: &'static str,
    /// The text before the errors of a signature.
    pub(super) prefix: &'static str,
}

/// The parameter that names the Secret.
const PARAM: &str = "secretRef";

impl SecretGuard {
    /// The guard that the parameters ask for; `None` if they name no Secret.
    pub(super) fn compile(
        kind: &'static str,
        scheme: Scheme,
        words: GuardWords,
        params: Params<'_>,
        namespace: &str,
    ) -> Result<Option<Self>, ParamsError> {
        let demand = match params.secret_ref(PARAM, namespace)? {
            None => return Ok(None),
            Some(SecretRef::NoEntry) => None,
            Some(SecretRef::Entry(key)) => Some(SecretDemand { key, scheme }),
        };
        Ok(Some(Self { kind, demand, words }))
    }

    /// The guard that demands this.
    pub(super) fn of(kind: &'static str, words: GuardWords, demand: SecretDemand) -> Self {
        Self { kind, demand: Some(demand), words }
    }

    /// Stops the event unless the key verifies what the sender presents.
    pub(super) fn check(&self, run: &Run<'_>) -> Result<(), Halt> {
        let Self { kind, words, .. } = self;
        let Some(SecretDemand { key, scheme }) = &self.demand else {
            let message = format!("{kind} interceptor secretRef.secretKey is empty");
            return Err(Halt::stop(Code::FAILED_PRECONDITION, message));
        };
        match self.verdict(run, key, *scheme)? {
            SecretAnswer::Verified => Ok(()),
            SecretAnswer::Refused => {
                Err(Halt::stop(words.refused, format!("{}{}", words.prefix, words.refusal)))
            }
            missing => Err(Halt::stop(Code::FAILED_PRECONDITION, unknown_secret(missing, key))),
        }
    }

    /// The verdict that is stored, or the question for it. With a stored one, the headers are not read: a delivery is kept
    /// without the credentials that its sender presented.
    fn verdict(&self, run: &Run<'_>, key: &KeyRef, scheme: Scheme) -> Result<SecretAnswer, Halt> {
        let (subject, words) = (self.subject(key), &self.words);
        if let Some(verdict) = run.known_secret(&subject)? {
            return Ok(verdict);
        }
        let request = run.state.request();
        let is_received = scheme.covers_received_body();
        let headers = if scheme == Scheme::Git { &*request.headers } else { run.state.headers() };
        let credentials = scheme.credentials(headers, request.at).map_err(|error| match error {
            PresentedError::Missing(_) => Halt::stop(words.missing, error.to_string()),
            _ => Halt::stop(words.refused, format!("{}{error}", words.prefix)),
        })?;
        let signed = if is_received { &request.body } else { run.state.body() };
        let check = || SecretCheck::new(key.clone(), credentials, signed.bytes().clone());
        run.ask_secret(&subject, check)
    }

    /// The subject of the question. It changes with the kind of interceptor: a verdict on a token is none on a signature.
    fn subject(&self, key: &KeyRef) -> String {
        format!("{} secret {}/{}", self.kind, key.secret.name, key.entry)
    }

    /// Whether the credential that it asks for covers the body.
    pub(super) fn covers_body(&self) -> bool {
        self.demand.as_ref().is_some_and(|demand| demand.scheme.covers_body())
    }

    /// The authentication by this guard.
    pub(super) fn authentication(guard: Option<&Self>) -> Authentication<'_> {
        match guard {
            None => Authentication::Open,
            Some(Self { demand: None, .. }) => Authentication::Closed,
            Some(Self { demand: Some(demand), .. }) => Authentication::Secret(demand),
        }
    }
}

/// Why the value of an entry is not known, in Tekton's words.
pub(super) fn missing_secret(answer: SecretAnswer, key: &KeyRef) -> String {
    match answer {
        SecretAnswer::NoSecret => format!("secrets {:?} not found", key.secret.name),
        _ => format!("cannot find {} key in secret {}", key.entry, key.secret),
    }
}

fn unknown_secret(answer: SecretAnswer, key: &KeyRef) -> String {
    format!("error getting secret: {}", missing_secret(answer, key))
}
