use std::sync::Arc;

use tokio::sync::watch;

/// Whether this process leads: whether it is up to it to do what one of several replicas is enough for. Cheap
/// to clone.
///
/// Nothing that must not be done twice rests on this alone: a leader that hangs may go on for a moment after
/// another has taken over. It keeps work from being done by every replica; that nothing *runs* twice follows
/// from names, and from ledgers that are replaced by compare-and-set.
#[derive(Debug, Clone)]
pub struct Leadership(watch::Receiver<Lead>);

/// Who leads, as far as this process knows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lead {
    /// Whether it is this process.
    pub ours: bool,
    /// The identity of whoever leads, if anybody does, and if there is more than one who could.
    pub leader: Option<Arc<str>>,
}

impl Leadership {
    /// That of a process that is the only one.
    pub fn always() -> Self {
        Self::by(watch::channel(Lead { ours: true, leader: None }).1)
    }

    /// What the other end of a channel tells. What it told last stays true when it is gone.
    pub fn by(told: watch::Receiver<Lead>) -> Self {
        Self(told)
    }

    /// Whether this process leads now.
    pub fn is_ours(&self) -> bool {
        self.0.borrow().ours
    }

    /// Who leads.
    pub fn lead(&self) -> Lead {
        self.0.borrow().clone()
    }

    /// Returns when this process leads.
    pub async fn begins(&mut self) {
        self.comes_to(true).await;
    }

    /// Returns when it does not.
    pub async fn ends(&mut self) {
        self.comes_to(false).await;
    }

    /// Returns when this process leads, or leads no more, if before it was as `before` says.
    pub async fn changes_from(&mut self, before: bool) {
        self.comes_to(!before).await;
    }

    async fn comes_to(&mut self, ours: bool) {
        if self.0.wait_for(|lead| lead.ours == ours).await.is_err() {
            // Nobody is left who could change it.
            std::future::pending::<()>().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    #[test]
    fn the_only_process_leads_for_ever() {
        let mut leadership = Leadership::always();
        assert!(leadership.is_ours());
        assert!(leadership.begins().now_or_never().is_some());
        assert!(leadership.ends().now_or_never().is_none());
    }

    #[test]
    fn what_was_told_last_stays_true() {
        let (tell, told) = watch::channel(Lead::default());
        let mut leadership = Leadership::by(told);
        assert!(leadership.begins().now_or_never().is_none());
        tell.send_replace(Lead { ours: true, leader: None });
        assert!(leadership.begins().now_or_never().is_some());
        tell.send_replace(Lead { ours: false, leader: Some("another".into()) });
        drop(tell);
        assert!(leadership.ends().now_or_never().is_some());
        assert!(leadership.begins().now_or_never().is_none());
        assert_eq!(leadership.lead().leader.as_deref(), Some("another"));
    }
}
