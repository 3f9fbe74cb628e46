use std::collections::HashMap;
use std::fmt;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use trigger_journal::{Address, State};

use super::senders::Sent;
use crate::bench::process::Process;

/// What was acknowledged, beside what became of it.
#[derive(Debug, Default)]
pub(super) struct Account {
    acknowledged: usize,
    /// Acknowledged deliveries that the journal does not hold as settled.
    not_settled: usize,
    /// Acknowledged deliveries that should have a run.
    due: usize,
    /// Of those, how many have none on the cluster.
    lost: usize,
    /// Deliveries with more than one run on the cluster.
    doubled: usize,
    /// Runs on the cluster in all.
    runs: usize,
}

/// Returns when the program has nothing left to work on.
pub(super) async fn worked_off(admin: u16, patience: Duration) -> anyhow::Result<()> {
    let deadline = Instant::now() + patience;
    loop {
        let metrics = reqwest::get(format!("http://127.0.0.1:{admin}/metrics")).await?.text().await?;
        let left = ["shipwright_trigger_deliveries_pending", "shipwright_trigger_deliveries_claimed"]
            .map(|name| gauge(&metrics, name));
        if left == [Some(0), Some(0)] {
            return Ok(());
        }
        ensure!(Instant::now() < deadline, "after {patience:?} there are deliveries left: {left:?}");
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

fn gauge(metrics: &str, name: &str) -> Option<u64> {
    let line = metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))?;
    line.trim().parse().ok()
}

/// Looks up every acknowledged delivery.
pub(super) async fn settle(sent: &Sent, journal: &Path, cluster: &mut Process) -> anyhow::Result<Account> {
    let mut account = Account { acknowledged: sent.acknowledged.len(), ..Account::default() };
    let journal = trigger_journal::open(&Address::Sqlite(journal.to_owned())).await?;
    let mut runs = HashMap::<String, usize>::new();
    let answer = cluster.ask("deliveries of runs")?;
    for id in answer.as_array().context("the cluster does not list the runs")? {
        *runs.entry(id.as_str().unwrap_or_default().to_owned()).or_default() += 1;
    }
    account.runs = runs.values().sum();
    account.doubled = runs.values().filter(|count| **count > 1).count();
    for (id, fires) in &sent.acknowledged {
        let record = journal.find(&id.parse()?).await?;
        account.not_settled += usize::from(record.is_none_or(|record| record.state != State::Settled));
        account.due += usize::from(*fires);
        account.lost += usize::from(*fires && !runs.contains_key(id));
    }
    journal.close().await;
    Ok(account)
}

impl Account {
    pub(super) fn is_even(&self) -> bool {
        self.not_settled == 0 && self.lost == 0 && self.doubled == 0 && self.runs == self.due
    }
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (what, count) in [
            ("acknowledged", self.acknowledged),
            ("… of which the journal has not as settled", self.not_settled),
            ("… of which should have a run", self.due),
            ("runs on the cluster", self.runs),
            ("lost", self.lost),
            ("doubled", self.doubled),
        ] {
            writeln!(f, "{what:<48} {count:>9}")?;
        }
        Ok(())
    }
}
