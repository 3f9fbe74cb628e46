//! `shipwright-trigger dev`: the whole program on one machine, and a demo of its work.
//!
//! `playground` is the dev cluster, the `registry` and the program on them. `rehearsal` drives the demo:
//! `webhooks`, `pipelines`, `listeners` and `images` are its steps, `outcome` follows each delivery to its end. `story`,
//! `invitation` and `live` only print. `known_folder` is where other terminals find the demo.

mod followed_images;
mod images;
mod invitation;
mod known_folder;
mod listeners;
mod live;
mod objects;
mod outcome;
mod pipelines;
mod playground;
mod registry;
mod rehearsal;
pub(crate) mod story;
mod webhooks;
mod wrap;

pub(crate) use known_folder::environment;
pub(crate) use playground::Playground;
pub(crate) use rehearsal::Rehearsal;
pub(crate) use story::Story;
