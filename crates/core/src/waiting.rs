use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{DeliveryId, ObjectKey, Presented};

/// The Secrets of one namespace that could not be read when a delivery arrived, and what its sender presented.
///
/// Such a delivery is stored for this namespace, as one of its own, without any key. No rule may act on it: when a key
/// verifies it, it goes on as a verified delivery under another id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waiting {
    /// The Secrets, each once, all in one namespace. Those whose keys verified what was presented stay in the list.
    pub secrets: Vec<WaitingSecret>,
    /// Digests of what the sender presented. Absent once every Secret was read: then the wait is over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub presented: Option<Presented>,
    /// The verified deliveries as which it goes on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub continued_as: Vec<DeliveryId>,
}

/// A Secret that could not be read. As JSON it is flat: `{"namespace", "name", "entry", "cloneSecret", "verified"}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WaitingSecret {
    /// The Secret.
    #[serde(flatten)]
    pub secret: ObjectKey,
    /// The entry with the key, for a rule that names one. Absent: those that the provider of the delivery reads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entry: Option<Arc<str>>,
    /// Whether it is the clone Secret of a rule, which may hold no webhook key: then the rule has no Secret.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub clone_secret: bool,
    /// Whether the delivery goes on for it: one of its keys has verified what was presented, or it holds none and the
    /// operator accepts unsigned deliveries.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub verified: bool,
}

impl WaitingSecret {
    /// A Secret that was not read yet.
    pub fn new(secret: ObjectKey, entry: Option<Arc<str>>) -> Self {
        Self { secret, entry, clone_secret: false, verified: false }
    }

    /// A clone Secret that was not read yet.
    pub fn of_clone(secret: ObjectKey) -> Self {
        Self { clone_secret: true, ..Self::new(secret, None) }
    }

    /// Whether both wait for the same. What has been found since does not count.
    fn is_same(&self, other: &Self) -> bool {
        (&self.secret, &self.entry, self.clone_secret) == (&other.secret, &other.entry, other.clone_secret)
    }
}

impl Waiting {
    /// The namespace of the Secrets.
    pub fn namespace(&self) -> Option<&Arc<str>> {
        self.secrets.first().map(|first| &first.secret.namespace)
    }

    /// The wait of two arrivals of one waiting delivery, whose senders presented the same: for the Secrets of both.
    #[must_use]
    pub(crate) fn merge(mut self, later: Self) -> Self {
        for new in later.secrets {
            if !self.secrets.iter().any(|known| known.is_same(&new)) {
                self.secrets.push(new);
            }
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Verification;

    #[test]
    fn a_waiting_delivery_that_arrives_again_waits_for_the_secrets_of_both_arrivals() {
        let by = |names: &[&str]| {
            let secret = |name: &&str| WaitingSecret::new(ObjectKey::new("team-a", *name), None);
            let secrets = names.iter().map(secret).collect();
            let waiting = Some(Waiting { secrets, presented: None, continued_as: Vec::new() });
            Verification { waiting, ..Verification::default() }
        };
        assert_eq!(by(&["a", "b"]).merge(by(&["b", "c"])), by(&["a", "b", "c"]));
        assert_eq!(Verification::default().merge(by(&["a"])), by(&["a"]));
    }
}
