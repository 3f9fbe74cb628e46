use std::sync::Arc;

use super::params::ParamsError;
use super::wire::AddressError;
use crate::limits::{LARGEST_PARAMS, MOST_EXPRESSIONS, MOST_INTERCEPTORS, MOST_WEBHOOK_HEADERS};
use crate::rule_error::RuleError;

/// The chain of a trigger cannot work, which disables this trigger.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CompileError {
    /// There are too many interceptors.
    #[error("{found} interceptors, at most {MOST_INTERCEPTORS} are allowed; merge some of them")]
    TooMany {
        /// Their number.
        found: usize,
    },
    /// There are too many filters and overlays.
    #[error(
        "{found} filters and overlays of CEL, at most {MOST_EXPRESSIONS} are allowed; merge some of them"
    )]
    TooManyExpressions {
        /// Their number.
        found: usize,
    },
    /// One of them cannot work.
    #[error("interceptor {place} `{name}`: {fault}")]
    Interceptor {
        /// Its place in the chain, from 0.
        place: usize,
        /// Its name.
        name: Arc<str>,
        /// Why.
        #[source]
        fault: CompileFault,
    },
}

/// Why an interceptor cannot work.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CompileFault {
    /// It has neither a reference nor a webhook.
    #[error("it names no interceptor: set `ref.name`")]
    NoReference,
    /// The kind of its reference is unknown.
    #[error("`ref.kind` is {0}: use ClusterInterceptor or NamespacedInterceptor")]
    UnknownKind(String),
    /// The object that it refers to does not exist, or has no address.
    #[error("there is no {kind} {name} with an address: create it, or correct `ref.name`")]
    NotFound {
        /// `ClusterInterceptor` or `Interceptor`.
        kind: &'static str,
        /// The name, cut.
        name: String,
    },
    /// Its address, or that of its webhook, is none.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// A parameter has no meaning.
    #[error(transparent)]
    Params(#[from] ParamsError),
    /// The parameters are too large.
    #[error("the parameters have {found} bytes as JSON, at most {LARGEST_PARAMS} are allowed; shorten them")]
    LargeParams {
        /// Their size, in bytes.
        found: usize,
    },
    /// The webhook refers to something else than a Service.
    #[error(
        "`webhook.objectRef` is no Service: set `kind: Service`, `apiVersion: v1` and a name that a Service can have"
    )]
    NoService,
    /// A header of the webhook cannot be sent.
    #[error("the header {name} of the webhook cannot be sent: {expected}")]
    Header {
        /// Its name, cut.
        name: String,
        /// The expected form.
        expected: &'static str,
    },
    /// The webhook has too many headers.
    #[error("{found} headers of the webhook, at most {MOST_WEBHOOK_HEADERS} are allowed; use fewer")]
    TooManyHeaders {
        /// Their number.
        found: usize,
    },
    /// A list that restricts events has a mistake.
    #[error(transparent)]
    Filter(RuleError),
    /// A CEL expression cannot be compiled.
    #[error("the expression of `{place}` cannot be compiled: {error}")]
    Expression {
        /// `filter`, or the place in `overlays`.
        place: String,
        /// The error, with its place in the expression.
        error: String,
    },
}
