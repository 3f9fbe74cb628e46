use futures::FutureExt;
use futures::future::BoxFuture;
use kube::api::DynamicObject;
use kube::core::{ApiResource, GroupVersionKind};
use kube::{Api, Client};
use trigger_dispatch::{LaunchError, Launched, Launcher, Note, Retry};
use trigger_targets::{Plan, ResourceType};

use crate::api_server_error::{ApiServerError, already_exists};
use crate::client::Connection;
use crate::event_recorder::{EventRecorder, ObjectEvent};
use crate::patch::create;
use crate::pipeline_run_annotations;
use crate::triggered_condition::ensure_condition;

/// Creates runs on the cluster.
///
/// A run that is there already counts as created: its name says that it is the one. Its condition is set
/// either way, so an attempt that died in between is completed by the next.
pub struct KubeLauncher {
    client: Client,
    reporter: EventRecorder,
}

impl KubeLauncher {
    /// Launches over `connection`; `reporter` tells of it on the target.
    pub fn new(connection: &Connection, reporter: EventRecorder) -> Self {
        Self { client: connection.client.clone(), reporter }
    }

    async fn create(&self, plan: &Plan) -> Result<Launched, LaunchError> {
        let runs: Api<DynamicObject> =
            Api::namespaced_with(self.client.clone(), &plan.key.namespace, &resource(&plan.kind));
        let run = match create(&runs, &plan.object).await {
            Ok(run) => Some(run),
            Err(error) if already_exists(&error) => None,
            Err(error) => {
                let fault = fault(&error);
                if fault.retry == Retry::Never {
                    let note = format!("{} {} was refused: {}", plan.kind.kind, plan.key.name, fault.message);
                    self.tell(plan, true, "BuildRunRefused", note);
                }
                return Err(fault);
            }
        };
        let existed = run.is_none();
        if !existed {
            let note = format!("created {} {}: {}", plan.kind.kind, plan.key.name, plan.condition.message);
            self.tell(plan, false, "BuildRunCreated", note);
        }
        let uid = ensure_condition(&runs, &plan.key.name, run, &plan.condition).await;
        Ok(Launched { existed, uid: uid.map_err(|error| fault(&error))? })
    }

    fn tell(&self, plan: &Plan, warning: bool, reason: &'static str, note: String) {
        self.reporter.report(ObjectEvent {
            about: plan.target_kind,
            key: plan.target.clone(),
            uid: plan.target_uid.clone(),
            related: Some((plan.kind, plan.key.clone())),
            warning,
            reason,
            action: "Trigger",
            note,
        });
    }
}

impl Launcher for KubeLauncher {
    fn launch<'a>(&'a self, plan: &'a Plan) -> BoxFuture<'a, Result<Launched, LaunchError>> {
        self.create(plan).boxed()
    }

    fn note<'a>(&'a self, note: &'a Note) -> BoxFuture<'a, ()> {
        pipeline_run_annotations::write(&self.client, note).boxed()
    }
}

fn resource(about: &ResourceType) -> ApiResource {
    let kind = GroupVersionKind::gvk(about.group, about.version, about.kind);
    ApiResource::from_gvk_with_plural(&kind, about.plural)
}

fn fault(error: &kube::Error) -> LaunchError {
    let ApiServerError { message, lasting } = ApiServerError::of(error);
    LaunchError { message, retry: if lasting { Retry::Never } else { Retry::Later } }
}
