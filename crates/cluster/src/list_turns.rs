use std::sync::Arc;
use std::time::Duration;

use futures::{Stream, StreamExt, stream};
use kube::runtime::watcher::{self, Event};
use tokio::sync::Semaphore;
use tokio::time::timeout;

/// Lists of watches that are received at a time. Each has a page in memory; at the start of the program all watches list.
pub(crate) const LISTS_AT_ONCE: usize = 2;
/// A list waits no longer than this for its turn: one that hangs must not keep the others from being received for ever.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// The turns of watches in listing. Clones share them.
#[derive(Clone)]
pub(crate) struct ListTurns(Arc<Semaphore>);

impl Default for ListTurns {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(LISTS_AT_ONCE)))
    }
}

impl ListTurns {
    /// The events of one of kube's watches, which waits for its turn before it lists, and has it until the last object of the
    /// list was consumed.
    pub(crate) fn take<K: Send>(
        self,
        events: impl Stream<Item = Result<Event<K>, watcher::Error>> + Send,
    ) -> impl Stream<Item = Result<Event<K>, watcher::Error>> + Send {
        stream::unfold((self.0, Box::pin(events), None), |(turns, mut events, mut turn)| async move {
            let event = events.next().await?;
            match &event {
                // kube lists when it is polled after this event.
                Ok(Event::Init) => {
                    let permit = timeout(LONGEST_WAIT, Arc::clone(&turns).acquire_owned()).await;
                    turn = permit.ok().and_then(Result::ok);
                }
                Ok(Event::InitDone) | Err(_) => turn = None,
                Ok(Event::InitApply(_) | Event::Apply(_) | Event::Delete(_)) => {}
            }
            Some((event, (turns, events, turn)))
        })
    }
}

#[cfg(test)]
mod tests {
    use std::pin::Pin;

    use futures::FutureExt;
    use kube::core::Status;
    use tokio::time::Instant;

    use super::*;

    type Events = Pin<Box<dyn Stream<Item = Result<Event<u8>, watcher::Error>> + Send>>;

    /// A watch with a list of one object.
    fn watch(turns: &ListTurns) -> Events {
        let events = [Event::Init, Event::InitApply(1), Event::InitDone, Event::Apply(2)].map(Ok);
        Box::pin(turns.clone().take(stream::iter(events)))
    }

    /// Whether the next event is there.
    fn advances(events: &mut Events) -> bool {
        events.next().now_or_never().is_some()
    }

    #[tokio::test(start_paused = true)]
    async fn a_few_watches_list_at_a_time_and_all_of_them_in_the_end() {
        let turns = ListTurns::default();
        let mut first: Vec<_> = (0..LISTS_AT_ONCE).map(|_| watch(&turns)).collect();
        assert!(first.iter_mut().all(advances));
        let mut late = watch(&turns);
        assert!(!advances(&mut late), "all turns are taken");
        assert!(first.iter_mut().all(advances), "the objects of the list");
        assert!(!advances(&mut late), "its last object may be in memory");
        assert!(advances(&mut first[0]), "the list is complete");
        assert!(advances(&mut first[0]), "a watch needs no turn");
        assert!(advances(&mut late));
    }

    #[tokio::test(start_paused = true)]
    async fn a_list_that_fails_or_is_given_up_leaves_its_turn_and_one_that_hangs_is_not_waited_for_without_end()
     {
        let turns = ListTurns::default();
        let held: Vec<_> = (1..LISTS_AT_ONCE).map(|_| turns.0.try_acquire().unwrap()).collect();
        let status = Status::failure("words", "Reason").with_code(500).boxed();
        let failing = [
            Ok(Event::Init),
            Err(watcher::Error::InitialListFailed(kube::Error::Api(status))),
            Ok(Event::Init),
        ];
        let mut failing: Events = Box::pin(turns.clone().take(stream::iter(failing)));
        assert!(advances(&mut failing) && advances(&mut failing));
        let mut other = watch(&turns);
        assert!(advances(&mut other), "the list has failed");
        assert!(!advances(&mut failing));
        drop(other);
        assert!(advances(&mut failing), "the other one is given up");
        let began = Instant::now();
        assert!(watch(&turns).next().await.is_some());
        assert_eq!(began.elapsed(), LONGEST_WAIT);
        drop(held);
    }
}
