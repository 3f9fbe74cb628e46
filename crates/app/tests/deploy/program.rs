//! The manifests and the program agree: flags, variables, ports, times, names.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use clap::{CommandFactory, Parser};
use serde_json::{Value, json};
use shipwright_trigger::Cli;

use crate::kubectl::{Rendered, overlays};

/// What the libraries of the program read beside its flags.
const ELSEWHERE_READ: [&str; 2] = ["PGPASSWORD", "MIMALLOC_PURGE_DELAY"];

/// The flags of `serve` by their variables.
fn flags() -> BTreeMap<String, clap::Arg> {
    let mut command = Cli::command();
    command.build();
    let serve = command.find_subcommand("serve").unwrap();
    let named = |flag: &clap::Arg| Some((flag.get_env()?.to_str()?.to_owned(), flag.clone()));
    serve.get_arguments().filter_map(named).collect()
}

/// What a flag is when nobody sets it.
fn default_of(variable: &str) -> String {
    flags()[variable].get_default_values()[0].to_str().unwrap().to_owned()
}

fn seconds(variable: &str) -> f64 {
    default_of(variable).parse().unwrap()
}

fn port(variable: &str) -> u16 {
    default_of(variable).parse::<SocketAddr>().unwrap().port()
}

fn variables(overlay: &Rendered) -> Vec<Value> {
    overlay.container()["env"].as_array().unwrap().clone()
}

#[test]
fn the_program_knows_every_argument_and_variable() {
    let flags = flags();
    for overlay in overlays("the_program_knows_every_argument_and_variable") {
        let args = overlay.container()["args"].as_array().unwrap();
        let args: Vec<_> = args.iter().map(|arg| arg.as_str().unwrap()).collect();
        assert_eq!(args[0], "serve");
        let called = ["shipwright-trigger"].into_iter().chain(args);
        Cli::try_parse_from(called).unwrap_or_else(|error| panic!("{}: {error}", overlay.name));
        for variable in variables(&overlay) {
            let name = variable["name"].as_str().unwrap();
            if ELSEWHERE_READ.contains(&name) {
                continue;
            }
            let flag = flags.get(name).unwrap_or_else(|| panic!("{}: {name} is no flag", overlay.name));
            let Some(value) = variable["value"].as_str() else { continue };
            let flag = format!("--{}={value}", flag.get_long().unwrap());
            let called = ["shipwright-trigger", "serve", &flag];
            Cli::try_parse_from(called).unwrap_or_else(|error| panic!("{}: {error}", overlay.name));
        }
    }
}

/// No overlay has this component.
#[test]
fn the_program_knows_how_listeners_are_owned() {
    let text = include_str!("../../../../deploy/components/own-listeners/kustomization.yaml");
    let component: Value = serde_saphyr::from_str(text).unwrap();
    let patches = component["patches"].as_array().unwrap();
    let patch = patches.iter().find_map(|patch| patch["patch"].as_str()).unwrap();
    let patch: Value = serde_saphyr::from_str(patch).unwrap();
    let variable = &patch[0]["value"];
    let flag = &flags()[variable["name"].as_str().unwrap()];
    let flag = format!("--{}={}", flag.get_long().unwrap(), variable["value"].as_str().unwrap());
    assert_eq!(flag, "--listeners=own");
    Cli::try_parse_from(["shipwright-trigger", "serve", &flag]).unwrap();
}

/// A Service of the program's name makes variables that look like its flags; one of them must not become one.
#[test]
fn variables_of_services_are_kept_out() {
    for overlay in overlays("variables_of_services_are_kept_out") {
        assert_eq!(overlay.workload()["spec"]["template"]["spec"]["enableServiceLinks"], false);
    }
}

#[test]
fn ports_are_those_that_the_program_listens_on() {
    let (hooks, admin) = (port("SHIPWRIGHT_TRIGGER_LISTEN"), port("SHIPWRIGHT_TRIGGER_ADMIN_LISTEN"));
    for overlay in overlays("ports_are_those_that_the_program_listens_on") {
        let container = overlay.container();
        let expected = json!([
            {"containerPort": hooks, "name": "hooks"},
            {"containerPort": admin, "name": "admin"},
        ]);
        assert_eq!(container["ports"], expected, "{}", overlay.name);
        for (probe, path) in
            [("startupProbe", "/healthz"), ("livenessProbe", "/healthz"), ("readinessProbe", "/readyz")]
        {
            assert_eq!(
                container[probe]["httpGet"],
                json!({"path": path, "port": "admin"}),
                "{}",
                overlay.name
            );
        }
        for (service, port, name) in
            [("shipwright-trigger", hooks, "hooks"), ("shipwright-trigger-admin", admin, "admin")]
        {
            let mut services = overlay.of_kind("Service");
            let service = services.find(|object| object["metadata"]["name"] == service).unwrap();
            let ports = json!([{"name": name, "port": port, "targetPort": name, "appProtocol": "http"}]);
            assert_eq!(service["spec"]["ports"], ports, "{}", overlay.name);
            let labels = &overlay.workload()["spec"]["template"]["metadata"]["labels"];
            for (label, value) in service["spec"]["selector"].as_object().unwrap() {
                assert_eq!(&labels[label], value, "{}", overlay.name);
            }
        }
    }
}

#[test]
fn the_end_gets_as_long_as_it_may_take() {
    // The sum of the table in docs/operating.md, "Shutdown".
    let needed = seconds("SHIPWRIGHT_TRIGGER_DRAIN_DELAY") + 23.0;
    for overlay in overlays("the_end_gets_as_long_as_it_may_take") {
        let given = &overlay.workload()["spec"]["template"]["spec"]["terminationGracePeriodSeconds"];
        assert!(given.as_f64().unwrap() >= needed, "{}: {given}, {needed} are needed", overlay.name);
    }
}

#[test]
fn the_version_is_the_programs_and_stays_out_of_what_cannot_change() {
    let version = env!("CARGO_PKG_VERSION");
    for overlay in overlays("the_version_is_the_programs_and_stays_out_of_what_cannot_change") {
        assert_eq!(overlay.container()["image"], format!("shipwright-trigger:{version}"), "{}", overlay.name);
        let workload = overlay.workload();
        let label = "app.kubernetes.io/version";
        assert_eq!(workload["metadata"]["labels"][label], version, "{}", overlay.name);
        assert_eq!(workload["spec"]["template"]["metadata"]["labels"][label], version, "{}", overlay.name);
        assert_eq!(
            workload["spec"]["selector"],
            json!({"matchLabels": {"app.kubernetes.io/name": "shipwright-trigger"}})
        );
        assert!(!workload["spec"]["volumeClaimTemplates"].to_string().contains(version), "{}", overlay.name);
    }
}

#[test]
fn everything_carries_the_recommended_labels() {
    for overlay in overlays("everything_carries_the_recommended_labels") {
        for object in &overlay.objects {
            let labels = &object["metadata"]["labels"];
            let named = format!("{}: {} {}", overlay.name, object["kind"], object["metadata"]["name"]);
            assert_eq!(labels["app.kubernetes.io/name"], "shipwright-trigger", "{named}");
            assert_eq!(labels["app.kubernetes.io/part-of"], "shipwright", "{named}");
        }
    }
}

/// One process at a time may use a SQLite file; several replicas need PostgreSQL.
#[test]
fn the_number_of_replicas_fits_the_journal() {
    for overlay in overlays("the_number_of_replicas_fits_the_journal") {
        let workload = overlay.workload();
        let journal = variables(&overlay);
        let journal = journal.iter().find(|set| set["name"] == "SHIPWRIGHT_TRIGGER_JOURNAL").unwrap();
        if let Some(address) = journal["value"].as_str() {
            let folder = overlay.container()["volumeMounts"][0]["mountPath"].as_str().unwrap();
            assert!(address.starts_with(&format!("sqlite:{folder}/")), "{}: {address}", overlay.name);
            assert_eq!(
                (&workload["kind"], &workload["spec"]["replicas"]),
                (&json!("StatefulSet"), &json!(1))
            );
            assert!(!overlay.has("PodDisruptionBudget"), "{}: its node could not be drained", overlay.name);
        } else {
            assert!(journal["valueFrom"]["secretKeyRef"]["name"].is_string(), "{}", overlay.name);
            assert!(workload["spec"]["replicas"].as_u64().unwrap() > 1, "{}", overlay.name);
            assert!(overlay.has("PodDisruptionBudget"), "{}", overlay.name);
        }
    }
}
