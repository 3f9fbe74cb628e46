//! Asking a running program by its admin API, and writing what it answers: what `deliveries` and `images` share.

mod client;
mod moment;
mod output;
mod table;

pub(crate) use client::{Client, NotFound, ServerArgs};
pub(crate) use moment::{age, parse_moment, short, whole_seconds};
pub(crate) use output::{Format, Notation, Output};
pub(crate) use table::{Cell, Column, Table, Width};
