use std::fmt::{self, Write as _};
use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex};

use rusqlite::Connection;
use tracing::field::Field;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};
use trigger_journal::sqlite::OpenError;
use trigger_journal::{
    AppendOutcome, ClaimRequest, History as _, Journal as _, Queue as _, Retention, SqliteJournal,
};

use crate::contract::{append, claim_one};
use crate::delivery::push;
use crate::{child, long_timeouts};

fn open(path: &Path) -> Result<SqliteJournal, OpenError> {
    SqliteJournal::open(path, long_timeouts())
}

/// Opens the file that `prepare` makes, which is rejected. Returns the error and its message.
fn rejected(prepare: impl FnOnce(&Path)) -> (OpenError, String) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("journal.db");
    prepare(&path);
    let before = fs::read(&path).ok();
    let error = open(&path).expect_err("the file is rejected");
    assert_eq!(fs::read(&path).ok(), before, "and unchanged");
    let text = error.to_string();
    assert!(text.contains(path.to_str().unwrap()), "{text} names the file");
    (error, text)
}

#[tokio::test]
async fn claims_end_when_the_file_is_opened_again() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("journal.db");
    let journal = open(&path).unwrap();
    append(&journal, &push("claimed", 0)).await;
    let hour = std::time::Duration::from_hours(1);
    let before = journal.claim(ClaimRequest::any(1, hour)).await.unwrap();
    journal.close().await;

    let journal = open(&path).unwrap();
    let claimed = claim_one(&journal).await;
    assert_eq!((&claimed.token.id, claimed.token.attempt), (&before[0].token.id, 2));
}

#[test]
fn a_second_process_is_locked_out_and_the_holder_is_named() {
    if let Some(journal) = child::journal() {
        assert_eq!(open(&journal).unwrap_err().to_string(), fs::read_to_string("/dev/stdin").unwrap());
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("journal.db");
    let journal = open(&path).unwrap();
    let error = open(&path).expect_err("not twice in one process either");
    let OpenError::Locked { holder, .. } = &error else { panic!("{error:?}") };
    assert_eq!(*holder, Some(std::process::id()));
    assert!(error.to_string().contains("stop it"), "{error}");

    let message = directory.path().join("message");
    fs::write(&message, error.to_string()).unwrap();
    let mut child = child::command("opening::a_second_process_is_locked_out_and_the_holder_is_named", &path);
    assert!(child.stdin(fs::File::open(message).unwrap()).status().unwrap().success());

    drop(journal);
    open(&path).expect("free again");
}

#[test]
fn a_schema_of_a_newer_version_is_rejected() {
    let (error, text) = rejected(|path| {
        drop(open(path).unwrap());
        Connection::open(path).unwrap().pragma_update(None, "user_version", 999).unwrap();
    });
    assert!(matches!(error, OpenError::Newer { found: 999, .. }), "{error:?}");
    assert!(text.contains("run the newer program"), "{text}");
}

/// The deliveries of the first schema are read and continued.
#[tokio::test]
async fn a_journal_of_the_first_schema_is_migrated() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("journal.db");
    let settled = push("settled", 0);
    let waiting = push("waiting", 1);
    let old = Connection::open(&path).unwrap();
    old.execute_batch(include_str!("../../src/sqlite/schema_1.sql")).unwrap();
    old.pragma_update(None, "application_id", 0x5348_5754).unwrap();
    old.pragma_update(None, "user_version", 1).unwrap();
    for (delivery, state, ready_at, settled_at) in
        [(&settled, "settled", None, Some(1)), (&waiting, "pending", Some(1), None)]
    {
        old.execute(
            "INSERT INTO deliveries (id, state, ready_at, settled_at, received_at, event, source, path, \
               headers, proof) VALUES (?1, ?2, ?3, ?4, 1, 'push', 'github', '/hooks/github', \
               '{\"v\":1,\"data\":[]}', '{\"v\":1,\"data\":{\"secrets\":[]}}')",
            (delivery.id.as_str(), state, ready_at, settled_at),
        )
        .unwrap();
        let body = (old.last_insert_rowid(), delivery.body.as_ref());
        old.execute("INSERT INTO bodies VALUES (?1, 'identity', ?2)", body).unwrap();
    }
    drop(old);

    let journal = open(&path).unwrap();
    assert_eq!(append(&journal, &settled).await, AppendOutcome::Settled);
    let claimed = claim_one(&journal).await;
    assert_eq!((&claimed.token.id, &claimed.delivery.body), (&waiting.id, &waiting.body));
    let old_enough = Retention { payloads: std::time::Duration::ZERO, ..Retention::default() };
    assert_eq!(journal.prune(old_enough).await.unwrap().payloads, 1);
}

#[test]
fn a_file_that_is_not_a_database_is_rejected() {
    let (error, text) = rejected(|path| fs::write(path, "kind: Build\n".repeat(1000)).unwrap());
    assert!(matches!(error, OpenError::NotAJournal { source: Some(_), .. }), "{error:?}");
    assert!(text.contains("move this one away"), "{text}");
}

#[test]
fn the_database_of_another_program_is_rejected() {
    let (error, _) = rejected(|path| {
        Connection::open(path)
            .unwrap()
            .execute_batch("PRAGMA journal_mode = wal; CREATE TABLE t (a)")
            .unwrap();
    });
    assert!(matches!(error, OpenError::NotAJournal { source: None, .. }), "{error:?}");
}

#[test]
fn a_damaged_journal_is_rejected() {
    let (error, text) = rejected(|path| {
        drop(open(path).unwrap());
        let mut bytes = fs::read(path).unwrap();
        // The first page behind its header of 100 bytes: the list of tables.
        bytes[100..4096].fill(0xa5);
        fs::write(path, bytes).unwrap();
    });
    assert!(matches!(error, OpenError::Damaged { .. }), "{error:?}");
    assert!(text.contains("restore a copy"), "{text}");
}

/// The log of the program: the messages of errors.
#[derive(Clone, Default)]
struct ErrorLog(Arc<Mutex<Vec<String>>>);

impl Subscriber for ErrorLog {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() == Level::ERROR
    }

    fn event(&self, event: &Event<'_>) {
        let mut text = String::new();
        event.record(&mut |field: &Field, value: &dyn fmt::Debug| {
            let _ = write!(text, "{field}={value:?} ");
        });
        self.0.lock().unwrap().push(text);
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

#[tokio::test]
async fn commits_that_a_damaged_log_loses_are_reported_when_it_is_opened() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("journal.db");
    let journal = open(&path).unwrap();
    for number in 0..20 {
        append(&journal, &push(&number.to_string(), 0)).await;
    }
    // As after a kill: the log is not moved into the file.
    let killed = tempfile::tempdir().unwrap();
    for name in ["journal.db", "journal.db-wal"] {
        fs::copy(directory.path().join(name), killed.path().join(name)).unwrap();
    }
    let log = killed.path().join("journal.db-wal");
    let mut bytes = fs::read(&log).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&log, bytes).unwrap();

    let errors = ErrorLog::default();
    let opened =
        tracing::subscriber::with_default(errors.clone(), || open(&killed.path().join("journal.db")));
    drop(opened.unwrap());
    let errors = errors.0.lock().unwrap();
    assert!(errors.iter().any(|error| error.contains("these commits are lost")), "{errors:?}");
}

#[test]
fn a_read_only_file_is_rejected() {
    let (error, text) = rejected(|path| {
        drop(open(path).unwrap());
        let mut permissions = fs::metadata(path).unwrap().permissions();
        permissions.set_readonly(true);
        fs::set_permissions(path, permissions).unwrap();
    });
    assert!(matches!(error, OpenError::ReadOnly { .. }), "{error:?}");
    assert!(text.contains("writable"), "{text}");
}

#[test]
fn a_missing_directory_is_not_created() {
    let directory = tempfile::tempdir().unwrap();
    let error = open(&directory.path().join("volume/journal.db")).expect_err("the volume is not mounted");
    assert!(matches!(error, OpenError::NoDirectory { .. }), "{error:?}");
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
}

#[test]
fn a_directory_in_place_of_the_file_is_rejected() {
    let (error, _) = rejected(|path| fs::create_dir(path).unwrap());
    assert!(matches!(error, OpenError::Io { .. }), "{error:?}");
}

#[cfg(unix)]
#[tokio::test]
async fn only_the_owner_may_read_the_files() {
    use std::os::unix::fs::PermissionsExt as _;
    let directory = tempfile::tempdir().unwrap();
    let journal = open(&directory.path().join("journal.db")).unwrap();
    append(&journal, &push("a", 0)).await;
    let mut names = Vec::new();
    for entry in fs::read_dir(directory.path()).unwrap() {
        let entry = entry.unwrap();
        assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{entry:?}");
        names.push(entry.file_name().into_string().unwrap());
    }
    names.sort();
    assert_eq!(
        names,
        ["journal.db", "journal.db-shm", "journal.db-wal", "journal.db.lock", "journal.db.reserve"]
    );
}

#[cfg(unix)]
#[test]
fn links_do_not_lead_around_the_lock() {
    let directory = tempfile::tempdir().unwrap();
    let [path, link, hard] = ["journal.db", "link.db", "hard.db"].map(|name| directory.path().join(name));
    let journal = open(&path).unwrap();
    std::os::unix::fs::symlink(&path, &link).unwrap();
    let error = open(&link).unwrap_err();
    assert!(matches!(error, OpenError::Locked { .. }), "{error:?}");
    fs::remove_file(directory.path().join("journal.db.lock")).unwrap();
    let error = open(&path).unwrap_err();
    assert!(matches!(error, OpenError::Locked { .. }), "the journal's own file is locked too: {error:?}");
    drop(journal);
    let journal = open(&link).unwrap();
    assert_eq!(journal.path(), fs::canonicalize(&path).unwrap());
    drop(journal);
    fs::hard_link(&path, &hard).unwrap();
    for name in [&path, &hard] {
        let error = open(name).unwrap_err();
        assert!(matches!(error, OpenError::Linked { links: 2, .. }), "{error:?}");
    }
}

#[tokio::test]
async fn closing_leaves_everything_in_one_file() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("journal.db");
    let journal = open(&path).unwrap();
    append(&journal, &push("a", 0)).await;
    journal.find(&push("a", 0).id).await.unwrap();
    journal.close().await;
    let moved = directory.path().join("moved.db");
    fs::copy(&path, &moved).unwrap();
    assert_eq!(claim_one(&open(&moved).unwrap()).await.token.id, push("a", 0).id);
}

#[test]
fn dropping_completes_earlier_calls() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("journal.db");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let journal = open(&path).unwrap();
    runtime.block_on(async {
        for n in 0..100 {
            append(&journal, &push(&n.to_string(), n)).await;
        }
    });
    drop(journal);
    let journal = open(&path).unwrap();
    assert_eq!(runtime.block_on(journal.stats()).unwrap().pending, 100);
}
