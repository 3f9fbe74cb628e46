//! The binary as a person runs it.
//!
//! - `demo`: the command `dev`.
//! - `explain`: `explain` and `validate`, of Builds.
//! - `listener`: `explain --listener`, of Tekton's listeners.
//! - `validate`: files, and objects of Tekton Triggers.
//! - `options`: flags, variables of the environment, errors, and the commands that take files.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking; clippy's leave for tests does not reach the functions that they share"
)]

mod demo;
mod explain;
mod listener;
mod options;
mod validate;

use std::path::Path;
use std::process::{Command, Output};

fn run(args: &[&str]) -> Output {
    command(args).output().unwrap()
}

fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_shipwright-trigger"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("SHIPWRIGHT_TRIGGER_")) {
        command.env_remove(name);
    }
    command.args(args).env("KUBECONFIG", "/nonexistent");
    command
}

#[track_caller]
fn check(args: &[&str], success: bool, parts: &[&str]) {
    check_output(args, &run(args), success, parts);
}

#[track_caller]
fn check_output(args: &[&str], output: &Output, success: bool, parts: &[&str]) {
    let text =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.success(), success, "{args:?}: {text}");
    // Sentences may be broken into lines.
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    for part in parts {
        assert!(words(&text).contains(&words(part)), "{args:?} does not say `{part}`:\n{text}");
    }
}

fn manifests(text: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("build.yaml"), text).unwrap();
    folder
}

fn path(folder: &tempfile::TempDir) -> &str {
    Path::to_str(folder.path()).unwrap()
}
