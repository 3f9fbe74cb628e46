//! Branches, tags, paths, events, actions and revisions that do not do what they seem to say.
//!
//! A text that nothing can equal is an error. One that something can equal, and hardly ever does, is a hint: the rule
//! stays in force.

mod event;
mod path;
mod refs;

pub(super) use self::event::{in_action, in_event};
pub(super) use self::path::in_path;
pub(super) use self::refs::{in_branch, in_revision, in_tag};
