use futures::FutureExt;
use futures::future::BoxFuture;
use trigger_calls::Calls;
use trigger_dispatch::AnswerSource;
use trigger_rules::interceptors::{Answer, Ask};

/// The answers of other servers, for the dispatcher.
pub(crate) struct InterceptorAnswers(pub(crate) Calls);

impl AnswerSource for InterceptorAnswers {
    fn answer<'a>(&'a self, ask: &'a Ask, namespace: &'a str) -> BoxFuture<'a, Answer> {
        self.0.answer(ask, namespace).boxed()
    }
}
