#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use kube::error::DiscoveryError;
use serde_json::Value;
use tokio::time::Instant;
use trigger_core::ResourceRef;
use trigger_dispatch::{LaunchError, Launched, Launcher, Retry};
use trigger_runtime::{ExpiringMap, error_chain};
use trigger_targets::{Existing, FollowUp, Plan, Subject};

use crate::api_server_error::{ApiServerError, Verdict, already_exists, is_absent, is_status, is_unserved};
use crate::client::Connection;
use crate::discovery::{Discovery, ObjectApi};
use crate::event_recorder::{EventRecorder, ObjectEvent};
use crate::follow_up;
use crate::launch_gate::LaunchGate;
use crate::missing_right::MissingRight;
use crate::patch::create;
use crate::read::{get_metadata, get_unread};

/// Creates objects on the cluster.
///
/// An object that exists already counts as created if its name follows from the delivery, or if it has the labels that only
/// an earlier attempt has given it. Its condition is written later, by [`crate::ConditionWriter`].
pub struct KubeLauncher {
    discovery: Discovery,
    recorder: EventRecorder,
    /// Objects that wait for a quota or a right, of which people know by an Event.
    waiting: Arc<ExpiringMap<ResourceRef, ()>>,
    gate: LaunchGate,
}

/// How many objects that wait are remembered. Beyond, a Build gets an Event for each try.
const MAX_WAITING: usize = 1024;
/// An object that still waits after this time is reported again.
const REPORT_AGAIN: Duration = Duration::from_hours(1);

/// The remedy for a name that is taken.
const FIXED_NAME: &str = "use `generateName` in place of `name` in the template, or delete that object";

impl KubeLauncher {
    /// Launches over `connection`; `recorder` writes Events about it on the target.
    pub fn new(connection: &Connection, recorder: EventRecorder) -> Self {
        let waiting = Arc::new(ExpiringMap::new(MAX_WAITING));
        let (discovery, gate) = (connection.discovery.clone(), connection.gate.clone());
        Self { discovery, recorder, waiting, gate }
    }

    async fn create(&self, plan: &Plan) -> Result<Launched, LaunchError> {
        let tenant = plan.subject.resource.namespace();
        let objects = self.discovery.api_for(tenant, &plan.resource, &plan.version).await;
        let objects = objects.map_err(|error| self.failed(plan, &error))?;
        let mut manifest = plan
            .manifest
            .object()
            .map_err(|error| LaunchError { message: error_chain(&error), retry: Retry::Never })?;
        // It has a name. With a prefix beside it, the API server takes a name that exists for a conflict of names that it
        // has generated itself, and says that the creation is to be tried again.
        if let Some(metadata) = manifest.get_mut("metadata").and_then(Value::as_object_mut) {
            metadata.remove("generateName");
        }
        let created = self.gate.pass(tenant, create(&objects.api, &manifest, plan.run_as.as_ref())).await;
        match created {
            Ok(object) => {
                let (kind, name) = (&plan.resource.kind, plan.resource.name());
                let why = plan.condition.as_ref().map(|condition| format!(": {}", condition.message));
                let note = format!("created {kind} {name}{}", why.unwrap_or_default());
                self.record(plan, false, format!("{kind}Created"), note);
                Ok(Launched { existed: false, uid: object.metadata.uid })
            }
            Err(error) if already_exists(&error) => self.existing(plan, &objects).await,
            Err(error) => {
                if is_unserved(&error) {
                    self.discovery.forget(&plan.resource, &plan.version);
                }
                Err(self.failed(plan, &error))
            }
        }
    }

    /// Whether the object that has the name of a plan is that of an earlier attempt.
    async fn existing(
        &self,
        plan: &Plan,
        ObjectApi { api, segment }: &ObjectApi,
    ) -> Result<Launched, LaunchError> {
        let read = get_metadata(api, segment, plan.run_as.as_ref()).await;
        let is_forbidden = |error: &kube::Error| plan.run_as.is_some() && is_status(error, 403);
        match (read, &plan.existing) {
            (Ok(object), existing) if existing.is_created(&object) => {
                // Its `uid` tells it from a later object of the same name.
                let uid = object.pointer("/metadata/uid").and_then(Value::as_str);
                Ok(Launched { existed: true, uid: uid.map(ToOwned::to_owned) })
            }
            (Ok(_), _) => {
                let message = format!(
                    "{} exists already, and this event has not created it; {FIXED_NAME}",
                    plan.resource
                );
                Err(self.report(plan, ApiServerError { message, verdict: Verdict::Permanent }))
            }
            // A user may have deleted it. An account that may create objects need not be one that may read them.
            (Err(error), Existing::Created) if is_absent(&error) || is_forbidden(&error) => {
                Ok(Launched { existed: true, uid: None })
            }
            (Err(error), Existing::Created) => Err(to_error(&error)),
            (Err(error), Existing::CreatedIfLabelled(_)) => {
                let ApiServerError { message, verdict } = answer(plan, &error);
                let message = format!(
                    "{} exists already, and it cannot be read whether this event has created it: {message}; \
                     {FIXED_NAME}",
                    plan.resource
                );
                Err(self.report(plan, ApiServerError { message, verdict }))
            }
        }
    }

    /// The error of an object that does not exist. Writes an Event about it if a person has to act.
    fn failed(&self, plan: &Plan, error: &kube::Error) -> LaunchError {
        self.report(plan, answer(plan, error))
    }

    fn report(&self, plan: &Plan, ApiServerError { message, verdict }: ApiServerError) -> LaunchError {
        let (kind, name) = (&plan.resource.kind, plan.resource.name());
        // A template may name any kind, and each reason has an allowance of Events of its own.
        let word = if plan.run_as.is_none() { kind.as_ref() } else { "Object" };
        match verdict {
            Verdict::Permanent => {
                let note = format!("the API server refused {kind} {name}: {message}");
                self.record(plan, true, format!("{word}Refused"), note);
            }
            Verdict::MayBeAllowed if self.is_news(&plan.resource) => {
                let note = format!("{kind} {name} cannot be created yet: {message}");
                self.record(plan, true, format!("{word}Delayed"), note);
            }
            Verdict::MayBeAllowed | Verdict::MayPass => {}
        }
        LaunchError { message, retry: retry(verdict) }
    }

    /// Whether people do not know yet that the object waits.
    fn is_news(&self, object: &ResourceRef) -> bool {
        let now = Instant::now();
        let is_news = self.waiting.get(object, now).is_none();
        if is_news {
            self.waiting.insert(object.clone(), (), REPORT_AGAIN, now);
        }
        is_news
    }

    async fn is_there(&self, subject: &Subject) -> Result<bool, kube::Error> {
        let ObjectApi { api, segment } = self.discovery.api(&subject.resource, &subject.version).await?;
        match get_unread(&api, &segment).await {
            Ok(object) => Ok(object.metadata.uid.is_none_or(|uid| uid == subject.uid)),
            Err(error) if is_not_found(&error, subject.resource.name()) => Ok(false),
            Err(error) => Err(error),
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

    fn exists<'a>(&'a self, subject: &'a Subject) -> BoxFuture<'a, Result<bool, LaunchError>> {
        async move { self.is_there(subject).await.map_err(|error| to_error(&error)) }.boxed()
    }

    fn follow_up<'a>(&'a self, records: &'a [&'a FollowUp]) -> BoxFuture<'a, ()> {
        follow_up::write(&self.discovery, records).boxed()
    }
}

/// Whether an object does not exist. An API server that starts answers 404 for kinds that it does not know yet, without
/// the name of any object.
fn is_not_found(error: &kube::Error, name: &str) -> bool {
    let is_about = |message: &str| message.contains(&format!("\"{name}\" not found"));
    matches!(error, kube::Error::Api(status) if status.code == 404 && is_about(&status.message))
}

/// The answer to a request for a plan. A plan of a template comes from a user: the message says how the user corrects it.
fn answer(plan: &Plan, error: &kube::Error) -> ApiServerError {
    let answer = ApiServerError::of(error);
    let Some(account) = &plan.run_as else { return answer };
    let message = match error {
        kube::Error::Discovery(DiscoveryError::MissingKind(kind)) => Some(format!(
            "the API server does not serve {kind}; correct `apiVersion` and `kind` in the template, or install its \
             CustomResourceDefinition"
        )),
        kube::Error::Api(status) if status.code == 403 => {
            MissingRight::of(&status.message).and_then(|right| right.told_for(account))
        }
        _ => None,
    };
    ApiServerError { message: message.unwrap_or(answer.message), ..answer }
}

fn to_error(error: &kube::Error) -> LaunchError {
    let ApiServerError { message, verdict } = ApiServerError::of(error);
    LaunchError { message, retry: retry(verdict) }
}

fn retry(verdict: Verdict) -> Retry {
    if verdict == Verdict::Permanent { Retry::Never } else { Retry::Later }
}
