//! What scenarios need whose program is a process apart: a cluster with a Build of a team, and ports.

use std::net::SocketAddr;

use serde_json::json;
use trigger_devcluster::DevCluster;

use crate::world::{KEY, usual_rules};

/// A cluster with one Build of `github.com/acme/web` in the namespace team-a, and its Secret.
pub async fn cluster() -> DevCluster {
    let dev = DevCluster::builder().crds(trigger_api::crds::all().unwrap()).start().await.unwrap();
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "stringData": {"github-token": KEY}});
    let build = json!({
        "apiVersion": "shipwright.io/v1beta1",
        "kind": "Build",
        "spec": {
            "source": {"type": "Git", "git": {"url": "https://github.com/acme/web", "revision": "main"}},
            "strategy": {"name": "buildah"},
            "output": {"image": "registry.example/acme/web"},
            "trigger": {"triggerSecret": "hook", "when": usual_rules()},
        },
    });
    for (name, mut object) in [("hook", secret), ("web", build)] {
        object["metadata"] = json!({"namespace": "team-a", "name": name});
        dev.store().apply(object).await.unwrap();
    }
    dev
}

pub fn free_port() -> SocketAddr {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}
