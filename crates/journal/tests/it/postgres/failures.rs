use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use futures::FutureExt as _;
use futures::future::join_all;
use tokio::task::JoinSet;
use trigger_core::Delivery;
use trigger_journal::{
    AppendOutcome, ClaimRequest, History as _, Intake as _, JournalError, PostgresJournal, Query, Queue as _,
    State,
};

use super::{database, long_timeouts, meddle, open, server};
use crate::contract::{LONG, append, claim_all, claim_one};
use crate::delivery::{push, verified};

async fn try_append(journal: &PostgresJournal, delivery: Delivery) -> Result<AppendOutcome, JournalError> {
    journal.append(verified(delivery)).await
}

fn reason(error: &JournalError) -> &str {
    match error {
        JournalError::Unavailable { reason, .. } => reason,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_when_the_server_restarts_or_crashes_under_load() {
    let Some((server, url)) = server() else { return };
    let journal = Arc::new(open(&url).await);
    let stop = Arc::new(AtomicBool::new(false));
    let (kept, refused) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let mut tasks = JoinSet::new();
    for task in 0..16 {
        let (journal, stop) = (Arc::clone(&journal), Arc::clone(&stop));
        let (kept, refused) = (Arc::clone(&kept), Arc::clone(&refused));
        tasks.spawn(async move {
            let mut ids = Vec::new();
            for n in 0.. {
                if stop.load(Ordering::SeqCst) {
                    break;
                }
                let delivery = push(&format!("{task}-{n}"), n);
                let id = delivery.id.clone();
                match try_append(&journal, delivery).await {
                    Ok(_) => {
                        ids.push(id);
                        kept.fetch_add(1, Ordering::SeqCst);
                    }
                    Err(error) => {
                        assert!(!reason(&error).contains("rejected a"), "{error:?}");
                        refused.fetch_add(1, Ordering::SeqCst);
                        tokio::task::yield_now().await;
                    }
                }
            }
            ids
        });
    }
    let more = |count: &AtomicU64| count.load(Ordering::SeqCst) + 100;
    let reach = |count: Arc<AtomicU64>, wanted: u64| async move {
        while count.load(Ordering::SeqCst) < wanted {
            tokio::task::yield_now().await;
        }
    };
    for crash in [false, true] {
        reach(Arc::clone(&kept), more(&kept)).await;
        if crash { server.kill() } else { server.stop() }.unwrap();
        reach(Arc::clone(&refused), more(&refused)).await;
        server.start_again().unwrap();
        // By itself, with the same journal.
        reach(Arc::clone(&kept), more(&kept)).await;
    }
    stop.store(true, Ordering::SeqCst);
    let ids: Vec<_> = tasks.join_all().await.into_iter().flatten().collect();
    for id in &ids {
        assert!(journal.find(id).await.unwrap().is_some(), "{id} was acknowledged and is lost");
    }
    assert!(ids.len() >= 400);
}

#[tokio::test]
async fn a_stopped_server_is_named_and_notifications_arrive_after_its_restart() {
    let Some((server, url)) = server() else { return };
    let (one, other) = (open(&url).await, open(&url).await);
    server.stop().unwrap();
    loop {
        let error = try_append(&one, push("a", 0)).await.unwrap_err();
        // A connection that is still open has the server's last message.
        if reason(&error) != "PostgreSQL is starting or shutting down" {
            assert_eq!(reason(&error), "PostgreSQL cannot be reached");
            break;
        }
    }
    let mut arrivals = other.arrivals();
    server.start_again().unwrap();
    // The listening connection is back. It wakes dispatchers, because notifications may have been missed.
    arrivals.changed().await.unwrap();
    arrivals.mark_unchanged();
    append(&one, &push("a", 0)).await;
    arrivals.changed().await.unwrap();
    claim_one(&other).await;
}

#[tokio::test]
async fn a_store_that_hangs_is_reported_within_the_timeout() {
    let Some(url) = database() else { return };
    append(&open(&url).await, &push("before", 0)).await;
    let mut options = long_timeouts();
    options.timeout = Duration::from_secs(2);
    // On a machine that is busy this may itself be late.
    let journal = loop {
        if let Ok(journal) = PostgresJournal::open(&url, options.clone()).await {
            break journal;
        }
    };
    let mut other = meddle(&url).await;
    let lock = other.transaction().await.unwrap();
    lock.batch_execute("LOCK TABLE deliveries IN ACCESS EXCLUSIVE MODE").await.unwrap();
    let began = Instant::now();
    let all = (0..100).map(|n| try_append(&journal, push(&n.to_string(), n)));
    for answer in join_all(all).await {
        assert!(reason(&answer.unwrap_err()).contains("too slow"));
    }
    let answer = journal.claim(ClaimRequest::any(1, LONG)).await;
    assert!(reason(&answer.unwrap_err()).contains("too slow"));
    let answer = journal.history(Query::default()).await;
    assert!(reason(&answer.unwrap_err()).contains("too slow"));
    // The lock is held all the time, so no answer had another reason.
    assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
    lock.rollback().await.unwrap();
    while try_append(&journal, push("after", 0)).await.is_err() {}
}

#[tokio::test]
async fn an_abandoned_call_leaves_nothing_on_its_connection() {
    let Some(url) = database() else { return };
    let mut options = long_timeouts();
    options.connections = 2;
    let journal = PostgresJournal::open(&url, options).await.unwrap();
    append(&journal, &push("a", 0)).await;
    for _ in 0..200 {
        // Each is dropped after its first poll.
        let _ = journal.claim(ClaimRequest::any(1, Duration::ZERO)).now_or_never();
        let _ = journal.reject(Vec::new()).now_or_never();
        let _ = journal.prune(trigger_journal::Retention::default()).now_or_never();
        tokio::task::yield_now().await;
    }
    journal.check().await.unwrap();
    assert!(claim_all(&journal).await.len() <= 1);
    let idle = "SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in transaction%' \
                AND datname = current_database()";
    let other = meddle(&url).await;
    while other.query_one(idle, &[]).await.unwrap().get::<_, i64>(0) > 0 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_server_that_became_read_only_is_reported_and_left() {
    let Some(url) = database() else { return };
    let journal = open(&url).await;
    append(&journal, &push("a", 0)).await;
    let other = meddle(&url).await;
    let name = url.rsplit('/').next().unwrap();
    // What a fail-over leaves: the sessions that there are write no more, and new ones do not either.
    let set = |to: &str| format!("ALTER DATABASE {name} SET default_transaction_read_only = {to}");
    other.batch_execute(&set("on")).await.unwrap();
    let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
               WHERE datname = current_database() AND pid <> pg_backend_pid()";
    other.execute(end, &[]).await.unwrap();
    loop {
        let error = journal.check().await.expect_err("nothing can be written");
        if reason(&error).contains("read-only") {
            break;
        }
        assert!(!reason(&error).contains("rejected a"), "{error:?}");
    }
    other.batch_execute("SET default_transaction_read_only = off").await.unwrap();
    other.batch_execute(&set("off")).await.unwrap();
    while try_append(&journal, push("b", 0)).await.is_err() {}
}

#[tokio::test]
async fn a_rejected_statement_fails_alone() {
    let Some(url) = database() else { return };
    let journal = open(&url).await;
    meddle(&url)
        .await
        .batch_execute(
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS \
               'BEGIN RAISE EXCEPTION ''no poison''; END'; \
             CREATE TRIGGER refuse BEFORE INSERT ON deliveries FOR EACH ROW \
               WHEN (NEW.event = 'poison') EXECUTE FUNCTION refuse()",
        )
        .await
        .unwrap();
    let all = (0..40).map(|n| {
        let event = if n % 8 == 3 { "poison" } else { "push" };
        let delivery = Delivery { event: event.to_owned(), ..push(&n.to_string(), n) };
        let journal = &journal;
        async move { (n, try_append(journal, delivery).await) }
    });
    for (n, answer) in join_all(all).await {
        let right = if n % 8 == 3 { answer.is_err() } else { matches!(answer, Ok(AppendOutcome::New)) };
        assert!(right, "{n}: {answer:?}");
    }
    assert_eq!(claim_all(&journal).await.len(), 35);
}

#[tokio::test]
async fn text_that_postgresql_cannot_store_is_replaced() {
    let Some(url) = database() else { return };
    let journal = open(&url).await;
    let sent = Delivery { event: "pu\0sh".to_owned(), ..push("a", 0) };
    append(&journal, &sent).await;
    let token = claim_one(&journal).await.token;
    journal.settle(token, crate::contract::failure("no\0thing")).await.unwrap();
    let found = journal.find(&sent.id).await.unwrap().unwrap();
    assert_eq!((found.state, found.error.as_deref()), (State::Failed, Some("no\u{fffd}thing")));
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
        let Some(url) = database() else { return };
        let (journal, other) = (open(&url).await, meddle(&url).await);
        append(&journal, &push("bad", 0)).await;
        other.batch_execute(statement).await.unwrap();
        append(&journal, &push("good", 1)).await;
        let claimed = claim_all(&journal).await;
        assert_eq!(claimed.len(), 1, "{statement}");
        assert_eq!(claimed[0].token.id, push("good", 1).id, "{statement}");

        let reopened = append(&journal, &push("bad", 2)).await;
        assert_eq!(reopened, AppendOutcome::Reopened, "{statement}: a redelivery repairs it");
        let found = journal.find(&push("bad", 2).id).await.unwrap().unwrap();
        assert!(found.error.is_some_and(|error| error.contains(column)), "{statement}");
        assert_eq!(claim_all(&journal).await[0].delivery.body, push("bad", 2).body, "{statement}");
    }
}

#[tokio::test]
async fn timestamps_at_both_ends_of_time_are_accepted() {
    let Some(url) = database() else { return };
    let journal = open(&url).await;
    append(&journal, &push("a", 0)).await;
    let token = claim_one(&journal).await.token;
    let busy = || crate::contract::failure("busy");
    journal.release(token, jiff::Timestamp::MIN, busy()).await.unwrap();
    let claimed = journal.claim(ClaimRequest::any(1, Duration::MAX)).await.unwrap().remove(0);
    journal.release(claimed.token, jiff::Timestamp::MAX, busy()).await.unwrap();
    assert!(claim_all(&journal).await.is_empty());
    assert_eq!(journal.stats().await.unwrap().pending, 1);
}
