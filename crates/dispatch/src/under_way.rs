//! How many deliveries, and bytes of their bodies, are worked on at the same time, in all and by tenant.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;
use trigger_journal::ClaimedDelivery;

/// How many bytes of bodies are claimed at the same time: the largest body that a provider sends, and many ordinary ones.
/// The last delivery may exceed it.
pub(crate) const CLAIMED_BODIES: usize = 32 << 20;

/// A tenant whose deliveries hold so many bytes of bodies gets no further ones before one of them is done: a body stays
/// while a delivery waits for a Secret, which its tenant can make slow.
const CLAIMED_OF_TENANT: usize = CLAIMED_BODIES / 2;

/// So many bytes may still be claimed for other tenants while such deliveries fill [`CLAIMED_BODIES`], up to twice as
/// much in all.
const SPARE_BODIES: usize = CLAIMED_BODIES / 4;

/// The deliveries that are being worked on.
#[derive(Default)]
pub(crate) struct UnderWay {
    /// By tenant.
    held: Mutex<HashMap<Arc<str>, Held>>,
    /// Notified when one of them is done.
    pub(crate) done: Notify,
}

/// The deliveries of one tenant that are being worked on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Held {
    count: usize,
    /// The bytes of their bodies.
    bytes: u64,
}

/// Counts one delivery as being worked on, for as long as it is held.
pub(crate) struct InFlight {
    tenant: Arc<str>,
    bytes: u64,
    under_way: Arc<UnderWay>,
}

/// How many deliveries are claimed next while so many more may be worked on, and how many one tenant may have then, which
/// is `per_tenant` at most.
///
/// A few stay for tenants that have none: several tenants whose deliveries take long must not have all of them together. So
/// a tenant gets no further ones once it has three times as many as are left for others.
pub(crate) fn shares(free: usize, per_tenant: usize) -> (usize, usize) {
    let left = free.saturating_sub(1);
    let max = if left == 0 { free } else { free - (free / 4).max(1) };
    (max, per_tenant.min((3 * left).max(1)))
}

impl UnderWay {
    /// Counts a claimed delivery as one of its tenant.
    pub(crate) fn hold(this: &Arc<Self>, claimed: &ClaimedDelivery) -> InFlight {
        let (tenant, bytes) = (Arc::clone(&claimed.tenant), claimed.delivery.body.len() as u64);
        let mut held = this.held.lock().unwrap_or_else(PoisonError::into_inner);
        let of_tenant = held.entry(Arc::clone(&tenant)).or_default();
        of_tenant.count += 1;
        of_tenant.bytes += bytes;
        drop(held);
        InFlight { tenant, bytes, under_way: Arc::clone(this) }
    }

    /// How many deliveries each tenant has for the next claim, of `per_tenant` that it may have, and how many bytes of
    /// bodies may be claimed.
    pub(crate) fn room(&self, per_tenant: usize) -> (HashMap<Arc<str>, usize>, u64) {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let bytes: u64 = held.values().map(|held| held.bytes).sum();
        let left = |most: usize| (most as u64).saturating_sub(bytes);
        let count = |held: &Held| {
            if held.bytes >= CLAIMED_OF_TENANT as u64 { per_tenant.max(held.count) } else { held.count }
        };
        let counts = held.iter().map(|(tenant, held)| (Arc::clone(tenant), count(held))).collect();
        (counts, left(CLAIMED_BODIES).max(left(2 * CLAIMED_BODIES).min(SPARE_BODIES as u64)))
    }
}

impl InFlight {
    /// Counts the body of the delivery no longer.
    pub(crate) fn release_body(&mut self) {
        let bytes = std::mem::take(&mut self.bytes);
        if bytes == 0 {
            return;
        }
        let mut held = self.under_way.held.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(held) = held.get_mut(&self.tenant) {
            held.bytes = held.bytes.saturating_sub(bytes);
        }
        drop(held);
        self.under_way.done.notify_one();
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        let mut held = self.under_way.held.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(of_tenant) = held.get_mut(&self.tenant) {
            of_tenant.count = of_tenant.count.saturating_sub(1);
            of_tenant.bytes = of_tenant.bytes.saturating_sub(self.bytes);
            if of_tenant.count == 0 {
                held.remove(&self.tenant);
            }
        }
        drop(held);
        self.under_way.done.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use super::*;

    #[test]
    fn tenants_leave_deliveries_for_others_that_have_none() {
        for (free, expected) in
            [(0, (0, 1)), (1, (1, 1)), (2, (1, 3)), (4, (3, 9)), (8, (6, 21)), (9, (7, 24)), (32, (24, 24))]
        {
            assert_eq!(shares(free, 24), expected, "{free}");
        }
        // Tenants take all that they get, and the oldest of their deliveries is done.
        for tenants in 1..8 {
            let (mut held, mut under_way) = (vec![0; tenants], VecDeque::new());
            for step in 0..1000 {
                for (tenant, held) in held.iter_mut().enumerate() {
                    let (max, most) = shares(32 - under_way.len(), 24);
                    let more = max.min(most.saturating_sub(*held));
                    *held += more;
                    under_way.extend(std::iter::repeat_n(tenant, more));
                }
                assert!(step < 100 || under_way.len() < 32, "another tenant waits: {held:?}");
                held[under_way.pop_front().unwrap()] -= 1;
            }
        }
    }

    #[test]
    fn bodies_that_one_tenant_holds_leave_room_for_those_of_others() {
        const MIB: u64 = 1 << 20;
        let room = |held: &[(&str, Held)]| {
            let under_way = UnderWay::default();
            let held = held.iter().map(|(tenant, held)| (Arc::from(*tenant), *held));
            under_way.held.lock().unwrap().extend(held);
            let (counts, bytes) = under_way.room(24);
            let mut counts: Vec<_> =
                counts.into_iter().map(|(tenant, count)| (tenant.to_string(), count)).collect();
            counts.sort();
            (counts, bytes / MIB)
        };
        let held = |count, mib| Held { count, bytes: mib * MIB };
        let count = |tenant: &str, count| (tenant.to_owned(), count);
        assert_eq!(room(&[]), (vec![], 32));
        assert_eq!(room(&[("a", held(3, 1))]), (vec![count("a", 3)], 31));
        let two = [("a", held(2, 50)), ("b", held(1, 1))];
        assert_eq!(room(&two), (vec![count("a", 24), count("b", 1)], 8), "a has its share, b goes on");
        let all = [("a", held(2, 50)), ("b", held(1, 25))];
        assert_eq!(room(&all), (vec![count("a", 24), count("b", 24)], 0), "memory has an end");
    }
}
