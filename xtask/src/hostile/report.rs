//! The result as a table, and the verdict.

use std::collections::HashMap;
use std::fmt;
use std::time::{Duration, Instant};

use anyhow::Context;
use serde_json::Value;

use super::MEMORY;
use super::strangers::Counts;
use super::victim::{Door, P99, Pushes};
use super::watch::Watch;
use crate::bench::process::Process;
use crate::memory::readable;
use crate::shipped::Shipped;

/// How long an acknowledged push may take to get its objects after the last push. The hostile tenant goes on meanwhile.
const PATIENCE: Duration = Duration::from_mins(2);

/// Everything that was seen.
#[derive(Debug)]
pub(super) struct Report {
    watch: Watch,
    pushes: Vec<Pushed>,
    strangers: Counts,
    deeds: Value,
}

/// The fate of the victim's pushes to a door.
#[derive(Debug)]
pub(super) struct Pushed {
    door: Door,
    pushes: Pushes,
    /// Acknowledged pushes without all of their objects.
    lost: usize,
    /// Pushes with more objects than they should have.
    doubled: usize,
}

impl Pushed {
    pub(super) fn new(door: Door, pushes: Pushes) -> Self {
        Self { door, pushes, lost: 0, doubled: 0 }
    }

    /// Looks at the objects that exist now, or existed.
    fn look(&mut self, cluster: &mut Process) -> anyhow::Result<()> {
        let answer = cluster.ask(self.door.question())?;
        let objects = answer.as_object().context("the cluster does not list the objects")?;
        let objects: HashMap<_, _> =
            objects.iter().map(|(id, count)| (id.as_str(), count.as_u64().unwrap_or_default())).collect();
        let wanted = self.door.objects();
        let has_all = |id: &&String| objects.get(id.as_str()).is_some_and(|count| *count >= wanted);
        self.lost = self.pushes.acknowledged.iter().filter(|id| !has_all(id)).count();
        self.doubled = objects.values().filter(|count| **count > wanted).count();
        Ok(())
    }
}

impl Report {
    /// Waits until every acknowledged push of the victim has its objects, then ends the program.
    pub(super) async fn settle(
        watch: Watch,
        pushes: Vec<Pushed>,
        strangers: Counts,
        deeds: Value,
        cluster: &mut Process,
        program: Shipped,
    ) -> anyhow::Result<Self> {
        let mut report = Self { watch, pushes, strangers, deeds };
        let deadline = Instant::now() + PATIENCE;
        loop {
            for pushed in &mut report.pushes {
                pushed.look(cluster)?;
            }
            let gone = report.watch.ended.is_some() || Instant::now() > deadline;
            if report.lost() == 0 || gone {
                break;
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        drop(program);
        Ok(report)
    }

    fn lost(&self) -> usize {
        self.pushes.iter().map(|pushed| pushed.lost).sum()
    }

    /// What was demanded, and whether it holds.
    fn demands(&self) -> [(&'static str, bool); 7] {
        let Self { watch, pushes, .. } = self;
        let in_time = |Pushed { pushes, .. }: &Pushed| pushes.sent() > 0 && pushes.latency(99) < P99;
        [
            ("99 % of the victim's pushes within a second", pushes.iter().all(in_time)),
            ("none of them refused", pushes.iter().all(|pushed| pushed.pushes.refused.is_empty())),
            ("all objects for each of them", self.lost() == 0),
            ("and never twice", pushes.iter().all(|pushed| pushed.doubled == 0)),
            ("no end and no restart of the program", watch.ended.is_none() && !watch.restarted),
            ("no process killed for its memory", watch.oom_kills == 0),
            ("resident memory below the limit", watch.resident < MEMORY),
        ]
    }

    pub(super) fn is_good(&self) -> bool {
        self.demands().iter().all(|(_, holds)| *holds)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { watch, pushes, strangers, deeds } = self;
        writeln!(f, "{:<32} {:>9} {:>9}", "objects of the hostile tenant", "accepted", "refused")?;
        for (shape, counts) in deeds["objects"].as_object().into_iter().flatten() {
            writeln!(f, "    {shape:<28} {:>9} {:>9}", counts[0].to_string(), counts[1].to_string())?;
        }
        writeln!(f, "events for its listeners, by response")?;
        for (shape, counts) in deeds["events"].as_object().into_iter().flatten() {
            let counts = counts.as_object().into_iter().flatten();
            responses(f, shape, counts.map(|(status, count)| (status.as_str(), count.to_string())))?;
        }
        writeln!(f, "requests of strangers, by response")?;
        for (manner, counts) in strangers {
            let counts: Vec<_> = counts.iter().map(|(status, count)| (status.to_string(), count)).collect();
            responses(f, manner, counts.iter().map(|(status, count)| (status.as_str(), count.to_string())))?;
        }
        for Pushed { door, pushes, lost, doubled } in pushes {
            pushes.write(door.pushes(), f)?;
            writeln!(f, "{:<48} {lost:>9}", "… without all of their objects")?;
            writeln!(f, "{:<48} {doubled:>9}", "… with more than these")?;
        }
        writeln!(f, "{:<48} {:>7} s", "the program served for", watch.lasted.as_secs())?;
        if let Some(status) = watch.ended {
            writeln!(f, "    and ended ({status}) while these objects existed: {}", deeds["now"])?;
        }
        writeln!(f, "{:<48} {:>9}", "processes killed for their memory", watch.oom_kills)?;
        writeln!(f, "{:<48} {:>9}", "resident memory at most", readable(watch.resident))?;
        writeln!(f, "{:<48} {:>9}", "anonymous memory at most", readable(watch.most_anonymous()))?;
        let tenths: Vec<_> = watch.anonymous_by_tenth().into_iter().map(readable).collect();
        writeln!(f, "    medians of the tenths of the time: {}", tenths.join(", "))?;
        writeln!(f, "{:<48} {:>9}", "memory with page cache at most", readable(watch.peak))?;
        writeln!(f, "{:<48} {:>9}", "probes", watch.probes)?;
        writeln!(f, "{:<48} {:>9}", "… that failed", watch.failed_probes)?;
        for (demand, holds) in self.demands() {
            writeln!(f, "{demand:<48} {:>9}", if holds { "yes" } else { "NO" })?;
        }
        Ok(())
    }
}

/// A line of the numbers of responses. The status 0 is for none.
fn responses<'a>(
    f: &mut fmt::Formatter<'_>,
    what: &str,
    counts: impl Iterator<Item = (&'a str, String)>,
) -> fmt::Result {
    let name = |status: &'a str| if status == "0" { "none" } else { status };
    let counts: Vec<_> = counts.map(|(status, count)| format!("{}: {count}", name(status))).collect();
    writeln!(f, "    {what:<28} {}", counts.join(", "))
}
