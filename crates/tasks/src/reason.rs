//! The reasons that are ours, and what those of a BuildRun mean for its task.

pub(crate) const STARTED: &str = "Started";
pub(crate) const RUNNING: &str = "Running";
pub(crate) const SUCCEEDED: &str = "Succeeded";
/// The spec of the task cannot be read, or contradicts itself.
pub(crate) const INVALID_SPEC: &str = "InvalidSpec";
/// A parameter is nothing that a Build takes.
pub(crate) const INVALID_PARAMS: &str = "InvalidParams";
/// The Build that the task names does not exist.
pub(crate) const BUILD_NOT_FOUND: &str = "BuildNotFound";
/// The Build that the task names may not be read.
pub(crate) const BUILD_NOT_READABLE: &str = "BuildNotReadable";
/// The API server refuses the BuildRun.
pub(crate) const BUILD_RUN_REFUSED: &str = "BuildRunRefused";
/// The BuildRun was there and is gone.
pub(crate) const BUILD_RUN_MISSING: &str = "BuildRunMissing";
/// Another owner has a BuildRun with the name of the attempt's.
pub(crate) const BUILD_RUN_NAME_TAKEN: &str = "BuildRunNameTaken";

pub(crate) const BUILD_RUN_TIMEOUT: &str = "BuildRunTimeout";
pub(crate) const BUILD_RUN_CANCELED: &str = "BuildRunCanceled";

/// What a BuildRun that has not succeeded means for its task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// It was too slow. Another attempt may be faster.
    TimedOut,
    /// It was cancelled.
    Canceled,
    /// Another attempt would end in the same way.
    Lasting,
    /// Another attempt may succeed.
    Passing,
}

/// Reasons that no repetition changes: the BuildRun was never begun, or what it made is not wanted.
/// Source: the constants of the Build project's `buildrun_types.go` and its validation.
const LASTING: [&str; 28] = [
    "UnknownStrategyKind",
    "ClusterBuildStrategyNotFound",
    "BuildStrategyNotFound",
    "SetOwnerReferenceFailed",
    "TaskRunGenerationFailed",
    "PipelineRunGenerationFailed",
    "MissingParameterValues",
    "RestrictedParametersInUse",
    "UndefinedParameter",
    "WrongParameterValueType",
    "InconsistentParameterValues",
    "EmptyArrayItemParameterValues",
    "IncompleteConfigMapValueParameterValues",
    "IncompleteSecretValueParameterValues",
    "ServiceAccountNotFound",
    "BuildRegistrationFailed",
    "BuildNotFound",
    "BuildRunNameInvalid",
    "BuildRunNoRefOrSpec",
    "BuildRunAmbiguousBuild",
    "BuildRunBuildFieldOverrideForbidden",
    "UndefinedStepResource",
    "InvalidPlatform",
    "NodeSelectorPlatformConflict",
    "ExecutorNotPipelineRun",
    "NodePlatformNotFound",
    "SpecEnvNameForbidden",
    "VulnerabilitiesFound",
];

pub(crate) fn meaning(reason: &str) -> Meaning {
    match reason {
        BUILD_RUN_TIMEOUT => Meaning::TimedOut,
        BUILD_RUN_CANCELED => Meaning::Canceled,
        lasting if LASTING.contains(&lasting) => Meaning::Lasting,
        _ => Meaning::Passing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_may_end_otherwise_is_tried_again() {
        for (reason, expected) in [
            ("Failed", Meaning::Passing),
            ("StepOutOfMemory", Meaning::Passing),
            ("PodEvicted", Meaning::Passing),
            ("TaskRunIsMissing", Meaning::Passing),
            ("SomethingNew", Meaning::Passing),
            ("", Meaning::Passing),
            ("BuildRunTimeout", Meaning::TimedOut),
            ("BuildRunCanceled", Meaning::Canceled),
            ("UndefinedParameter", Meaning::Lasting),
            ("BuildRegistrationFailed", Meaning::Lasting),
            ("BuildNotFound", Meaning::Lasting),
            ("VulnerabilitiesFound", Meaning::Lasting),
            ("SetOwnerReferenceFailed", Meaning::Lasting),
        ] {
            assert_eq!(meaning(reason), expected, "{reason}");
        }
    }
}
