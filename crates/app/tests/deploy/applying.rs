//! kubectl applies them: to the dev cluster what it serves, and with `TRIGGER_E2E_KUBECONFIG` to another cluster
//! everything that it serves.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use trigger_devcluster::DevCluster;

use crate::kubectl::{OVERLAYS, Rendered, is_there, render, say};

struct Cluster {
    config: PathBuf,
    folder: tempfile::TempDir,
}

impl Cluster {
    fn new(kubeconfig: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("kubeconfig");
        std::fs::write(&config, kubeconfig).unwrap();
        Self { config, folder }
    }

    #[track_caller]
    fn kubectl(&self, args: &[&str]) -> String {
        let output = Command::new("kubectl").args(args).env("KUBECONFIG", &self.config).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "kubectl {args:?}: {text}{errors}");
        text
    }

    /// What it serves, as `apps/v1 Deployment`.
    fn serves(&self) -> BTreeSet<String> {
        let table = self.kubectl(&["api-resources", "--no-headers"]);
        let kind = |line: &str| {
            let mut words = line.split_whitespace().rev();
            let (kind, _, version) = (words.next()?, words.next()?, words.next()?);
            Some(format!("{version} {kind}"))
        };
        table.lines().filter_map(kind).collect()
    }

    /// One document each: a `List` is no kind that servers describe, so kubectl could not check it.
    fn write(&self, name: &str, objects: &[&Value]) -> String {
        let file = self.folder.path().join(name);
        let documents: Vec<_> = objects.iter().map(ToString::to_string).collect();
        std::fs::write(&file, documents.join("\n")).unwrap();
        Path::to_str(&file).unwrap().to_owned()
    }

    /// Applies what the cluster serves of an overlay; returns how many objects that were.
    fn apply(&self, overlay: &Rendered, serves: &BTreeSet<String>) -> usize {
        let kind = |object: &Value| {
            format!("{} {}", object["apiVersion"].as_str().unwrap(), object["kind"].as_str().unwrap())
        };
        let (taken, others): (Vec<_>, Vec<_>) =
            overlay.objects.iter().partition(|object| serves.contains(&kind(object)));
        let others: BTreeSet<_> = others.into_iter().map(kind).collect();
        if !others.is_empty() {
            let others: Vec<_> = others.into_iter().collect();
            say(&format!("{}: not applied, the cluster does not serve {}", overlay.name, others.join(", ")));
        }
        // A dry run in a namespace needs the namespace.
        let namespaces: Vec<_> =
            taken.iter().copied().filter(|object| object["kind"] == "Namespace").collect();
        self.kubectl(&["apply", "-f", &self.write("namespaces.yaml", &namespaces)]);
        let file = self.write("objects.yaml", &taken);
        self.kubectl(&["apply", "--dry-run=server", "-f", &file]);
        self.kubectl(&["apply", "-f", &file]);
        let again = self.kubectl(&["apply", "-f", &file]);
        // What servers fill in of what runs looks like a change to kubectl, each time.
        let mut others = again.lines().filter(|line| !line.contains(".apps/"));
        assert!(others.all(|line| line.ends_with(" unchanged")), "{}: {again}", overlay.name);
        taken.len()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_dev_cluster_takes_what_it_serves() {
    if !is_there("the_dev_cluster_takes_what_it_serves") {
        return;
    }
    let dev = DevCluster::builder().start().await.unwrap();
    let cluster = Cluster::new(&dev.kubeconfig());
    tokio::task::block_in_place(|| {
        let serves = cluster.serves();
        for name in OVERLAYS {
            assert!(cluster.apply(&render(name), &serves) >= 2, "{name}");
        }
        let labels = ["-o", "jsonpath={.metadata.labels.pod-security\\.kubernetes\\.io/enforce}"];
        let enforced = cluster.kubectl(&[&["get", "namespace", "shipwright-trigger"], &labels[..]].concat());
        assert_eq!(enforced, "restricted");
    });
}

/// A cluster without Tekton Triggers gets its kinds, with their short names, and takes listeners then.
#[tokio::test(flavor = "multi_thread")]
async fn the_kinds_of_tekton_triggers_can_be_added() {
    if !is_there("the_kinds_of_tekton_triggers_can_be_added") {
        return;
    }
    let dev = DevCluster::builder().crds(trigger_api::crds::tekton().unwrap()).start().await.unwrap();
    let cluster = Cluster::new(&dev.kubeconfig());
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
    let definitions = root.join("deploy/components/tekton-triggers-crds/crds.yaml");
    let examples = root.join("examples/listeners");
    tokio::task::block_in_place(|| {
        cluster.kubectl(&["apply", "-f", definitions.to_str().unwrap()]);
        for namespace in ["team-a", "team-b"] {
            cluster.kubectl(&["create", "namespace", namespace]);
        }
        cluster.kubectl(&["apply", "-f", examples.to_str().unwrap()]);
        let count = |names: &str, more: &[&str]| {
            let all = cluster.kubectl(&[&["get", names, "-o", "name"], more].concat());
            all.lines().count()
        };
        assert_eq!(count("el", &["-A"]), 4);
        assert_eq!(count("el,tri,tb,tt", &["-A"]), 11);
        assert_eq!(count("ctb,ci", &[]), 0);
        assert_eq!(count("eventlisteners.v1alpha1.triggers.tekton.dev", &["-A"]), 4);
        let table = cluster.kubectl(&["get", "el", "-n", "team-a"]);
        assert!(table.contains("ADDRESS") && table.contains("READY"), "{table}");
    });
}

/// On a cluster with nodes the program would start; what runs it is taken away again.
#[test]
fn another_cluster_takes_everything_that_it_serves() {
    let Some(file) = std::env::var_os("TRIGGER_E2E_KUBECONFIG") else { return };
    if !is_there("another_cluster_takes_everything_that_it_serves") {
        return;
    }
    let cluster = Cluster::new(&std::fs::read_to_string(file).unwrap());
    let serves = cluster.serves();
    for name in OVERLAYS {
        let overlay = render(name);
        let kind = overlay.workload()["kind"].as_str().unwrap();
        let remove = ["delete", kind, "shipwright-trigger", "-n", "shipwright-trigger", "--ignore-not-found"];
        // One that an earlier run has left may differ in what cannot be changed.
        cluster.kubectl(&remove);
        let applied = cluster.apply(&overlay, &serves);
        cluster.kubectl(&remove);
        assert!(applied >= 10, "{name}: {applied}");
    }
}
