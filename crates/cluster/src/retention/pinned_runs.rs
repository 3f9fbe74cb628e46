use std::collections::{BTreeSet, HashSet};
use std::time::Duration;

use futures::{StreamExt, pin_mut};
use kube::api::ListParams;
use kube::runtime::watcher;
use kube::{Api, ResourceExt};
use tokio::time::{Instant, MissedTickBehavior, interval};
use tracing::{info, warn};
use trigger_api::annotations::{LABEL_BUILD_NAME, LABEL_LIMITED};
use trigger_api::shipwright::{Build, BuildRun};
use trigger_core::ObjectKey;

use super::limits::{EndedRun, Limits};
use crate::api_server_error::is_status;
use crate::client::Connection;
use crate::metrics::Watch;
use crate::patch::merge;
use crate::sentence::words;
use crate::watch::{LIST_PAGE, Unread, WatchHealth, labelled_events};

/// How often the Builds are looked at of which a run has ended. Runs that end together are counted once.
const COUNT: Duration = Duration::from_secs(1);
/// How long nothing is counted after the API server has failed.
const PAUSE: Duration = Duration::from_secs(30);
/// Builds that are looked at in one [`COUNT`], each with two requests and one for each run beyond its limits.
pub(crate) const BUILDS_AT_A_TIME: usize = 8;
/// Runs of one Build that expire in one [`COUNT`]. The rest follows in the next one.
pub(crate) const EXPIRE_AT_MOST: usize = 50;

/// The pinned runs of one namespace, or of all, whose Builds have limits.
pub(super) struct PinnedRuns {
    namespace: Option<String>,
    connection: Connection,
    /// The runs that have been counted, by UID.
    counted: HashSet<String>,
    /// The runs in the list that is being received.
    listed: HashSet<String>,
    /// The Builds whose runs have to be counted.
    due: BTreeSet<ObjectKey>,
    paused_until: Instant,
    watch_health: WatchHealth,
}

impl PinnedRuns {
    pub(super) fn new(namespace: Option<String>, connection: Connection, watch: Watch) -> Self {
        let watch_health = WatchHealth::new(
            "BuildRuns",
            namespace.clone(),
            "the limits of retention wait for runs by name",
            watch,
        );
        Self {
            namespace,
            connection,
            counted: HashSet::new(),
            listed: HashSet::new(),
            due: BTreeSet::new(),
            paused_until: Instant::now(),
            watch_health,
        }
    }

    pub(super) async fn run(mut self) {
        let events = labelled_events::<BuildRun>(&self.connection, self.namespace.as_deref(), LABEL_LIMITED);
        pin_mut!(events);
        let mut count = interval(COUNT);
        count.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                Some(event) = events.next() => match event {
                    Ok(event) => {
                        self.watch_health.received(&event);
                        self.take(event);
                    }
                    Err(error) => self.watch_health.failed(&error),
                },
                _ = count.tick() => self.count().await,
            }
        }
    }

    fn take(&mut self, event: watcher::Event<Unread<BuildRun>>) {
        match event {
            watcher::Event::Init => self.listed.clear(),
            watcher::Event::InitApply(run) => {
                self.listed.extend(run.uid());
                self.note(&run);
            }
            watcher::Event::Apply(run) => self.note(&run),
            watcher::Event::Delete(run) => {
                self.counted.remove(&run.uid().unwrap_or_default());
            }
            watcher::Event::InitDone => {
                let listed = std::mem::take(&mut self.listed);
                self.counted.retain(|uid| listed.contains(uid));
            }
        }
    }

    fn note(&mut self, run: &Unread<BuildRun>) {
        let Some(ended) = run.read().ok().filter(|run| EndedRun::of(run).is_some()) else { return };
        let labels = ended.metadata.labels.as_ref();
        let build = labels.and_then(|labels| labels.get(LABEL_BUILD_NAME));
        let (Some(build), Some(namespace), Some(uid)) = (build, run.namespace(), run.uid()) else { return };
        if self.counted.insert(uid) {
            self.due.insert(ObjectKey::new(namespace, build.as_str()));
        }
    }

    /// Counts the runs of the Builds that are due.
    async fn count(&mut self) {
        if self.paused_until > Instant::now() {
            return;
        }
        for _ in 0..BUILDS_AT_A_TIME {
            let Some(build) = self.due.pop_first() else { return };
            match self.count_for(&build).await {
                Ok(is_done) => {
                    if !is_done {
                        self.due.insert(build);
                    }
                }
                // The namespace is not ours any more, or goes away.
                Err(error) if is_status(&error, 403) || is_status(&error, 404) => {
                    warn!(build = %build, error = words(&error), "the limits of retention cannot be kept");
                }
                Err(error) => {
                    warn!(build = %build, error = words(&error), pause = ?PAUSE, "the limits of retention wait");
                    self.due.insert(build);
                    self.paused_until = Instant::now() + PAUSE;
                    return;
                }
            }
        }
    }

    /// Lets the runs of a Build expire that are beyond its limits. False if there are more than expire at a time.
    async fn count_for(&self, build: &ObjectKey) -> Result<bool, kube::Error> {
        let builds: Api<Unread<Build>> = Api::namespaced(self.connection.client.clone(), &build.namespace);
        let Some(found) = builds.get_opt(&build.name).await? else { return Ok(true) };
        let found = match found.read() {
            Ok(found) => found,
            Err(error) => {
                warn!(build = %build, error = %error, "the Build cannot be read, so its limits are not kept");
                return Ok(true);
            }
        };
        let Some(limits) = Limits::of(&found) else { return Ok(true) };
        let runs: Api<Unread<BuildRun>> = Api::namespaced(self.connection.client.clone(), &build.namespace);
        let surplus = limits.surplus(ended_runs(&runs, &build.name).await?);
        for (run, patch) in surplus.iter().take(EXPIRE_AT_MOST) {
            match merge(&runs, &run.name, patch).await {
                Ok(()) => {
                    info!(build = %build, run = run.name, "a run is beyond the limit of its Build and expires");
                }
                Err(error) if is_status(&error, 404) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(surplus.len() <= EXPIRE_AT_MOST)
    }
}

/// The runs with the label of a Build that have ended: those that the Build controller counts.
async fn ended_runs(runs: &Api<Unread<BuildRun>>, build: &str) -> Result<Vec<EndedRun>, kube::Error> {
    let mut ended = Vec::new();
    let mut page = ListParams::default().limit(LIST_PAGE).labels(&format!("{LABEL_BUILD_NAME}={build}"));
    loop {
        let list = runs.list(&page).await?;
        // A run that cannot be read does not count. Each is dropped before the next is read.
        ended.extend(list.items.into_iter().filter_map(|run| EndedRun::of(&run.read().ok()?)));
        match list.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => page = page.continue_token(&token),
            None => return Ok(ended),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::scripted_api::ScriptedApi;

    #[tokio::test]
    async fn a_run_that_is_too_large_is_not_counted_and_delays_no_other() {
        let api = ScriptedApi::new(|_| {
            let run = |name: &str, values: Value| {
                json!({
                    "metadata": {"namespace": "team-a", "name": name},
                    "spec": {"paramValues": values},
                    "status": {
                        "completionTime": "2026-01-02T03:05:00Z",
                        "conditions": [{"type": "Succeeded", "status": "True"}],
                    },
                })
            };
            let items = [run("large", vec![json!({"a": 0}); 183_000].into()), run("small", json!([]))];
            (200, json!({"metadata": {"resourceVersion": "1"}, "items": items}))
        });
        let ended = ended_runs(&Api::namespaced(api.client(), "team-a"), "web").await.unwrap();
        assert_eq!(ended.iter().map(|run| run.name.as_str()).collect::<Vec<_>>(), ["small"]);
    }
}
