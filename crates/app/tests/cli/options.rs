//! Flags, variables of the environment, errors, and the commands that take files.

use std::process::Command;

use super::{check, check_output, command, path, run};

#[test]
fn a_proxy_of_the_environment_is_not_for_this_machine() {
    let nobody = "http://127.0.0.1:1";
    let args = ["dev", "--once"];
    let mut command = command(&args);
    for name in ["HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY"] {
        command.env(name, nobody).env(name.to_lowercase(), nobody);
    }
    let output = command.env_remove("NO_PROXY").env_remove("no_proxy").output().unwrap();
    check_output(&args, &output, true, &["All steps succeeded"]);
}

#[test]
fn errors_say_what_to_do() {
    let absent = "the kubeconfig /nonexistent cannot be read: no such file or directory; correct KUBECONFIG";
    check(&["serve"], false, &[absent]);
    let mut without = command(&["explain", "push", "--repo", "github.com/a/b"]);
    let output = without.env_remove("KUBECONFIG").env("HOME", "/nonexistent").output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(
        text.starts_with("error: no Kubernetes API server is configured") && text.lines().count() == 1,
        "{text}"
    );
    assert!(text.contains("set KUBECONFIG to a kubeconfig, or run in a pod"), "{text}");
    check(
        &["serve", "--hook-path", "nowhere=/x"],
        false,
        &["unknown provider `nowhere`; use one of: github"],
    );
    check(&["serve", "--hook-path", "github=x"], false, &["must start with `/`"]);
    check(&["serve", "--registry-hook", "ecr=/x"], false, &["unknown notification format `ecr`", "quay"]);
    check(&["serve", "--admin-auth", "some"], false, &["kubernetes, none"]);
    check(&["serve", "--journal", "nope"], false, &["not a journal: write sqlite:PATH"]);
    check(&["deliveries", "list", "--server", "http://127.0.0.1:1"], false, &["kubectl port-forward"]);
    check(&["--log", "=,", "serve"], false, &["use a level such as `info`"]);
    let unreachable =
        ["send", "push", "--repo", "github.com/a/b", "--url", "http://127.0.0.1:1/hooks/github"];
    check(&unreachable, false, &["cannot reach http://127.0.0.1:1", "set another address with --url"]);
    check(&["send"], false, &["specify one event"]);
    check(&["send", "push", "--repo", "/srv/git"], false, &["`/srv/git` is not a repository URL"]);
    check(
        &["send", "push", "--repo", "github.com/a/b", "--commit", "abc"],
        false,
        &["40 or 64 hexadecimal digits"],
    );
    check(&["send", "push", "--repo", "github.com/a/b", "--provider", "x"], false, &["unknown provider `x`"]);
}

#[test]
fn the_short_help_of_serve_is_the_most_needed_and_every_option_has_a_heading() {
    let help = |flag: &str| String::from_utf8(run(&["serve", flag]).stdout).unwrap();
    let (short, long) = (help("-h"), help("--help"));
    assert!(short.lines().count() <= 60, "{} lines:\n{short}", short.lines().count());
    for part in ["--journal", "--listen", "--namespace", "`serve --help` lists all options"] {
        assert!(short.contains(part), "`{part}` is missing:\n{short}");
    }
    assert!(!short.contains("--max-bodies") && long.contains("--max-bodies"));
    // What has no heading is below `Options`: the last three are clap's and the demo has none.
    let (_, options) = long.split_once("\nOptions:\n").unwrap();
    let without_heading = options.split("\n\n").next().unwrap_or_default();
    for flag in ["--listen", "--max-connections", "--header-timeout"] {
        assert!(!without_heading.contains(flag), "{flag} has no heading:\n{without_heading}");
    }
}

#[test]
fn a_misspelled_variable_of_the_environment_is_reported_without_its_value() {
    let mut command =
        command(&["explain", "push", "--repo", "github.com/acme/web", "--manifests", "/nowhere"]);
    command.env("SHIPWRIGHT_TRIGGER_SECRT", "hush").env("SHIPWRIGHT_TRIGGER_LISTN", ":1");
    let errors = String::from_utf8(command.output().unwrap().stderr).unwrap();
    assert!(errors.contains("SHIPWRIGHT_TRIGGER_LISTN is unknown and has no effect"), "{errors}");
    assert!(errors.contains("did you mean SHIPWRIGHT_TRIGGER_SECRET?"), "{errors}");
    assert!(!errors.contains("hush"), "{errors}");
}

#[test]
fn events_may_be_spelled_as_rules_spell_them() {
    let examples = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples");
    for event in ["pull-request", "pull_request", "PullRequest"] {
        let args = ["explain", "--manifests", examples, event, "--repo", "github.com/acme/web"];
        check(&args, true, &["the event is PullRequest, the rule is for Push"]);
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
fn a_journal_is_copied_and_checked() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| format!("{}/{name}", path(&folder));
    let address = format!("sqlite:{}", file("journal.db"));
    drop(
        trigger_journal::SqliteJournal::open(file("journal.db"), trigger_journal::sqlite::Options::default())
            .unwrap(),
    );
    check(&["journal", "check", "--journal", &address], true, &["is in order: 0 deliveries"]);
    let backup = ["journal", "backup", "--journal", &address, &file("copy.db")];
    check(&backup, true, &["copy.db holds 0 deliveries"]);
    check(&backup, false, &["copy.db exists and is not overwritten: remove it"]);
    let streamed = run(&["journal", "backup", "--journal", &address, "-"]).stdout;
    std::fs::write(file("streamed.db"), streamed).unwrap();
    let streamed = format!("sqlite:{}", file("streamed.db"));
    check(&["journal", "check", "--journal", &streamed], true, &["is in order: 0 deliveries"]);
    let elsewhere = ["journal", "check", "--journal", "sqlite:/nowhere/journal.db"];
    check(&elsewhere, false, &["/nowhere/journal.db does not exist"]);
    let postgres = ["journal", "backup", "--journal", "postgres://u:hush@db/x", "copy.db"];
    check(&postgres, false, &["postgres://u@db/x is in PostgreSQL: back it up with `pg_dump"]);
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
    for command in [
        "dev",
        "serve",
        "send",
        "explain",
        "validate",
        "deliveries",
        "images",
        "journal",
        "crds",
        "completions",
    ] {
        check(&[command, "--help"], true, &["Usage: "]);
    }
    check(&["completions", "bash"], true, &["complete -F"]);
}
