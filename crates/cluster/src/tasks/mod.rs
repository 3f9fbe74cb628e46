//! Builds as custom tasks of Tekton: the controller for CustomRuns and Runs.
//!
//! What is to be done is decided in `trigger-tasks`; here it is seen and done. Several replicas may do it at
//! the same time, and each may die at any moment.

mod kind;
mod trouble;
mod watching;
mod worker;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use trigger_api::tekton::{CustomRun, Run};

use crate::builds::Scope;
use crate::client::Connection;

/// Carries out the CustomRuns and Runs in `scope` that ask for a Build, until `shutdown`. A kind that the
/// cluster does not serve is waited for.
pub fn carry_out_tasks(
    connection: &Connection,
    scope: &Scope,
    tasks: &TaskTracker,
    shutdown: &CancellationToken,
) {
    tasks.spawn(watching::watch::<CustomRun>(connection.client.clone(), scope.parts(), shutdown.clone()));
    tasks.spawn(watching::watch::<Run>(connection.client.clone(), scope.parts(), shutdown.clone()));
}
