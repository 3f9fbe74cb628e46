use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use tokio::time::sleep;
use trigger_runtime::Backoff;

/// The pauses between the tries of one request.
const BACKOFF: Backoff = Backoff { first: Duration::from_millis(250), longest: LONGEST_PAUSE };
/// The longest pause, also if a server asks for a longer one: a delivery waits meanwhile.
pub(crate) const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// The tries of a request.
#[derive(Debug)]
pub(crate) struct Tries {
    most: u32,
    failures: u32,
}

impl Tries {
    /// One try and so many further ones.
    pub(crate) fn new(retries: u8) -> Self {
        Self { most: u32::from(retries) + 1, failures: 0 }
    }

    /// Counts a try that failed, and waits until the next one is due; false if there is none. `asked` is the pause that
    /// the server asks for.
    pub(crate) async fn again(&mut self, asked: Option<Duration>) -> bool {
        self.failures += 1;
        if self.failures >= self.most {
            return false;
        }
        let pause = BACKOFF.after(self.failures, spread()).max(asked.unwrap_or_default());
        sleep(pause.min(LONGEST_PAUSE)).await;
        true
    }

    /// The number of tries so far, for an error; empty for a single one.
    pub(crate) fn words(&self) -> String {
        if self.failures > 1 { format!(" (tried {} times)", self.failures) } else { String::new() }
    }
}

/// A random number from 0 to 1.
fn spread() -> f64 {
    let [first, ..] = RandomState::new().hash_one(0_u8).to_be_bytes();
    f64::from(first) / 255.0
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn pauses_grow_and_follow_the_server_within_a_bound() {
        for (retries, asked, shortest, longest) in [
            (0, None, 0, 0),
            (1, None, 125, 251),
            (3, None, 875, 1753),
            (2, Some(Duration::from_secs(1)), 2000, 2002),
            (1, Some(Duration::from_hours(1)), 5000, 5001),
        ] {
            let (start, mut tries, mut failures) = (Instant::now(), Tries::new(retries), 1);
            while tries.again(asked).await {
                failures += 1;
            }
            let waited = start.elapsed().as_millis();
            assert_eq!(failures, u32::from(retries) + 1);
            assert!((shortest..=longest).contains(&waited), "{retries} {asked:?}: {waited} ms");
            assert_eq!(tries.words().is_empty(), retries == 0);
        }
    }
}
