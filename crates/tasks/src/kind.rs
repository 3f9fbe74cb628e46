use k8s_openapi::Resource;
use trigger_api::annotations;
use trigger_api::tekton::{CustomRun, Run};

/// The two kinds of object by which Tekton asks for a custom task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TaskKind {
    /// `tekton.dev/v1beta1`, of today.
    CustomRun,
    /// `tekton.dev/v1alpha1`, which Tekton had until v0.46.
    Run,
}

impl TaskKind {
    /// The kind as it stands in manifests.
    pub fn name(self) -> &'static str {
        match self {
            Self::CustomRun => CustomRun::KIND,
            Self::Run => Run::KIND,
        }
    }

    pub(crate) fn api_version(self) -> &'static str {
        match self {
            Self::CustomRun => CustomRun::API_VERSION,
            Self::Run => Run::API_VERSION,
        }
    }

    /// The reason by which Tekton tells a cancelled task from a failed one.
    pub(crate) fn cancelled(self) -> &'static str {
        match self {
            Self::CustomRun => "CustomRunCancelled",
            Self::Run => "RunCancelled",
        }
    }

    pub(crate) fn timed_out(self) -> &'static str {
        match self {
            Self::CustomRun => "CustomRunTimedOut",
            Self::Run => "RunTimedOut",
        }
    }

    pub(crate) fn workspace_not_supported(self) -> &'static str {
        match self {
            Self::CustomRun => "CustomRunWorkspaceNotSupported",
            Self::Run => "RunWorkspaceNotSupported",
        }
    }

    /// Upstream's label for the name of the task.
    pub(crate) fn owner_label(self) -> &'static str {
        match self {
            Self::CustomRun => annotations::LABEL_OWNED_BY_CUSTOM_RUN,
            Self::Run => annotations::LABEL_OWNED_BY_RUN,
        }
    }
}
