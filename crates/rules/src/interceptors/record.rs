use std::sync::Arc;

use trigger_expr::cel::Operand;

use super::ask::Ask;
use super::state::State;
use super::status::Code;

/// How far a chain has come with an event.
#[derive(Debug, Clone)]
pub struct Course {
    /// The event, after the interceptors that let it pass.
    pub(super) state: State,
    pub(super) records: Vec<Record>,
}

/// The result of a chain, or its next question.
#[derive(Debug, Clone)]
pub enum Step {
    /// Every interceptor lets the event pass. Bindings see the state of the course.
    Passed(Course),
    /// An interceptor does not let it pass. The last record says which and why.
    Stopped(Course),
    /// An interceptor could not decide. The last record says which and why.
    Failed(Course),
    /// An answer is needed first. The chain goes on from the course.
    Asks(Box<Ask>, Course),
}

/// The decision of one interceptor about an event, with its place. It holds no Secret, and nothing that a sender
/// presents as a credential.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// Its place in the chain, from 0.
    pub place: usize,
    /// Its name.
    pub interceptor: Arc<str>,
    /// The decision.
    pub verdict: RecordedVerdict,
}

/// The decision of one interceptor.
#[derive(Debug, Clone, PartialEq)]
pub enum RecordedVerdict {
    /// The event goes on.
    Passed {
        /// The keys of the extensions that it has added or replaced, each cut, as far as there is room for them.
        extensions: Vec<String>,
    },
    /// The event stops.
    Stopped {
        /// The status code; absent for a legacy webhook, whose contract has none.
        code: Option<Code>,
        /// Why, in the words of Tekton's interceptor or of the interceptor itself. A long text is cut.
        message: String,
        /// The operands of a filter that is not true, with their values.
        operands: Vec<Operand>,
    },
    /// The interceptor could not decide, so the event stops.
    Failed {
        /// Why. A long text is cut.
        message: String,
    },
}

impl Course {
    /// The event now.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// One record for each interceptor that has decided, in their order.
    pub fn records(&self) -> &[Record] {
        &self.records
    }

    /// The event and the records.
    pub fn into_parts(self) -> (State, Vec<Record>) {
        (self.state, self.records)
    }
}
