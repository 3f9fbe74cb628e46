//! One tenant, one stranger, one object: what each can do to others, a file for each kind of thing they can take up.

mod admin_memory;
mod connections;
mod images;
mod memory;
mod names;
mod objects;
mod secrets;
mod shares;
mod tenants_api;
mod unseen;
