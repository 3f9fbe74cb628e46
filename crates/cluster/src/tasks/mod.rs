//! Builds as custom tasks of Tekton: the controller for CustomRuns and Runs.
//!
//! What is to be done is decided in `trigger-tasks`; here it is seen and done, by the replica that leads. One
//! that led before may still be at it, and each may die at any moment: a BuildRun's name follows from the task
//! and its attempt, and a status is written over the version that it was made for, or not at all.

mod kind;
mod reconcile_error;
mod watching;
mod worker;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::debug;
use trigger_api::tekton::{CustomRun, Run};
use trigger_runtime::restart_on_panic;

use self::kind::TaskObject;
use crate::client::Connection;
use crate::feeds::Scope;
use crate::leader::STEP_DOWN_GRACE;

/// Carries out the CustomRuns and Runs in `scope` that ask for a Build, until `shutdown`; what is under way then
/// has [`STEP_DOWN_GRACE`] to come to a good end. A kind that the cluster does not serve is waited for.
pub fn carry_out_tasks(
    connection: &Connection,
    scope: &Scope,
    tasks: &TaskTracker,
    shutdown: &CancellationToken,
) {
    carry_out::<CustomRun>("CustomRuns", connection, scope, tasks, shutdown);
    carry_out::<Run>("Runs", connection, scope, tasks, shutdown);
}

fn carry_out<K: TaskObject>(
    name: &'static str,
    connection: &Connection,
    scope: &Scope,
    tasks: &TaskTracker,
    shutdown: &CancellationToken,
) {
    let (client, parts, ending) = (connection.client.clone(), scope.parts(), shutdown.clone());
    let watch = move || watching::watch::<K>(client.clone(), parts.clone(), ending.clone());
    tasks.spawn(put_down(restart_on_panic(name, watch), shutdown.clone()));
}

/// Does `work`, but not for much longer than until `shutdown`.
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
