use std::collections::HashSet;

use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt, stream};
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;
use trigger_targets::{Plan, Subject, TargetKey};

use crate::launcher::{LaunchError, Launcher, Retry};
use crate::planned::Decisions;

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
/// With an EventListener go all triggers that it holds.
/// The decisions say so, but not those about a target among `started`: its earlier launches stay on record.
///
/// Plans whose target cannot be looked for are left for the next attempt, of which the reason is returned.
pub(crate) async fn leave_out_deleted(
    decisions: &mut Decisions,
    due: &mut Vec<&Plan>,
    started: &HashSet<TargetKey<'_>>,
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
    decisions.skip_deleted(&deleted, started);
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

#[cfg(test)]
mod tests {
    use trigger_core::{ObjectKey, ResourceRef};
    use trigger_targets::FollowUp;

    use super::*;
    use crate::launcher::Launched;
    use crate::plan_fixture::plan_of;

    /// A cluster without the objects called `deleted`. Those called `hidden` cannot be looked for.
    struct Cluster;

    impl Launcher for Cluster {
        fn launch<'a>(&'a self, _: &'a Plan) -> BoxFuture<'a, Result<Launched, LaunchError>> {
            unreachable!("nothing is launched")
        }

        fn exists<'a>(&'a self, subject: &'a Subject) -> BoxFuture<'a, Result<bool, LaunchError>> {
            let name = subject.resource.name();
            let hidden = LaunchError { message: "no right".to_owned(), retry: Retry::Later };
            let exists = if **name == *"hidden" { Err(hidden) } else { Ok(**name != *"deleted") };
            async move { exists }.boxed()
        }

        fn follow_up<'a>(&'a self, _: &'a [&'a FollowUp]) -> BoxFuture<'a, ()> {
            unreachable!("nothing is recorded")
        }
    }

    #[tokio::test]
    async fn a_deleted_listener_or_trigger_starts_nothing_any_more_and_others_do() {
        let key = |name: &str| ObjectKey::new("team-a", name);
        let plan = |kind: &str, owner: &str, sequence: &str| {
            let owner = ResourceRef::new("triggers.tekton.dev", kind, key(owner));
            let object = key(&format!("{}-{}", owner.name(), sequence.replace('/', "-")));
            plan_of(owner, Some(sequence), ResourceRef::new("tekton.dev", "PipelineRun", object), 0)
        };
        let plans = [
            plan("EventListener", "deleted", "team-a/ci/0"),
            plan("EventListener", "deleted", "team-a/cd/0"),
            plan("EventListener", "web", "team-a/ci/0"),
            plan("Trigger", "deleted", "team-a/deleted/0"),
            plan("Trigger", "release", "team-a/release/0"),
            plan("Trigger", "hidden", "team-a/hidden/0"),
        ];
        let mut due: Vec<_> = plans.iter().collect();
        let abort = CancellationToken::new();
        let until = Instant::now() + std::time::Duration::from_secs(9);
        let lookup = Lookup { launcher: &Cluster, until, abort: &abort };
        let started = plans.iter().map(Plan::target_key).collect();
        let unchecked =
            leave_out_deleted(&mut Decisions::Rules(Vec::new()), &mut due, &started, lookup).await;
        let left: Vec<_> = due.iter().map(|plan| plan.subject.resource.to_string()).collect();
        assert_eq!(left, ["EventListener team-a/web", "Trigger team-a/release"]);
        let reason = unchecked.unwrap();
        assert!(reason.contains("Trigger team-a/hidden") && reason.contains("no right"), "{reason}");
    }
}
