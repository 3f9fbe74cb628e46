use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use kube::api::DynamicObject;
use kube::core::GroupVersionKind;
use kube::{Api, Client};
use tracing::warn;
use trigger_core::ResourceRef;
use trigger_dispatch::{LaunchError, Launched, Launcher, Retry};
use trigger_runtime::error_chain;
use trigger_targets::{FollowUp, Plan};

use crate::api_server_error::{ApiServerError, already_exists};
use crate::client::Connection;
use crate::discovery::{Discovered, Discovery};
use crate::event_recorder::{EventRecorder, ObjectEvent};
use crate::follow_up;
use crate::patch::create;
use crate::triggered_condition::ensure_condition;

/// Creates objects on the cluster.
///
/// An object that exists already counts as created: its name says that it is the one. Its condition is set
/// either way, so an attempt that died in between is completed by the next.
pub struct KubeLauncher {
    client: Client,
    discovery: Discovery,
    recorder: EventRecorder,
}

impl KubeLauncher {
    /// Launches over `connection`; `recorder` writes Events about it on the target.
    pub fn new(connection: &Connection, recorder: EventRecorder) -> Self {
        Self { client: connection.client.clone(), discovery: Discovery::default(), recorder }
    }

    async fn create(&self, plan: &Plan) -> Result<Launched, LaunchError> {
        let objects = self.objects(&plan.resource, &plan.version).await.map_err(|error| to_error(&error))?;
        let name = plan.resource.name();
        let object = match create(&objects, &plan.object, plan.run_as.as_ref()).await {
            Ok(object) => Some(object),
            Err(error) if already_exists(&error) => None,
            Err(error) => {
                let error = to_error(&error);
                if error.retry == Retry::Never {
                    let kind = &plan.resource.kind;
                    let note = format!("the API server refused {kind} {name}: {}", error.message);
                    self.record(plan, true, format!("{kind}Refused"), note);
                }
                return Err(error);
            }
        };
        let existed = object.is_none();
        if !existed {
            let kind = &plan.resource.kind;
            let why = plan.condition.as_ref().map(|condition| format!(": {}", condition.message));
            let note = format!("created {kind} {name}{}", why.unwrap_or_default());
            self.record(plan, false, format!("{kind}Created"), note);
        }
        let uid = match &plan.condition {
            Some(condition) => ensure_condition(&objects, name, object, condition).await,
            None => Ok(object.and_then(|object| object.metadata.uid)),
        };
        Ok(Launched { existed, uid: uid.map_err(|error| to_error(&error))? })
    }

    /// The API of the kind of an object, in the object's namespace.
    async fn objects(&self, object: &ResourceRef, version: &str) -> Result<Api<DynamicObject>, kube::Error> {
        let kind = GroupVersionKind::gvk(&object.group, version, &object.kind);
        let Discovered { resource, namespaced } = self.discovery.find(&self.client, &kind).await?;
        Ok(if namespaced {
            Api::namespaced_with(self.client.clone(), object.namespace(), &resource)
        } else {
            Api::all_with(self.client.clone(), &resource)
        })
    }

    async fn write_records(&self, records: &[&FollowUp]) {
        let Some(first) = records.first() else { return };
        let object = &first.on.resource;
        match self.objects(object, &first.on.version).await {
            Ok(objects) => follow_up::write(objects, records).await,
            Err(error) => {
                let reason = error_chain(&error);
                warn!(%object, reason, "the objects that it started cannot be recorded on it");
            }
        }
    }

    fn record(&self, plan: &Plan, warning: bool, reason: String, note: String) {
        self.recorder.report(ObjectEvent {
            about: plan.subject.clone(),
            related: Some((plan.resource.clone(), Arc::clone(&plan.version))),
            warning,
            reason: reason.into(),
            action: "Trigger",
            note,
        });
    }
}

impl Launcher for KubeLauncher {
    fn launch<'a>(&'a self, plan: &'a Plan) -> BoxFuture<'a, Result<Launched, LaunchError>> {
        self.create(plan).boxed()
    }

    fn follow_up<'a>(&'a self, records: &'a [&'a FollowUp]) -> BoxFuture<'a, ()> {
        self.write_records(records).boxed()
    }
}

fn to_error(error: &kube::Error) -> LaunchError {
    let ApiServerError { message, lasting } = ApiServerError::of(error);
    LaunchError { message, retry: if lasting { Retry::Never } else { Retry::Later } }
}
