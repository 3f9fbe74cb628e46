use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use trigger_core::ImageRef;

use super::challenge::Challenge;

/// What registries asked for when they were asked last, so that it is brought along the next time.
#[derive(Debug, Default)]
pub(super) struct Challenges(Mutex<HashMap<String, Remembered>>);

#[derive(Debug)]
struct Remembered {
    challenge: Challenge,
    repository: String,
}

/// Hosts are named by many people; the memory does not grow with all of them.
const MOST_HOSTS: usize = 4096;

impl Challenges {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, Remembered>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the registry of `image` will ask for, as far as is known.
    pub(super) fn get(&self, image: &ImageRef) -> Option<Challenge> {
        let challenges = self.lock();
        let Remembered { challenge, repository } = challenges.get(image.registry())?;
        Some(match challenge {
            Challenge::Basic => Challenge::Basic,
            Challenge::Bearer(bearer) => Challenge::Bearer(bearer.moved(repository, image.repository())),
        })
    }

    pub(super) fn keep(&self, image: &ImageRef, challenge: Challenge) {
        let mut challenges = self.lock();
        if challenges.len() >= MOST_HOSTS {
            challenges.clear();
        }
        let repository = image.repository().to_owned();
        challenges.insert(image.registry().to_owned(), Remembered { challenge, repository });
    }

    pub(super) fn forget(&self, image: &ImageRef) {
        self.lock().remove(image.registry());
    }
}
