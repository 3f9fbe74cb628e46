use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::Limits;

/// How soon to look again for a connection that can be closed, while all are being worked on.
const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// At most one warning that a port is full in this time.
const WARN_EVERY: Duration = Duration::from_mins(1);

/// The places of one port.
///
/// A new connection always gets a place if another can be closed for it: the one that has waited for its client longest.
/// So clients that hold connections cannot keep a genuine sender or a probe out, who need theirs for milliseconds. Places
/// that are reserved for some addresses would not do: probes come from the address of the node, which other pods may
/// share.
pub(super) struct Connections {
    most: usize,
    most_per_peer: usize,
    open: Mutex<Open>,
    freed: Notify,
}

#[derive(Default)]
struct Open {
    next: u64,
    connections: HashMap<u64, Held>,
    per_peer: HashMap<IpAddr, usize>,
    warned: Option<Instant>,
}

struct Held {
    peer: IpAddr,
    activity: Arc<Activity>,
    close: CancellationToken,
}

/// The place of an open connection, which is free again when this is dropped.
pub(super) struct Place {
    number: u64,
    activity: Arc<Activity>,
    close: CancellationToken,
    connections: Arc<Connections>,
}

/// The step that a connection has reached, and whether the client makes it wait.
pub(super) struct Activity(Mutex<State>);

struct State {
    step: Step,
    since: Instant,
    /// Whether everything that the client had sent was read. Before, it waits for us: the connection is new, or others
    /// have their turn.
    all_read: bool,
    /// Since when the client takes in nothing of what is sent.
    blocked: Option<Instant>,
}

/// The steps of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// The client sends the head of a request, or is idle.
    Head,
    /// The client sends the body.
    Body,
    /// The request is worked on.
    Work,
    /// The response is sent, which may be a stream that lasts.
    Response,
}

/// Which connections are closed first for a new one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Order {
    /// The client makes it wait since then.
    Waiting(Instant),
    /// It is a stream since then. Its client connects again, as it does when the stream ends by itself.
    Stream(Instant),
}

impl Connections {
    pub(super) fn new(limits: &Limits) -> Arc<Self> {
        Arc::new(Self {
            most: limits.connections.max(1),
            most_per_peer: limits.connections_per_peer.max(1),
            open: Mutex::default(),
            freed: Notify::new(),
        })
    }

    /// A place for a connection from `address`. `None` if this peer has too many, all of which are being worked on.
    pub(super) async fn admit(self: &Arc<Self>, address: IpAddr) -> Option<Place> {
        let peer = peer(address);
        loop {
            {
                let mut open = self.lock();
                let of_peer = open.per_peer.get(&peer).copied().unwrap_or_default();
                let of_all = open.connections.len();
                if of_peer < self.most_per_peer && of_all < self.most {
                    return Some(self.place(&mut open, peer));
                }
                // The place of a closed connection is free at once: others wait to be accepted behind this one.
                if of_peer >= self.most_per_peer {
                    open.warn(&format!("{peer} has {of_peer} connections"));
                    if !open.close_one(Some(peer)) {
                        return None;
                    }
                    continue;
                }
                open.warn(&format!("all {of_all} connections of a port are in use"));
                if open.close_one(None) {
                    continue;
                }
            }
            let _ = tokio::time::timeout(LOOK_AGAIN, self.freed.notified()).await;
        }
    }

    fn place(self: &Arc<Self>, open: &mut Open, peer: IpAddr) -> Place {
        let (activity, close) = (Arc::new(Activity::new()), CancellationToken::new());
        let number = open.next;
        open.next += 1;
        *open.per_peer.entry(peer).or_default() += 1;
        let held = Held { peer, activity: Arc::clone(&activity), close: close.clone() };
        open.connections.insert(number, held);
        Place { number, activity, close, connections: Arc::clone(self) }
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Open {
    /// Closes one connection, of `peer` if it is given. Its place is free at once. False if none can be closed.
    fn close_one(&mut self, peer: Option<IpAddr>) -> bool {
        let of_peer = |held: &Held| peer.is_none_or(|peer| held.peer == peer);
        let candidates = self.connections.iter().filter(|(_, held)| of_peer(held));
        let ordered = candidates.filter_map(|(number, held)| Some((held.activity.order()?, *number)));
        let Some((_, number)) = ordered.min() else { return false };
        if let Some(held) = self.remove(number) {
            held.close.cancel();
        }
        true
    }

    fn remove(&mut self, number: u64) -> Option<Held> {
        let held = self.connections.remove(&number)?;
        if let Some(count) = self.per_peer.get_mut(&held.peer) {
            *count -= 1;
            if *count == 0 {
                self.per_peer.remove(&held.peer);
            }
        }
        Some(held)
    }

    fn warn(&mut self, reason: &str) {
        let now = Instant::now();
        if self.warned.is_none_or(|before| now.duration_since(before) >= WARN_EVERY) {
            self.warned = Some(now);
            warn!(reason, "connections that wait for their client are closed for new ones");
        }
    }
}

impl Place {
    pub(super) fn activity(&self) -> &Arc<Activity> {
        &self.activity
    }

    /// Returns when the connection has to be closed.
    pub(super) async fn closed(&self) {
        self.close.cancelled().await;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.connections.lock().remove(self.number);
        self.connections.freed.notify_one();
    }
}

impl Activity {
    pub(super) fn new() -> Self {
        Self(Mutex::new(State { step: Step::Head, since: Instant::now(), all_read: false, blocked: None }))
    }

    /// The connection has reached this step.
    pub(super) fn reach(&self, step: Step) {
        let mut state = self.lock();
        (state.step, state.since) = (step, Instant::now());
    }

    /// A read from the client found something, or nothing.
    pub(super) fn read(&self, something: bool) {
        self.lock().all_read = !something;
    }

    /// The client takes in nothing, since now if it did before.
    pub(super) fn block(&self) {
        self.lock().blocked.get_or_insert_with(Instant::now);
    }

    /// The client takes in what is sent.
    pub(super) fn unblock(&self) {
        self.lock().blocked = None;
    }

    /// `None` while the client waits for us: its request is worked on, or has not been read.
    fn order(&self) -> Option<Order> {
        let State { step, since, all_read, blocked } = *self.lock();
        match (blocked, step) {
            (Some(blocked), _) => Some(Order::Waiting(blocked)),
            (None, Step::Head | Step::Body) => all_read.then_some(Order::Waiting(since)),
            (None, Step::Response) => Some(Order::Stream(since)),
            (None, Step::Work) => None,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The peer that an address belongs to. One client has a whole IPv6 network of 64 bits.
fn peer(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64))),
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    fn connections(most: usize, per_peer: usize) -> Arc<Connections> {
        Connections::new(&Limits { connections: most, connections_per_peer: per_peer, ..Limits::default() })
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn is_closed(place: &Place) -> bool {
        place.closed().now_or_never().is_some()
    }

    /// A place for a connection whose client has sent nothing.
    async fn silent(connections: &Arc<Connections>, address: &str) -> Option<Place> {
        let place = connections.admit(ip(address)).await?;
        place.activity().read(false);
        Some(place)
    }

    async fn pass() {
        tokio::time::advance(Duration::from_secs(1)).await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_with_too_many_connections_takes_no_time_of_others() {
        let connections = connections(10, 2);
        let began = Instant::now();
        let mut places = Vec::new();
        for _ in 0..100 {
            places.push(silent(&connections, "192.0.2.1").await.unwrap());
        }
        assert_eq!(began.elapsed(), Duration::ZERO);
        assert_eq!(places.iter().filter(|place| !is_closed(place)).count(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn the_connection_that_waits_for_its_client_longest_makes_room() {
        let connections = connections(3, 3);
        let admit = || silent(&connections, "192.0.2.1");
        let working = admit().await.unwrap();
        working.activity().reach(Step::Work);
        pass().await;
        let blocked = admit().await.unwrap();
        blocked.activity().reach(Step::Response);
        blocked.activity().block();
        pass().await;
        let idle = admit().await.unwrap();
        pass().await;
        let mut rest = vec![admit().await.unwrap()];
        assert!(is_closed(&blocked) && !is_closed(&idle), "it waits longest, and is the oldest but one");
        rest.push(admit().await.unwrap());
        assert!(is_closed(&idle) && !is_closed(&rest[0]));
        assert!(!is_closed(&working), "its client waits for us");
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_makes_room_only_if_nothing_else_does() {
        let connections = connections(2, 2);
        let admit = || silent(&connections, "192.0.2.1");
        let stream = admit().await.unwrap();
        stream.activity().reach(Step::Response);
        pass().await;
        let idle = admit().await.unwrap();
        let new = admit().await.unwrap();
        assert!(is_closed(&idle) && !is_closed(&stream));
        new.activity().reach(Step::Work);
        let _newest = admit().await.unwrap();
        assert!(is_closed(&stream));
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_with_too_many_loses_its_own() {
        let connections = connections(10, 2);
        let other = silent(&connections, "192.0.2.1").await.unwrap();
        pass().await;
        // Addresses of one IPv6 network are one peer.
        let first = silent(&connections, "2001:db8::1").await.unwrap();
        pass().await;
        let second = silent(&connections, "2001:db8::2").await.unwrap();
        let elsewhere = silent(&connections, "2001:db8:0:1::1").await.unwrap();
        assert!(!is_closed(&first));
        second.activity().reach(Step::Work);
        let third = silent(&connections, "2001:db8::3").await.unwrap();
        assert!(is_closed(&first));
        third.activity().reach(Step::Work);
        assert!(silent(&connections, "2001:db8::4").await.is_none(), "all are being worked on");
        assert!(![&other, &second, &third, &elsewhere].into_iter().any(is_closed));
        drop(second);
        assert!(silent(&connections, "2001:db8::4").await.is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_whose_request_has_not_been_read_makes_no_room() {
        let connections = connections(2, 2);
        let unread = connections.admit(ip("192.0.2.1")).await.unwrap();
        pass().await;
        let read = silent(&connections, "192.0.2.1").await.unwrap();
        let _new = connections.admit(ip("192.0.2.1")).await.unwrap();
        assert!(is_closed(&read) && !is_closed(&unread), "its client waits for us");
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_waits_while_all_are_being_worked_on() {
        let connections = connections(1, 1);
        let first = silent(&connections, "192.0.2.1").await.unwrap();
        first.activity().reach(Step::Work);
        let mut waiting = std::pin::pin!(connections.admit(ip("192.0.2.2")));
        assert!(waiting.as_mut().now_or_never().is_none());
        drop(first);
        assert!(waiting.await.is_some());
    }
}
