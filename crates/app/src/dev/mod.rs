//! `shipwright-trigger dev`: the whole program on one machine, and the story of what it does.
//!
//! `playground` is the cluster, the `registry` and the program on them, `rehearsal` the events that are sent,
//! `pipelines` the pipelines that are run, `images` the images that are pushed, `story` what is printed.

mod images;
mod pipelines;
mod playground;
mod registry;
mod rehearsal;
pub(crate) mod story;

pub(crate) use images::ImageRehearsal;
pub(crate) use pipelines::PipelineRehearsal;
pub(crate) use playground::Playground;
pub(crate) use rehearsal::Rehearsal;
pub(crate) use story::Story;
