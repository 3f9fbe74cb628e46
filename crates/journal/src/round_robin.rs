use std::collections::HashMap;
use std::sync::Arc;

/// The turns of tenants: the tenant whose last turn is longest ago is next.
///
/// Kept in memory only. After a restart every tenant counts as not served yet.
#[derive(Debug, Default)]
pub(crate) struct RoundRobin {
    /// Counts turns.
    turn: u64,
    last: HashMap<Arc<str>, u64>,
}

/// With more tenants than this, the turns are dropped and the round begins again.
const MOST_TENANTS: usize = 10_000;

impl RoundRobin {
    /// Distributes `max` claims over tenants, each with the time since which it waits. `room` is how many claims a
    /// tenant may take. The result is in the order of the turns and holds no zeros.
    pub(crate) fn share(
        &mut self,
        mut waiting: Vec<(Arc<str>, i64)>,
        max: usize,
        room: impl Fn(&str) -> usize,
    ) -> Vec<(Arc<str>, usize)> {
        waiting.sort_by_key(|(tenant, since)| (self.last.get(tenant).copied().unwrap_or(0), *since));
        let mut shares: Vec<_> = waiting
            .into_iter()
            .map(|(tenant, _)| {
                let room = room(&tenant);
                (tenant, 0, room)
            })
            .collect();
        let mut left = max;
        loop {
            let mut given = 0;
            for (_, share, _) in shares.iter_mut().filter(|(_, share, room)| share < room) {
                if given == left {
                    break;
                }
                *share += 1;
                given += 1;
            }
            left -= given;
            if given == 0 || left == 0 {
                break;
            }
        }
        shares
            .into_iter()
            .filter(|(_, share, _)| *share > 0)
            .map(|(tenant, share, _)| (tenant, share))
            .collect()
    }

    /// Records that this tenant had its turn.
    pub(crate) fn served(&mut self, tenant: &Arc<str>) {
        if self.last.len() >= MOST_TENANTS {
            self.last.clear();
        }
        self.turn += 1;
        self.last.insert(Arc::clone(tenant), self.turn);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(shares: &[(Arc<str>, usize)]) -> Vec<(&str, usize)> {
        shares.iter().map(|(tenant, share)| (tenant.as_ref(), *share)).collect()
    }

    fn waiting() -> Vec<(Arc<str>, i64)> {
        vec![("a".into(), 3), ("b".into(), 1), ("c".into(), 2)]
    }

    #[test]
    fn tenants_take_turns() {
        let mut turns = RoundRobin::default();
        assert_eq!(names(&turns.share(waiting(), 2, |_| 9)), [("b", 1), ("c", 1)], "the longest wait first");
        turns.served(&"b".into());
        turns.served(&"c".into());
        assert_eq!(names(&turns.share(waiting(), 2, |_| 9)), [("a", 1), ("b", 1)], "then the others");
        assert_eq!(names(&turns.share(waiting(), 7, |_| 9)), [("a", 3), ("b", 2), ("c", 2)]);
    }

    #[test]
    fn a_tenant_without_room_gets_no_claim() {
        let mut turns = RoundRobin::default();
        let room = |tenant: &str| usize::from(tenant != "b") * 2;
        assert_eq!(names(&turns.share(waiting(), 100, room)), [("c", 2), ("a", 2)]);
    }
}
