//! The client of the admin API and the output formats that `deliveries` and `images` share.

mod client;
mod output;
mod table;
mod timestamp;

pub(crate) use client::{Client, NotFound, ServerArgs};
pub(crate) use output::{Format, Notation, Output};
pub(crate) use table::{Cell, Column, Table, Width};
pub(crate) use timestamp::{age, parse_time, rfc3339, short};
