//! Builds as custom tasks of Tekton: the controller for CustomRuns and Runs.
//!
//! What is to be done is decided in `trigger-tasks`; here it is seen and done, by the replica that leads. One
//! that led before may still be at it, and each may die at any moment: a BuildRun's name follows from the task
//! and its attempt, and a status is written over the version that it was made for, or not at all.

mod kind;
mod trouble;
mod watching;
mod worker;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::debug;
use trigger_api::tekton::{CustomRun, Run};

use crate::builds::Scope;
use crate::client::Connection;
use crate::leader::PUT_DOWN_WITHIN;

/// Carries out the CustomRuns and Runs in `scope` that ask for a Build, until `shutdown`; what is under way then
/// has [`PUT_DOWN_WITHIN`] to come to a good end. A kind that the cluster does not serve is waited for.
pub fn carry_out_tasks(
    connection: &Connection,
    scope: &Scope,
    tasks: &TaskTracker,
    shutdown: &CancellationToken,
) {
    let (client, parts) = (&connection.client, || scope.parts());
    let custom_runs = watching::watch::<CustomRun>(client.clone(), parts(), shutdown.clone());
    let runs = watching::watch::<Run>(client.clone(), parts(), shutdown.clone());
    tasks.spawn(put_down(custom_runs, shutdown.clone()));
    tasks.spawn(put_down(runs, shutdown.clone()));
}

/// Does `work`, but not for much longer than until `shutdown`.
async fn put_down(work: impl Future<Output = ()>, shutdown: CancellationToken) {
    let late = async {
        shutdown.cancelled().await;
        tokio::time::sleep(PUT_DOWN_WITHIN).await;
    };
    tokio::select! {
        () = work => {}
        () = late => debug!("tasks of Tekton were left as they are; whoever leads next goes on with them"),
    }
}
