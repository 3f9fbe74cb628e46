//! What is linked into the binary, as a CycloneDX 1.5 document.
//! <https://cyclonedx.org/docs/1.5/json/>

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use anyhow::{Context, ensure};
use cargo_metadata::{Metadata, MetadataCommand, Package, PackageId};
use serde_json::{Value, json};

use super::binary::{FEATURES, TARGET};
use super::source::Source;

/// The document, in an order that depends on nothing but its contents.
pub(super) fn write(source: &Source) -> anyhow::Result<String> {
    let metadata = MetadataCommand::new()
        .current_dir(&source.root)
        .other_options(["--locked", "--filter-platform", TARGET].map(ToOwned::to_owned))
        .exec()
        .context("cargo does not describe the dependencies")?;
    let tree = stdout(
        Command::new(env!("CARGO"))
            .args(["tree", "--locked", "--package", &source.name, "--target", TARGET])
            .args(FEATURES)
            // Neither what builds the program nor what tests it. Only cargo knows which features are on.
            .args(["--edges", "normal,no-proc-macro", "--prefix", "none", "--format", "{p}"])
            .current_dir(&source.root),
    )?;
    let lock =
        std::fs::read_to_string(source.root.join("Cargo.lock")).context("Cargo.lock cannot be read")?;
    let mut document = document(&metadata, &linked(&tree), &checksums(&lock), &source.name)?;
    document["metadata"]["timestamp"] = source.created.to_string().into();
    // What no crate brings.
    let release = stdout(Command::new("rustc").arg("--version"))?;
    let rust = release.split_whitespace().nth(1).unwrap_or_default();
    let libc = stdout(Command::new("getconf").arg("GNU_LIBC_VERSION"))?;
    let libc = libc.trim().trim_start_matches("glibc ");
    if let Some(components) = document["components"].as_array_mut() {
        for (name, version, licence) in
            [("glibc", libc, "LGPL-2.1-or-later"), ("rust-std", rust, "MIT OR Apache-2.0")]
        {
            let purl = format!("pkg:generic/{name}@{version}");
            components.push(component("library", name, version, &purl, Some(licence)));
        }
    }
    let mut text = serde_json::to_string_pretty(&document)?;
    text.push('\n');
    Ok(text)
}

fn stdout(command: &mut Command) -> anyhow::Result<String> {
    let output =
        command.output().with_context(|| format!("{} is missing", command.get_program().display()))?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{}: {errors}", command.get_program().display());
    Ok(String::from_utf8(output.stdout)?)
}

/// Names and versions from lines such as `serde v1.0.1 (*)`.
fn linked(tree: &str) -> BTreeSet<(String, String)> {
    let crates = tree.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        let (name, version) = (words.next()?, words.next()?);
        Some((name.to_owned(), version.strip_prefix('v')?.to_owned()))
    });
    crates.collect()
}

/// The SHA-256 of each crate's archive, by name and version.
fn checksums(lock: &str) -> BTreeMap<(String, String), String> {
    let entry = |entry: &str| {
        let field = |name: &str| {
            let line = entry.lines().find_map(|line| line.strip_prefix(&format!("{name} = \"")));
            Some(line?.strip_suffix('"')?.to_owned())
        };
        Some(((field("name")?, field("version")?), field("checksum")?))
    };
    lock.split("[[package]]").filter_map(entry).collect()
}

fn document(
    metadata: &Metadata,
    linked: &BTreeSet<(String, String)>,
    checksums: &BTreeMap<(String, String), String>,
    name: &str,
) -> anyhow::Result<Value> {
    let key = |package: &Package| (package.name.to_string(), package.version.to_string());
    let packages: BTreeMap<&PackageId, &Package> = metadata
        .packages
        .iter()
        .filter(|package| linked.contains(&key(package)))
        .map(|package| (&package.id, package))
        .collect();
    ensure!(
        packages.len() == linked.len(),
        "cargo tree names {} crates, cargo metadata describes {} of them",
        linked.len(),
        packages.len()
    );
    let described = |kind: &str, package: &Package| {
        let (name, version) = key(package);
        let mut described = component(kind, &name, &version, &purl(package), package.license.as_deref());
        if let Some(checksum) = checksums.get(&(name, version)) {
            described["hashes"] = json!([{"alg": "SHA-256", "content": checksum}]);
        }
        if let Some(repository) = &package.repository {
            described["externalReferences"] = json!([{"type": "vcs", "url": repository}]);
        }
        described
    };
    let main =
        packages.values().find(|package| package.name.as_str() == name).context("the program is missing")?;
    let mut components: Vec<_> = packages.values().filter(|package| package.id != main.id).collect();
    components.sort_by_key(|package| key(package));
    let resolve = metadata.resolve.as_ref().context("cargo metadata resolves nothing")?;
    let mut dependencies = BTreeMap::new();
    for node in &resolve.nodes {
        let Some(package) = packages.get(&node.id) else { continue };
        let on: BTreeSet<_> =
            node.dependencies.iter().filter_map(|id| packages.get(id)).map(|package| purl(package)).collect();
        dependencies.insert(purl(package), on);
    }
    Ok(json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {"component": described("application", main)},
        "components": components.into_iter().map(|package| described("library", package)).collect::<Vec<_>>(),
        "dependencies": dependencies
            .into_iter()
            .map(|(of, on)| json!({"ref": of, "dependsOn": on}))
            .collect::<Vec<_>>(),
    }))
}

fn component(kind: &str, name: &str, version: &str, purl: &str, licence: Option<&str>) -> Value {
    let mut component =
        json!({"type": kind, "bom-ref": purl, "name": name, "version": version, "purl": purl});
    if let Some(licence) = licence {
        // Crates of old write `MIT/Apache-2.0`, which SPDX does not know.
        component["licenses"] = json!([{"expression": licence.replace('/', " OR ")}]);
    }
    component
}

/// <https://github.com/package-url/purl-spec>, type `cargo`. A `+` in a version has to be written as `%2B`.
fn purl(package: &Package) -> String {
    format!("pkg:cargo/{}@{}", package.name, package.version.to_string().replace('+', "%2B"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_versions_and_checksums_are_read() {
        let tree = "shipwright-trigger v0.1.0 (/source/crates/app)\nserde v1.0.1\nserde v1.0.1 (*)\n\n";
        let pair = |name: &str, version: &str| (name.to_owned(), version.to_owned());
        let expected = [pair("serde", "1.0.1"), pair("shipwright-trigger", "0.1.0")];
        assert_eq!(linked(tree), BTreeSet::from(expected));
        let lock = "version = 4\n\n[[package]]\nname = \"a\"\nversion = \"1.0.0\"\nchecksum = \"00ff\"\n\
                    dependencies = [\n \"b\",\n]\n\n[[package]]\nname = \"b\"\nversion = \"2.0.0\"\n";
        assert_eq!(checksums(lock), BTreeMap::from([(pair("a", "1.0.0"), "00ff".to_owned())]));
    }

    #[test]
    fn what_is_linked_is_listed_and_what_builds_or_tests_is_not() {
        let source = Source::here().unwrap();
        let document: Value = serde_json::from_str(&write(&source).unwrap()).unwrap();
        assert_eq!(document["metadata"]["component"]["name"], "shipwright-trigger");
        let components = document["components"].as_array().unwrap();
        let named = |name: &str| components.iter().find(|component| component["name"] == name);
        for linked in
            ["tokio", "rusqlite", "libsqlite3-sys", "aws-lc-sys", "trigger-rules", "glibc", "rust-std"]
        {
            assert!(named(linked).is_some(), "{linked} is missing");
        }
        for other in
            ["serde_derive", "cc", "proptest", "criterion", "trigger-testkit", "xtask", "windows-sys"]
        {
            assert!(named(other).is_none(), "{other} is not linked");
        }
        let of_registry = named("tokio").unwrap();
        assert_eq!(of_registry["licenses"], json!([{"expression": "MIT"}]));
        assert_eq!(of_registry["hashes"][0]["content"].as_str().unwrap().len(), 64);
        let text = document.to_string();
        assert!(!text.contains(source.root.to_str().unwrap()), "it names the machine");
        // What depends on something depends on something that is listed.
        let known: BTreeSet<_> =
            components.iter().map(|component| component["bom-ref"].as_str().unwrap()).collect();
        for dependency in document["dependencies"].as_array().unwrap() {
            for on in dependency["dependsOn"].as_array().unwrap() {
                assert!(known.contains(on.as_str().unwrap()), "{on}");
            }
        }
    }
}
