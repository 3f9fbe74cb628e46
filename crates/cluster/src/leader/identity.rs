use std::sync::Arc;

use aws_lc_rs::rand::fill;

/// The kernel's limit for names of hosts, and that of Kubernetes for names of pods that become such.
const LONGEST_HOST: usize = 64;

/// Who a process is among its like: the name of its host, which in a cluster is its pod, and what no other
/// process has, since the pod's container may have died and begun again.
#[derive(Debug, Clone)]
pub(super) struct Identity {
    pub(super) name: Arc<str>,
    /// From 0 to 1, another one for each process: so that those who wait do not all come at the same moment.
    pub(super) spread: f64,
}

impl Identity {
    pub(super) fn of_this_process() -> Self {
        Self::new(&host(), random())
    }

    fn new(host: &str, random: [u8; 8]) -> Self {
        let host: String = host.trim().chars().filter(|c| !c.is_control()).take(LONGEST_HOST).collect();
        let host = if host.is_empty() { "unknown" } else { &host };
        let number = u64::from_be_bytes(random);
        Self { name: format!("{host}_{number:016x}").into(), spread: f64::from(random[0]) / 255.0 }
    }
}

fn host() -> String {
    std::fs::read_to_string("/proc/sys/kernel/hostname")
        .or_else(|_| std::env::var("HOSTNAME"))
        .unwrap_or_default()
}

fn random() -> [u8; 8] {
    let mut random = [0; 8];
    if fill(&mut random).is_err() {
        // Then the number of the process and the time have to do.
        let nanos = jiff::Timestamp::now().as_nanosecond().to_be_bytes();
        random.copy_from_slice(&nanos[8..]);
        for (byte, more) in random.iter_mut().zip(std::process::id().to_be_bytes()) {
            *byte ^= more;
        }
    }
    random
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_processes_of_a_host_are_the_same() {
        let one = Identity::of_this_process();
        assert_ne!(one.name, Identity::of_this_process().name);
        assert!((0.0..=1.0).contains(&one.spread));
    }

    #[test]
    fn a_host_is_told_by_its_name() {
        for (host, expected) in [
            ("trigger-7d4b9\n", "trigger-7d4b9_0000000000000007"),
            ("", "unknown_0000000000000007"),
            ("a\u{7}b", "ab_0000000000000007"),
        ] {
            assert_eq!(&*Identity::new(host, [0, 0, 0, 0, 0, 0, 0, 7]).name, expected);
        }
        assert_eq!(Identity::new(&"x".repeat(300), [0; 8]).name.len(), LONGEST_HOST + 17);
    }
}
