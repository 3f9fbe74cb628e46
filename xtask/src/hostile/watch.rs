//! The program, looked at from outside: whether it runs, answers its probes, and keeps to its memory.

use std::net::{Ipv4Addr, SocketAddr};
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use trigger_testkit::memory_cgroup::MemoryCgroup;

use super::client;
use crate::process_usage::ProcessUsage;
use crate::shipped::Shipped;

/// Between two looks.
const LOOK: Duration = Duration::from_millis(500);
/// Timeout of the probe in the pod's manifest.
const PROBE: Duration = Duration::from_secs(5);
/// After so many probes in a row without success Kubernetes restarts a container.
const PROBES: u32 = 3;
/// The kubelet connects from the node.
const KUBELET: Ipv4Addr = Ipv4Addr::LOCALHOST;

/// What was seen.
#[derive(Debug, Default)]
pub(super) struct Watch {
    pub(super) lasted: Duration,
    /// The end of the program, if it came before ours.
    pub(super) ended: Option<ExitStatus>,
    pub(super) oom_kills: u64,
    /// The most resident memory, in bytes.
    pub(super) resident: u64,
    /// The anonymous memory of the cgroup at each look, in bytes.
    anonymous: Vec<u64>,
    /// The most memory of the cgroup with page cache, in bytes.
    pub(super) peak: u64,
    pub(super) probes: u32,
    pub(super) failed_probes: u32,
    /// Whether so many probes failed in a row that Kubernetes would have restarted the pod.
    pub(super) restarted: bool,
}

impl Watch {
    /// Looks for `time`, or until the program ends.
    pub(super) async fn run(
        program: &mut Shipped,
        cgroup: &MemoryCgroup,
        time: Duration,
    ) -> anyhow::Result<Self> {
        let begin = Instant::now();
        let admin = SocketAddr::from(([127, 0, 0, 1], program.admin));
        let mut watch = Self::default();
        let mut in_a_row = 0;
        while begin.elapsed() < time {
            watch.ended = program.ended()?;
            if watch.ended.is_some() {
                break;
            }
            if let Ok(usage) = ProcessUsage::of(&program.id()) {
                watch.resident = watch.resident.max(usage.peak);
            }
            watch.anonymous.push(cgroup.anonymous()?);
            watch.probes += 1;
            let request = b"GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
            let probe = tokio::time::timeout(PROBE, client::exchange(KUBELET, admin, request)).await;
            let good = matches!(probe, Ok(Ok(response)) if response.starts_with("HTTP/1.1 200"));
            in_a_row = if good { 0 } else { in_a_row + 1 };
            watch.failed_probes += u32::from(!good);
            watch.restarted |= in_a_row >= PROBES;
            tokio::time::sleep(LOOK).await;
        }
        watch.lasted = begin.elapsed();
        watch.oom_kills = cgroup.oom_kills()?;
        watch.peak = cgroup.peak()?;
        Ok(watch)
    }

    /// The most anonymous memory at a look, in bytes.
    pub(super) fn most_anonymous(&self) -> u64 {
        self.anonymous.iter().copied().max().unwrap_or_default()
    }

    /// The median of the anonymous memory in each tenth of the looks, in bytes. Memory that is lost shows as growth from
    /// tenth to tenth; a peak does not.
    pub(super) fn anonymous_by_tenth(&self) -> Vec<u64> {
        let tenth = self.anonymous.len().div_ceil(10).max(1);
        self.anonymous.chunks(tenth).map(median).collect()
    }
}

fn median(looks: &[u64]) -> u64 {
    let mut looks = looks.to_vec();
    looks.sort_unstable();
    looks.get(looks.len() / 2).copied().unwrap_or_default()
}
