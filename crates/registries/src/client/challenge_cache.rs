use std::time::Duration;

use tokio::time::Instant;
use trigger_core::ImageRef;
use trigger_runtime::ExpiringMap;

use super::challenge::Challenge;

/// The last challenge of each registry, so that the next request has its token from the start.
#[derive(Debug)]
pub(super) struct Challenges(ExpiringMap<String, Remembered>);

#[derive(Debug, Clone)]
struct Remembered {
    challenge: Challenge,
    repository: String,
}

/// Hosts are named by many people; the cache does not grow with all of them.
pub(crate) const MAX_HOSTS: usize = 1024;
/// A registry that changes its challenge sends the new one with a 401, so this only drops hosts that are unused.
const CHALLENGE_TTL: Duration = Duration::from_hours(24);

impl Default for Challenges {
    fn default() -> Self {
        Self(ExpiringMap::new(MAX_HOSTS))
    }
}

impl Challenges {
    /// The challenge to expect from the registry of `image`, if one is known.
    pub(super) fn get(&self, image: &ImageRef) -> Option<Challenge> {
        let Remembered { challenge, repository } = self.0.get(image.registry(), Instant::now())?;
        Some(match challenge {
            Challenge::Basic => Challenge::Basic,
            Challenge::Bearer(bearer) => Challenge::Bearer(bearer.moved(&repository, image.repository())),
        })
    }

    pub(super) fn keep(&self, image: &ImageRef, challenge: Challenge) {
        let repository = image.repository().to_owned();
        let remembered = Remembered { challenge, repository };
        self.0.insert(image.registry().to_owned(), remembered, CHALLENGE_TTL, Instant::now());
    }

    pub(super) fn forget(&self, image: &ImageRef) {
        self.0.remove(image.registry());
    }
}
