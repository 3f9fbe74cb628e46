use std::sync::Arc;

use tokio::sync::watch;

/// Whether this replica leads, that is, does the work that one of several replicas is enough for. Cheap to clone.
///
/// Leadership saves work; correctness does not depend on it. A leader that hangs may continue for a moment after
/// another has taken over. Nothing runs twice because run names are derived and ledgers are replaced by
/// compare-and-swap.
#[derive(Debug, Clone)]
pub struct Leadership(watch::Receiver<Lead>);

/// The leader, as far as this process knows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lead {
    /// Whether this process leads.
    pub ours: bool,
    /// The identity of the leader; `None` if there is none, or no election.
    pub leader: Option<Arc<str>>,
}

impl Leadership {
    /// The leadership of the only replica.
    pub fn always() -> Self {
        Self::by(watch::channel(Lead { ours: true, leader: None }).1)
    }

    /// The leadership that a channel publishes. Its last value stays valid when the sender is gone.
    pub fn by(published: watch::Receiver<Lead>) -> Self {
        Self(published)
    }

    /// Whether this process leads now.
    pub fn is_ours(&self) -> bool {
        self.0.borrow().ours
    }

    /// The current leader.
    pub fn lead(&self) -> Lead {
        self.0.borrow().clone()
    }

    /// Returns when this process leads.
    pub async fn begins(&mut self) {
        self.becomes(true).await;
    }

    /// Returns when this process does not lead.
    pub async fn ends(&mut self) {
        self.becomes(false).await;
    }

    /// Returns when "this process leads" is no longer `before`.
    pub async fn changes_from(&mut self, before: bool) {
        self.becomes(!before).await;
    }

    async fn becomes(&mut self, ours: bool) {
        if self.0.wait_for(|lead| lead.ours == ours).await.is_err() {
            // The sender is gone, so the value can never change.
            std::future::pending::<()>().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    #[test]
    fn the_only_replica_leads_for_ever() {
        let mut leadership = Leadership::always();
        assert!(leadership.is_ours());
        assert!(leadership.begins().now_or_never().is_some());
        assert!(leadership.ends().now_or_never().is_none());
    }

    #[test]
    fn the_last_published_value_stays_valid() {
        let (publish, published) = watch::channel(Lead::default());
        let mut leadership = Leadership::by(published);
        assert!(leadership.begins().now_or_never().is_none());
        publish.send_replace(Lead { ours: true, leader: None });
        assert!(leadership.begins().now_or_never().is_some());
        publish.send_replace(Lead { ours: false, leader: Some("another".into()) });
        drop(publish);
        assert!(leadership.ends().now_or_never().is_some());
        assert!(leadership.begins().now_or_never().is_none());
        assert_eq!(leadership.lead().leader.as_deref(), Some("another"));
    }
}
