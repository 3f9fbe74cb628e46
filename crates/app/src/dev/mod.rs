//! `shipwright-trigger dev`: the whole program on one machine, and a demo of its work.
//!
//! `playground` is the dev cluster, the `registry` and the program on them. `rehearsal` drives the demo:
//! `webhooks`, `pipelines` and `images` are its steps, `outcome` follows each delivery to its end. `story` and
//! `invitation` only print.

mod followed_images;
mod images;
mod invitation;
mod objects;
mod outcome;
mod pipelines;
mod playground;
mod registry;
mod rehearsal;
pub(crate) mod story;
mod webhooks;

pub(crate) use playground::Playground;
pub(crate) use rehearsal::Rehearsal;
pub(crate) use story::Story;
