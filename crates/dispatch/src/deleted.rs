use std::collections::HashSet;

use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt, stream};
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;
use trigger_core::ResourceRef;
use trigger_rules::{Decided, Decision, Outcome};
use trigger_targets::{Plan, Subject};

use crate::launcher::{LaunchError, Launcher, Retry};

/// How many targets of one delivery are looked for side by side, as many as are created.
const SIDE_BY_SIDE: usize = 16;

/// The cluster, and until when it may answer.
#[derive(Clone, Copy)]
pub(crate) struct Lookup<'a> {
    pub(crate) launcher: &'a dyn Launcher,
    pub(crate) until: Instant,
    /// Cancelled when there is no time left.
    pub(crate) abort: &'a CancellationToken,
}

/// Leaves out those of `due` whose target was deleted since the delivery arrived. Its rules may still be known: the watch
/// on them may be away for as long as the API server. A run of a deleted Build would build what its owner has taken back.
/// The decisions say so, but not those about a target among `started`: its earlier launches stay on record.
///
/// Plans whose target cannot be looked for are left for the next attempt, of which the reason is returned.
pub(crate) async fn leave_out_deleted(
    decided: &mut [Decided],
    due: &mut Vec<&Plan>,
    started: &HashSet<&ResourceRef>,
    lookup: Lookup<'_>,
) -> Option<String> {
    let targets: HashSet<_> = due.iter().map(|plan| plan.subject.clone()).collect();
    let checks: Vec<_> = targets.into_iter().map(|subject| exists(subject, lookup)).collect();
    let mut checks = stream::iter(checks).buffer_unordered(SIDE_BY_SIDE);
    let (mut left_out, mut deleted, mut unchecked) = (HashSet::new(), HashSet::new(), None);
    while let Some((subject, exists)) = checks.next().await {
        match exists {
            Ok(true) => continue,
            Ok(false) => drop(deleted.insert(subject.resource.clone())),
            Err(error) => {
                let reason = format!("whether {} still exists cannot be seen: {error}", subject.resource);
                unchecked.get_or_insert(reason);
            }
        }
        left_out.insert(subject.resource);
    }
    due.retain(|plan| !left_out.contains(&plan.subject.resource));
    let has_run = |decision: &Decision| started.contains(&decision.target.resource);
    decided
        .iter_mut()
        .flat_map(|decided| &mut decided.decisions)
        .filter(|decision| deleted.contains(&decision.target.resource) && !has_run(decision))
        .filter(|decision| !matches!(decision.outcome, Outcome::Skipped(_)))
        .for_each(Decision::skip_deleted);
    unchecked
}

fn exists(subject: Subject, lookup: Lookup<'_>) -> BoxFuture<'_, (Subject, Result<bool, LaunchError>)> {
    async move {
        let Lookup { launcher, until, abort } = lookup;
        let exists = abort.run_until_cancelled(timeout_at(until, launcher.exists(&subject))).await;
        let timed_out = || LaunchError {
            message: "the API server did not answer in time".to_owned(),
            retry: Retry::Later,
        };
        let exists = exists.and_then(Result::ok).unwrap_or_else(|| Err(timed_out()));
        (subject, exists)
    }
    .boxed()
}
