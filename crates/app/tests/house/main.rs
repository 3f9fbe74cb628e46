//! The rules of the house. This file holds them over `cargo metadata`: which crate may depend on which, and where crates
//! from elsewhere are allowed. `modules` and `sources` hold them over the source text,
//! `maps` over the pages about the code. ARCHITECTURE.md has the reasons.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod circles;
mod maps;
mod modules;
mod sources;

use std::collections::{BTreeMap, BTreeSet};

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package};

use self::circles::Graph;

/// Our crates from the innermost to the outermost, with what each may use of the others.
const MAY_USE: &[(&str, &[&str])] = &[
    ("trigger-core", &[]),
    ("trigger-api", &["core"]),
    ("trigger-expr", &["core"]),
    ("trigger-runtime", &["core"]),
    ("trigger-providers", &["core"]),
    ("trigger-egress", &["core", "runtime"]),
    ("trigger-registries", &["core", "egress", "runtime"]),
    ("trigger-journal", &["core", "runtime"]),
    ("trigger-targets", &["api", "core", "expr"]),
    ("trigger-rules", &["api", "core", "expr", "providers", "targets"]),
    ("trigger-calls", &["core", "egress", "expr", "providers", "rules", "runtime"]),
    ("trigger-tasks", &["api", "core", "targets"]),
    ("trigger-images", &["api", "core", "egress", "journal", "registries", "rules", "runtime"]),
    // Of images only `IMAGES` and `read`: images are one source of deliveries.
    (
        "trigger-dispatch",
        &["api", "core", "expr", "images", "journal", "providers", "rules", "runtime", "targets"],
    ),
    (
        "trigger-cluster",
        &["api", "dispatch", "core", "images", "journal", "rules", "runtime", "targets", "tasks"],
    ),
    (
        "trigger-server",
        &[
            "api",
            "dispatch",
            "core",
            "expr",
            "images",
            "journal",
            "providers",
            "registries",
            "rules",
            "runtime",
        ],
    ),
    // Those under dev/, which the product uses in the subcommand `dev` and in tests only: see below.
    ("trigger-devcluster", &[]),
    ("trigger-simulation", &["devcluster"]),
    ("trigger-devregistry", &[]),
    ("trigger-testkit", &[]),
    (
        "shipwright-trigger",
        &[
            "api",
            "calls",
            "cluster",
            "dispatch",
            "core",
            "egress",
            "expr",
            "images",
            "journal",
            "providers",
            "registries",
            "rules",
            "runtime",
            "server",
            "targets",
            // With the feature `dev`.
            "devcluster",
            "devregistry",
            "simulation",
        ],
    ),
    (
        "xtask",
        &[
            "api",
            "calls",
            "cluster",
            "devcluster",
            "devregistry",
            "dispatch",
            "core",
            "egress",
            "expr",
            "images",
            "journal",
            "providers",
            "registries",
            "rules",
            "runtime",
            "server",
            "shipwright-trigger",
            "simulation",
            "targets",
            "testkit",
        ],
    ),
];

/// Crates from elsewhere that only these of ours may name.
const ONLY_IN: &[(&str, &[&str])] = &[
    ("kube", &["trigger-cluster"]),
    ("rusqlite", &["trigger-journal"]),
    ("tokio-postgres", &["trigger-journal"]),
    ("deadpool-postgres", &["trigger-journal"]),
    ("tokio-postgres-rustls", &["trigger-journal"]),
    ("zstd", &["trigger-journal"]),
    ("gix-url", &["trigger-core"]),
    ("axum", &["trigger-server", "trigger-devcluster", "trigger-devregistry"]),
    // The binary calls its own admin API and the OTLP collector, which the operator chose. Both are often on
    // private addresses.
    ("reqwest", &["shipwright-trigger", "trigger-egress", "trigger-testkit", "xtask"]),
    ("schemars", &["trigger-server"]),
    ("cel", &["trigger-expr"]),
];

/// What pure crates must not name: I/O, clients, servers.
const IMPURE: [&str; 9] =
    ["tokio", "axum", "hyper", "hyper-util", "kube", "reqwest", "rusqlite", "socket2", "tokio-postgres"];
const PURE: [&str; 7] = [
    "trigger-core",
    "trigger-api",
    "trigger-expr",
    "trigger-providers",
    "trigger-rules",
    "trigger-targets",
    "trigger-tasks",
];

/// What nobody names, because something better is decided.
const BANNED: [&str; 7] =
    ["chrono", "serde_yaml", "once_cell", "lazy_static", "async-trait", "openssl", "ring"];

fn metadata() -> Metadata {
    MetadataCommand::new().no_deps().exec().unwrap()
}

/// The normal dependencies of each of our crates.
fn dependencies() -> BTreeMap<String, BTreeSet<String>> {
    metadata()
        .packages
        .into_iter()
        .map(|package| {
            let normal = package
                .dependencies
                .into_iter()
                .filter(|dependency| dependency.kind == DependencyKind::Normal);
            (package.name.to_string(), normal.map(|dependency| dependency.name).collect())
        })
        .collect()
}

/// The table leaves the beginning out that all have in common, save the program's.
fn in_full(name: &str) -> String {
    if name.starts_with("shipwright-") { name.to_owned() } else { format!("trigger-{name}") }
}

#[test]
fn dependencies_point_one_way() {
    let found = dependencies();
    let known: BTreeSet<_> = MAY_USE.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(found.keys().cloned().collect::<BTreeSet<_>>(), known, "a crate is missing from the table");
    for &(name, may_use) in MAY_USE {
        let may_use: BTreeSet<_> = may_use.iter().map(|short| in_full(short)).collect();
        let uses: BTreeSet<_> = found[name].iter().filter(|used| known.contains(*used)).cloned().collect();
        let extra: Vec<_> = uses.difference(&may_use).collect();
        assert!(extra.is_empty(), "{name} must not use {extra:?}");
    }
}

#[test]
fn crates_form_no_circle() {
    let found = dependencies();
    let mut graph = Graph::default();
    for (name, uses) in &found {
        for used in uses.iter().filter(|used| found.contains_key(*used)) {
            graph.add(name, used, "Cargo.toml");
        }
    }
    assert!(graph.edges() > 50, "{} edges", graph.edges());
    assert_eq!(graph.circle(), None);
}

#[test]
fn only_the_subcommand_dev_and_tests_use_what_is_under_dev() {
    let metadata = metadata();
    let is_under = |package: &Package, folder: &str| {
        package.manifest_path.starts_with(metadata.workspace_root.join(folder))
    };
    let tools: BTreeSet<_> = metadata
        .packages
        .iter()
        .filter(|package| is_under(package, "dev"))
        .map(|package| &package.name)
        .collect();
    assert!(!tools.is_empty());
    for package in metadata.packages.iter().filter(|package| is_under(package, "crates")) {
        for used in package.dependencies.iter().filter(|used| tools.iter().any(|tool| **tool == used.name)) {
            let enabled = format!("dep:{}", used.name);
            let features = package.features.iter().filter(|(_, enables)| enables.contains(&enabled));
            let features: Vec<_> = features.map(|(feature, _)| feature.as_str()).collect();
            let is_subcommand = package.name == "shipwright-trigger" && used.optional && features == ["dev"];
            let is_for_tests = used.kind == DependencyKind::Development;
            assert!(is_for_tests || is_subcommand, "{} must not use {}", package.name, used.name);
        }
    }
}

#[test]
fn pure_crates_do_no_io() {
    let found = dependencies();
    for name in PURE {
        for impure in IMPURE {
            assert!(!found[name].contains(impure), "{name} is pure and must not use {impure}");
        }
    }
}

#[test]
fn each_outside_crate_has_one_home() {
    for (name, uses) in dependencies() {
        for &(outside, homes) in ONLY_IN {
            assert!(
                !uses.contains(outside) || homes.contains(&name.as_str()),
                "{name} must not use {outside}"
            );
        }
        for banned in BANNED {
            assert!(!uses.contains(banned), "{name} must not use {banned}");
        }
    }
}

/// The pages whose tables name tests in their last column, in backquotes, and how many at least.
const PAGES: [(&str, usize); 2] = [
    (include_str!("../../../../docs/conformance.md"), 40),
    (include_str!("../../../../docs/security.md"), 70),
];

fn tests_of(page: &str) -> Vec<String> {
    let cells = page.lines().filter_map(|line| line.strip_suffix(" |")?.rsplit_once("| "));
    let names = cells.flat_map(|(_, cell)| cell.split('`').skip(1).step_by(2));
    names.filter(|name| name.contains('_')).map(ToOwned::to_owned).collect()
}

/// All Rust sources of the product, tests included.
fn rust_sources() -> String {
    let mut sources = String::new();
    let mut folders = vec![std::path::PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                sources.push_str(&std::fs::read_to_string(path).unwrap());
            }
        }
    }
    sources
}

#[test]
fn every_test_that_the_documents_name_exists() {
    let sources = rust_sources();
    for (page, at_least) in PAGES {
        let names = tests_of(page);
        assert!(names.len() > at_least, "{names:?}");
        let missing: Vec<_> = names.iter().filter(|name| !sources.contains(&format!("fn {name}("))).collect();
        assert!(missing.is_empty(), "{missing:#?}");
    }
}

#[test]
fn every_crate_holds_the_lints_and_the_licence() {
    for package in metadata().packages {
        let manifest = std::fs::read_to_string(&package.manifest_path).unwrap();
        assert!(manifest.contains("[lints]\nworkspace = true"), "{} leaves the lints out", package.name);
        assert_eq!(package.license.as_deref(), Some("Apache-2.0"), "{}", package.name);
    }
}
