//! A journal that commit 356220d wrote is opened, read and continued by this version. See `tests/fixtures/README.md`.

mod continued;
mod expected;
mod read;

use rusqlite::Connection;

use crate::postgres::Postgres;
use crate::{Sqlite, Store};

macro_rules! on_both_stores {
    ($part:ident: [$($name:ident),* $(,)?]) => {
        mod $part {
            mod sqlite {$(
                #[tokio::test]
                async fn $name() {
                    $crate::upgrade::$part::$name(&mut $crate::upgrade::sqlite()).await;
                }
            )*}
            mod on_postgres {$(
                #[tokio::test]
                async fn $name() {
                    if let Some(mut store) = $crate::upgrade::postgres().await {
                        $crate::upgrade::$part::$name(&mut store).await;
                    }
                }
            )*}
        }
    };
}

mod tests {
    on_both_stores!(read: [
        every_delivery_reads_back,
        the_history_has_every_delivery_with_more_than_its_key,
        every_rejection_reads_back,
        watermarks_and_entries_read_back_and_can_be_written,
        the_queue_has_the_deliveries_that_were_not_settled,
    ]);
    on_both_stores!(continued: [
        every_due_delivery_is_claimed_once,
        a_claimed_delivery_is_settled_with_runs_of_any_kind,
        a_claimed_delivery_is_released_with_facts,
        a_replay_copies_a_delivery,
        a_request_that_made_a_replay_is_known,
        a_delivery_without_a_body_is_not_replayed,
        a_repetition_is_known_and_a_failed_delivery_is_reopened,
        retention_prunes_bodies_deliveries_and_keys,
    ]);
}

const SQLITE: &[u8] = include_bytes!("../../fixtures/journal-356220d.sqlite.zst");
const POSTGRES: &[u8] = include_bytes!("../../fixtures/journal-356220d.sql.zst");

fn unpacked(compressed: &[u8]) -> Vec<u8> {
    zstd::decode_all(compressed).unwrap()
}

/// The SQLite journal of 356220d, migrated.
fn sqlite() -> Sqlite {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("journal.db"), unpacked(SQLITE)).unwrap();
    Sqlite::open(directory)
}

/// The PostgreSQL journal of 356220d, migrated; `None` if PostgreSQL is not installed.
async fn postgres() -> Option<Postgres> {
    let url = crate::postgres::database()?;
    restore(&url).await;
    Some(Postgres::open(url).await)
}

async fn restore(url: &str) {
    let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    client.batch_execute(&String::from_utf8(unpacked(POSTGRES)).unwrap()).await.unwrap();
}

#[test]
fn a_file_keeps_its_rows_while_it_is_migrated() {
    let mut store = sqlite();
    let count = |path: &std::path::Path| -> (i64, i64, i64) {
        let file = Connection::open(path).unwrap();
        let one = |statement: &str| file.query_row(statement, [], |row| row.get(0)).unwrap();
        (
            one("SELECT count(*) FROM deliveries"),
            one("SELECT count(*) FROM bodies"),
            one("SELECT user_version FROM pragma_user_version"),
        )
    };
    assert_eq!(count(&store.path()), (39, 35, 7));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(store.reopen());
    assert_eq!(count(&store.path()), (39, 35, 7), "a second start changes nothing");
}

/// During an upgrade a replica of 356220d continues to use the tables that this version has migrated.
#[tokio::test]
async fn statements_of_the_version_before_work_on_the_migrated_tables() {
    let Some(url) = crate::postgres::database() else { return };
    restore(&url).await;
    let store = Postgres::open(url.clone()).await;
    let replica = crate::postgres::meddle(&url).await;
    let columns = "id, state, ready_at, received_at, event, repository, source, path, provider_id, headers, \
                   proof, tenant, size, replay_of, replay";
    let copied = replica
        .execute(
            &format!(
                "INSERT INTO deliveries ({columns}) SELECT 'aaaaaaaaaaaaaaaaaaaaaaaaaa', 'pending', 0, \
                   received_at, event, repository, source, path, provider_id, headers, proof, tenant, size, \
                   id, replay FROM deliveries WHERE id = $1"
            ),
            &[&expected::labelled("settled-fired").id()],
        )
        .await
        .unwrap();
    assert_eq!(copied, 1);
    let id = "aaaaaaaaaaaaaaaaaaaaaaaaaa".parse().unwrap();
    let found = store.journal().find(&id).await.unwrap().unwrap();
    assert!(found.facts.is_empty());
    assert_eq!(found.verification, expected::labelled("settled-fired").verification());
}
