use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep_until};
use trigger_egress::Url;

/// Limits the requests to each host: their rate, and the number of concurrent ones. Requests take turns in the order
/// of their arrival.
///
/// Every request passes here: those that redirects, tokens and further credentials cause, too.
#[derive(Debug)]
pub(super) struct HostTurns {
    /// The time between two requests to one host.
    spacing: Duration,
    hosts: Mutex<HashMap<Box<str>, Arc<Host>>>,
}

#[derive(Debug)]
struct Host {
    concurrent: Arc<Semaphore>,
    /// When the next request may be sent. Locked by the request whose turn it is.
    free_from: tokio::sync::Mutex<Instant>,
}

/// The turn of one request, which ends when this is dropped.
#[derive(Debug)]
pub(super) struct HostTurn {
    _concurrent: Option<OwnedSemaphorePermit>,
}

/// Concurrent requests to one host.
pub(crate) const MAX_CONCURRENT: usize = 4;
/// Hosts that are remembered; those without a request are dropped first.
pub(crate) const MAX_HOSTS: usize = 1024;
/// Requests take different times to arrive. With spacing this much longer, no second sees more than the rate.
const SLACK: f64 = 1.02;
/// The longest spacing: less than one request in an hour is none.
const MAX_SPACING: Duration = Duration::from_hours(1);

impl HostTurns {
    /// `rate` is in requests per second, to one host.
    pub(super) fn new(rate: f64) -> Self {
        let spacing = Duration::try_from_secs_f64(SLACK / rate).unwrap_or(MAX_SPACING).min(MAX_SPACING);
        Self { spacing, hosts: Mutex::default() }
    }

    /// Waits until a request to the host of `url` may be sent.
    pub(super) async fn take(&self, url: &Url) -> HostTurn {
        let host = self.host(url);
        // The semaphore is never closed.
        let permit = Arc::clone(&host.concurrent).acquire_owned().await.ok();
        let mut free_from = host.free_from.lock().await;
        sleep_until(*free_from).await;
        *free_from = Instant::now() + self.spacing;
        HostTurn { _concurrent: permit }
    }

    fn host(&self, url: &Url) -> Arc<Host> {
        let port = url.port_or_known_default().unwrap_or_default();
        let key = format!("{}:{port}", url.host_str().unwrap_or_default());
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(host) = hosts.get(key.as_str()) {
            return Arc::clone(host);
        }
        let now = Instant::now();
        if hosts.len() >= MAX_HOSTS {
            hosts.retain(|_, host| Arc::strong_count(host) > 1 || host.is_taken(now));
        }
        let concurrent = Arc::new(Semaphore::new(MAX_CONCURRENT));
        let host = Arc::new(Host { concurrent, free_from: tokio::sync::Mutex::new(now) });
        hosts.insert(key.into(), Arc::clone(&host));
        host
    }
}

impl Host {
    /// Whether forgetting it would lift its limits: a request runs, or was sent a moment ago.
    fn is_taken(&self, now: Instant) -> bool {
        self.concurrent.available_permits() < MAX_CONCURRENT
            || self.free_from.try_lock().map_or(true, |free_from| *free_from > now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(host: &str) -> Url {
        Url::parse(&format!("https://{host}/v2/")).unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn no_second_sees_more_requests_to_a_host_than_the_rate() {
        let turns = Arc::new(HostTurns::new(10.0));
        let start = Instant::now();
        let requests = (0..45).map(|n| {
            let turns = Arc::clone(&turns);
            let path = url(if n % 9 == 0 { "b.example" } else { "a.example" }).join(&n.to_string()).unwrap();
            async move {
                let _turn = turns.take(&path).await;
                (path.host_str().unwrap().to_owned(), start.elapsed())
            }
        });
        let sent = futures::future::join_all(requests).await;
        let of =
            |host: &str| sent.iter().filter(|(sent, _)| sent == host).map(|(_, at)| *at).collect::<Vec<_>>();
        let (a, b) = (of("a.example"), of("b.example"));
        assert_eq!((a.len(), b.len()), (40, 5));
        assert!(a.windows(11).all(|eleven| eleven[10] > eleven[0] + Duration::from_secs(1)), "{a:?}");
        assert!(b.iter().all(|at| *at < Duration::from_secs(1)), "another host has a rate of its own: {b:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_host_that_hangs_holds_as_many_turns_as_it_may_and_other_hosts_go_on() {
        let turns = HostTurns::new(1000.0);
        let mut held = Vec::new();
        for _ in 0..MAX_CONCURRENT {
            held.push(turns.take(&url("hanging.example")).await);
        }
        let hour = Duration::from_hours(1);
        assert!(tokio::time::timeout(hour, turns.take(&url("hanging.example"))).await.is_err());
        assert!(tokio::time::timeout(hour, turns.take(&url("hanging.example:8443"))).await.is_ok());
        held.pop();
        assert!(tokio::time::timeout(hour, turns.take(&url("hanging.example"))).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn hosts_without_requests_are_forgotten() {
        let turns = HostTurns::new(1000.0);
        let held = turns.take(&url("held.example")).await;
        for n in 0..3 * MAX_HOSTS {
            drop(turns.take(&url(&format!("host-{n}.example"))).await);
            tokio::time::advance(Duration::from_millis(2)).await;
        }
        let hosts = turns.hosts.lock().unwrap();
        assert!(hosts.len() <= MAX_HOSTS && hosts.contains_key("held.example:443"), "{}", hosts.len());
        drop(held);
    }

    #[test]
    fn no_rate_makes_it_panic() {
        for rate in [f64::MIN_POSITIVE, 0.0, -1.0, f64::NAN, f64::INFINITY, 1e300] {
            assert!(HostTurns::new(rate).spacing <= MAX_SPACING, "{rate}");
        }
    }
}
