//! `/metrics`: OpenMetrics with stable names, units and labels.

use std::collections::{BTreeMap, BTreeSet};

use reqwest::StatusCode;
use serde_json::json;
use trigger_devcluster::Fault;
use trigger_providers::GitHub;

use crate::world::{World, played_by, usual_rules};

/// One family of metrics.
#[derive(Debug, Default)]
pub struct Family {
    pub kind: String,
    pub help: String,
    pub unit: String,
    /// The names of its samples, with their suffixes.
    pub samples: BTreeSet<String>,
    /// The values of each label.
    pub labels: BTreeMap<String, BTreeSet<String>>,
}

/// The families that a program exposes, by name.
pub async fn families(world: &World) -> BTreeMap<String, Family> {
    parse(&text(world).await)
}

pub async fn text(world: &World) -> String {
    let request = world.http.get(format!("{}/metrics", world.admin_url()));
    let answer = request.header("accept", "application/openmetrics-text").send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    let media = answer.headers()["content-type"].to_str().unwrap().to_owned();
    assert!(media.starts_with("application/openmetrics-text; version=1.0.0"), "{media}");
    answer.text().await.unwrap()
}

fn parse(text: &str) -> BTreeMap<String, Family> {
    let mut families = BTreeMap::<String, Family>::new();
    let mut current = String::new();
    assert!(text.ends_with("# EOF\n"), "{text}");
    for line in text.lines().filter(|line| *line != "# EOF") {
        if let Some(comment) = line.strip_prefix("# ") {
            let mut words = comment.splitn(3, ' ');
            let (what, name, rest) = (words.next().unwrap(), words.next().unwrap(), words.next().unwrap());
            name.clone_into(&mut current);
            let family = families.entry(current.clone()).or_default();
            match what {
                "HELP" => rest.clone_into(&mut family.help),
                "TYPE" => rest.clone_into(&mut family.kind),
                "UNIT" => rest.clone_into(&mut family.unit),
                _ => panic!("unknown comment: {line}"),
            }
            continue;
        }
        let (series, value) = line.rsplit_once(' ').unwrap();
        assert!(value.parse::<f64>().is_ok(), "{line}");
        let family = families.get_mut(&current).expect(line);
        let (name, labels) = series.split_once('{').unwrap_or((series, "}"));
        assert!(name.starts_with(&current), "{line} stands under {current}");
        family.samples.insert(name.to_owned());
        for label in labels.strip_suffix('}').expect(line).split(',').filter(|label| !label.is_empty()) {
            let (name, value) = label.split_once('=').unwrap();
            family.labels.entry(name.to_owned()).or_default().insert(value.trim_matches('"').to_owned());
        }
    }
    families
}

/// All labels. None holds a name of a repository, namespace, Build or sender.
const LABELS: [&str; 14] = [
    "answer", "call", "event", "le", "method", "outcome", "provider", "reason", "resource", "state",
    "status", "type", "version", "what",
];

#[tokio::test(flavor = "multi_thread")]
async fn every_metric_has_help_type_and_unit() {
    let world = World::new().await;
    let families = families(&world).await;
    assert!(families.len() > 30, "{families:?}");
    for (name, family) in &families {
        // The last are the names that Tekton's own listeners have.
        let prefixes = ["shipwright_trigger_", "process_", "eventlistener_"];
        assert!(prefixes.iter().any(|prefix| name.starts_with(prefix)), "{name}");
        assert!(name.chars().all(|c| c.is_ascii_lowercase() || c == '_'), "{name}");
        assert!(family.help.len() > 15 && !family.help.ends_with(".."), "{name}: {:?}", family.help);
        assert!(["counter", "gauge", "histogram", "info"].contains(&family.kind.as_str()), "{name}");
        for unit in ["seconds", "bytes"] {
            let in_name = name.ends_with(&format!("_{unit}"));
            assert_eq!(in_name, family.unit == unit, "{name} has the unit {:?}", family.unit);
        }
        for ending in ["_total", "_count", "_sum", "_bucket", "_info"] {
            assert!(!name.ends_with(ending), "{name}: a suffix of samples, not of families");
        }
        if family.kind == "histogram" {
            assert_eq!(family.unit, "seconds", "{name}");
            assert!(family.labels["le"].contains("+Inf"), "{name}");
        }
        assert!(!family.samples.is_empty(), "{name} has no sample in an idle program");
        for label in family.labels.keys() {
            assert!(LABELS.contains(&label.as_str()), "{name} has the label {label}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_format_of_metrics_follows_accept() {
    let world = World::new().await;
    let get = async |accept: &str| {
        let request = world.http.get(format!("{}/metrics", world.admin_url())).header("accept", accept);
        let answer = request.send().await.unwrap();
        assert_eq!(
            (answer.status(), &answer.headers()["vary"]),
            (StatusCode::OK, &"accept".parse().unwrap())
        );
        let media = answer.headers()["content-type"].to_str().unwrap().to_owned();
        (media, answer.text().await.unwrap())
    };
    let (media, text) = get("*/*").await;
    assert!(media.starts_with("text/plain; version=0.0.4"), "{media}");
    for line in [
        "# TYPE shipwright_trigger_panics_total counter",
        "# TYPE process_resident_memory_bytes gauge",
        "# TYPE process_cpu_seconds_total counter",
    ] {
        assert!(text.lines().any(|found| found == line), "`{line}` is missing:\n{text}");
    }
    assert!(!text.contains("# EOF") && !text.contains("# UNIT"), "{text}");
    let (media, text) = get("application/openmetrics-text; version=1.0.0").await;
    assert!(media.starts_with("application/openmetrics-text; version=1.0.0"), "{media}");
    assert!(text.contains("# TYPE shipwright_trigger_panics counter") && text.ends_with("# EOF\n"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_label_value_exists_from_the_start() {
    // GitHub, of which an event can be made up.
    let world = played_by(&GitHub, World::new()).await;
    let before = families(&world).await;
    world.build("team-a", "web", usual_rules()).await;
    world.deliver(&world.push_main()).await;
    let pull_request = world.pull_request("opened", "topic", "main");
    world.send(&pull_request).await;
    world.send_signed(&world.push("refs/heads/other", crate::world::SHA), "another key").await;
    let repository = json!({"html_url": world.repository(), "clone_url": world.repository()});
    let made_up = json!({"repository": repository, "action": "reticulated"}).to_string();
    for key in [Some(crate::world::KEY), None] {
        world.post("made_up_event", made_up.as_bytes(), key).await;
    }
    world.post("push", b"{}", Some(crate::world::KEY)).await;
    world.post("push", b"no JSON", Some(crate::world::KEY)).await;
    let elsewhere = made_up.replace("acme", "elsewhere");
    world.post("made_up_event", elsewhere.as_bytes(), Some(crate::world::KEY)).await;
    world.delete_secret("team-a", "hook").await;
    world.send(&world.push("refs/heads/next", crate::world::SHA)).await;

    let after = families(&world).await;
    assert_eq!(after.keys().collect::<Vec<_>>(), before.keys().collect::<Vec<_>>());
    for (name, family) in &after {
        for (label, values) in &family.labels {
            let known = &before[name].labels[label];
            assert!(values.is_subset(known), "{name}{{{label}}} has {values:?}, and started with {known:?}");
        }
    }
    let text = text(&world).await;
    // On a shared cluster the program watches the two namespaces one by one.
    let watches = if world.shares_its_cluster() { 2 } else { 1 };
    for line in [
        &format!("watches{{resource=\"builds\",state=\"working\"}} {watches}"),
        "deliveries_received_total{provider=\"github\",event=\"push\",answer=\"accepted\"} 1",
        "deliveries_received_total{provider=\"github\",event=\"pull-request\",answer=\"accepted\"} 1",
        "deliveries_received_total{provider=\"github\",event=\"other\",answer=\"accepted\"} 1",
        "deliveries_rejected_total{reason=\"unproven\"} 1",
        "deliveries_rejected_total{reason=\"no-key\"} 1",
        "deliveries_rejected_total{reason=\"not-found\"} 1",
        "secret_read_seconds_count{outcome=\"missing\"} 1",
        "rules{type=\"GitHub\"} 2",
        "ready 1",
    ] {
        let line = format!("shipwright_trigger_{line}\n");
        assert!(text.contains(&line), "`{line}` is missing in\n{text}");
    }
    for word in [world.namespace("team-a"), world.repository(), "made_up".to_owned(), "acme".to_owned()] {
        assert!(!text.contains(&word), "metrics name `{word}`:\n{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_of_the_api_server_are_counted() {
    let world = World::new().await;
    world.build("team-a", "web", usual_rules()).await;
    let Some(dev) = world.dev_only("the API server is made to fail") else { return };
    dev.faults().add(Fault::refuse(500));
    dev.faults().drop_watches();
    let answer = world.send(&world.push_main()).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    let counted = || async {
        let text = text(&world).await;
        let has = |line: &str| text.lines().any(|found| found.starts_with(line) && !found.ends_with(" 0"));
        let all = has("shipwright_trigger_deliveries_rejected_total{reason=\"secret-unreadable\"}")
            && has(
                "shipwright_trigger_api_server_requests_total{method=\"GET\",resource=\"secrets\",answer=\"5xx\"}",
            )
            && has("shipwright_trigger_watches{resource=\"builds\",state=\"failing\"}");
        all.then_some(())
    };
    world.until("the errors are counted", counted).await;
}
