use std::error::Error as _;

use futures::future::join_all;
use trigger_journal::postgres::{OpenError, Options};
use trigger_journal::{Intake as _, Journal as _, PostgresJournal, Queue as _};

use super::{database, long_timeouts, meddle, open};
use crate::contract::append;
use crate::delivery::push;

/// Opens a journal, which is rejected. Returns the error and its message with all causes.
async fn rejected(url: &str) -> (OpenError, String) {
    let error = PostgresJournal::open(url, long_timeouts()).await.expect_err("the journal is rejected");
    let mut text = format!("{error} ({error:?})");
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause} ({cause:?})");
        source = cause.source();
    }
    let password = url.split(['@', '/']).nth(2).and_then(|user| user.split_once(':')).map(|(_, word)| word);
    assert!(password.is_none_or(|password| !text.contains(password)), "{text} shows the password");
    (error, text)
}

#[tokio::test]
async fn replicas_that_start_together_migrate_once() {
    let Some(url) = database() else { return };
    let journals = join_all((0..8).map(|_| open(&url))).await;
    append(&journals[0], &push("a", 0)).await;
    assert_eq!(journals[7].stats().await.unwrap().pending, 1);
    let installed = meddle(&url).await.query("SELECT version FROM installed", &[]).await.unwrap();
    assert_eq!(installed.len(), 1);
}

#[tokio::test]
async fn a_schema_of_a_newer_version_is_rejected_and_unchanged() {
    let Some(url) = database() else { return };
    open(&url).await.close().await;
    let other = meddle(&url).await;
    other.execute("UPDATE installed SET version = 999", &[]).await.unwrap();
    let (error, text) = rejected(&url).await;
    assert!(matches!(error, OpenError::Newer { found: 999, .. }), "{text}");
    assert!(text.contains("run the newer program"), "{text}");
    let version: i32 = other.query_one("SELECT version FROM installed", &[]).await.unwrap().get(0);
    assert_eq!(version, 999);
}

#[tokio::test]
async fn the_schema_of_another_program_is_rejected() {
    for table in ["ship (name text)", "installed (name text)", "installed (program text, version integer)"] {
        let Some(url) = database() else { return };
        let other = meddle(&url).await;
        other.batch_execute("CREATE SCHEMA shipwright_trigger").await.unwrap();
        other.batch_execute(&format!("CREATE TABLE shipwright_trigger.{table}")).await.unwrap();
        let (error, text) = rejected(&url).await;
        assert!(matches!(error, OpenError::NotAJournal { .. }), "{table}: {text}");
        assert!(text.contains("rename the schema"), "{text}");
    }
}

#[tokio::test]
async fn a_schema_made_by_an_administrator_is_enough_and_a_missing_right_is_named() {
    let Some(url) = database() else { return };
    let other = meddle(&url).await;
    let role = url.rsplit('/').next().unwrap().replace("test", "role");
    let create = format!("CREATE ROLE {role} LOGIN PASSWORD 'long-and-secret'");
    other.batch_execute(&create).await.unwrap();
    let (_, place) = url.split_once('@').unwrap();
    let theirs = format!("postgres://{role}:long-and-secret@{place}");
    let (error, text) = rejected(&theirs).await;
    assert!(matches!(error, OpenError::NoRight { .. }), "{text}");
    assert!(text.contains("grant it CREATE"), "{text}");

    let create = format!("CREATE SCHEMA shipwright_trigger AUTHORIZATION {role}");
    other.batch_execute(&create).await.unwrap();
    append(&open(&theirs).await, &push("a", 0)).await;
    open(&theirs).await;
}

#[tokio::test]
async fn a_failed_login_has_its_reason() {
    let Some(url) = database() else { return };
    let (start, place) = url.split_once('@').unwrap();
    let user = start.rsplit_once(':').unwrap().0;
    let (error, text) = rejected(&format!("{user}:not-the-password@{place}")).await;
    assert!(matches!(error, OpenError::Login { .. }), "{text}");
    assert!(text.contains("PGPASSWORD"), "{text}");

    let (error, text) = rejected(&format!("{user}@{place}")).await;
    assert!(matches!(error, OpenError::Login { .. }), "no password at all: {text}");

    let (error, text) = rejected(&format!("{url}_of_nobody")).await;
    assert!(matches!(error, OpenError::NoDatabase { .. }), "{text}");
    assert!(text.contains("create it"), "{text}");

    let (error, text) = rejected("postgres://me:hunter2@127.0.0.1:1/x").await;
    assert!(matches!(error, OpenError::Unreachable { .. }), "{text}");
    assert!(text.contains("check that it runs"), "{text}");

    let (error, text) = rejected(&format!("{url}?sslmode=maybe")).await;
    assert!(matches!(error, OpenError::Address { .. }), "{text}");
}

#[tokio::test]
async fn the_password_of_the_environment_is_used() {
    let Some(url) = database() else { return };
    let (start, place) = url.split_once('@').unwrap();
    let (user, password) = start.rsplit_once(':').unwrap();
    let mut options = Options::default();
    options.password = Some(password.to_owned());
    assert!(!format!("{options:?}").contains(password));
    let journal = PostgresJournal::open(&format!("{user}@{place}"), options).await.unwrap();
    journal.check().await.unwrap();
}

#[tokio::test]
async fn a_server_that_accepts_no_writes_is_skipped() {
    let Some(url) = database() else { return };
    let other = meddle(&url).await;
    let name = url.rsplit('/').next().unwrap();
    let (credentials, place) = url.split_once('@').unwrap();
    let (host, _) = place.split_once('/').unwrap();
    // The first of the two hosts does not answer.
    let both = format!("{credentials}@127.0.0.1:1,{host}/{name}");
    open(&both).await.check().await.unwrap();

    let set = format!("ALTER DATABASE {name} SET default_transaction_read_only = on");
    other.batch_execute(&set).await.unwrap();
    let (error, text) = rejected(&both).await;
    assert!(matches!(error, OpenError::ReadOnly { .. }), "{text}");
    assert!(text.contains("name the primary"), "{text}");
}

#[tokio::test]
async fn commits_are_synchronous_whatever_the_server_is_set_to() {
    let Some(url) = database() else { return };
    let other = meddle(&url).await;
    let name = url.rsplit('/').next().unwrap();
    let set = format!("ALTER DATABASE {name} SET synchronous_commit = off");
    other.batch_execute(&set).await.unwrap();
    let journal = open(&url).await;
    // A trigger records the setting of the session that writes.
    other
        .batch_execute(
            "CREATE TABLE seen (setting text); \
             CREATE FUNCTION see() RETURNS trigger LANGUAGE plpgsql AS \
               'BEGIN INSERT INTO seen VALUES (current_setting(''synchronous_commit'')); RETURN NEW; END'; \
             CREATE TRIGGER see BEFORE INSERT ON deliveries FOR EACH ROW EXECUTE FUNCTION see()",
        )
        .await
        .unwrap();
    append(&journal, &push("a", 0)).await;
    let seen: String = other.query_one("SELECT setting FROM seen", &[]).await.unwrap().get(0);
    assert_eq!(seen, "on");
}
