use trigger_api::shipwright::TriggerError;
use trigger_core::{ImageRefError, RepoIdError};

/// Something in a Build that keeps a rule from working.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleError {
    /// Which rule: its place in `when` from 0, and its name. Absent if it is about the Build itself.
    pub rule: Option<(usize, String)>,
    /// What is wrong.
    pub kind: RuleErrorKind,
}

/// What is wrong with a rule or its Build.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RuleErrorKind {
    /// The rule does not say what its type needs.
    #[error(transparent)]
    Trigger(#[from] TriggerError),
    /// The rule waits for a repository and the Build has none.
    #[error("the Build has no `source.git.url`, so no webhook can concern it")]
    NoRepository,
    /// The address of the Build's repository cannot be understood.
    #[error("`source.git.url` names no repository: {0}")]
    Repository(RepoIdError),
    /// A branch pattern cannot be understood.
    #[error("the branch pattern `{pattern}` cannot be understood: {problem}")]
    Pattern {
        /// The pattern.
        pattern: String,
        /// What is wrong with it.
        problem: String,
    },
    /// An annotation has a value that means nothing.
    #[error("the annotation `{key}` is `{value}`, expected one of {expected}; taken as {assumed}")]
    Annotation {
        /// The key.
        key: &'static str,
        /// The value found.
        value: String,
        /// The values that mean something.
        expected: &'static str,
        /// The value assumed in its place.
        assumed: &'static str,
    },
    /// The name of an image cannot be understood, or can never change.
    #[error("the image `{name}` cannot be waited for: {problem}")]
    Image {
        /// The name.
        name: String,
        /// What is wrong with it.
        problem: ImageRefError,
    },
    /// The rule waits for what its own Build pushes.
    #[error("the image `{0}` is what the Build pushes itself, so it would start itself for ever; left out")]
    OwnOutput(String),
    /// Builds would start each other for ever.
    #[error(
        "Builds that wait for each other's images would be started for ever: {0}; none of these rules fires"
    )]
    Cycle(String),
}

impl RuleErrorKind {
    /// A reason in the style of Kubernetes conditions and Events.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Trigger(fault) => fault.reason(),
            Self::NoRepository | Self::Repository(_) => "TriggerInvalidRepository",
            Self::Pattern { .. } => "TriggerInvalidBranchPattern",
            Self::Annotation { .. } => "TriggerInvalidAnnotation",
            Self::Image { .. } => "TriggerInvalidImage",
            Self::OwnOutput(_) | Self::Cycle(_) => "TriggerImageLoop",
        }
    }
}

impl std::fmt::Display for RuleError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.rule {
            Some((index, name)) if name.is_empty() => write!(f, "rule when[{index}]: {}", self.kind),
            Some((index, name)) => write!(f, "rule when[{index}] \"{name}\": {}", self.kind),
            None => self.kind.fmt(f),
        }
    }
}
