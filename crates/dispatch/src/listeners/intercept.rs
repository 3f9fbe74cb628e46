//! The chain of an interceptor for a listener that another program runs.

use tokio::time::Instant;
use trigger_rules::interceptors::{Answer, Answers, Chain, Question, State, Step};
use trigger_runtime::Secrets;

use super::secrets::check_secrets;

/// Takes an event through a chain that asks for Secrets alone. They may take until `until`.
pub async fn intercept(chain: &Chain, event: State, secrets: &dyn Secrets, until: Instant) -> Step {
    let mut answers = Answers::default();
    let mut step = chain.advance(chain.begin(event), &answers);
    for _ in 0..chain.most_asks() {
        let (ask, course) = match step {
            Step::Asks(ask, course) => (ask, course),
            done => return done,
        };
        let answer = match &ask.question {
            Question::Secret(check) => check_secrets(&[check], secrets, until).await.pop(),
            _ => None,
        };
        let answer = match answer {
            Some(Ok(answer)) => Answer::Secret(answer),
            Some(Err(error)) => Answer::Unknown(error.to_string()),
            None => Answer::Unknown("an interceptor that is served asks no other server".to_owned()),
        };
        answers.add(ask.key.clone(), answer);
        step = chain.advance(course, &answers);
    }
    step
}
