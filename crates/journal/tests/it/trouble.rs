use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use futures::future::join_all;
use rusqlite::Connection;
use tempfile::TempDir;
use trigger_core::Delivery;
use trigger_journal::{AppendOutcome, ClaimRequest, Journal as _, JournalError, Query, SqliteJournal, State};

use crate::contract::{LONG, append, claim_all};
use crate::delivery::{push, verified};
use crate::{child, patient};

/// A journal whose file somebody else meddles with.
struct Meddled {
    journal: SqliteJournal,
    other: Connection,
    _directory: TempDir,
}

impl Meddled {
    fn new(busy: Duration, patience: Duration) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path: PathBuf = directory.path().join("journal.db");
        let mut options = patient();
        (options.busy, options.patience, options.queue) = (busy, patience, 4);
        let journal = SqliteJournal::open(&path, options).unwrap();
        Self { journal, other: Connection::open(path).unwrap(), _directory: directory }
    }

    fn usual() -> Self {
        Self::new(Duration::from_millis(10), Duration::from_mins(1))
    }

    fn execute(&self, statements: &str) {
        self.other.execute_batch(statements).unwrap();
    }
}

async fn try_append(journal: &SqliteJournal, delivery: Delivery) -> Result<AppendOutcome, JournalError> {
    journal.append(verified(delivery)).await
}

#[tokio::test]
async fn a_commit_that_fails_is_told_to_all_who_wait_and_the_next_succeeds() {
    let meddled = Meddled::usual();
    meddled.execute("BEGIN IMMEDIATE");
    let all = (0..10).map(|n| try_append(&meddled.journal, push(&n.to_string(), n)));
    for answer in join_all(all).await {
        assert!(matches!(answer, Err(JournalError::Unavailable { source: Some(_), .. })), "{answer:?}");
    }
    let read = meddled.journal.history(Query::default()).await.unwrap();
    assert!(read.records.is_empty(), "reading goes on, and finds nothing of what was refused");
    meddled.execute("ROLLBACK");
    assert_eq!(append(&meddled.journal, &push("0", 0)).await, AppendOutcome::New);
}

#[tokio::test]
async fn a_store_that_hangs_is_reported_within_the_patience() {
    // Nothing frees the file while the callers wait, so whatever the machine's speed, no answer can come.
    let meddled = Meddled::new(Duration::from_mins(10), Duration::from_millis(50));
    meddled.execute("BEGIN IMMEDIATE");
    // The first is what hangs; a group is what waits when its writing begins.
    let first = try_append(&meddled.journal, push("first", 0)).await;
    assert!(matches!(first, Err(JournalError::Unavailable { source: None, .. })), "{first:?}");
    tokio::time::sleep(Duration::from_millis(500)).await;
    // More than the queue holds: some wait in it and some outside.
    let all = (0..20).map(|n| try_append(&meddled.journal, push(&n.to_string(), n)));
    for answer in join_all(all).await {
        assert!(matches!(answer, Err(JournalError::Unavailable { source: None, .. })), "{answer:?}");
    }
    meddled.execute("ROLLBACK");
    while try_append(&meddled.journal, push("later", 99)).await.is_err() {}
    // Those who gave up were not served in their absence, save for the one that was being written.
    let kept = meddled.journal.history(Query::default()).await.unwrap().records.len();
    assert!((1..=2).contains(&kept), "{kept}");
}

#[tokio::test(start_paused = true)]
async fn a_paused_clock_does_not_cut_the_patience_short() {
    let meddled = Meddled::usual();
    for n in 0..20 {
        append(&meddled.journal, &push(&n.to_string(), n)).await;
    }
    assert_eq!(claim_all(&meddled.journal).await.len(), 20);
}

#[tokio::test]
async fn a_statement_that_is_refused_fails_alone() {
    let meddled = Meddled::usual();
    meddled.execute(
        "CREATE TRIGGER refuse BEFORE INSERT ON deliveries WHEN NEW.event = 'poison' \
         BEGIN SELECT RAISE(ABORT, 'no poison'); END",
    );
    let all = (0..40).map(|n| {
        let event = if n % 8 == 3 { "poison" } else { "push" };
        let delivery = Delivery { event: event.to_owned(), ..push(&n.to_string(), n) };
        let journal = &meddled.journal;
        async move { (n, try_append(journal, delivery).await) }
    });
    for (n, answer) in join_all(all).await {
        let right = if n % 8 == 3 { answer.is_err() } else { matches!(answer, Ok(AppendOutcome::New)) };
        assert!(right, "{n}: {answer:?}");
    }
    assert_eq!(claim_all(&meddled.journal).await.len(), 35);
}

#[tokio::test]
async fn an_entry_that_cannot_be_read_fails_and_holds_up_nobody() {
    let broken = [
        ("proof", "UPDATE deliveries SET proof = '{\"v\":9,\"data\":0}'"),
        ("headers", "UPDATE deliveries SET headers = 'x'"),
        ("repository", "UPDATE deliveries SET repository = ''"),
        ("body", "UPDATE bodies SET encoding = 'rot13'"),
        ("body", "DELETE FROM bodies"),
    ];
    for (column, statement) in broken {
        let meddled = Meddled::usual();
        append(&meddled.journal, &push("bad", 0)).await;
        meddled.execute(statement);
        append(&meddled.journal, &push("good", 1)).await;
        let claimed = claim_all(&meddled.journal).await;
        assert_eq!(claimed.len(), 1, "{statement}");
        assert_eq!(claimed[0].ticket.id, push("good", 1).id, "{statement}");

        let reopened = append(&meddled.journal, &push("bad", 2)).await;
        assert_eq!(reopened, AppendOutcome::Reopened, "{statement}: sent again, it is whole again");
        let found = meddled.journal.find(&push("bad", 2).id).await.unwrap().unwrap();
        assert!(found.fault.is_some_and(|fault| fault.contains(column)), "{statement}");
        assert_eq!(claim_all(&meddled.journal).await[0].delivery.body, push("bad", 2).body, "{statement}");
    }
}

#[tokio::test]
async fn an_entry_that_cannot_be_read_is_reported_as_corrupt() {
    let meddled = Meddled::usual();
    let sent = push("bad", 0);
    append(&meddled.journal, &sent).await;
    meddled.execute("UPDATE deliveries SET decisions = '{\"v\":1,\"data\":7}'");
    let answer = meddled.journal.find(&sent.id).await;
    let Err(JournalError::Corrupt { reason }) = answer else { panic!("{answer:?}") };
    assert!(reason.contains(sent.id.as_str()) && reason.contains("decisions"), "{reason}");
}

/// The process may not write files beyond a size, as on a full volume, until the limit is lifted.
#[cfg(target_os = "linux")]
#[test]
fn a_full_volume_refuses_and_recovers_when_there_is_room_again() {
    let Some(path) = child::journal() else {
        let directory = tempfile::tempdir().unwrap();
        let child = child::command(
            "trouble::a_full_volume_refuses_and_recovers_when_there_is_room_again",
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
        let journal = SqliteJournal::open(path, patient()).unwrap();
        let delivery = |n: i64| Delivery { body: vec![b'x'; 32 << 10].into(), ..push(&n.to_string(), n) };
        // The first refusal makes room of its own, by moving the log into the main file; after a second one
        // in a row there is none left.
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
