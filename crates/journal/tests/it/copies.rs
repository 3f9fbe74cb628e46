//! Copies of a journal, and checks for damage, beside a program that has it open.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use trigger_journal::sqlite::{BackupError, CheckError, backup, check};
use trigger_journal::{Intake as _, Journal as _, SqliteJournal};

use crate::contract::append;
use crate::delivery::{push, verified};
use crate::long_timeouts;

fn open(path: &Path) -> SqliteJournal {
    SqliteJournal::open(path, long_timeouts()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_holds_what_was_acknowledged_before_it_while_deliveries_arrive() {
    let directory = tempfile::tempdir().unwrap();
    let (path, copy) = (directory.path().join("journal.db"), directory.path().join("copy.db"));
    let journal = open(&path);
    for number in 0..50 {
        append(&journal, &push(&format!("before-{number}"), number)).await;
    }
    let arriving = async {
        for number in 0..200 {
            journal.append(verified(push(&format!("during-{number}"), number))).await.unwrap();
        }
    };
    let (from, to) = (path.clone(), copy.clone());
    let copying = tokio::task::spawn_blocking(move || backup(&from, &to).unwrap());
    let ((), copied) = tokio::join!(arriving, copying);
    let copied = copied.unwrap();
    assert!((50..=250).contains(&copied.deliveries), "{copied:?}");
    assert_eq!(copied.deliveries, copied.unsettled);
    assert_eq!(fs::metadata(&copy).unwrap().permissions().mode() & 0o777, 0o600, "for its owner only");
    assert_eq!(check(&path).unwrap().deliveries, 250);
    journal.close().await;

    let restored = open(&copy);
    for number in 0..50 {
        let delivery = push(&format!("before-{number}"), number);
        let found = trigger_journal::History::find(&restored, &delivery.id).await.unwrap().unwrap();
        assert_eq!(found.delivery.body, delivery.body);
    }
}

#[test]
fn a_copy_overwrites_nothing_and_leaves_nothing_behind_after_an_error() {
    let directory = tempfile::tempdir().unwrap();
    let names = || {
        let names = fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap().file_name());
        let mut names: Vec<_> = names.map(|name| name.into_string().unwrap()).collect();
        // SQLite leaves an empty log beside a journal that only a reader had open.
        names.retain(|name| !name.starts_with("journal.db-"));
        names.sort();
        names
    };
    let path = directory.path().join("journal.db");
    drop(open(&path));
    let other = directory.path().join("other");
    fs::write(&other, "kept").unwrap();
    let before = names();
    assert!(matches!(backup(&path, &other), Err(BackupError::Exists { .. })));
    assert_eq!(fs::read(&other).unwrap(), b"kept");
    // A directory is in the way of the partial copy.
    let blocked = directory.path().join("copy.db");
    fs::create_dir(directory.path().join("copy.db.partial")).unwrap();
    assert!(matches!(backup(&path, &blocked), Err(BackupError::Io { .. })));
    fs::remove_dir(directory.path().join("copy.db.partial")).unwrap();
    let missing = directory.path().join("missing/copy.db");
    assert!(matches!(backup(&path, &missing), Err(BackupError::Io { .. })));
    assert_eq!(names(), before);
    backup(&path, &blocked).unwrap();
}

#[tokio::test]
async fn damage_is_found_and_other_files_are_no_journals() {
    let directory = tempfile::tempdir().unwrap();
    let file = |name: &str| directory.path().join(name);
    let journal = open(&file("journal.db"));
    for number in 0..200 {
        append(&journal, &push(&format!("{number}{}", "x".repeat(2000)), number)).await;
    }
    journal.close().await;
    drop(journal);
    assert_eq!(check(&file("journal.db")).unwrap().deliveries, 200);

    let mut bytes = fs::read(file("journal.db")).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle..middle + 20_000].fill(0xff);
    fs::write(file("damaged.db"), bytes).unwrap();
    let error = check(&file("damaged.db")).unwrap_err();
    assert!(matches!(&error, CheckError::Damaged { problems, .. } if !problems.is_empty()), "{error:?}");
    assert!(error.to_string().contains("restore a backup"), "{error}");
    assert!(backup(&file("damaged.db"), &file("copy.db")).is_err());
    assert!(!file("copy.db").exists());

    fs::write(file("empty.db"), "").unwrap();
    fs::write(file("text.db"), "kind: Build\n".repeat(1000)).unwrap();
    for (name, part) in [
        ("empty.db", "is not a journal of this program"),
        ("text.db", "is not a journal of this program"),
        ("missing.db", "does not exist: name the file with --journal"),
    ] {
        let error = check(&file(name)).unwrap_err().to_string();
        assert!(error.contains(part), "{name}: {error}");
    }
    assert!(!file("missing.db").exists(), "nothing is created");
}
