//! The shipped alerts and dashboard, checked against the metrics of the program.

use std::collections::BTreeSet;
use std::io::{Write, stderr};
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

use crate::metrics::families;
use crate::world::World;

/// A metric that only replicas with a shared journal expose.
const WITH_REPLICAS_ONLY: &str = "shipwright_trigger_leader";

fn shipped(path: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../..")).join(path)
}

fn read(path: &str) -> String {
    std::fs::read_to_string(shipped(path)).expect(path)
}

/// The PrometheusRule.
fn rule_object() -> Value {
    serde_saphyr::from_str(&read("deploy/components/prometheus-rule/prometheus-rule.yaml")).unwrap()
}

fn alerts() -> Vec<Value> {
    rule_object()["spec"]["groups"][0]["rules"].as_array().unwrap().clone()
}

/// The names of our metrics in a text.
fn metrics_in(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !(c.is_ascii_lowercase() || c == '_'));
    words.filter(|word| word.starts_with("shipwright_trigger_")).map(ToOwned::to_owned).collect()
}

/// Every value under a key, anywhere.
fn under(key: &str, value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                if let (true, Some(text)) = (name == key, value.as_str()) {
                    found.push(text.to_owned());
                }
                under(key, value, found);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| under(key, item, found)),
        _ => {}
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn alerts_and_dashboard_query_metrics_that_exist() {
    let world = World::new().await;
    let families = families(&world).await;
    let mut shown: BTreeSet<_> = families.values().flat_map(|family| family.samples.clone()).collect();
    shown.insert(WITH_REPLICAS_ONLY.to_owned());

    let dashboard: Value =
        serde_json::from_str(&read("deploy/components/dashboard/shipwright-trigger.json")).unwrap();
    let mut expressions = Vec::new();
    under("expr", &dashboard, &mut expressions);
    assert!(expressions.len() > 30, "{expressions:?}");
    let queried: BTreeSet<_> = expressions.iter().flat_map(|one| metrics_in(one)).collect();
    let missing: Vec<_> = queried.difference(&shown).collect();
    assert!(missing.is_empty(), "the dashboard queries missing metrics: {missing:?}");
    for expression in &expressions {
        assert!(expression.contains("$namespace"), "`{expression}` shows all installations");
    }
    let mut sources = Vec::new();
    under("uid", &dashboard["panels"], &mut sources);
    assert!(sources.iter().all(|source| source == "${datasource}"), "{sources:?}");

    for alert in alerts() {
        let expression = alert["expr"].as_str().unwrap();
        let queried = metrics_in(expression);
        assert!(!queried.is_empty(), "{expression}");
        let missing: Vec<_> = queried.difference(&shown).collect();
        assert!(missing.is_empty(), "{} queries missing metrics: {missing:?}", alert["alert"]);
        // An alert on a label value that does not exist would never fire.
        let known: BTreeSet<_> = families
            .values()
            .flat_map(|family| family.labels.values())
            .flatten()
            .map(String::as_str)
            .collect();
        for (place, _) in expression.match_indices("=~\"").chain(expression.match_indices("=\"")) {
            let values = expression[place..].split('"').nth(1).unwrap();
            for value in values.split('|') {
                assert!(
                    known.contains(value),
                    "{} matches the unknown label value `{value}`",
                    alert["alert"]
                );
            }
        }
    }
}

#[test]
fn every_alert_has_a_runbook() {
    let pages = format!("{}/blob/main/docs/runbooks/", env!("CARGO_PKG_REPOSITORY"));
    let mut named = BTreeSet::new();
    for alert in alerts() {
        let name = alert["alert"].as_str().unwrap();
        assert!(name.starts_with("ShipwrightTrigger"), "{name}");
        assert!(alert["for"].is_string(), "{name} does not say for how long");
        let severity = alert["labels"]["severity"].as_str().unwrap();
        assert!(["critical", "warning", "info"].contains(&severity), "{name}: {severity}");
        let annotations = &alert["annotations"];
        for key in ["summary", "description"] {
            assert!(annotations[key].as_str().is_some_and(|text| text.len() > 10), "{name}: {key}");
        }
        let page = annotations["runbook_url"].as_str().unwrap().strip_prefix(&pages).expect(name);
        let text = read(&format!("docs/runbooks/{page}"));
        assert!(text.contains(&format!("`{name}`")), "{page} does not name {name}");
        for part in ["What it means", "What users notice", "What to look at", "What to do"] {
            assert!(text.contains(&format!("\n## {part}\n")), "{page} lacks `{part}`");
        }
        named.insert(page.to_owned());
    }
    let there = std::fs::read_dir(shipped("docs/runbooks")).unwrap();
    let there: BTreeSet<_> = there.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    assert_eq!(named, there, "every runbook belongs to an alert");
}

#[test]
fn alerts_fire_when_they_should() {
    let found = Command::new("promtool").arg("--version").output();
    if !found.is_ok_and(|output| output.status.success()) {
        let required = std::env::var("TRIGGER_REQUIRE_PROMTOOL").is_ok_and(|value| value == "1");
        assert!(!required, "promtool is required and missing");
        // Directly to the standard error stream: the test runner captures the output of passing tests.
        stderr().write_all(b"skipped because promtool is missing: alerts_fire_when_they_should\n").unwrap();
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let rules = serde_json::to_string(&rule_object()["spec"]).unwrap();
    std::fs::write(folder.path().join("rules.yaml"), rules).unwrap();
    let tests = folder.path().join("tests.yaml");
    std::fs::copy(shipped("deploy/components/prometheus-rule/tests.yaml"), &tests).unwrap();
    for arguments in [["check", "rules", "rules.yaml"], ["test", "rules", "tests.yaml"]] {
        let output = Command::new("promtool").args(arguments).current_dir(folder.path()).output().unwrap();
        let text =
            [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat();
        assert!(output.status.success(), "{arguments:?}: {text}");
    }
}
