//! The demo: the command `dev`.

use std::collections::BTreeMap;
use std::path::Path;

use rustix::process::Signal;

use super::{check, check_output, command, manifests, path, run};

#[test]
fn dev_runs_the_demo() {
    check(
        &["dev", "--once", "--verbose"],
        true,
        &[
            "202 Accepted",
            "fired      team-a/web \"push to main\": started web-",
            "skipped    team-b/web \"push to main\": the delivery is not signed with the key of this rule",
            "the branch is main, the rule is for release-*",
            "runs the Build web by name",
            "pinned to commit",
            "nothing runs twice",
            "the first known digest is no change, so it started nothing",
            "the registry called /hooks/registry/distribution",
            "fired      team-a/anywhere \"changed\": started web-",
            "fired      team-a/base \"debian has changed\": started base-",
            "fired      team-a/tools \"base has changed\": started tools-",
            "/debian:13, digest sha256:",
            "All steps succeeded.",
        ],
    );
}

#[test]
fn the_demo_fits_on_a_screen_and_shows_each_kind_of_output_once() {
    let output = run(&["dev", "--once"]);
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    assert!(text.lines().count() <= 64, "{} lines:\n{text}", text.lines().count());
    for line in text.lines() {
        assert!(line.chars().count() <= 80, "wider than 80 columns: {line}");
    }
    let parts =
        ["202 Accepted", "fired", "the branch is main, the rule is for release-*", "All steps succeeded."];
    check_output(&["dev", "--once"], &output, true, &parts);
}

/// The demo as it stays up, until it is dropped.
struct Demo {
    child: std::process::Child,
    lines: std::sync::mpsc::Receiver<String>,
}

impl Demo {
    fn start(folder: &Path) -> Self {
        let mut command = command(&["dev"]);
        command.env("XDG_RUNTIME_DIR", folder).stdout(std::process::Stdio::piped());
        let mut child = command.spawn().unwrap();
        let (sender, lines) = std::sync::mpsc::channel();
        let output = std::io::BufReader::new(child.stdout.take().unwrap());
        std::thread::spawn(move || {
            for line in std::io::BufRead::lines(output).map_while(Result::ok) {
                let _ = sender.send(line);
            }
        });
        Self { child, lines }
    }

    /// The text up to a line with `part`.
    fn until(&self, part: &str) -> String {
        let mut text = String::new();
        // Sentences may be broken into lines.
        while !text.split_whitespace().collect::<Vec<_>>().join(" ").contains(part) {
            let line = self.lines.recv_timeout(std::time::Duration::from_mins(2));
            text.push_str(&line.unwrap_or_else(|_| panic!("`{part}` is missing:\n{text}")));
            text.push('\n');
        }
        text
    }
}

/// Whether these tests, and so the demo, run under `nohup`.
fn hangup_is_ignored() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:")).unwrap_or("0").trim();
    u64::from_str_radix(ignored, 16).is_ok_and(|signals| signals & 1 == 1)
}

impl Drop for Demo {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn another_terminal_finds_the_demo_and_each_delivery_is_a_line_until_the_terminal_is_closed() {
    let folder = tempfile::tempdir().unwrap();
    let none = command(&["dev", "env"]).env("XDG_RUNTIME_DIR", folder.path()).output().unwrap();
    check_output(&["dev", "env"], &none, false, &["no demo runs: start `shipwright-trigger dev`"]);
    let mut demo = Demo::start(folder.path());
    let invitation = demo.until("Ctrl-C");
    for part in ["dev env)", "explain push --repo", "deliveries list --rejected"] {
        assert!(invitation.contains(part), "`{part}` is not suggested:\n{invitation}");
    }
    let found = command(&["dev", "env"]).env("XDG_RUNTIME_DIR", folder.path()).output().unwrap();
    assert!(found.status.success());
    let exports = String::from_utf8(found.stdout).unwrap();
    let variables: BTreeMap<_, _> = exports
        .lines()
        .map(|line| line.strip_prefix("export ").unwrap().split_once('=').unwrap())
        .map(|(name, value)| (name.to_owned(), value.trim_matches('\'').to_owned()))
        .collect();
    let kubeconfig = folder.path().join("shipwright-trigger-dev/kubeconfig");
    assert_eq!(variables["KUBECONFIG"], kubeconfig.to_str().unwrap());
    assert!(kubeconfig.exists());
    let send = |more: &[&str]| {
        let args = [&["send", "push", "--repo", "https://github.com/acme/web"], more].concat();
        command(&args).envs(&variables).output().unwrap()
    };
    assert!(send(&["--ref", "main"]).status.success());
    demo.until("started team-a/web-");
    assert!(send(&["--ref", "dev"]).status.success());
    demo.until("started nothing: the branch is dev");
    assert!(!send(&["--secret", "wrong"]).status.success());
    demo.until("rejected with 401");
    check_output(
        &["deliveries", "list"],
        &command(&["deliveries", "list"]).envs(&variables).output().unwrap(),
        true,
        &["the branch is dev, the rule is for main"],
    );
    let pid = rustix::process::Pid::from_child(&demo.child);
    // Under `nohup` it survives its terminal.
    let signal = if hangup_is_ignored() { Signal::TERM } else { Signal::HUP };
    rustix::process::kill_process(pid, signal).unwrap();
    demo.until("Stopped.");
    assert!(demo.child.wait().unwrap().success());
    assert!(!kubeconfig.exists(), "nothing is left behind");
}

#[test]
fn dev_has_a_registry_whether_one_is_installed_or_not() {
    let folder = tempfile::tempdir().unwrap();
    let examples = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples");
    let args = ["dev", "--once", "--manifests", examples];
    let whole = "All steps succeeded.";
    let without = command(&args).env("PATH", folder.path()).output().unwrap();
    let own = "a small registry in this process: docker-registry is not installed";
    check_output(&args, &without, true, &[own, whole]);
    if trigger_devregistry::Distribution::for_test("dev with docker-registry").is_some() {
        check(&args, true, &["the installed docker-registry", whole]);
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
    check(&["dev", "--once", "--manifests", path(&broken)], false, &["build.yaml", "YAML"]);
    let silent = manifests("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\n");
    check(
        &["dev", "--once", "--manifests", path(&silent)],
        false,
        &["No Build has a rule for pushes or pull requests", "github-token"],
    );
    let refused = manifests(
        "apiVersion: shipwright.io/v1beta1\nkind: Build\nmetadata: {name: b}\nspec: {strategy: {name: s}}\n",
    );
    check(&["dev", "--once", "--manifests", path(&refused)], false, &["cannot create Build b", "output"]);
    let empty = tempfile::tempdir().unwrap();
    check(&["dev", "--once", "--manifests", path(&empty)], false, &["contains no .yaml, .yml or .json file"]);
    check(&["dev", "--once", "--manifests", "/nonexistent"], false, &["cannot read the folder /nonexistent"]);
}
