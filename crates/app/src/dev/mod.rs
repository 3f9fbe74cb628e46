//! `shipwright-trigger dev`: the whole program on one machine, and the story of what it does.
//!
//! `playground` is the cluster and the program on it, `rehearsal` the events that are sent, `pipelines` the
//! pipelines that are run, `story` what is printed.

mod pipelines;
mod playground;
mod rehearsal;
pub(crate) mod story;

pub(crate) use pipelines::PipelineRehearsal;
pub(crate) use playground::Playground;
pub(crate) use rehearsal::Rehearsal;
pub(crate) use story::Story;
