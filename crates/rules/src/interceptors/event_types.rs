use super::interceptor::{Halt, Run};
use super::params::{Params, ParamsError};
use super::status::Code;

/// The parameter `eventTypes`: the event's name in a header must be one of these. An empty list lets nothing pass.
#[derive(Debug)]
pub(super) struct EventTypes(Box<[Box<str>]>);

impl EventTypes {
    /// The types that the parameters name; `None` for any type.
    pub(super) fn compile(params: Params<'_>) -> Result<Option<Self>, ParamsError> {
        Ok(params.texts("eventTypes")?.map(Self))
    }

    /// Stops an event whose name in `header` is none of these.
    pub(super) fn check(&self, run: &Run<'_>, header: &str) -> Result<(), Halt> {
        let found = run.header(header);
        if self.0.iter().any(|allowed| **allowed == *found) {
            return Ok(());
        }
        Err(Halt::stop(Code::FAILED_PRECONDITION, format!("event type {found} is not allowed")))
    }
}
