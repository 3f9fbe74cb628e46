//! The whole program, end to end: the real server on loopback, real HTTP, a real Kubernetes API over its
//! wire protocol. By default that is the dev cluster; with `TRIGGER_E2E_KUBECONFIG=FILE` it is any cluster
//! that serves Shipwright's CustomResourceDefinitions.
//!
//! The scenarios are the acceptance scenarios of SHIP-0031; `world` is the stage they play on.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    unreachable_pub,
    reason = "a test fails by panicking; clippy's leave for tests does not reach the functions that they share"
)]

mod accounts;
mod admin;
mod alerts;
mod answers;
mod answers_of_the_api_server;
mod apart;
mod api_server;
mod ask;
mod bad_input;
mod changes;
mod conditions;
mod custom_tasks;
mod deciding_again;
mod deliveries_cli;
mod delivery;
mod door;
mod elsewhere;
mod events;
mod explain;
mod filters;
mod full_disk;
mod images;
mod images_cli;
mod isolation;
mod keys;
mod kill;
mod kubectl;
mod listeners;
mod load;
mod log_level;
mod log_lines;
mod matching;
mod metrics;
mod mistakes;
mod one_push;
mod operator_errors;
mod outages;
mod penetration;
mod pipelines;
mod postgres;
mod prepare;
mod privileges;
mod pull_requests;
mod push;
mod raw;
mod registry_hooks;
mod rejections;
mod replays;
mod replicas;
mod repositories;
mod retention;
mod roles;
mod schema;
mod settings;
mod soak;
mod stream;
mod tenants;
mod traces;
mod upgrade;
mod versions;
mod watches;
mod world;
