//! The binary as a person runs it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking; clippy's leave for tests does not reach the functions that they share"
)]

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
    for part in parts {
        assert!(text.contains(part), "{args:?} does not say `{part}`:\n{text}");
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

#[test]
fn dev_tells_the_story() {
    check(
        &["dev", "--once"],
        true,
        &[
            "202 Accepted",
            "fired      team-a/web \"push to main\": started web-",
            "skipped    team-b/web \"push to main\": the delivery is not signed with this Build's key",
            "the branch is main, the rule is for release-*",
            "runs the Build web by its name",
            "pinned to commit",
            "nothing runs twice",
            "a first sight is no change, so nothing was started",
            "the registry told /hooks/registry/distribution",
            "fired      team-a/base \"debian is released anew\": started base-",
            "fired      team-a/tools \"base is built anew\": started tools-",
            "/debian:13, digest sha256:",
            "Everything went as it should.",
        ],
    );
}

#[test]
fn dev_has_a_registry_whether_one_is_installed_or_not() {
    let folder = tempfile::tempdir().unwrap();
    let examples = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples");
    let args = ["dev", "--once", "--manifests", examples];
    let whole = "Everything went as it should.";
    let without = command(&args).env("PATH", folder.path()).output().unwrap();
    let own = "a small one in this process, since docker-registry is not installed";
    check_output(&args, &without, true, &[own, whole]);
    if trigger_devregistry::Distribution::for_test("dev with docker-registry").is_some() {
        check(&args, true, &["docker-registry, which is installed here", whole]);
    }
}

#[test]
fn dev_takes_a_folder_and_the_shape_of_ship_0031() {
    let folder = manifests(
        "apiVersion: v1\nkind: Secret\nmetadata: {name: hook, namespace: x}\nstringData: {github-token: k}\n---\n\
         apiVersion: shipwright.io/v1alpha1\nkind: Build\nmetadata: {name: nodejs-ex, namespace: x}\nspec:\n  \
         source: {url: 'https://github.com/acme/nodejs-ex', credentials: {name: hook}}\n  strategy: {name: s}\n  \
         output: {image: registry.example/x}\n  trigger:\n    when:\n    - {name: both, type: GitHub, github: \
         {events: [Push, PullRequest], branches: [main]}}\n",
    );
    check(
        &["dev", "--once", "--manifests", path(&folder)],
        true,
        &["x/nodejs-ex \"both\": started nodejs-ex-"],
    );
}

#[test]
fn dev_says_what_is_wrong_with_a_folder() {
    let broken = manifests("{");
    check(&["dev", "--once", "--manifests", path(&broken)], false, &["build.yaml cannot be loaded", "YAML"]);
    let silent = manifests("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\n");
    check(&["dev", "--once", "--manifests", path(&silent)], false, &["No Build has a rule of type GitHub"]);
    let refused = manifests(
        "apiVersion: shipwright.io/v1beta1\nkind: Build\nmetadata: {name: b}\nspec: {strategy: {name: s}}\n",
    );
    check(&["dev", "--once", "--manifests", path(&refused)], false, &["Build b is refused", "output"]);
    let empty = tempfile::tempdir().unwrap();
    check(&["dev", "--once", "--manifests", path(&empty)], false, &["holds no .yaml, .yml or .json file"]);
    check(&["dev", "--once", "--manifests", "/nonexistent"], false, &["/nonexistent cannot be read"]);
}

#[test]
fn errors_say_what_to_do() {
    check(&["serve"], false, &["set KUBECONFIG"]);
    check(&["serve", "--hook-path", "gitlab=/x"], false, &["`gitlab` is no provider; known are: github"]);
    check(&["serve", "--hook-path", "github=x"], false, &["begin with `/`"]);
    check(&["serve", "--registry-hook", "ecr=/x"], false, &["`ecr` is no format of notifications", "quay"]);
    check(&["serve", "--admin-auth", "some"], false, &["kubernetes, none"]);
    check(&["deliveries", "list", "--server", "http://127.0.0.1:1"], false, &["kubectl port-forward"]);
    check(&["--log", "=,", "serve"], false, &["give a level such as `info`"]);
    let nobody = ["send", "push", "--repo", "github.com/a/b", "--url", "http://127.0.0.1:1/hooks/github"];
    check(&nobody, false, &["cannot be reached", "Choose another address with --url"]);
    check(&["send"], false, &["say which event"]);
    check(&["send", "push", "--repo", "/srv/git"], false, &["`/srv/git` names no repository"]);
    check(
        &["send", "push", "--repo", "github.com/a/b", "--commit", "abc"],
        false,
        &["40 or 64 hexadecimal digits"],
    );
    check(&["send", "push", "--repo", "github.com/a/b", "--provider", "x"], false, &["`x` is no provider"]);
}

#[test]
fn explain_says_what_would_fire_and_why_the_rest_would_not() {
    let examples = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples");
    let explain = |args: &[&str]| run(&[&["explain", "--manifests", examples], args].concat());
    for (args, status, parts) in [
        (
            vec!["push", "--repo", "git@github.com:acme/web.git", "--ref", "release-2"],
            0,
            vec!["fires   \"push to a release branch\"", "✗ branch   wants main, is release-2"],
        ),
        (
            vec!["push", "--repo", "github.com/acme/web", "--ref", "dev"],
            3,
            vec!["the branch is dev, the rule is for main"],
        ),
        (
            vec!["pull-request", "--repo", "github.com/acme/web", "--fork", "github.com/mallory/web"],
            3,
            vec!["from a fork (github.com/mallory/web), not allowed"],
        ),
        (
            vec!["push", "--repo", "github.com/acme/wbe"],
            3,
            vec!["No Build with rules uses", "in use: github.com/acme/web"],
        ),
        (vec!["--object", "/nowhere"], 1, vec!["/nowhere cannot be read"]),
        (vec![], 1, vec!["say which event"]),
    ] {
        let output = explain(&args);
        let text =
            format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert_eq!(output.status.code(), Some(status), "{args:?}: {text}");
        for part in parts {
            assert!(text.contains(part), "{args:?} does not say `{part}`:\n{text}");
        }
    }
}

#[test]
fn a_key_in_the_environment_is_not_shown() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_shipwright-trigger"));
    let output =
        command.args(["send", "push", "--help"]).env("SHIPWRIGHT_TRIGGER_SECRET", "hush").output().unwrap();
    assert!(!String::from_utf8_lossy(&output.stdout).contains("hush"));
}

#[test]
fn crds_are_manifests() {
    let output = run(&["crds"]);
    let objects = trigger_api::manifest::parse(&String::from_utf8(output.stdout).unwrap()).unwrap();
    assert_eq!(objects, trigger_api::crds::all().unwrap());
}

#[test]
fn every_flag_of_serve_has_an_environment_name_and_every_command_its_help() {
    let help = String::from_utf8(run(&["serve", "--help"]).stdout).unwrap();
    let flag = |line: &&str| line.starts_with("--") || (line.starts_with('-') && line.contains(", --"));
    let flags = help.lines().map(str::trim_start).filter(flag).count();
    let named = help.matches("[env: SHIPWRIGHT_TRIGGER_").count();
    // All but `--help` and `--version`.
    assert_eq!(named + 2, flags, "{help}");
    for command in ["dev", "serve", "send", "explain", "deliveries", "crds", "completions"] {
        check(&[command, "--help"], true, &["Usage: "]);
    }
    check(&["completions", "bash"], true, &["complete -F"]);
}
