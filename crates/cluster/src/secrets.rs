use std::collections::{BTreeMap, HashMap};
use std::future::ready;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use futures::FutureExt;
use futures::future::{BoxFuture, Shared, WeakShared};
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::api::GetParams;
use kube::core::Request;
use kube::{Client, Resource};
use serde::Deserialize;
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep_until};
use trigger_core::ObjectKey;
use trigger_runtime::{ExpiringMap, SecretData, SecretError, Secrets, error_chain};

use crate::api_server_error::is_absent;
use crate::client::Connection;
use crate::launch_gate::LaunchGate;
use crate::metrics::Metrics;
use crate::names;
use crate::sentence::words;

/// How many Secrets are read side by side: enough for a burst, too few to trouble an API server.
const SIDE_BY_SIDE: usize = 64;

/// How many of one namespace: a namespace whose Secrets hang leaves room for the others.
const SIDE_BY_SIDE_OF_ONE: usize = 8;

/// A sender waits about 10 s for its answer, and keeping the delivery may take half of that.
const READ_WITHIN: Duration = Duration::from_secs(4);

/// Reads of one Secret begin so far apart, at least. While many deliveries arrive for it, one read would follow the other
/// otherwise: 600 in a second, which took a quarter of the processor time of program and API server. Those that arrive
/// in between share the next read.
const APART: Duration = Duration::from_millis(5);

/// The Secrets of which it is remembered when they were last read. One that is forgotten is read at once.
const REMEMBERED: usize = 1024;

/// A Secret with more bytes takes long to read for its size, which its tenant chooses. Keys and tokens are shorter.
const ORDINARY: usize = 16 << 10;

type Answer = Result<Arc<SecretData>, SecretError>;
type Read = Shared<BoxFuture<'static, Answer>>;

/// Reads Secrets by GET when they are needed: never lists, never watches, keeps nothing.
///
/// Callers that want the same Secret while it is being read, or waits to be, share that read.
///
/// What a read returns is wiped when the last caller lets go. The buffers of the HTTP client, which it
/// passed through, are beyond our reach.
pub struct CoalescingSecretReader {
    client: Client,
    under_way: Arc<Mutex<HashMap<ObjectKey, WeakShared<BoxFuture<'static, Answer>>>>>,
    /// When the last reads begin.
    begins: ExpiringMap<ObjectKey, Instant>,
    room: Arc<Semaphore>,
    /// The room of each namespace whose Secrets are being read.
    turns: Arc<Mutex<HashMap<Arc<str>, Weak<Semaphore>>>>,
    metrics: Metrics,
    gate: LaunchGate,
}

/// Forgets a read that ends or is given up.
struct UnderWay {
    secret: ObjectKey,
    all: Arc<Mutex<HashMap<ObjectKey, WeakShared<BoxFuture<'static, Answer>>>>>,
}

impl CoalescingSecretReader {
    /// Reads over `connection`.
    pub fn new(connection: &Connection) -> Self {
        Self {
            client: connection.client.clone(),
            under_way: Arc::default(),
            begins: ExpiringMap::new(REMEMBERED),
            room: Arc::new(Semaphore::new(SIDE_BY_SIDE)),
            turns: Arc::default(),
            metrics: connection.metrics.clone(),
            gate: connection.gate.clone(),
        }
    }

    /// The read of `secret` that is under way, or a new one.
    fn join(&self, secret: &ObjectKey) -> Read {
        let mut under_way = self.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(read) = under_way.get(secret).and_then(WeakShared::upgrade) {
            return read;
        }
        let (client, room, metrics) = (self.client.clone(), Arc::clone(&self.room), self.metrics.clone());
        let gate = self.gate.clone();
        let began = self.begin(secret);
        let secret = secret.clone();
        let key = secret.clone();
        let turn = self.turn(&secret.namespace);
        let done = UnderWay { secret: secret.clone(), all: Arc::clone(&self.under_way) };
        let read = async move {
            sleep_until(began).await;
            let read = async {
                match (turn.acquire().await, room.acquire().await) {
                    (Ok(_turn), Ok(_permit)) => measured(&gate, get(client, &secret)).await,
                    _ => Err(unavailable(&secret, "shutting down")),
                }
            };
            let answer = tokio::time::timeout(READ_WITHIN, read).await;
            let answer = answer
                .unwrap_or_else(|_| Err(unavailable(&secret, "the API server does not answer in time")));
            metrics.secret_read(&answer, began.elapsed().as_secs_f64());
            drop(done);
            answer
        };
        let read = read.boxed().shared();
        if let Some(weak) = read.downgrade() {
            under_way.insert(key, weak);
        }
        read
    }
}

impl CoalescingSecretReader {
    /// When the next read of a Secret begins.
    fn begin(&self, secret: &ObjectKey) -> Instant {
        let now = Instant::now();
        let begin = self.begins.get(secret, now).map_or(now, |last| now.max(last + APART));
        self.begins.insert(secret.clone(), begin, begin - now + APART, now);
        begin
    }

    /// The room of a namespace. It exists as long as a read of the namespace is under way.
    fn turn(&self, namespace: &Arc<str>) -> Arc<Semaphore> {
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(turn) = turns.get(namespace).and_then(Weak::upgrade) {
            return turn;
        }
        turns.retain(|_, turn| turn.strong_count() > 0);
        let turn = Arc::new(Semaphore::new(SIDE_BY_SIDE_OF_ONE));
        turns.insert(Arc::clone(namespace), Arc::downgrade(&turn));
        turn
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.all.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.secret);
    }
}

impl Secrets for CoalescingSecretReader {
    fn read<'a>(&'a self, secret: &'a ObjectKey) -> BoxFuture<'a, Answer> {
        if !names::is_possible(secret) {
            return ready(Err(SecretError::Impossible(secret.clone()))).boxed();
        }
        self.join(secret).boxed()
    }
}

/// Has launches follow the time that the API server takes. A read that is given up took at least as long as it was waited
/// for. That of a large Secret is no measure.
async fn measured(gate: &LaunchGate, read: impl Future<Output = Answer>) -> Answer {
    let mut took = Took { gate, began: Instant::now(), counts: true };
    let answer = read.await;
    took.counts = answer.as_ref().map_or(true, |data| data.bytes() <= ORDINARY);
    drop(took);
    answer
}

struct Took<'a> {
    gate: &'a LaunchGate,
    began: Instant,
    counts: bool,
}

impl Drop for Took<'_> {
    fn drop(&mut self) {
        if self.counts {
            self.gate.read_took(self.began.elapsed());
        }
    }
}

/// What is wanted of a Secret. Its metadata is longer than its data, and reading it takes longer.
#[derive(Deserialize)]
struct DataOnly {
    data: Option<BTreeMap<String, ByteString>>,
}

async fn get(client: Client, key: &ObjectKey) -> Answer {
    let request = Request::new(Secret::url_path(&(), Some(&key.namespace)));
    let request = request.get(&key.name, &GetParams::default());
    let request = request.map_err(|error| unavailable(key, &error_chain(&error)))?;
    let secret: DataOnly = client.request(request).await.map_err(|error| fault(key, &error))?;
    let data = secret.data.unwrap_or_default().into_iter().map(|(name, value)| (name, value.0));
    Ok(Arc::new(SecretData::new(data)))
}

fn fault(key: &ObjectKey, error: &kube::Error) -> SecretError {
    match error {
        error if is_absent(error) => SecretError::Missing(key.clone()),
        kube::Error::Api(status) if status.code == 403 => SecretError::Forbidden(key.clone()),
        // The server's words about a failure could repeat what was asked for, never what is in it.
        kube::Error::Api(status) => unavailable(key, &format!("the API server answered {}", status.code)),
        kube::Error::SerdeError(_) => unavailable(key, "the answer is no Secret"),
        other => unavailable(key, &words(other)),
    }
}

fn unavailable(key: &ObjectKey, reason: &str) -> SecretError {
    SecretError::Unavailable { secret: key.clone(), reason: reason.to_owned() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::scripted_api::ScriptedApi;

    /// Reads a Secret with so many bytes, which takes so long.
    async fn read(gate: &LaunchGate, bytes: usize, takes: Duration) {
        let data = SecretData::new([("key".to_owned(), vec![b'x'; bytes])]);
        let read = async {
            tokio::time::sleep(takes).await;
            Ok(Arc::new(data))
        };
        measured(gate, read).await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_large_secret_does_not_make_the_api_server_seem_slow() {
        let gate = LaunchGate::new(Metrics::default());
        read(&gate, 40, Duration::from_millis(1)).await;
        read(&gate, 300_000, Duration::from_millis(200)).await;
        assert!(!gate.is_busy(Duration::ZERO));
        read(&gate, 40, Duration::from_millis(200)).await;
        assert!(gate.is_busy(Duration::ZERO));
    }

    #[tokio::test(start_paused = true)]
    async fn a_secret_that_is_wanted_all_the_time_is_read_now_and_then() {
        let api = ScriptedApi::new(|_| (200, json!({"data": {"key": "eA=="}})));
        let secrets = CoalescingSecretReader::new(&Connection::of(api.client()));
        let [wanted, other] = ["wanted", "other"].map(|name| ObjectKey::new("team-a", name));
        let began = Instant::now();
        secrets.read(&wanted).await.unwrap();
        assert_eq!(began.elapsed(), Duration::ZERO, "the first read begins at once");
        for _ in 0..20 {
            let all = futures::future::join_all((0..50).map(|_| secrets.read(&wanted))).await;
            assert!(all.iter().all(|read| read.as_ref().is_ok_and(|data| data.entry("key") == Some(b"x"))));
        }
        assert!((20 * APART..21 * APART).contains(&began.elapsed()), "{:?}", began.elapsed());
        assert_eq!(api.requests().len(), 21);
        let began = Instant::now();
        secrets.read(&other).await.unwrap();
        assert_eq!(began.elapsed(), Duration::ZERO, "of another Secret");
        tokio::time::advance(APART).await;
        let began = Instant::now();
        secrets.read(&wanted).await.unwrap();
        assert_eq!(began.elapsed(), Duration::ZERO, "the last read was long ago");
    }
}
