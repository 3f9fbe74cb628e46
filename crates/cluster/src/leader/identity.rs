use std::sync::Arc;

use aws_lc_rs::rand::fill;

/// The longest host name, in characters: the limit of the kernel.
const LONGEST_HOST: usize = 64;

/// The holder identity of a process: its host name, which in a cluster is that of its pod, and a random number, since
/// the container of a pod may restart.
#[derive(Debug, Clone)]
pub(super) struct Identity {
    pub(super) name: Arc<str>,
    /// A random number from 0 to 1, for jitter.
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
        // Without randomness, the process id and the time have to do.
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
