use std::fmt::Debug;

use k8s_openapi::NamespaceResourceScope;
use kube::Resource;
use serde::de::DeserializeOwned;
use trigger_api::tekton::{CustomRun, Run};
use trigger_tasks::{Task, TaskKind};

/// A kind of object by which Tekton asks for a custom task.
pub(super) trait TaskObject:
    Resource<DynamicType = (), Scope = NamespaceResourceScope>
    + Clone
    + Debug
    + DeserializeOwned
    + Send
    + Sync
    + 'static
{
    /// Which one it is.
    const KIND: TaskKind;

    /// The task, if it is for us.
    fn task(&self) -> Option<Task>;
}

impl TaskObject for CustomRun {
    const KIND: TaskKind = TaskKind::CustomRun;

    fn task(&self) -> Option<Task> {
        Task::of_custom_run(self)
    }
}

impl TaskObject for Run {
    const KIND: TaskKind = TaskKind::Run;

    fn task(&self) -> Option<Task> {
        Task::of_run(self)
    }
}
