//! Rendering with kubectl, which brings Kustomize.

use std::io::{Write, stderr};
use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// What people apply, under `deploy/`.
pub const OVERLAYS: [&str; 6] = [
    "overlays/single",
    "overlays/replicated",
    "overlays/namespaces",
    "overlays/openshift",
    "overlays/ingress",
    "overlays/gateway",
];

/// What one folder renders.
pub struct Rendered {
    pub name: String,
    pub text: String,
    pub objects: Vec<Value>,
}

/// A line past the test runner, which shows what tests print only if they fail.
pub fn say(line: &str) {
    stderr().write_all(format!("{line}\n").as_bytes()).unwrap();
}

/// Every overlay, unless there is no kubectl. Where the tests are required to use one, its absence fails them.
pub fn overlays(test: &str) -> Vec<Rendered> {
    if is_there(test) { OVERLAYS.map(render).into() } else { Vec::new() }
}

pub fn is_there(test: &str) -> bool {
    let there =
        Command::new("kubectl").args(["version", "--client"]).output().is_ok_and(|run| run.status.success());
    let required = std::env::var_os("TRIGGER_REQUIRE_KUBECTL").is_some();
    assert!(there || !required, "kubectl is required and missing");
    if !there {
        say(&format!("skipped for want of kubectl: {test}"));
    }
    there
}

/// Renders a folder under `deploy/`, or any other.
pub fn render(name: &str) -> Rendered {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy")).join(name);
    let output = Command::new("kubectl").arg("kustomize").arg(folder).output().unwrap();
    assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
    let warnings = String::from_utf8_lossy(&output.stderr);
    assert!(warnings.is_empty(), "{name}: {warnings}");
    let text = String::from_utf8(output.stdout).unwrap();
    let objects = trigger_api::manifest::parse(&text).unwrap();
    Rendered { name: name.to_owned(), text, objects }
}

impl Rendered {
    pub fn of_kind<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Value> {
        self.objects.iter().filter(move |object| object["kind"] == kind)
    }

    /// The one workload: a StatefulSet or a Deployment.
    pub fn workload(&self) -> &Value {
        let mut all = self.of_kind("StatefulSet").chain(self.of_kind("Deployment"));
        let workload = all.next().unwrap_or_else(|| panic!("{} runs nothing", self.name));
        assert!(all.next().is_none(), "{} runs two things", self.name);
        workload
    }

    /// The one container.
    pub fn container(&self) -> &Value {
        let containers = self.workload()["spec"]["template"]["spec"]["containers"].as_array().unwrap();
        assert_eq!(containers.len(), 1, "{}", self.name);
        &containers[0]
    }

    pub fn has(&self, kind: &str) -> bool {
        self.of_kind(kind).next().is_some()
    }
}
