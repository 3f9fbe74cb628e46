use crate::bench::pushes::Pushes;
use crate::bench::scene;

/// What a request is, and so how it has to be answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// A push to a branch that a rule names.
    Fires,
    /// A push to a branch that no rule names.
    Skipped,
    /// Signed with a key that is not the repository's.
    Forged,
    /// A body beyond the limit.
    Oversized,
    /// Not the JSON that it says it is.
    Malformed,
}

/// Of twenty requests: 20 % forged, 5 % oversized, 5 % malformed, as many pushes that fire as are oversized or
/// malformed together, and the rest pushes that start nothing, so that the cluster is not all that is measured.
const MIX: [Kind; 20] = {
    use Kind::{Fires, Forged, Malformed, Oversized, Skipped};
    [
        Skipped, Forged, Skipped, Skipped, Fires, Skipped, Forged, Skipped, Skipped, Oversized, Skipped,
        Forged, Skipped, Skipped, Fires, Skipped, Forged, Skipped, Malformed, Skipped,
    ]
};

/// Makes requests, each unlike any other.
pub(super) struct Traffic {
    fires: Pushes,
    skipped: Pushes,
    oversized: Vec<u8>,
}

impl Kind {
    pub(super) const ALL: [Self; 5] =
        [Self::Fires, Self::Skipped, Self::Forged, Self::Oversized, Self::Malformed];

    /// The kind of a request by its number.
    pub(super) fn numbered(number: u64) -> Self {
        MIX[usize::try_from(number % MIX.len() as u64).unwrap_or_default()]
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Fires => "pushes that start a run",
            Self::Skipped => "pushes that start nothing",
            Self::Forged => "forged signatures",
            Self::Oversized => "oversized bodies",
            Self::Malformed => "malformed bodies",
        }
    }

    /// The status that is right for it, besides those that ask to come again.
    pub(super) fn expected(self) -> u16 {
        match self {
            Self::Fires | Self::Skipped => 202,
            Self::Forged => 401,
            Self::Oversized => 413,
            Self::Malformed => 400,
        }
    }
}

impl Traffic {
    pub(super) fn new(repositories: usize, largest_body_mib: usize) -> Self {
        let body = largest_body_mib * 1024 * 1024 + 1;
        let head = format!(
            "POST /hooks/github HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n\
             content-length: {body}\r\nx-github-event: push\r\nx-github-delivery: \
             00000000-0000-0000-0000-000000000000\r\n\r\n"
        );
        let mut oversized = head.into_bytes();
        oversized.resize(oversized.len() + body, b' ');
        Self {
            fires: Pushes::new(repositories, scene::FIRES),
            skipped: Pushes::new(repositories, scene::SKIPPED),
            oversized,
        }
    }

    /// Writes request `number`.
    pub(super) fn write(&self, number: u64, request: &mut Vec<u8>) -> Kind {
        let kind = Kind::numbered(number);
        match kind {
            Kind::Fires => self.fires.request(number, request),
            Kind::Skipped => self.skipped.request(number, request),
            Kind::Forged => {
                self.skipped.request(number, request);
                self.skipped.forge(request);
            }
            Kind::Oversized => self.oversized.clone_into(request),
            Kind::Malformed => {
                self.skipped.request(number, request);
                // Cut off within the text, with blanks for what is missing: the length is right.
                let half = request.len() - self.skipped.body_size() / 2;
                request[half..].fill(b' ');
            }
        }
        kind
    }
}
