//! Appends per second of the journal, beside the rate of the file system itself.
//!
//! `raw/N` writes N bodies to a plain file and calls `fdatasync` once: no journal that stores bodies on this file
//! system can be faster with N callers waiting. `append/N` is the journal with N callers, each of which waits for its
//! answer before the next call. `postgres/N` is the same with a PostgreSQL server, where one is installed. All run
//! together, because the speed of disks varies.
#![allow(missing_docs, reason = "criterion's macros make items without")]
#![allow(clippy::unwrap_used, reason = "a benchmark that cannot run fails by panicking")]

use std::fs::File;
use std::io::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use jiff::Timestamp;
use tempfile::TempDir;
use tokio::runtime::Runtime;
use trigger_core::{Credentials, Delivery, DeliveryId, ObjectKey, RepoId, Unsigned, Verified, Verifier};
use trigger_journal::sqlite::Options;
use trigger_journal::{AppendOutcome, Intake, Journal as _, PostgresJournal, SqliteJournal, postgres};

const BODY: usize = 8 << 10;
const CALLERS: [u64; 3] = [1, 16, 64];

fn raw(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("raw");
    group.throughput(Throughput::Elements(1)).measurement_time(Duration::from_secs(5)).sample_size(20);
    for callers in CALLERS {
        group.bench_function(callers.to_string(), |bencher| {
            let directory = directory();
            let mut file = File::create(directory.path().join("plain")).unwrap();
            let body = vec![b'x'; BODY];
            bencher.iter_custom(|count| {
                let start = Instant::now();
                for n in 1..=count {
                    file.write_all(&body).unwrap();
                    if n % callers == 0 || n == count {
                        file.sync_data().unwrap();
                    }
                }
                start.elapsed()
            });
        });
    }
}

fn append(criterion: &mut Criterion) {
    let runtime = Runtime::new().unwrap();
    let mut group = criterion.benchmark_group("append");
    group.throughput(Throughput::Elements(1)).measurement_time(Duration::from_secs(5)).sample_size(20);
    for callers in CALLERS {
        group.bench_function(callers.to_string(), |bencher| {
            let directory = directory();
            let path = directory.path().join("journal.db");
            let journal = Arc::new(SqliteJournal::open(path, Options::default()).unwrap());
            let mut used = 0;
            bencher.iter_custom(|count| {
                let deliveries: Vec<_> = (used..used + count).map(delivery).collect();
                used += count;
                runtime.block_on(append_all(&journal, deliveries, callers))
            });
        });
    }
}

fn append_to_postgres(criterion: &mut Criterion) {
    let Some(server) = trigger_testkit::postgres::shared() else { return };
    let runtime = Runtime::new().unwrap();
    let mut group = criterion.benchmark_group("postgres");
    group.throughput(Throughput::Elements(1)).measurement_time(Duration::from_secs(5)).sample_size(20);
    for callers in CALLERS {
        group.bench_function(callers.to_string(), |bencher| {
            let name =
                format!("of_{callers}_{}", DeliveryId::derive(&[&Timestamp::now().to_string().into_bytes()]));
            server.create_database(&name).unwrap();
            let url = server.url(&name);
            let journal = PostgresJournal::open(&url, postgres::Options::default());
            let journal = Arc::new(runtime.block_on(journal).unwrap());
            let mut used = 0;
            bencher.iter_custom(|count| {
                let deliveries: Vec<_> = (used..used + count).map(delivery).collect();
                used += count;
                runtime.block_on(append_all(&journal, deliveries, callers))
            });
            runtime.block_on(journal.close());
        });
    }
}

/// Appends everything with `callers` tasks. Returns the time from the first call to the last answer.
async fn append_all<J: Intake>(
    journal: &Arc<J>,
    mut deliveries: Vec<Verified<Delivery>>,
    callers: u64,
) -> Duration {
    let share = deliveries.len().div_ceil(usize::try_from(callers).unwrap()).max(1);
    let start = Instant::now();
    let mut tasks = tokio::task::JoinSet::new();
    while !deliveries.is_empty() {
        let part = deliveries.split_off(deliveries.len().saturating_sub(share));
        let journal = Arc::clone(journal);
        tasks.spawn(async move {
            for delivery in part {
                assert_eq!(journal.append(delivery).await.unwrap(), AppendOutcome::New);
            }
        });
    }
    tasks.join_all().await;
    start.elapsed()
}

/// A delivery with an id of its own. The bodies share their bytes, so making them is not measured.
fn delivery(n: u64) -> Verified<Delivery> {
    static MAX_BYTES: [u8; BODY] = [b'x'; BODY];
    let delivery = Delivery {
        id: DeliveryId::derive(&[&n.to_be_bytes()]),
        source: "github".into(),
        path: "/hooks/github".into(),
        provider_id: Some(format!("72d3162e-cc78-11e3-81ab-{n:012}")),
        event: "push".to_owned(),
        repository: RepoId::parse("https://github.com/acme/web").ok(),
        received_at: Timestamp::now(),
        headers: vec![("x-github-event".to_owned(), "push".to_owned())],
        body: Bytes::from_static(&MAX_BYTES),
        replay: None,
    };
    let mut verifier = Verifier::new(delivery, Credentials::none());
    verifier.without_entry(&ObjectKey::new("team-a", "hook"));
    verifier.finish(Unsigned::Operator).unwrap()
}

/// On the file system of the build directory: `/tmp` is memory on many machines.
fn directory() -> TempDir {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap()
}

criterion_group!(benches, raw, append, append_to_postgres);
criterion_main!(benches);
