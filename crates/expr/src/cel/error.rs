use std::sync::Arc;

use thiserror::Error;

/// An expression that cannot become a program. The text is that of Tekton's interceptor as far as it can be.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CompileError {
    /// The expression exceeds a bound of `limits`.
    #[error("expression {expression:?} is too large: {excess}; shorten it or split the trigger")]
    TooLarge {
        /// The expression, shortened.
        expression: String,
        /// The bound.
        excess: String,
    },
    /// The expression does not follow the grammar.
    #[error("failed to parse expression {expression:?}: {reason}")]
    Syntax {
        /// The expression.
        expression: String,
        /// Each fault with its place.
        reason: String,
    },
    /// A name is unknown, or no function takes values of these types.
    #[error("expression {expression:?} check failed: {reason}")]
    Check {
        /// The expression.
        expression: String,
        /// Each fault with its place.
        reason: String,
    },
}

/// An evaluation that gave no value. The text is that of Tekton's interceptor as far as it can be; it contains no Secret.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum EvaluateError {
    /// The body is neither an object nor absent.
    #[error(
        "error making the evaluation context: failed to parse the body as JSON: json: cannot unmarshal {found} into \
         Go value of type map[string]interface {{}}"
    )]
    Body {
        /// The kind of JSON value that the body is.
        found: &'static str,
    },
    /// A step of the evaluation failed, such as a missing key.
    #[error("expression {expression:?} failed to evaluate: {reason}")]
    Failed {
        /// The expression.
        expression: Arc<str>,
        /// The reason.
        reason: String,
    },
    /// The evaluation exceeded a bound of `limits`.
    #[error("expression {expression:?} was ended: {reason}")]
    Unbounded {
        /// The expression.
        expression: Arc<str>,
        /// The bound, with the remedy.
        reason: &'static str,
    },
    /// A Secret could not be compared.
    #[error("expression {expression:?} failed to evaluate: {source}")]
    Secret {
        /// The expression.
        expression: Arc<str>,
        /// The Secret, and the reason.
        source: SecretError,
    },
    /// The value has no form in JSON.
    #[error("failed to convert overlay result to type: {reason}")]
    Encoding {
        /// The type that has none.
        reason: String,
    },
}

/// A Secret that could not be compared with.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SecretError {
    /// The Secret has not been read yet. The caller reads it, and evaluates again.
    #[error("the key {key:?} of the Secret {name:?} has to be read first")]
    NeedsSecret {
        /// The name of the Secret, in the trigger's namespace.
        name: String,
        /// The key in its data.
        key: String,
    },
    /// The Secret does not exist.
    #[error(
        "failed to find secret 'v1beta1.SecretRef{{SecretKey:{key:?}, SecretName:{name:?}}}' in compareSecret: \
         secrets {name:?} not found"
    )]
    NoSuchSecret {
        /// The name of the Secret.
        name: String,
        /// The key that was asked for.
        key: String,
    },
    /// The Secret does not have the key.
    #[error(
        "failed to find secret 'v1beta1.SecretRef{{SecretKey:{key:?}, SecretName:{name:?}}}' in compareSecret: \
         cannot find {key} key in secret {namespace}/{name}"
    )]
    NoSuchKey {
        /// The namespace of the trigger.
        namespace: String,
        /// The name of the Secret.
        name: String,
        /// The key that it does not have.
        key: String,
    },
    /// The Secret could not be read.
    #[error("secret {name:?} could not be read: {reason}")]
    Unreadable {
        /// The name of the Secret.
        name: String,
        /// The reason, without content.
        reason: String,
    },
}

/// The code that Tekton's interceptor answers with, one of google.rpc.Code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    /// The expression is not valid, or did not evaluate.
    InvalidArgument = 3,
    /// The filter is not true.
    FailedPrecondition = 9,
    /// The result cannot be written.
    Internal = 13,
}

impl EvaluateError {
    /// The code that the error is answered with.
    pub fn code(&self) -> Code {
        match self {
            Self::Encoding { .. } => Code::Internal,
            Self::Body { .. } | Self::Failed { .. } | Self::Unbounded { .. } | Self::Secret { .. } => {
                Code::InvalidArgument
            }
        }
    }

    /// The message of the answer.
    pub fn message(&self) -> String {
        match self {
            Self::Body { .. } | Self::Encoding { .. } => self.to_string(),
            Self::Failed { .. } | Self::Unbounded { .. } | Self::Secret { .. } => {
                format!("error evaluating cel expression: {self}")
            }
        }
    }
}
