use std::collections::HashSet;
use std::sync::Arc;

use futures::{StreamExt, pin_mut};
use kube::api::ListParams;
use kube::runtime::watcher;
use kube::{Api, ResourceExt};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::warn;
use trigger_api::shipwright::Build;
use trigger_core::ObjectKey;
use trigger_rules::Inventory;
use trigger_runtime::{CriticalTasks, Leadership};
use trigger_targets::Subject;
use trigger_targets::build_run::BUILD;

use super::Scope;
use super::coverage::{CoveredBuilds, FeedCoverage, Part};
use super::listed::Listed;
use super::rule_reports::RuleReports;
use crate::client::{ClientError, Connection};
use crate::event_recorder::EventRecorder;
use crate::metrics::Watched;
use crate::sentence::{Remedies, sentence};
use crate::watch::{Unread, WatchHealth, events, is_progress};

/// A running watch on Builds.
#[derive(Clone)]
pub struct BuildWatch {
    coverage: Arc<FeedCoverage<CoveredBuilds>>,
}

/// The size of a page of a list, as kubectl has it.
const PAGE: u32 = 500;

/// What a person does who may not list Builds.
const TO_LIST: Remedies<'_> = Remedies {
    forbidden: "ask for the right to list Builds, or name namespaces with `-n`",
    absent: "the API server does not serve Builds: install Shipwright Build, or select another cluster with KUBECONFIG",
};

/// What an operator does whose program may not watch Builds.
const TO_WATCH: Remedies<'_> = Remedies {
    forbidden: "bind the ClusterRole `shipwright-trigger`, for all namespaces or for each `--namespace`",
    absent: "the CustomResourceDefinition builds.shipwright.io is not installed: install Shipwright Build",
};

/// The Builds of `scope` as they are now.
pub async fn list_builds(connection: &Connection, scope: &Scope) -> Result<Listed<Build>, ClientError> {
    let mut builds = Listed::default();
    for namespace in scope.parts() {
        let api: Api<Unread<Build>> = match &namespace {
            None => Api::all(connection.client.clone()),
            Some(namespace) => Api::namespaced(connection.client.clone(), namespace),
        };
        let mut page = ListParams::default().limit(PAGE);
        loop {
            let list =
                api.list(&page).await.map_err(|error| ClientError::Builds(sentence(&error, TO_LIST)))?;
            for build in list.items {
                let read = build.read();
                builds.add(read, || {
                    format!("Build {}/{}", build.namespace().unwrap_or_default(), build.name_any())
                });
            }
            match list.metadata.continue_.filter(|token| !token.is_empty()) {
                Some(token) => page = page.continue_token(&token),
                None => break,
            }
        }
    }
    Ok(builds)
}

impl BuildWatch {
    /// True once there are rules to decide by: every Build has been seen, but for those of namespaces that cannot be
    /// watched.
    pub fn synced(&self) -> watch::Receiver<bool> {
        self.coverage.synced()
    }

    /// Returns once every Build of a watched namespace has been seen, or of all of them. Never if it is not watched.
    pub async fn seen_in(&self, namespace: Option<&str>) {
        let seen = async {
            let mut seen = self.coverage.seen(namespace)?;
            seen.wait_for(|seen| *seen).await.ok().map(|_| ())
        };
        if seen.await.is_none() {
            std::future::pending::<()>().await;
        }
    }

    /// Why it is not synced, in a sentence.
    pub fn waiting_for(&self) -> String {
        self.coverage.waiting_for()
    }

    /// The namespaces of which not every Build is known, each in a sentence.
    pub fn details(&self) -> Vec<String> {
        self.coverage.details()
    }
}

/// Keeps `inventory` equal to the Builds of `scope` until `shutdown`. Broken rules are reported on their
/// Build, by the replica that leads. An API server that goes away, or a CRD that is not there yet, is waited for.
pub fn watch_builds(
    connection: &Connection,
    scope: &Scope,
    inventory: &Arc<Inventory>,
    recorder: &EventRecorder,
    leadership: &Leadership,
    tasks: &CriticalTasks,
    shutdown: &CancellationToken,
) -> BuildWatch {
    let namespaces = scope.parts();
    let parts = namespaces.iter().map(|namespace| Part::new("Builds", namespace.as_deref()));
    let covered = CoveredBuilds { inventory: Arc::clone(inventory), metrics: connection.metrics.clone() };
    let coverage = Arc::new(FeedCoverage::new(parts, covered));
    for (part, namespace) in namespaces.into_iter().enumerate() {
        let watch = connection.metrics.watch(Watched::Builds);
        let feed = Feed {
            watch_health: WatchHealth::new("Builds", namespace.clone(), "nothing is accepted", watch)
                .required(),
            namespace,
            inventory: Arc::clone(inventory),
            reports: RuleReports::new(recorder.clone(), leadership.clone()),
            leadership: leadership.clone(),
            part,
            coverage: Arc::clone(&coverage),
            listed: HashSet::new(),
        };
        let (connection, shutdown) = (connection.clone(), shutdown.clone());
        tasks.spawn("watch on Builds", async move {
            tokio::select! { () = feed.run(connection) => {}, () = shutdown.cancelled() => {} }
        });
    }
    let (reviewed, shutdown) = (Arc::clone(&coverage), shutdown.clone());
    tasks.spawn("coverage of Builds", async move {
        tokio::select! { () = reviewed.run() => {}, () = shutdown.cancelled() => {} }
    });
    BuildWatch { coverage }
}

/// The watch on one namespace, or on all.
struct Feed {
    namespace: Option<String>,
    inventory: Arc<Inventory>,
    reports: RuleReports,
    leadership: Leadership,
    /// Its place in the scope.
    part: usize,
    coverage: Arc<FeedCoverage<CoveredBuilds>>,
    /// The Builds in the list that is being received.
    listed: HashSet<ObjectKey>,
    watch_health: WatchHealth,
}

impl Feed {
    async fn run(mut self, connection: Connection) {
        let events = events::<Build>(&connection, self.namespace.as_deref());
        pin_mut!(events);
        let (mut leadership, mut leads) = (self.leadership.clone(), false);
        loop {
            tokio::select! {
                event = events.next() => match event {
                    Some(Ok(event)) => {
                        self.watch_health.received(&event);
                        if is_progress(&event) {
                            self.coverage.works(self.part);
                        }
                        self.take(event);
                    }
                    Some(Err(error)) => {
                        self.watch_health.failed(&error);
                        self.coverage.watch_fails(self.part, &error, TO_WATCH);
                    }
                    None => return,
                },
                () = leadership.changes_from(leads) => {
                    leads = !leads;
                    self.reports.report();
                }
            }
        }
    }

    fn take(&mut self, event: watcher::Event<Unread<Build>>) {
        match event {
            watcher::Event::Init => self.listed.clear(),
            watcher::Event::InitApply(build) => {
                self.listed.extend(key(&build));
                self.apply(&build);
            }
            watcher::Event::Apply(build) => self.apply(&build),
            watcher::Event::Delete(build) => self.forget(&build),
            watcher::Event::InitDone => self.complete(),
        }
    }

    fn apply(&mut self, build: &Unread<Build>) {
        let Some(key) = key(build) else { return };
        let uid = build.uid().unwrap_or_default();
        let about = Subject { resource: BUILD.named(key), version: BUILD.version.into(), uid };
        let applied = match build.read() {
            Ok(build) => self.inventory.apply(&build),
            Err(error) => {
                warn!(build = %about.resource.key, error = %error, "a Build cannot be read and is left out");
                self.inventory.refuse(&about.resource, error)
            }
        };
        self.reports.set(about, applied.errors.iter().map(|error| (&error.error, error)));
    }

    fn forget(&mut self, build: &Unread<Build>) {
        if let Some(key) = key(build) {
            let build = BUILD.named(key);
            self.inventory.delete(&build);
            self.reports.forget(&build);
        }
    }

    fn complete(&mut self) {
        self.inventory.retain(BUILD.group, BUILD.kind, self.namespace.as_deref(), &self.listed);
        let listed = std::mem::take(&mut self.listed);
        self.reports.retain(|build| listed.contains(&build.key));
        self.coverage.listed(self.part);
    }
}

fn key(build: &Unread<Build>) -> Option<ObjectKey> {
    Some(ObjectKey::new(build.namespace()?, build.name_any()))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use trigger_core::KnownHosts;

    use super::*;
    use crate::scripted_api::ScriptedApi;

    fn build(name: &str, values: &Value) -> Value {
        let rule = json!({"name": "push", "type": "GitHub", "github": {"events": ["Push"]}});
        json!({
            "metadata": {"namespace": "team-a", "name": name, "uid": format!("uid-{name}")},
            "spec": {
                "source": {"type": "Git", "git": {"url": "https://github.com/acme/web"}},
                "trigger": {"triggerSecret": "hook", "when": [rule]},
                "paramValues": values,
            },
        })
    }

    #[tokio::test(start_paused = true)]
    async fn a_build_that_cannot_be_read_is_its_own_error_and_its_neighbours_work() {
        let api = ScriptedApi::new(|_| {
            let large = build("large", &vec![json!({"a": 0}); 183_000].into());
            let malformed = json!({"metadata": {"namespace": "team-a", "name": "malformed"}, "spec": 7});
            let items = [large, build("web", &json!([])), malformed];
            (200, json!({"metadata": {"resourceVersion": "1"}, "items": items}))
        });
        let inventory = Arc::new(Inventory::new(KnownHosts::NONE));
        let (recorder, mut events) = EventRecorder::received();
        let (tasks, shutdown) = (CriticalTasks::default(), CancellationToken::new());
        let (connection, leadership) = (Connection::of(api.client()), Leadership::always());
        let watch =
            watch_builds(&connection, &Scope::Cluster, &inventory, &recorder, &leadership, &tasks, &shutdown);
        watch.synced().wait_for(|synced| *synced).await.unwrap();
        let rules = inventory.current().unwrap();
        let has_rules = |name: &str| rules.owner(&BUILD.named(ObjectKey::new("team-a", name))).is_some();
        assert_eq!(["large", "web", "malformed"].map(has_rules), [false, true, false]);
        let told: Vec<_> = std::iter::from_fn(|| events.try_recv().ok())
            .map(|event| (event.about.resource.name().to_string(), event.reason.into_owned(), event.note))
            .collect();
        let large = "the object cannot be read: it takes up to 136 MiB of memory to read, at most 32 are allowed; make the \
                     object smaller";
        let [(first, reason, note), (second, ..)] = &told[..] else { panic!("{told:?}") };
        assert_eq!([first, reason, note], ["large", "TriggerUnreadableObject", large]);
        assert_eq!(second, "malformed");
        shutdown.cancel();
    }
}
