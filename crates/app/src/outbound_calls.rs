use futures::FutureExt;
use futures::future::BoxFuture;
use trigger_calls::Calls;
use trigger_dispatch::{AnswerSource, CloudEventSender};
use trigger_rules::interceptors::{Address, Answer, Ask};
use trigger_rules::listeners::CloudEvent;

/// Other servers, for the dispatcher: those that answer interceptors, and the receivers of CloudEvents.
pub(crate) struct OutboundCalls(pub(crate) Calls);

impl AnswerSource for OutboundCalls {
    fn answer<'a>(&'a self, ask: &'a Ask, namespace: &'a str) -> BoxFuture<'a, Answer> {
        self.0.answer(ask, namespace).boxed()
    }
}

impl CloudEventSender for OutboundCalls {
    fn send<'a>(&'a self, event: &'a CloudEvent, to: &'a Address) -> BoxFuture<'a, Result<(), String>> {
        self.0.send(event, to).boxed()
    }
}
