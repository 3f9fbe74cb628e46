use std::collections::HashSet;
use std::hash::{BuildHasher as _, RandomState};
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;

use tokio::task::JoinSet;
use trigger_core::DeliveryId;
use trigger_journal::{
    ClaimRequest, History as _, Intake as _, Queue as _, Settlement, SqliteJournal, State,
};

use crate::contract::LONG;
use crate::delivery::{push, verified};
use crate::{child, long_timeouts};

const KILLS: u64 = 30;

/// A process that appends and settles as fast as it can is killed (SIGKILL) at random times. Every append and
/// settlement that it had reported is in the file.
#[test]
fn nothing_acknowledged_is_lost_when_the_process_is_killed() {
    if let Some(journal) = child::journal() {
        return work_until_killed(&journal);
    }
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("journal.db");
    let (mut appended, mut settled) = (HashSet::new(), HashSet::new());
    for kill in 0..KILLS {
        let (mut newly_appended, mut newly_settled) = (HashSet::new(), HashSet::new());
        // Up to 400 lines: before, within and well after the first commits, in any phase of a later one.
        let lines = RandomState::new().hash_one(kill) % 400;
        run_and_kill(&path, lines, &mut newly_appended, &mut newly_settled);
        check(&path, &newly_appended, &newly_settled);
        appended.extend(newly_appended);
        settled.extend(newly_settled);
    }
    check(&path, &appended, &settled);
    assert!(appended.len() > 100 && settled.len() > 100, "{} and {}", appended.len(), settled.len());
}

fn run_and_kill(path: &Path, lines: u64, appended: &mut HashSet<String>, settled: &mut HashSet<String>) {
    let test = "crash::nothing_acknowledged_is_lost_when_the_process_is_killed";
    let mut child = child::command(test, path).stdout(Stdio::piped()).spawn().unwrap();
    let mut read = 0;
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        // Lines count that were written before the kill and are read after it.
        let line = line.unwrap();
        if let Some(id) = line.strip_prefix("appended ") {
            appended.insert(id.to_owned());
        } else if let Some(id) = line.strip_prefix("settled ") {
            settled.insert(id.to_owned());
        } else {
            continue;
        }
        read += 1;
        if read == lines + 1 {
            child.kill().unwrap();
        }
    }
    assert!(!child.wait().unwrap().success(), "it runs until it is killed");
}

fn check(path: &Path, appended: &HashSet<String>, settled: &HashSet<String>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let journal = SqliteJournal::open(path, long_timeouts()).unwrap();
    runtime.block_on(async {
        for id in appended {
            let id: DeliveryId = id.parse().unwrap();
            let found = journal.find(&id).await.unwrap();
            let found = found.unwrap_or_else(|| panic!("{id} was acknowledged and is lost"));
            assert!(!found.delivery.body.is_empty());
            let done = settled.contains(id.as_str());
            assert!(!done || found.state == State::Settled, "{id} was settled and is {:?}", found.state);
        }
    });
}

/// Eight tasks append and two settle. A line is one write, so a kill leaves no part of it.
#[allow(clippy::print_stdout, reason = "the lines are what the other process reads")]
fn work_until_killed(path: &Path) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let journal = Arc::new(SqliteJournal::open(path, long_timeouts()).unwrap());
    runtime.block_on(async {
        let mut tasks = JoinSet::new();
        for task in 0..8 {
            let journal = Arc::clone(&journal);
            tasks.spawn(async move {
                for n in 0.. {
                    let delivery = push(&format!("{}-{task}-{n}", std::process::id()), n);
                    let id = delivery.id.clone();
                    journal.append(verified(delivery)).await.unwrap();
                    println!("appended {id}");
                }
            });
        }
        for _ in 0..2 {
            let journal = Arc::clone(&journal);
            tasks.spawn(async move {
                loop {
                    for claimed in journal.claim(ClaimRequest::any(4, LONG)).await.unwrap() {
                        let id = claimed.token.id.clone();
                        journal.settle(claimed.token, Settlement::default()).await.unwrap();
                        println!("settled {id}");
                    }
                }
            });
        }
        tasks.join_all().await;
    });
}
