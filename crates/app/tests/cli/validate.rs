//! What is wrong with Builds and with objects of Tekton Triggers: `validate`.

use std::io::Write;
use std::process::{Output, Stdio};

use crate::{command, manifests, path, run};

/// A listener with two mistakes and a reference to nothing, a template that is fine, a Build with an unknown event.
const MIXED: &str = "\
apiVersion: triggers.tekton.dev/v1beta1
kind: EventListener
metadata: {name: web, namespace: team-a}
spec:
  triggers:
  - name: push
    interceptors: [{ref: {name: github}}, {ref: {name: own}}]
    bindings: [{ref: absent}, {name: p}]
    template: {ref: runs}
  - triggerRef: elsewhere
    bindings: [{name: p, value: v}]
---
apiVersion: triggers.tekton.dev/v1beta1
kind: TriggerTemplate
metadata: {name: runs, namespace: team-a}
spec:
  resourceTemplates: [{apiVersion: tekton.dev/v1, kind: PipelineRun}]
---
apiVersion: shipwright.io/v1beta1
kind: Build
metadata: {name: app, namespace: team-a}
spec:
  source: {type: Git, git: {url: 'https://github.com/acme/app'}}
  trigger:
    triggerSecret: hook
    when: [{name: push, type: GitHub, github: {events: [push], branches: [main]}}]
---
apiVersion: v1
kind: ConfigMap
metadata: {name: ignored}
";

const ERRORS: [&str; 2] = [
    "  error   expected exactly one, got both: spec.triggers[1].template or bindings or interceptors, \
     spec.triggers[1].triggerRef",
    "  error   missing field(s): spec.triggers[0].bindings[1].value",
];
const HINTS: [&str; 3] = [
    "  hint    spec.triggers[0].bindings[0].ref: there is no TriggerBinding `absent` in the namespace team-a",
    "  hint    spec.triggers[0].interceptors[1].ref: there is no ClusterInterceptor `own`",
    "  hint    spec.triggers[1].triggerRef: there is no Trigger `elsewhere` in the namespace team-a",
];

#[track_caller]
fn text(output: &Output, status: i32) -> String {
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(status), "{text}{errors}");
    text
}

#[track_caller]
fn has_lines(text: &str, lines: &[&str]) {
    for line in lines {
        assert!(text.lines().any(|found| found == *line), "no line `{line}` in\n{text}");
    }
}

#[test]
fn a_folder_is_checked_with_its_references() {
    let folder = manifests(MIXED);
    let file = format!("{}/build.yaml", path(&folder));
    let found = text(&run(&["validate", path(&folder)]), 3);
    has_lines(
        &found,
        &[
            &format!("Build team-a/app in {file}"),
            "  error   rule when[0] \"push\": the event `push` is unknown, write `Push`",
            &format!("EventListener team-a/web in {file}"),
            "1 Builds with rules, 1 with errors, 0 with hints.",
            "2 objects of Tekton Triggers, 1 with errors, 1 with hints.",
        ],
    );
    has_lines(&found, &ERRORS);
    has_lines(&found, &HINTS);
    assert!(!found.contains("runs in") && !found.contains("github`"), "{found}");

    let found = text(&run(&["validate", "--manifests", path(&folder)]), 3);
    let headings = ["Build team-a/app", "EventListener team-a/web"].map(|name| format!("{name} in {file}"));
    has_lines(&found, &[&headings[0], &headings[1], ERRORS[0], HINTS[0]]);
}

#[test]
fn references_out_of_a_file_are_not_looked_for() {
    let folder = manifests(MIXED);
    let found = text(&run(&["validate", &format!("{}/build.yaml", path(&folder))]), 3);
    has_lines(&found, &ERRORS);
    assert!(!found.contains("hint "), "{found}");
}

#[test]
fn a_uri_for_cloud_events_has_to_be_an_address() {
    let listener = |uri: &str| {
        let spec = format!("{{cloudEventURI: {uri:?}, triggers: [{{triggerRef: t}}]}}");
        let head = "apiVersion: triggers.tekton.dev/v1beta1\nkind: EventListener\nmetadata: {name: web}\n";
        let folder = manifests(&format!("{head}spec: {spec}\n"));
        run(&["validate", &format!("{}/build.yaml", path(&folder))])
    };
    text(&listener("https://sink.example/events"), 0);
    for uri in ["sink.example", "ftp://sink.example", "/events"] {
        let error = "  error   spec.cloudEventURI: no CloudEvents are sent: the URL is none of an HTTP server: begin it \
                     with `http://` or `https://` and a host";
        has_lines(&text(&listener(uri), 3), &[error]);
    }
}

#[test]
fn the_standard_input_is_read() {
    let mut program = command(&["validate", "-"]);
    program.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut program = program.spawn().unwrap();
    program.stdin.take().unwrap().write_all(MIXED.as_bytes()).unwrap();
    let found = text(&program.wait_with_output().unwrap(), 3);
    has_lines(&found, &["EventListener team-a/web in the standard input"]);
    has_lines(&found, &ERRORS);
}

#[test]
fn objects_without_mistakes_have_no_lines() {
    let fine = "\
apiVersion: triggers.tekton.dev/v1alpha1
kind: Trigger
metadata: {name: t}
spec:
  interceptors: [{github: {eventTypes: [push]}}]
  bindings: [{ref: b, kind: ClusterTriggerBinding}]
  template: {spec: {resourcetemplates: [{apiVersion: v1, kind: ConfigMap}]}}
---
apiVersion: triggers.tekton.dev/v1beta1
kind: ClusterTriggerBinding
metadata: {name: b}
spec: {params: [{name: p, value: $(body.x)}]}
";
    let folder = manifests(fine);
    let found = text(&run(&["validate", path(&folder)]), 0);
    assert_eq!(found, "2 objects of Tekton Triggers, 0 with errors, 0 with hints.\n");
}

#[test]
fn one_bad_document_hides_no_other() {
    let bad = "\
kind: EventListener
---
apiVersion: shipwright.io/v1beta1
kind: Build
metadata: {name: odd}
spec: {source: text}
---
apiVersion: triggers.tekton.dev/v1beta1
kind: EventListener
metadata: {name: l}
spec: {triggers: [{name: false}]}
---
apiVersion: triggers.tekton.dev/v1beta1
kind: ClusterTriggerBinding
metadata: {name: empty}
spec: {}
";
    let folder = manifests(bad);
    std::fs::write(folder.path().join("no.yaml"), "{").unwrap();
    let found = text(&run(&["validate", path(&folder)]), 3);
    let file = format!("{}/build.yaml", path(&folder));
    has_lines(
        &found,
        &[
            &file,
            "  error   document 1 is no Kubernetes object: `apiVersion` is missing",
            &format!("Build default/odd in {file}"),
            &format!("{}/no.yaml", path(&folder)),
            &format!("EventListener default/l in {file}"),
            "  error   must be a string, not the boolean false: spec.triggers[0].name",
            &format!("ClusterTriggerBinding empty in {file}"),
            "  error   missing field(s)",
            "2 objects of Tekton Triggers, 2 with errors, 0 with hints.",
            "3 documents cannot be read.",
        ],
    );
    assert_eq!(text(&run(&["validate", "--manifests", path(&folder)]), 3), found);
    assert!(found.contains("  error   not valid YAML: "), "{found}");

    let absent = run(&["validate", "/nonexistent/file.yaml"]);
    assert_eq!(absent.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&absent.stderr).contains("cannot read /nonexistent/file.yaml"));
    assert_eq!(run(&["validate", path(&folder), "--manifests", path(&folder)]).status.code(), Some(2));
}
