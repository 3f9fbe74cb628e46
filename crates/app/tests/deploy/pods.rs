//! What the pods may do.

use k8s_openapi::api::core::v1::{PodSecurityContext, PodSpec, SecurityContext};
use serde_json::{Value, json};

use crate::kubectl::overlays;

/// Below this a user may be somebody on the node.
const LOWEST_USER: i64 = 10_000;

/// Which rules of the `restricted` Pod Security Standard a pod breaks, by the names that the standard gives its
/// controls, and which of ours.
/// <https://kubernetes.io/docs/concepts/security/pod-security-standards/>
fn broken(pod: &PodSpec) -> Vec<&'static str> {
    let nothing = PodSecurityContext::default();
    let of_pod = pod.security_context.as_ref().unwrap_or(&nothing);
    let mut broken = Vec::new();
    let mut rule = |name, holds: bool| {
        if !holds && !broken.contains(&name) {
            broken.push(name);
        }
    };
    let no = |value: Option<bool>| value != Some(true);
    rule("host namespaces", no(pod.host_network) && no(pod.host_pid) && no(pod.host_ipc));
    rule("sysctls", of_pod.sysctls.as_ref().is_none_or(Vec::is_empty));
    rule("ephemeral containers", pod.ephemeral_containers.is_none());
    for volume in pod.volumes.iter().flatten() {
        let volume = serde_json::to_value(volume).unwrap();
        let kinds = volume.as_object().unwrap().keys().filter(|key| *key != "name");
        let allowed = [
            "configMap",
            "csi",
            "downwardAPI",
            "emptyDir",
            "ephemeral",
            "persistentVolumeClaim",
            "projected",
            "secret",
        ];
        rule("volume types", kinds.into_iter().all(|kind| allowed.contains(&kind.as_str())));
    }
    for container in pod.init_containers.iter().flatten().chain(&pod.containers) {
        let nothing = SecurityContext::default();
        let own = container.security_context.as_ref().unwrap_or(&nothing);
        rule("privileged containers", no(own.privileged));
        rule("privilege escalation", own.allow_privilege_escalation == Some(false));
        let capabilities = own.capabilities.clone().unwrap_or_default();
        rule("capabilities", capabilities.drop.is_some_and(|all| all.contains(&"ALL".to_owned())));
        rule("capabilities", capabilities.add.is_none());
        let seccomp = own.seccomp_profile.as_ref().or(of_pod.seccomp_profile.as_ref());
        rule("seccomp", seccomp.is_some_and(|profile| profile.type_ == "RuntimeDefault"));
        let non_root = own.run_as_non_root.or(of_pod.run_as_non_root);
        rule("running as non-root", non_root == Some(true));
        let user = own.run_as_user.or(of_pod.run_as_user);
        rule("running as non-root user", user.is_none_or(|user| user >= LOWEST_USER));
        rule("proc mount", own.proc_mount.as_deref().is_none_or(|kind| kind == "Default"));
        rule("host ports", container.ports.iter().flatten().all(|port| port.host_port.is_none()));
        rule("read-only root", own.read_only_root_filesystem == Some(true));
        rule("SELinux", own.se_linux_options.is_none() && of_pod.se_linux_options.is_none());
    }
    broken
}

/// The rules are those of the standard, so each is shown a pod that breaks it.
#[test]
fn every_rule_finds_the_pod_that_breaks_it() {
    let good = json!({
        "securityContext": {"runAsNonRoot": true, "runAsUser": 65532, "seccompProfile": {"type": "RuntimeDefault"}},
        "volumes": [{"name": "tmp", "emptyDir": {}}],
        "containers": [{
            "name": "one",
            "ports": [{"containerPort": 8080}],
            "securityContext": {
                "allowPrivilegeEscalation": false,
                "readOnlyRootFilesystem": true,
                "capabilities": {"drop": ["ALL"]},
            },
        }],
    });
    let read = |pod: &Value| serde_json::from_value::<PodSpec>(pod.clone()).unwrap();
    assert_eq!(broken(&read(&good)), Vec::<&str>::new());
    let own = "/containers/0/securityContext";
    for (place, value, expected) in [
        ("/hostNetwork", json!(true), "host namespaces"),
        ("/hostPID", json!(true), "host namespaces"),
        ("/securityContext/sysctls", json!([{"name": "kernel.shm", "value": "1"}]), "sysctls"),
        ("/volumes/0", json!({"name": "tmp", "hostPath": {"path": "/"}}), "volume types"),
        ("/securityContext/seccompProfile/type", json!("Unconfined"), "seccomp"),
        ("/securityContext/seccompProfile", json!(null), "seccomp"),
        ("/securityContext/runAsNonRoot", json!(null), "running as non-root"),
        ("/securityContext/runAsUser", json!(0), "running as non-root user"),
        ("/securityContext/runAsUser", json!(1000), "running as non-root user"),
        ("/securityContext/seLinuxOptions", json!({"type": "spc_t"}), "SELinux"),
        ("/containers/0/ports/0/hostPort", json!(80), "host ports"),
        (&format!("{own}/privileged"), json!(true), "privileged containers"),
        (&format!("{own}/allowPrivilegeEscalation"), json!(null), "privilege escalation"),
        (&format!("{own}/capabilities/drop"), json!([]), "capabilities"),
        (&format!("{own}/capabilities/add"), json!(["NET_ADMIN"]), "capabilities"),
        (&format!("{own}/runAsNonRoot"), json!(false), "running as non-root"),
        (&format!("{own}/procMount"), json!("Unmasked"), "proc mount"),
        (&format!("{own}/readOnlyRootFilesystem"), json!(false), "read-only root"),
        (own, json!(null), "privilege escalation"),
    ] {
        let mut bad = good.clone();
        let (parent, key) = place.rsplit_once('/').unwrap();
        match bad.pointer_mut(parent).unwrap() {
            Value::Array(items) => items[key.parse::<usize>().unwrap()] = value,
            parent => parent[key] = value,
        }
        assert!(broken(&read(&bad)).contains(&expected), "{place}");
    }
}

#[test]
fn pods_are_restricted() {
    for overlay in overlays("pods_are_restricted") {
        let pod = &overlay.workload()["spec"]["template"]["spec"];
        let pod: PodSpec = serde_json::from_value(pod.clone()).unwrap();
        assert_eq!(broken(&pod), Vec::<&str>::new(), "{}", overlay.name);
        let namespace = overlay.of_kind("Namespace").next().unwrap();
        for mode in ["enforce", "audit", "warn"] {
            let label = format!("pod-security.kubernetes.io/{mode}");
            assert_eq!(namespace["metadata"]["labels"][&label], "restricted", "{}", overlay.name);
        }
    }
}

#[test]
fn only_openshift_leaves_the_user_to_the_cluster() {
    for overlay in overlays("only_openshift_leaves_the_user_to_the_cluster") {
        let context = &overlay.workload()["spec"]["template"]["spec"]["securityContext"];
        for field in ["runAsUser", "runAsGroup", "fsGroup"] {
            let openshift = overlay.name == "overlays/openshift";
            assert_eq!(context[field].is_null(), openshift, "{}: {field}", overlay.name);
        }
    }
}

#[test]
fn memory_is_reserved_in_full_and_the_processor_is_not_limited() {
    for overlay in overlays("memory_is_reserved_in_full_and_the_processor_is_not_limited") {
        let resources = &overlay.container()["resources"];
        assert!(resources["requests"]["cpu"].is_string(), "{}", overlay.name);
        assert_eq!(
            resources["limits"],
            json!({"memory": resources["requests"]["memory"]}),
            "{}",
            overlay.name
        );
    }
}
