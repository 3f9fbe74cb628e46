use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use futures::future::join_all;
use kube::api::DynamicObject;
use kube::runtime::controller::{Action, Error};
use kube::runtime::reflector::{ObjectRef, store};
use kube::runtime::{Config, Controller, WatchStreamExt as _, reflector, watcher};
use kube::{Api, Client, ResourceExt};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};
use trigger_api::annotations;
use trigger_runtime::{Backoff, ExpiringMap};

use super::kind::TaskObject;
use super::known::{KnownTask, without_others};
use super::reconcile_error::ReconcileError;
use super::watched::WatchedRuns;
use super::worker::Worker;
use crate::client::Connection;
use crate::runs::build_runs;
use crate::sentence::{Remedies, of_watch, sentence};
use crate::watch::{Failure, config, dynamic_objects, is_served};

/// Tasks that are worked on at the same time.
const CONCURRENCY: u16 = 16;
/// How long one may take before its place is given to another; it is soon taken up again.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often discovery is asked for a kind that is not served.
const LOOK_FOR_KIND: Duration = Duration::from_secs(3);
/// A task that could not be taken further is tried again after a pause that grows.
const AGAIN: Backoff = Backoff { first: Duration::from_millis(250), longest: Duration::from_secs(10) };

/// The pauses of the watches of the controller. Each retry begins with an event, which kube takes for progress and resets
/// the pause; so only a watch that has worked for a while is retried at once.
const WATCH_RETRY: Backoff = Backoff { first: Duration::from_millis(500), longest: Duration::from_secs(15) };
/// What to do about a watch that fails. The reason does not say whether it is the watch on tasks or the one on BuildRuns.
const REMEDIES: Remedies<'_> = Remedies {
    forbidden: "bind the ClusterRole `shipwright-trigger`",
    absent: "custom tasks of this kind or BuildRuns are not installed",
};
/// What to do if it cannot be found out whether the kind is served.
const TO_DISCOVER: Remedies<'_> = Remedies {
    forbidden: "bind the ClusterRole `system:discovery`",
    absent: "the API server has no discovery",
};
/// How long a watch works until its failures are forgotten.
const STABLE: Duration = Duration::from_secs(30);

/// [`WATCH_RETRY`] as kube's controllers want it: an iterator over pauses.
#[derive(Debug, Default)]
struct WatchBackoff {
    failures: u32,
    /// When the last pause ended.
    resumed: Option<Instant>,
}

impl Iterator for WatchBackoff {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        let now = Instant::now();
        if self.resumed.is_some_and(|resumed| now.saturating_duration_since(resumed) >= STABLE) {
            self.failures = 0;
        }
        self.failures = self.failures.saturating_add(1);
        let pause = WATCH_RETRY.pause(self.failures);
        self.resumed = Some(now + pause);
        Some(pause)
    }
}

impl kube::runtime::utils::Backoff for WatchBackoff {
    fn reset(&mut self) {}
}

/// The number of failing tasks whose failures are counted. Each count is a few bytes.
const COUNTED: usize = 4096;
/// A count is forgotten after this time without a failure: tasks may be deleted while they fail.
const COUNT_TTL: Duration = Duration::from_mins(10);

/// The number of reasons why tasks cannot be watched that are logged once.
const MAX_REASONS: usize = 64;
/// A reason is logged again if it did not occur for so long, which is more than the longest pause.
const REASON_TTL: Duration = Duration::from_mins(1);

struct Context {
    worker: Worker,
    /// How often in a row a task could not be taken further, by its UID.
    failures: ExpiringMap<String, u32>,
}

/// Carries out the tasks of one kind, in each of these namespaces (`None` is all), until `shutdown`.
pub(super) async fn watch<K: TaskObject>(
    connection: Connection,
    namespaces: Vec<Option<String>>,
    condition_delay: Duration,
    shutdown: CancellationToken,
) {
    tokio::select! {
        () = served::<K>(&connection.client) => {}
        () = shutdown.cancelled() => return,
    }
    info!(kind = K::KIND.name(), "carrying out custom tasks");
    let parts = namespaces.into_iter().map(|part| {
        let worker = Worker::new(connection.client.clone(), condition_delay);
        watch_part::<K>(connection.clone(), part, worker, shutdown.clone())
    });
    join_all(parts).await;
}

async fn watch_part<K: TaskObject>(
    Connection { client, lists, .. }: Connection,
    namespace: Option<String>,
    worker: Worker,
    shutdown: CancellationToken,
) {
    let objects: Api<KnownTask<K>> = match &namespace {
        None => Api::all(client.clone()),
        Some(namespace) => Api::namespaced(client.clone(), namespace),
    };
    let runs = dynamic_objects(&client, &build_runs(), namespace.as_deref());
    let ours = config().labels(annotations::LABEL_CUSTOM_RUN_UID);
    let watched: Arc<WatchedRuns> = worker.watched();
    let runs = lists.clone().take(watcher(runs, ours));
    let runs = runs.filter_map(move |event| std::future::ready(watched.take(event)));
    let (reader, writer) = store();
    let objects = lists.take(watcher(objects, config()));
    let objects = objects.filter_map(|event| std::future::ready(event.map(without_others).transpose()));
    let objects = reflector(writer, objects).applied_objects();
    let context = Arc::new(Context { worker, failures: ExpiringMap::new(COUNTED) });
    // By reason: the watches on tasks and on BuildRuns may fail in turns.
    let logged = ExpiringMap::new(MAX_REASONS);
    Controller::for_stream(objects, reader)
        .watches_stream_with(runs, |run| task_of::<K>(&run), build_runs())
        .with_config(Config::default().concurrency(CONCURRENCY))
        .trigger_backoff(WatchBackoff::default())
        .graceful_shutdown_on(shutdown.cancelled_owned())
        .run(reconcile::<K>, |object, trouble, context| again(&*object, trouble, &context), context)
        .for_each(|result| {
            match result {
                Ok(_) => {}
                Err(Error::QueueError(error)) => {
                    let (reason, now) = (why_unwatched(&error), Instant::now());
                    if Failure::of(&error).is_routine() {
                        debug!(kind = K::KIND.name(), reason, "a watch for custom tasks starts again");
                        return std::future::ready(());
                    }
                    if logged.get(&reason, now).is_none() {
                        warn!(kind = K::KIND.name(), reason, "custom tasks cannot be watched");
                    }
                    logged.insert(reason, (), REASON_TTL, now);
                }
                // A BuildRun outlived its task, or the reconciler has told of its trouble already.
                Err(error) => debug!(%error, "a custom task was left"),
            }
            std::future::ready(())
        })
        .await;
}

fn why_unwatched(error: &watcher::Error) -> String {
    of_watch(error, REMEDIES)
}

/// Returns when the cluster serves the kind, according to the discovery API (ClusterRole `system:discovery`).
async fn served<K: TaskObject>(client: &Client) {
    let (version, plural) = (K::api_version(&()), K::plural(&()));
    let mut logged = None;
    loop {
        let reason = match is_served(client, &version, &plural).await {
            Ok(true) => return,
            Ok(false) => String::new(),
            Err(error) => sentence(&error, TO_DISCOVER),
        };
        if logged.as_ref() != Some(&reason) {
            // Another version of Tekton is installed, or none: nothing is wrong.
            if reason.is_empty() {
                info!(kind = K::KIND.name(), "the cluster does not serve this kind; waiting for it");
            } else {
                warn!(kind = K::KIND.name(), reason, "cannot read the discovery API; trying again");
            }
            logged = Some(reason);
        }
        tokio::time::sleep(LOOK_FOR_KIND).await;
    }
}

/// The task that a BuildRun says it carries out. It may be of the other kind: then there is none of this name, or
/// it is looked at in vain.
fn task_of<K: TaskObject>(run: &DynamicObject) -> Option<ObjectRef<KnownTask<K>>> {
    let name = run.annotations().get(annotations::CUSTOM_RUN)?;
    Some(ObjectRef::new(name).within(run.metadata.namespace.as_deref()?))
}

async fn reconcile<K: TaskObject>(
    object: Arc<KnownTask<K>>,
    context: Arc<Context>,
) -> Result<Action, ReconcileError> {
    let uid = object.uid().unwrap_or_default();
    let carried_out = tokio::time::timeout(PATIENCE, context.worker.carry_out(object)).await;
    let action = carried_out.unwrap_or(Err(ReconcileError::Slow))?;
    context.failures.remove(&uid);
    Ok(action)
}

fn again<K: TaskObject>(object: &KnownTask<K>, trouble: &ReconcileError, context: &Context) -> Action {
    let uid = object.uid().unwrap_or_default();
    let now = Instant::now();
    // The controller works on one task once at a time, so nothing counts in between.
    let failures = context.failures.get(&uid, now).unwrap_or_default().saturating_add(1);
    context.failures.insert(uid.clone(), failures, COUNT_TTL, now);
    let (name, namespace) = (object.name_any(), object.namespace().unwrap_or_default());
    let kind = K::KIND.name();
    if failures == 1 {
        warn!(kind, name, namespace, %trouble, "a custom task cannot be taken further; trying again");
    } else {
        debug!(kind, name, namespace, %trouble, failures, "a custom task cannot be taken further yet");
    }
    // Tasks that failed together shall not come back together.
    let spread = uid.bytes().fold(0_u8, u8::wrapping_add);
    Action::requeue(AGAIN.after(failures, f64::from(spread) / 255.0))
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use trigger_api::tekton::CustomRun;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn pauses_of_watches_grow_until_one_has_worked_for_a_while() {
        use kube::runtime::utils::Backoff as _;

        let mut backoff = WatchBackoff::default();
        let mut pauses = Vec::new();
        for _ in 0..7 {
            let pause = backoff.next().unwrap();
            tokio::time::advance(pause).await;
            // The event with which a retry begins.
            backoff.reset();
            pauses.push(pause.as_millis());
        }
        assert_eq!(pauses, [500, 1000, 2000, 4000, 8000, 15_000, 15_000]);
        tokio::time::advance(STABLE).await;
        assert_eq!(backoff.next(), Some(WATCH_RETRY.first));
    }

    #[test]
    fn the_reason_why_tasks_cannot_be_watched_is_one_sentence() {
        let status = |code, message: &str| {
            let status = kube::core::Status::failure(message, "Reason").with_code(code);
            watcher::Error::InitialListFailed(kube::Error::Api(status.boxed()))
        };
        let forbidden = "customruns.tekton.dev is forbidden: User \"a\" cannot list resource \"customruns\" in API \
                         group \"tekton.dev\" at the cluster scope";
        for (error, expected) in [
            (
                status(403, forbidden),
                "the user a may not list customruns.tekton.dev in all namespaces; bind the ClusterRole `shipwright-trigger`",
            ),
            (status(404, "page not found"), REMEDIES.absent),
            (status(503, "etcd is away"), "the API server answered 503: etcd is away"),
        ] {
            assert_eq!(why_unwatched(&error), expected);
        }
    }

    #[test]
    fn a_build_run_leads_back_to_its_task() {
        let run = |annotations: serde_json::Value| -> DynamicObject {
            let metadata = json!({"namespace": "team-a", "name": "web-1", "annotations": annotations});
            serde_json::from_value(json!({"metadata": metadata})).unwrap()
        };
        let of_a_task = run(json!({"trigger.shipwright.io/customrun": "image"}));
        assert_eq!(task_of::<CustomRun>(&of_a_task), Some(ObjectRef::new("image").within("team-a")));
        for of_nobody in [json!({}), json!({"trigger.shipwright.io/trigger-when-type": "GitHub"})] {
            assert_eq!(task_of::<CustomRun>(&run(of_nobody)), None);
        }
    }
}
