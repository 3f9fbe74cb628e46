use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::Resource as _;
use kube::api::{DynamicObject, Patch};
use kube::core::{ApiResource, GroupVersionKind};
use kube::runtime::controller::Action;
use kube::{Api, Client, ResourceExt};
use serde_json::Value;
use tokio::time::Instant;
use tracing::{debug, info};
use trigger_api::shipwright::{self, Build};
use trigger_core::ObjectKey;
use trigger_journal::ConditionRecord;
use trigger_runtime::ExpiringMap;
use trigger_tasks::{
    BuildChoice, CancelCause, Creation, NamedBuild, ObservedRun, StatusWrite, Step, Task, step,
};

use super::kind::TaskObject;
use super::known::{Content, KnownTask, read};
use super::reconcile_error::ReconcileError;
use super::watched::{WatchedRun, WatchedRuns};
use crate::api_server_error::{ApiServerError, Verdict, already_exists, is_absent, is_status};
use crate::names;
use crate::patch::{create, merge, patch_status_unread};
use crate::read::{get_opt, get_opt_unread};
use crate::runs::build_runs;
use crate::sentence::words;
use crate::triggered_condition::{Addition, QUIET, add_condition};
use crate::watch::{Unread, Unreadable};

/// A task goes from its beginning to the creation of its BuildRun in four steps; a few more are needed when
/// others change it meanwhile.
const STEPS: usize = 12;
/// A task whose changes were missed is looked at again after this time.
const LOOK_ANYWAY: Duration = Duration::from_mins(10);

/// Carries out the tasks of one kind, one step after the other.
pub(super) struct Worker {
    client: Client,
    watched: Arc<WatchedRuns>,
    /// How long the controller of a BuildRun is waited for until its condition is written.
    condition_delay: Duration,
    /// Since when the BuildRuns of tasks seem to be gone, by the UID of the task.
    gone: Observations,
    /// Since when the API server forbids something that a task needs, by the UID of the task.
    forbidden: Observations,
}

/// The beginning of something that only counts once it has lasted for a while.
struct Observations(ExpiringMap<String, Instant>);

/// The number of tasks whose observations are kept. Each is a few bytes.
const MAX_OBSERVATIONS: usize = 4096;
/// An observation that is not made again for so long was wrong.
const OBSERVATION_TTL: Duration = Duration::from_mins(10);
/// A BuildRun that had been created is gone if it is missing for this long. An API server that starts, or that is behind
/// the others, answers 404 for objects that exist.
const GONE_AFTER: Duration = Duration::from_secs(2);
/// A right that is missing for this long is not there. An API server that starts has not read all roles.
const FORBIDDEN_AFTER: Duration = Duration::from_secs(10);

impl Observations {
    fn new() -> Self {
        Self(ExpiringMap::new(MAX_OBSERVATIONS))
    }

    /// How long this has been observed for a task, until now.
    fn observe(&self, task: &Task) -> Duration {
        let now = Instant::now();
        let since = self.0.get(&task.uid, now).unwrap_or(now);
        self.0.insert(task.uid.clone(), since, OBSERVATION_TTL, now);
        now.saturating_duration_since(since)
    }

    fn forget(&self, task: &Task) {
        self.0.remove(&task.uid);
    }
}

/// What follows a step.
enum Next {
    /// Another one, for the task as it is now.
    Step(Box<Task>),
    /// The same, after the API server has returned the BuildRun.
    Seen(Box<Task>, Box<DynamicObject>),
    /// Nothing before something changes or time has passed.
    Rest(Action),
}

/// The BuildRun of an attempt, as it was seen last.
struct Look {
    key: ObjectKey,
    seen: ObservedRun,
    /// Its conditions, if it is there and is of the task.
    run: Option<WatchedRun>,
    /// Whether the API server has returned it now. The watch may lag behind.
    is_current: bool,
}

fn resource(kind: &str, plural: &str) -> ApiResource {
    let kind = GroupVersionKind::gvk(shipwright::GROUP, shipwright::VERSION, kind);
    ApiResource::from_gvk_with_plural(&kind, plural)
}

impl Worker {
    pub(super) fn new(client: Client, condition_delay: Duration) -> Self {
        Self {
            client,
            watched: Arc::default(),
            condition_delay,
            gone: Observations::new(),
            forbidden: Observations::new(),
        }
    }

    /// The BuildRuns under way. To be kept current by their watch.
    pub(super) fn watched(&self) -> Arc<WatchedRuns> {
        Arc::clone(&self.watched)
    }

    /// Takes the task as far as it gets.
    pub(super) async fn carry_out<K: TaskObject>(
        &self,
        object: Arc<KnownTask<K>>,
    ) -> Result<Action, ReconcileError> {
        let task = match &object.content {
            Content::Nothing => None,
            Content::Kept(kept) => Some(kept.task.clone()),
            Content::Unkept => self.read::<K>(&object).await?,
        };
        let Some(mut task) = task.filter(|task| !task.is_settled(Timestamp::now())) else {
            return Ok(Action::await_change());
        };
        let mut last: Option<Look> = None;
        for _ in 0..STEPS {
            let mut look = match last.take().filter(|look| look.key == task.run()) {
                Some(look) => look,
                None => match self.watched.get(&task.run()) {
                    Some(run) => Look::at(&task, run, false),
                    None => self.look(&task).await,
                },
            };
            let mut next = step(&task, &look.seen, Timestamp::now());
            if !look.is_current && is_decisive(&next) {
                look = self.look(&task).await;
                next = step(&task, &look.seen, Timestamp::now());
            }
            if look.seen != ObservedRun::Absent {
                self.gone.forget(&task);
            } else if task.has_had_run() && self.gone.observe(&task) < GONE_AFTER {
                return Ok(Action::requeue(GONE_AFTER));
            }
            let explain_in = self.explain(&task, &mut look).await;
            let next = match next {
                Step::Done => Next::Rest(Action::await_change()),
                Step::Create => self.create::<K>(task).await?,
                Step::Adopt(patch) => self.adopt(task, patch).await?,
                Step::Cancel(cause, patch) => self.cancel::<K>(task, cause, patch).await?,
                Step::Write(write) => {
                    let next = self.write::<K>(task, write).await?;
                    // The BuildRun is still as it was.
                    last = Some(look);
                    next
                }
                Step::Wait(until) => Next::Rest(rest(until, explain_in)),
                Step::Requeue => {
                    let message = match look.seen {
                        ObservedRun::Hidden { message, .. } => message,
                        _ => String::new(),
                    };
                    return Err(ReconcileError::Api { doing: "its BuildRun cannot be read", message });
                }
            };
            match next {
                Next::Step(now) => task = *now,
                Next::Seen(now, run) => {
                    last = Some(Look::at(&now, WatchedRun::new(&run), true));
                    task = *now;
                }
                Next::Rest(action) => return Ok(action),
            }
        }
        Err(ReconcileError::Restless)
    }

    fn runs(&self, task: &Task) -> Api<DynamicObject> {
        Api::namespaced_with(self.client.clone(), &task.key.namespace, &build_runs())
    }

    /// Asks the API server.
    async fn look(&self, task: &Task) -> Look {
        let (runs, key) = (self.runs(task), task.run());
        let run = get_opt_unread(&runs, &key.name).await;
        let read = |run: Unread<DynamicObject>| Ok(WatchedRun::of(&run.metadata, &run.value()?));
        let seen = match run.and_then(|run| run.map(read).transpose()) {
            Ok(None) => ObservedRun::Absent,
            Ok(Some(run)) => return Look::at(task, run, true),
            Err(error) => {
                let error = ApiServerError::of(&error);
                ObservedRun::Hidden { lasting: self.is_lasting(task, &error), message: error.message }
            }
        };
        Look { key, seen, run: None, is_current: true }
    }

    /// Tells on the BuildRun why it exists, when its controller is quiet. Returns after how long that is, if it is
    /// later. If it fails it is tried again whenever the BuildRun is looked at.
    async fn explain(&self, task: &Task, look: &mut Look) -> Option<Duration> {
        let run = look.run.as_mut().filter(|run| !run.conditions.is_triggered)?;
        let later = self.quiet_in(run);
        if later.is_some() {
            return later;
        }
        let Ok(Creation { condition, .. }) = task.creation(&NamedBuild::default()) else { return None };
        let condition = ConditionRecord {
            kind: condition.kind.to_owned(),
            reason: condition.reason.to_owned(),
            message: condition.message,
        };
        let (runs, name) = (self.runs(task), &look.key.name);
        match add_condition(&runs, name, &run.conditions, &condition).await {
            // An event shows the new version.
            Ok(Addition::Changed) if !run.conditions.has_ended => Some(QUIET),
            Ok(Addition::Changed) => {
                let current = self.look(task).await.run.filter(|run| !run.conditions.is_triggered)?;
                drop(add_condition(&runs, name, &current.conditions, &condition).await);
                None
            }
            Ok(_) => {
                run.conditions.is_triggered = true;
                None
            }
            Err(error) => {
                debug!(run = %look.key, error = words(&error), "the condition cannot be set yet");
                Some(QUIET)
            }
        }
    }

    /// Whether another try would fail in the same way: surely, or because a right has been missing for a while. For what
    /// ends a task that was cancelled; a task that goes on has its timeout.
    fn is_lasting(&self, task: &Task, error: &ApiServerError) -> bool {
        match error.verdict {
            Verdict::Permanent => true,
            Verdict::MayBeAllowed => self.forbidden.observe(task) >= FORBIDDEN_AFTER,
            Verdict::MayPass => false,
        }
    }

    /// After how long the controller of a BuildRun should be quiet; `None` if it is.
    fn quiet_in(&self, run: &WatchedRun) -> Option<Duration> {
        let quiet = match (run.conditions.has_ended, run.conditions.has_begun) {
            (true, _) => return None,
            (false, true) => QUIET,
            (false, false) => self.condition_delay,
        };
        quiet.checked_sub(run.changed.elapsed()).filter(|left| !left.is_zero())
    }

    async fn create<K: TaskObject>(&self, task: Task) -> Result<Next, ReconcileError> {
        // The task may come from a cache that has not heard yet that it was cancelled, or carried out by
        // another replica.
        let Some(fresh) = self.fresh::<K>(&task).await? else {
            return Ok(Next::Rest(Action::await_change()));
        };
        if fresh.resource_version != task.resource_version {
            return Ok(Next::Step(Box::new(fresh)));
        }
        let build = match task.request.as_ref().map(|request| &request.build) {
            Ok(BuildChoice::Named(name)) => match self.build(&task, name).await {
                Ok(Some(build)) => NamedBuild::read(&build.data),
                Ok(None) => {
                    let write = task.build_missing(name, Timestamp::now());
                    return self.write::<K>(task, write).await;
                }
                Err(fault) if fault.is_permanent() => {
                    let write = task.build_unreadable(name, &fault.message, Timestamp::now());
                    return self.write::<K>(task, write).await;
                }
                Err(fault) => return Err(self.delay::<K>(task, fault, "its Build cannot be read").await),
            },
            _ => NamedBuild::default(),
        };
        let creation = match task.creation(&build) {
            Ok(creation) => creation,
            Err(invalid) => {
                let write = task.impossible(&invalid, Timestamp::now());
                return self.write::<K>(task, write).await;
            }
        };
        match self.post(&creation).await {
            Ok(created) => {
                info!(task = %task.key, kind = K::KIND.name(), run = %creation.key, "a BuildRun was created");
                Ok(match created {
                    Some(run) => Next::Seen(Box::new(task), Box::new(run)),
                    None => Next::Step(Box::new(task)),
                })
            }
            Err(fault) if fault.is_permanent() => {
                let write = task.refused(&fault.message, Timestamp::now());
                self.write::<K>(task, write).await
            }
            Err(fault) => Err(self.delay::<K>(task, fault, "its BuildRun cannot be created").await),
        }
    }

    async fn build(&self, task: &Task, name: &str) -> Result<Option<DynamicObject>, ApiServerError> {
        // The name is from a field of the task, which the API server does not check.
        let key = ObjectKey::new(Arc::clone(&task.key.namespace), name);
        names::check(&key).map_err(|error| ApiServerError::of(&error))?;
        let resource = resource(Build::KIND, Build::URL_PATH_SEGMENT);
        let builds: Api<DynamicObject> =
            Api::namespaced_with(self.client.clone(), &task.key.namespace, &resource);
        get_opt(&builds, name).await.map_err(|error| ApiServerError::of(&error))
    }

    /// One that is there already is as good as created: whose it is shows the next look. Returns a new one, if it can be read.
    async fn post(&self, creation: &Creation) -> Result<Option<DynamicObject>, ApiServerError> {
        let ObjectKey { namespace, .. } = &creation.key;
        let runs: Api<DynamicObject> = Api::namespaced_with(self.client.clone(), namespace, &build_runs());
        match create(&runs, &creation.object, None).await {
            Ok(run) => Ok(run.read().ok()),
            Err(error) if already_exists(&error) => Ok(None),
            Err(error) => Err(ApiServerError::of(&error)),
        }
    }

    /// Tells people what the task waits for, as far as that can be told now.
    async fn delay<K: TaskObject>(
        &self,
        task: Task,
        fault: ApiServerError,
        doing: &'static str,
    ) -> ReconcileError {
        if let Some(write) = task.delayed(&fault.message, Timestamp::now())
            && let Err(error) = self.write::<K>(task, write).await
        {
            debug!(%error, "the delay cannot be told");
        }
        ReconcileError::while_doing(doing, fault)
    }

    /// Labels a BuildRun that another controller had created. One that cannot be labelled is read again after a pause.
    async fn adopt(&self, task: Task, patch: Value) -> Result<Next, ReconcileError> {
        let key = task.run();
        match merge(&self.runs(&task), &key.name, &patch).await {
            Ok(()) => info!(task = %task.key, run = %key, "a BuildRun of another controller was adopted"),
            // It has gone meanwhile, which the next look shows.
            Err(error) if is_absent(&error) => {}
            Err(error) => {
                let error = ApiServerError::of(&error);
                return Err(ReconcileError::while_doing("its BuildRun cannot be labelled", error));
            }
        }
        Ok(Next::Step(Box::new(task)))
    }

    async fn cancel<K: TaskObject>(
        &self,
        task: Task,
        cause: CancelCause,
        patch: Value,
    ) -> Result<Next, ReconcileError> {
        let key = task.run();
        match merge(&self.runs(&task), &key.name, &patch).await {
            Ok(()) => info!(task = %task.key, run = %key, ?cause, "a BuildRun was cancelled"),
            // It has gone meanwhile, which the next look shows.
            Err(error) if is_absent(&error) => {}
            Err(error) => {
                let fault = ApiServerError::of(&error);
                let is_lasting = self.is_lasting(&task, &fault);
                if is_lasting && task.is_over() {
                    debug!(task = %task.key, run = %key, reason = fault.message, "a stray BuildRun goes on");
                    return Ok(Next::Rest(Action::await_change()));
                }
                if is_lasting {
                    let write = task.cancel_refused(cause, &fault.message, Timestamp::now());
                    return self.write::<K>(task, write).await;
                }
                return Err(ReconcileError::while_doing("its BuildRun cannot be cancelled", fault));
            }
        }
        Ok(Next::Step(Box::new(task)))
    }

    async fn write<K: TaskObject>(&self, task: Task, write: StatusWrite) -> Result<Next, ReconcileError> {
        let objects: Api<K> = Api::namespaced(self.client.clone(), &task.key.namespace);
        let patch = Patch::Merge(write.patch);
        let now = match patch_status_unread(&objects, &task.key.name, &patch).await {
            Ok(object) => {
                let said = &write.said;
                let (status, reason) = (&said.status, &said.reason);
                debug!(task = %task.key, kind = K::KIND.name(), status, reason, "the status was written");
                read(&object).map_err(unreadable)?
            }
            Err(error) if is_absent(&error) => None,
            Err(error) if is_status(&error, 409) => self.fresh::<K>(&task).await?,
            Err(error) => {
                return Err(ReconcileError::while_doing(
                    "its status cannot be written",
                    ApiServerError::of(&error),
                ));
            }
        };
        Ok(match now {
            // Also if it is over now: another writer may have ended it while its BuildRun was being created.
            Some(now) if !now.is_settled(Timestamp::now()) => Next::Step(Box::new(now)),
            _ => Next::Rest(Action::await_change()),
        })
    }

    /// The task as it is now, unless it is gone.
    async fn fresh<K: TaskObject>(&self, task: &Task) -> Result<Option<Task>, ReconcileError> {
        self.task::<K>(&task.key.namespace, &task.key.name, &task.uid).await
    }

    /// The task of an object that is not kept, unless it is gone.
    async fn read<K: TaskObject>(&self, object: &KnownTask<K>) -> Result<Option<Task>, ReconcileError> {
        let (namespace, uid) = (object.namespace().unwrap_or_default(), object.uid().unwrap_or_default());
        self.task::<K>(&namespace, &object.name_any(), &uid).await
    }

    async fn task<K: TaskObject>(
        &self,
        namespace: &str,
        name: &str,
        uid: &str,
    ) -> Result<Option<Task>, ReconcileError> {
        let objects: Api<K> = Api::namespaced(self.client.clone(), namespace);
        let object = get_opt_unread(&objects, name).await;
        let object = object.map_err(|error| {
            ReconcileError::while_doing("the task cannot be read", ApiServerError::of(&error))
        })?;
        let task = object.map(|object| read(&object)).transpose().map_err(unreadable)?;
        Ok(task.flatten().filter(|now| now.uid == uid))
    }
}

/// The task has become too large since its watch showed it.
fn unreadable(error: Unreadable) -> ReconcileError {
    ReconcileError::while_doing("the task cannot be read", ApiServerError::of(&error.into()))
}

impl Look {
    /// A BuildRun as it is, or as the watch shows it.
    fn at(task: &Task, run: WatchedRun, is_current: bool) -> Self {
        let is_ours = run.attempt.task_uid.as_deref() == Some(&task.uid);
        let seen = ObservedRun::There(run.attempt.clone());
        Self { key: task.run(), seen, run: is_ours.then_some(run), is_current }
    }
}

/// Whether a step would do harm if the BuildRun had changed since it was seen: it ends the task, or changes a BuildRun.
fn is_decisive(step: &Step) -> bool {
    match step {
        Step::Create | Step::Adopt(_) | Step::Cancel(..) => true,
        Step::Write(write) => write.said.status != "Unknown",
        Step::Done | Step::Wait(_) | Step::Requeue => false,
    }
}

/// Nothing happens until then, and no longer than the time until the condition is due.
fn rest(until: Option<Timestamp>, explain_in: Option<Duration>) -> Action {
    let left = until.map(|until| until.duration_since(Timestamp::now()));
    let left = left.and_then(|left| Duration::try_from(left).ok());
    let left = if until.is_some() { left.unwrap_or_default() } else { LOOK_ANYWAY };
    Action::requeue(left.min(explain_in.unwrap_or(LOOK_ANYWAY)).min(LOOK_ANYWAY))
}
