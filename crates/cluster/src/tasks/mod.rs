//! Builds as custom tasks of Tekton: the controller for CustomRuns and Runs.
//!
//! `trigger-tasks` decides; this module observes and acts, on the leader. A former leader may still act, and each may
//! die at any moment. So a BuildRun's name is derived from the task and its attempt, and a status is only written over
//! the version that it was made for.

mod kind;
mod known;
mod reconcile_error;
mod watched;
mod watching;
mod worker;

use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::debug;
use trigger_api::tekton::{CustomRun, Run};
use trigger_runtime::restart_on_panic;

use self::kind::TaskObject;
pub(crate) use self::known::{LARGEST_TASK_IN_MEMORY, MOST_KEPT};
pub(crate) use self::watched::MAX_WATCHED_RUNS;
use crate::client::Connection;
use crate::feeds::Scope;
use crate::leader::STEP_DOWN_GRACE;

/// Carries out the CustomRuns and Runs in `scope` that ask for a Build, until `shutdown`. Reconciliations that
/// run then have [`STEP_DOWN_GRACE`] to end. A kind that the cluster does not serve is waited for. A BuildRun with which
/// its controller does not begin gets its condition after `condition_delay`.
pub fn carry_out_tasks(
    connection: &Connection,
    scope: &Scope,
    condition_delay: Duration,
    tasks: &TaskTracker,
    shutdown: &CancellationToken,
) {
    carry_out::<CustomRun>("CustomRuns", connection, scope, condition_delay, tasks, shutdown);
    carry_out::<Run>("Runs", connection, scope, condition_delay, tasks, shutdown);
}

fn carry_out<K: TaskObject>(
    name: &'static str,
    connection: &Connection,
    scope: &Scope,
    condition_delay: Duration,
    tasks: &TaskTracker,
    shutdown: &CancellationToken,
) {
    let (connection, parts, ending) = (connection.clone(), scope.parts(), shutdown.clone());
    let watch =
        move || watching::watch::<K>(connection.clone(), parts.clone(), condition_delay, ending.clone());
    tasks.spawn(put_down(restart_on_panic(name, watch), shutdown.clone()));
}

/// Runs `work`, and drops it soon after `shutdown`.
async fn put_down(work: impl Future<Output = ()>, shutdown: CancellationToken) {
    let late = async {
        shutdown.cancelled().await;
        tokio::time::sleep(STEP_DOWN_GRACE).await;
    };
    tokio::select! {
        () = work => {}
        () = late => debug!("tasks of Tekton were left as they are; whoever leads next goes on with them"),
    }
}
