use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use serde_json::Value;

use super::process::Process;
use super::report::{Goal, Report, Row, percent};
use crate::shipped::{Shipped, binary};

const BUILDS: usize = 10_000;
/// What the program asks for at a time.
const PAGE: usize = 500;
const WITHIN: Duration = Duration::from_secs(10);

/// How long the program takes from its start until it is ready, beside a client that only lists the Builds.
pub(super) fn measure(report: &mut Report) -> anyhow::Result<()> {
    let binary = binary()?;
    let folder = tempfile::tempdir_in("target")?;
    let log = folder.path().join("log");
    let cluster =
        Process::start(&["bench-cluster", "--scene", "builds", "--count", &BUILDS.to_string()], &log)?;
    let text = |key: &str| cluster.greeting[key].as_str().context("the cluster says too little");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    // Once beforehand: the first pages cost the API server more.
    runtime.block_on(list(text("url")?))?;
    let raw = runtime.block_on(list(text("url")?))?;
    let took = runtime.block_on(until_ready(&binary, folder.path(), text("kubeconfig")?))?;
    cluster.end()?;
    report.reference(
        format!("listing {BUILDS} Builds, plain HTTP, {PAGE} at a time"),
        format!("{:.2} s", raw.as_secs_f64()),
    );
    report.row(Row {
        what: format!("start to ready with {BUILDS} Builds"),
        number: format!("{:.2} s", took.as_secs_f64()),
        share: Some(took.as_secs_f64() / raw.as_secs_f64()),
        goal: Some(Goal::at_most(
            took.as_secs_f64(),
            WITHIN.as_secs_f64(),
            format!("{} s", WITHIN.as_secs()),
        )),
    });
    report.note(format!("The share of the start is of the plain list ({} would be as fast).", percent(1.0)));
    Ok(())
}

async fn list(url: &str) -> anyhow::Result<Duration> {
    let client = reqwest::Client::new();
    let (begin, mut after, mut seen) = (Instant::now(), String::new(), 0);
    loop {
        let page = format!("{url}/apis/shipwright.io/v1beta1/builds?limit={PAGE}&continue={after}");
        let page: Value = serde_json::from_slice(&client.get(page).send().await?.bytes().await?)?;
        seen += page["items"].as_array().map_or(0, Vec::len);
        page["metadata"]["continue"].as_str().unwrap_or_default().clone_into(&mut after);
        if after.is_empty() {
            break;
        }
    }
    ensure!(seen == BUILDS, "{seen} Builds were listed");
    Ok(begin.elapsed())
}

async fn until_ready(binary: &Path, folder: &Path, kubeconfig: &str) -> anyhow::Result<Duration> {
    let begin = Instant::now();
    let mut program = Shipped::start(binary, folder, kubeconfig, &[])?;
    program.ready().await?;
    Ok(begin.elapsed())
}
