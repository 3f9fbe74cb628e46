//! Walks through a world in which builds end as they like, people cancel and delete, and whoever carries the
//! steps out may see an old state, or die before or after any of them.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::{Value, json};
use trigger_tasks::{NamedBuild, ObservedRun, Step, Task, step};

use crate::scene::{at, custom_run, read, seen};

/// No request is under way for longer than this, in seconds.
const LONGEST_REQUEST: i64 = 60;

/// Whoever carries the steps out is never away for longer than this, in seconds.
const LONGEST_ABSENCE: i64 = 1800;

/// Something that happens in the world.
#[derive(Debug, Clone)]
enum Event {
    /// A step is taken, as of the task that a cache knows, which is so many versions old.
    Step { behind: usize },
    /// The builder goes on with the newest BuildRun, or ends it like this.
    Build(&'static str, &'static str),
    /// Somebody deletes the newest BuildRun.
    Delete,
    /// The API server carries out a request to create a BuildRun, which was long under way.
    Land,
    /// Tekton cancels the task.
    Cancel,
    /// Seconds pass.
    Pass(i64),
}

struct World {
    now: i64,
    /// When the last step was taken.
    stepped: i64,
    /// The task in every state that it has had.
    versions: Vec<Value>,
    /// The BuildRuns, by name, `None` if deleted.
    runs: BTreeMap<String, Option<Value>>,
    /// In the order of creation.
    created: Vec<String>,
    /// What the API server has been asked to create and has not yet, and when it was asked.
    under_way: Vec<(i64, Value)>,
}

impl World {
    fn new(retries: u64) -> Self {
        let spec = json!({"retries": retries, "timeout": "10m"});
        let versions = vec![custom_run(&json!({"spec": spec, "metadata": {"resourceVersion": "0"}}))];
        Self {
            now: 0,
            stepped: 0,
            versions,
            runs: BTreeMap::new(),
            created: Vec::new(),
            under_way: Vec::new(),
        }
    }

    fn latest(&self) -> &Value {
        self.versions.last().unwrap()
    }

    fn change(&mut self, patch: &Value) {
        let mut next = self.latest().clone();
        json_patch::merge(&mut next, patch);
        next["metadata"]["resourceVersion"] = self.versions.len().to_string().into();
        self.versions.push(next);
    }

    fn is_final(&self) -> bool {
        task(self.latest()).is_over()
    }

    /// What a controller does in one go that ends after the first change.
    fn step(&mut self, behind: usize) {
        self.stepped = self.now;
        let version = self.versions.len().saturating_sub(1 + behind);
        let known = task(&self.versions[version]);
        let name = known.run().name.to_string();
        let found = self.runs.get(&name).cloned().flatten();
        let seen = found.as_ref().map_or(ObservedRun::Absent, seen);
        match step(&known, &seen, at(self.now)) {
            Step::Write(write) => {
                let is_current = write.patch["metadata"]["resourceVersion"]
                    == self.latest()["metadata"]["resourceVersion"];
                if is_current {
                    assert!(!self.is_final(), "the end was not the end");
                    self.change(&write.patch);
                }
            }
            // The creator looks at the task anew before.
            Step::Create if known.resource_version == task(self.latest()).resource_version => {
                self.under_way.push((self.now, known.creation(&NamedBuild::default()).unwrap().object));
            }
            Step::Cancel(_, patch) | Step::Adopt(patch) => {
                if let Some(Some(run)) = self.runs.get_mut(&name) {
                    json_patch::merge(run, &patch);
                }
            }
            Step::Create | Step::Wait(_) | Step::Done | Step::Requeue => {}
        }
    }

    fn land(&mut self) {
        for (_, object) in std::mem::take(&mut self.under_way) {
            let name = object["metadata"]["name"].as_str().unwrap().to_owned();
            if !self.runs.contains_key(&name) {
                self.created.push(name.clone());
                self.runs.insert(name, Some(object));
            }
        }
    }

    fn newest(&mut self) -> Option<&mut Option<Value>> {
        self.runs.get_mut(self.created.last()?)
    }

    fn happen(&mut self, event: &Event) {
        match event {
            Event::Step { behind } => self.step(*behind),
            Event::Build(status, reason) => {
                if let Some(Some(run)) = self.newest()
                    && !is_ended(run)
                {
                    run["status"]["conditions"] =
                        json!([{"type": "Succeeded", "status": status, "reason": reason, "message": "m"}]);
                }
            }
            Event::Delete => {
                if let Some(run) = self.newest() {
                    *run = None;
                }
            }
            Event::Land => self.land(),
            Event::Cancel => self.change(&json!({"spec": {"status": "RunCancelled"}})),
            Event::Pass(seconds) => {
                let end = self.now + seconds;
                while self.now < end {
                    self.now = end.min(self.now + LONGEST_REQUEST);
                    if self.under_way.first().is_some_and(|(asked, _)| self.now - asked >= LONGEST_REQUEST) {
                        self.land();
                    }
                    if self.now - self.stepped >= LONGEST_ABSENCE {
                        self.step(0);
                    }
                }
            }
        }
    }
}

fn task(object: &Value) -> Task {
    read(object).unwrap()
}

fn is_ended(run: &Value) -> bool {
    matches!(run["status"]["conditions"][0]["status"].as_str(), Some("True" | "False"))
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        8 => (0..3_usize).prop_map(|behind| Event::Step { behind }),
        3 => prop_oneof![
            Just(Event::Build("Unknown", "Pending")),
            Just(Event::Build("Unknown", "Running")),
            Just(Event::Build("False", "Failed")),
            Just(Event::Build("False", "BuildRunTimeout")),
            Just(Event::Build("False", "BuildRunCanceled")),
            Just(Event::Build("False", "UndefinedParameter")),
            Just(Event::Build("True", "Succeeded")),
        ],
        4 => Just(Event::Land),
        1 => Just(Event::Delete),
        1 => Just(Event::Cancel),
        2 => (1..400_i64).prop_map(Event::Pass),
    ]
}

proptest! {
    #[test]
    fn every_walk_ends_in_a_final_condition_with_one_run_per_attempt(
        retries in 0..3_u64,
        events in proptest::collection::vec(event(), 0..60),
    ) {
        let mut world = World::new(retries);
        let mut ended = None;
        for event in &events {
            world.happen(event);
            let status = || world.latest()["status"].clone();
            if ended.is_none() && world.is_final() {
                ended = Some(status());
            }
            prop_assert!(ended.is_none() || ended == Some(status()), "a final status was changed");
        }
        // From now on nothing disturbs, and no build ever ends.
        let mut after_the_end = 0;
        for _ in 0..200 {
            world.land();
            world.step(0);
            world.now += 20;
            after_the_end += usize::from(world.is_final());
            if after_the_end > 2 {
                break;
            }
        }
        let status = &world.latest()["status"];
        prop_assert!(world.is_final(), "{status:#}");
        let attempts = 1 + status["retriesStatus"].as_array().map_or(0, Vec::len);
        prop_assert!(attempts <= 1 + usize::try_from(retries).unwrap());
        let mut names = world.created.clone();
        names.dedup();
        prop_assert!(names.len() <= attempts, "{names:?} {status:#}");
        for run in world.runs.values().flatten() {
            prop_assert!(is_ended(run) || run["spec"]["state"] == "BuildRunCanceled", "{run:#} {status:#}");
        }
    }
}
