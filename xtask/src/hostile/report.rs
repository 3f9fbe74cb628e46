//! The result as a table, and the verdict.

use std::collections::HashMap;
use std::fmt;
use std::time::{Duration, Instant};

use anyhow::Context;
use serde_json::Value;

use super::MEMORY;
use super::strangers::Counts;
use super::victim::{P99, Pushes};
use super::watch::Watch;
use crate::bench::process::Process;
use crate::memory::readable;
use crate::shipped::Shipped;

/// How long what was acknowledged may take to get its run after the attack.
const PATIENCE: Duration = Duration::from_mins(2);

/// Everything that was seen.
#[derive(Debug)]
pub(super) struct Report {
    watch: Watch,
    pushes: Pushes,
    strangers: Counts,
    deeds: Value,
    /// Acknowledged pushes of the victim without a run.
    lost: usize,
    /// Pushes of the victim with more than one.
    doubled: usize,
}

impl Report {
    /// Waits until every acknowledged push of the victim has its run, then ends the program.
    pub(super) async fn settle(
        watch: Watch,
        pushes: Pushes,
        strangers: Counts,
        deeds: Value,
        cluster: &mut Process,
        program: Shipped,
    ) -> anyhow::Result<Self> {
        let mut report = Self { watch, pushes, strangers, deeds, lost: 0, doubled: 0 };
        let deadline = Instant::now() + PATIENCE;
        loop {
            let answer = cluster.ask("runs")?;
            let runs: HashMap<_, _> =
                answer.as_object().context("the cluster does not list the runs")?.iter().collect();
            report.lost = report.pushes.acknowledged.iter().filter(|id| !runs.contains_key(id)).count();
            report.doubled = runs.values().filter(|count| count.as_u64() != Some(1)).count();
            let gone = report.watch.ended.is_some() || Instant::now() > deadline;
            if report.lost == 0 || gone {
                break;
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        drop(program);
        Ok(report)
    }

    /// What was demanded, and whether it holds.
    fn demands(&self) -> [(&'static str, bool); 7] {
        let Self { watch, pushes, .. } = self;
        [
            ("99 % of the victim's pushes within a second", pushes.sent() > 0 && pushes.latency(99) < P99),
            ("none of them refused", pushes.refused.is_empty()),
            ("a run for each of them", self.lost == 0),
            ("and never two", self.doubled == 0),
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
        let Self { watch, pushes, strangers, deeds, lost, doubled } = self;
        writeln!(f, "{:<32} {:>9} {:>9}", "objects of the hostile tenant", "accepted", "refused")?;
        for (shape, counts) in deeds["objects"].as_object().into_iter().flatten() {
            writeln!(f, "    {shape:<28} {:>9} {:>9}", counts[0].to_string(), counts[1].to_string())?;
        }
        writeln!(f, "requests of strangers, by response")?;
        for (manner, counts) in strangers {
            let name = |status: u16| if status == 0 { "none".to_owned() } else { status.to_string() };
            let counts: Vec<_> =
                counts.iter().map(|(status, count)| format!("{}: {count}", name(*status))).collect();
            writeln!(f, "    {manner:<28} {}", counts.join(", "))?;
        }
        write!(f, "{pushes}")?;
        writeln!(f, "{:<48} {lost:>9}", "… without a run")?;
        writeln!(f, "{:<48} {doubled:>9}", "… with more than one")?;
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
