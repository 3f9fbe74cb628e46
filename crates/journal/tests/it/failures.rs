use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use futures::future::join_all;
use rusqlite::Connection;
use tempfile::TempDir;
use trigger_core::Delivery;
use trigger_journal::{
    AppendOutcome, ClaimRequest, History as _, Intake as _, JournalError, Query, Queue as _, SqliteJournal,
    State,
};

use crate::contract::{LONG, append, claim_all};
use crate::delivery::{push, verified};
use crate::{child, long_timeouts};

/// A journal whose file another program writes too.
struct SharedFile {
    journal: SqliteJournal,
    other: Connection,
    _directory: TempDir,
}

impl SharedFile {
    fn with_timeouts(busy: Duration, timeout: Duration) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path: PathBuf = directory.path().join("journal.db");
        let mut options = long_timeouts();
        (options.busy_timeout, options.timeout, options.queue) = (busy, timeout, 4);
        let journal = SqliteJournal::open(&path, options).unwrap();
        Self { journal, other: Connection::open(path).unwrap(), _directory: directory }
    }

    fn new() -> Self {
        Self::with_timeouts(Duration::from_millis(10), Duration::from_mins(1))
    }

    fn execute(&self, statements: &str) {
        self.other.execute_batch(statements).unwrap();
    }
}

async fn try_append(journal: &SqliteJournal, delivery: Delivery) -> Result<AppendOutcome, JournalError> {
    journal.append(verified(delivery)).await
}

#[tokio::test]
async fn a_failed_commit_fails_all_its_calls_and_the_next_succeeds() {
    let shared = SharedFile::new();
    shared.execute("BEGIN IMMEDIATE");
    let all = (0..10).map(|n| try_append(&shared.journal, push(&n.to_string(), n)));
    for answer in join_all(all).await {
        assert!(matches!(answer, Err(JournalError::Unavailable { source: Some(_), .. })), "{answer:?}");
    }
    let read = shared.journal.history(Query::default()).await.unwrap();
    assert!(read.records.is_empty(), "reads continue, and find none of them");
    shared.execute("ROLLBACK");
    assert_eq!(append(&shared.journal, &push("0", 0)).await, AppendOutcome::New);
}

#[tokio::test]
async fn a_store_that_hangs_is_reported_within_the_timeout() {
    // The file stays locked while the callers wait, so no answer can arrive on a machine of any speed.
    let shared = SharedFile::with_timeouts(Duration::from_mins(10), Duration::from_millis(50));
    shared.execute("BEGIN IMMEDIATE");
    // The first call hangs. The later ones wait behind it.
    let first = try_append(&shared.journal, push("first", 0)).await;
    assert!(matches!(first, Err(JournalError::Unavailable { source: None, .. })), "{first:?}");
    tokio::time::sleep(Duration::from_millis(500)).await;
    // More than the queue holds: some wait in it and some outside.
    let all = (0..20).map(|n| try_append(&shared.journal, push(&n.to_string(), n)));
    for answer in join_all(all).await {
        assert!(matches!(answer, Err(JournalError::Unavailable { source: None, .. })), "{answer:?}");
    }
    shared.execute("ROLLBACK");
    while try_append(&shared.journal, push("later", 99)).await.is_err() {}
    // Calls that timed out were not run later, except the one that was being written.
    let kept = shared.journal.history(Query::default()).await.unwrap().records.len();
    assert!((1..=2).contains(&kept), "{kept}");
}

#[tokio::test(start_paused = true)]
async fn a_paused_clock_does_not_shorten_the_timeout() {
    let shared = SharedFile::new();
    for n in 0..20 {
        append(&shared.journal, &push(&n.to_string(), n)).await;
    }
    assert_eq!(claim_all(&shared.journal).await.len(), 20);
}

#[tokio::test]
async fn a_rejected_statement_fails_alone() {
    let shared = SharedFile::new();
    shared.execute(
        "CREATE TRIGGER refuse BEFORE INSERT ON deliveries WHEN NEW.event = 'poison' \
         BEGIN SELECT RAISE(ABORT, 'no poison'); END",
    );
    let all = (0..40).map(|n| {
        let event = if n % 8 == 3 { "poison" } else { "push" };
        let delivery = Delivery { event: event.to_owned(), ..push(&n.to_string(), n) };
        let journal = &shared.journal;
        async move { (n, try_append(journal, delivery).await) }
    });
    for (n, answer) in join_all(all).await {
        let right = if n % 8 == 3 { answer.is_err() } else { matches!(answer, Ok(AppendOutcome::New)) };
        assert!(right, "{n}: {answer:?}");
    }
    assert_eq!(claim_all(&shared.journal).await.len(), 35);
}

#[tokio::test]
async fn an_unreadable_delivery_fails_and_delays_no_other() {
    let broken = [
        ("verification", "UPDATE deliveries SET proof = '{\"v\":9,\"data\":0}'"),
        ("headers", "UPDATE deliveries SET headers = 'x'"),
        ("repository", "UPDATE deliveries SET repository = ''"),
        ("body", "UPDATE bodies SET encoding = 'rot13'"),
        ("body", "DELETE FROM bodies"),
    ];
    for (column, statement) in broken {
        let shared = SharedFile::new();
        append(&shared.journal, &push("bad", 0)).await;
        shared.execute(statement);
        append(&shared.journal, &push("good", 1)).await;
        let claimed = claim_all(&shared.journal).await;
        assert_eq!(claimed.len(), 1, "{statement}");
        assert_eq!(claimed[0].token.id, push("good", 1).id, "{statement}");

        let reopened = append(&shared.journal, &push("bad", 2)).await;
        assert_eq!(reopened, AppendOutcome::Reopened, "{statement}: a redelivery repairs it");
        let found = shared.journal.find(&push("bad", 2).id).await.unwrap().unwrap();
        assert!(found.error.is_some_and(|error| error.contains(column)), "{statement}");
        assert_eq!(claim_all(&shared.journal).await[0].delivery.body, push("bad", 2).body, "{statement}");
    }
}

#[tokio::test]
async fn an_unreadable_delivery_is_reported_as_corrupt() {
    for column in ["decisions", "launches", "facts"] {
        let shared = SharedFile::new();
        let sent = push("bad", 0);
        append(&shared.journal, &sent).await;
        shared.execute(&format!("UPDATE deliveries SET {column} = '{{\"v\":1,\"data\":7}}'"));
        let answer = shared.journal.find(&sent.id).await;
        let Err(JournalError::Corrupt { reason }) = answer else { panic!("{answer:?}") };
        assert!(reason.contains(sent.id.as_str()) && reason.contains(column), "{reason}");
    }
}

#[tokio::test]
async fn a_file_that_is_deleted_or_replaced_rejects_writes_until_it_is_back() {
    for replaced in ["journal.db", "journal.db-wal"] {
        let shared = SharedFile::new();
        let journal = &shared.journal;
        append(journal, &push("before", 0)).await;
        let (path, away) = (journal.path().with_file_name(replaced), journal.path().with_file_name("away"));
        let rejected = async || {
            let appended = try_append(journal, push("lost", 1)).await.unwrap_err().to_string();
            let checked = journal.check().await.unwrap_err().to_string();
            assert!(appended.contains("deleted or replaced") && checked == appended, "{appended} {checked}");
        };
        std::fs::rename(&path, &away).unwrap();
        rejected().await;
        std::fs::copy(&away, &path).unwrap();
        rejected().await;
        std::fs::rename(&away, &path).unwrap();
        assert_eq!(append(journal, &push("after", 2)).await, AppendOutcome::New);
        assert_eq!(claim_all(journal).await.len(), 2, "{replaced}");
    }
}

/// The process may not write files beyond a size, as on a full volume, until the limit is lifted.
#[cfg(target_os = "linux")]
#[test]
fn a_full_volume_rejects_writes_until_there_is_space() {
    let Some(path) = child::journal() else {
        let directory = tempfile::tempdir().unwrap();
        let child = child::command(
            "failures::a_full_volume_rejects_writes_until_there_is_space",
            &directory.path().join("journal.db"),
        );
        // Without the signal that goes with the limit, a write beyond it is an error like ENOSPC.
        let mut limited = Command::new("sh");
        limited.args(["-c", r#"trap "" XFSZ; ulimit -S -f 1024; exec "$0" "$@""#]).arg(child.get_program());
        limited.args(child.get_args());
        limited.envs(child.get_envs().filter_map(|(name, value)| Some((name, value?))));
        assert!(limited.status().unwrap().success());
        return;
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let journal = SqliteJournal::open(path, long_timeouts()).unwrap();
        let delivery = |n: i64| Delivery { body: vec![b'x'; 32 << 10].into(), ..push(&n.to_string(), n) };
        // The first failure makes space by moving the log into the main file. After a second one in a row no space is
        // left.
        let (mut kept, mut rejections) = (0, 0);
        while rejections < 2 {
            match try_append(&journal, delivery(kept)).await {
                Ok(_) => (kept, rejections) = (kept + 1, 0),
                Err(JournalError::Unavailable { source: Some(_), .. }) => rejections += 1,
                Err(error) => panic!("{error:?}"),
            }
        }
        let lifted = Command::new("prlimit")
            .args(["--fsize=unlimited", "--pid", &std::process::id().to_string()])
            .status();
        assert!(lifted.unwrap().success());
        try_append(&journal, delivery(kept)).await.unwrap();
        assert!(kept > 0);
        let pending = journal.claim(ClaimRequest::any(100_000, LONG)).await.unwrap();
        assert_eq!(pending.len(), usize::try_from(kept + 1).unwrap(), "nothing acknowledged is lost");
        let found = journal.find(&delivery(kept).id).await.unwrap().unwrap();
        assert_eq!(found.state, State::Claimed);
    });
}
