use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::time::Instant;
use trigger_core::ResourceRef;
use trigger_dispatch::{LaunchError, Launched, Launcher, Retry};
use trigger_runtime::{ExpiringMap, error_chain};
use trigger_targets::{FollowUp, Plan, Subject};

use crate::api_server_error::{ApiServerError, Verdict, already_exists};
use crate::client::Connection;
use crate::discovery::Discovery;
use crate::event_recorder::{EventRecorder, ObjectEvent};
use crate::follow_up;
use crate::launch_gate::LaunchGate;
use crate::patch::create;
use crate::read::get_opt;

/// Creates objects on the cluster.
///
/// An object that exists already counts as created: its name follows from the delivery. Its condition is written
/// later, by [`crate::ConditionWriter`].
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

impl KubeLauncher {
    /// Launches over `connection`; `recorder` writes Events about it on the target.
    pub fn new(connection: &Connection, recorder: EventRecorder) -> Self {
        let waiting = Arc::new(ExpiringMap::new(MAX_WAITING));
        let (discovery, gate) = (connection.discovery.clone(), connection.gate.clone());
        Self { discovery, recorder, waiting, gate }
    }

    async fn create(&self, plan: &Plan) -> Result<Launched, LaunchError> {
        let objects = self.discovery.api(&plan.resource, &plan.version).await;
        let objects = objects.map_err(|error| self.failed(plan, &error))?;
        let name = plan.resource.name();
        let manifest = plan
            .manifest
            .object()
            .map_err(|error| LaunchError { message: error_chain(&error), retry: Retry::Never })?;
        let created = self.gate.pass(create(&objects, &manifest, plan.run_as.as_ref())).await;
        let created = match created {
            Ok(object) => Some(object),
            Err(error) if already_exists(&error) => None,
            Err(error) => return Err(self.failed(plan, &error)),
        };
        let existed = created.is_none();
        if !existed {
            let kind = &plan.resource.kind;
            let why = plan.condition.as_ref().map(|condition| format!(": {}", condition.message));
            let note = format!("created {kind} {name}{}", why.unwrap_or_default());
            self.record(plan, false, format!("{kind}Created"), note);
        }
        let object = match created {
            Some(object) => Some(object),
            // Its `uid` tells it from a later object of the same name. A user may have deleted it.
            None => get_opt(&objects, name).await.map_err(|error| to_error(&error))?,
        };
        Ok(Launched { existed, uid: object.and_then(|object| object.metadata.uid) })
    }

    /// The error of an object that does not exist. Writes an Event about it if a person has to act.
    fn failed(&self, plan: &Plan, error: &kube::Error) -> LaunchError {
        let ApiServerError { message, verdict } = ApiServerError::of(error);
        let (kind, name) = (&plan.resource.kind, plan.resource.name());
        match verdict {
            Verdict::Permanent => {
                let note = format!("the API server refused {kind} {name}: {message}");
                self.record(plan, true, format!("{kind}Refused"), note);
            }
            Verdict::MayBeAllowed if self.is_news(&plan.resource) => {
                let note = format!("{kind} {name} cannot be created yet: {message}");
                self.record(plan, true, format!("{kind}Delayed"), note);
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
        let objects = self.discovery.api(&subject.resource, &subject.version).await?;
        match objects.get(subject.resource.name()).await {
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

fn to_error(error: &kube::Error) -> LaunchError {
    let ApiServerError { message, verdict } = ApiServerError::of(error);
    LaunchError { message, retry: retry(verdict) }
}

fn retry(verdict: Verdict) -> Retry {
    if verdict == Verdict::Permanent { Retry::Never } else { Retry::Later }
}
