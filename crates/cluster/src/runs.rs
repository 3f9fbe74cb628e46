use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use k8s_openapi::Resource as _;
use kube::api::DynamicObject;
use kube::core::{ApiResource, GroupVersionKind};
use trigger_api::shipwright::{self, BuildRun};
use trigger_runtime::{RunRef, RunState, Runs};
use trigger_targets::{RunStatus, status_of, version_of};

use crate::api_server_error::ApiServerError;
use crate::client::Connection;
use crate::discovery::{Discovery, ObjectApi};
use crate::read::get_opt_unread;
use crate::watch::Unread;

/// The resource of BuildRuns, for objects of any shape.
pub(crate) fn build_runs() -> ApiResource {
    let kind = GroupVersionKind::gvk(shipwright::GROUP, shipwright::VERSION, BuildRun::KIND);
    ApiResource::from_gvk_with_plural(&kind, BuildRun::URL_PATH_SEGMENT)
}

/// The timeout of reading a run. A person waits for the response, and needs the rest of it without the API server.
const ANSWERS_WITHIN: Duration = Duration::from_secs(3);

/// Reads the state of runs that targets have created.
pub struct KubeRuns {
    discovery: Discovery,
}

impl KubeRuns {
    /// Reads over `connection`.
    pub fn new(connection: &Connection) -> Self {
        Self { discovery: connection.discovery.clone() }
    }

    async fn read(&self, run: RunRef<'_>) -> RunState {
        let kind = &run.resource.kind;
        let Some(version) = version_of(run.resource) else {
            return unknown(format!("this version does not know the status of a {kind}"));
        };
        match tokio::time::timeout(ANSWERS_WITHIN, self.get(run, version)).await {
            Ok(Ok(None)) => RunState::Gone,
            Ok(Ok(Some(object))) if is_other(&object, run.uid) => RunState::Gone,
            Ok(Ok(Some(object))) => state(run, &object),
            Ok(Err(kube::Error::Api(status))) if status.code == 403 => {
                unknown(format!("this program may not get a {kind} there"))
            }
            Ok(Err(error)) => {
                unknown(format!("the {kind} cannot be read: {}", ApiServerError::of(&error).message))
            }
            Err(_) => unknown("the API server does not answer".to_owned()),
        }
    }

    async fn get(
        &self,
        run: RunRef<'_>,
        version: &str,
    ) -> Result<Option<Unread<DynamicObject>>, kube::Error> {
        let ObjectApi { api, segment } = self.discovery.api(run.resource, version).await?;
        get_opt_unread(&api, &segment).await
    }
}

impl Runs for KubeRuns {
    fn state<'a>(&'a self, run: RunRef<'a>) -> BoxFuture<'a, RunState> {
        self.read(run).boxed()
    }
}

/// Whether another run has the name now.
fn is_other(object: &Unread<DynamicObject>, uid: Option<&str>) -> bool {
    uid.is_some() && object.metadata.uid.as_deref() != uid
}

fn state(run: RunRef<'_>, object: &Unread<DynamicObject>) -> RunState {
    let object = match object.value() {
        Ok(object) => object,
        Err(error) => return unknown(format!("the {} cannot be read: {error}", run.resource.kind)),
    };
    match status_of(run.resource, &object) {
        None => unknown("its status cannot be read".to_owned()),
        Some(RunStatus::Waiting) => RunState::Waiting,
        Some(RunStatus::Running { reason }) => RunState::Running { reason },
        Some(RunStatus::Ended { succeeded, reason, message, at }) => {
            RunState::Ended { succeeded, reason, message, at }
        }
    }
}

fn unknown(reason: String) -> RunState {
    RunState::Unknown { reason }
}
