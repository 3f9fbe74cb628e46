use std::fmt;

use serde::{Deserialize, Serialize};

use crate::Event;

/// The place of an event within its delivery, from 0.
///
/// Most deliveries hold one event. Identities that follow from a delivery, such as the name of a run, leave the first
/// ordinal out, so that they are what they were when a delivery could hold one event only.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Ordinal(u32);

/// The events of one delivery, in the order in which the payload names them: at least one, at most [`Events::MOST`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Events(Vec<Event>);

/// Why a list of events cannot be that of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EventsError {
    /// It is empty.
    #[error("the payload names no change of a ref")]
    Empty,
    /// It is longer than [`Events::MOST`].
    #[error("the payload names more than {} changes of refs", Events::MOST)]
    TooMany,
}

impl Ordinal {
    /// The first event of a delivery.
    pub const FIRST: Self = Self(0);

    /// The ordinal of the event at this place, from 0.
    pub fn new(place: u32) -> Self {
        Self(place)
    }

    /// The place, from 0.
    pub fn get(self) -> u32 {
        self.0
    }

    /// Whether it is the first event, which identities do not name.
    pub fn is_first(self) -> bool {
        self == Self::FIRST
    }
}

impl fmt::Display for Ordinal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Events {
    /// One request can name so many changed refs. Each is decided for every rule of its repository, so a payload with
    /// more is refused before anything is decided. Providers that batch refs stop far below.
    pub const MOST: usize = 256;

    /// The events of a delivery with several.
    pub fn new(events: Vec<Event>) -> Result<Self, EventsError> {
        match events.len() {
            0 => Err(EventsError::Empty),
            count if count > Self::MOST => Err(EventsError::TooMany),
            _ => Ok(Self(events)),
        }
    }

    /// The events, each with its ordinal.
    pub fn iter(&self) -> impl Iterator<Item = (Ordinal, &Event)> {
        (0..).map(Ordinal).zip(&self.0)
    }

    /// The first event.
    pub fn first(&self) -> Option<&Event> {
        self.0.first()
    }

    /// How many there are: at least one.
    #[expect(clippy::len_without_is_empty, reason = "there is always an event")]
    pub fn len(&self) -> usize {
        self.0.len()
    }
}

impl From<Event> for Events {
    fn from(event: Event) -> Self {
        Self(vec![event])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ChangedFiles, GitEvent, GitEventKind, Repository};

    fn event() -> Event {
        let repository = Repository { names: Vec::new(), default_branch: None };
        Event::Git(GitEvent {
            repository,
            sender: None,
            kind: GitEventKind::Ping,
            push: None,
            changed_files: ChangedFiles::NOT_LISTED,
        })
    }

    #[test]
    fn a_delivery_has_at_least_one_event_and_a_bounded_number() {
        for (count, expected) in [
            (0, Err(EventsError::Empty)),
            (1, Ok(1)),
            (Events::MOST, Ok(Events::MOST)),
            (Events::MOST + 1, Err(EventsError::TooMany)),
        ] {
            assert_eq!(Events::new(vec![event(); count]).map(|events| events.len()), expected, "{count}");
        }
    }

    #[test]
    fn ordinals_count_from_the_first() {
        let events = Events::new(vec![event(); 3]).unwrap();
        let ordinals: Vec<_> = events.iter().map(|(ordinal, _)| ordinal.get()).collect();
        assert_eq!(ordinals, [0, 1, 2]);
        assert!(Ordinal::FIRST.is_first() && !Ordinal::new(1).is_first());
        assert_eq!(Events::from(event()).len(), 1);
    }
}
