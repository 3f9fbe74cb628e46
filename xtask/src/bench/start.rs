use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use serde_json::Value;

use super::process::Process;
use super::report::{Goal, Report, Row, percent};
use crate::memory::{binary, free_port, ready};

const BUILDS: usize = 10_000;
/// What the program asks for at a time.
const PAGE: usize = 500;
const WITHIN: Duration = Duration::from_secs(10);

/// How long the program takes from its start until it is ready, beside a client that only lists the Builds.
pub(super) fn measure(report: &mut Report) -> anyhow::Result<()> {
    let binary = binary()?;
    let folder = tempfile::tempdir_in("target")?;
    let log = folder.path().join("log");
    let cluster = Process::start(&["bench-cluster", "--repositories", &BUILDS.to_string()], &log)?;
    let text = |key: &str| cluster.greeting[key].as_str().context("the cluster says too little");
    std::fs::write(folder.path().join("kubeconfig"), text("kubeconfig")?)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    // Once beforehand: the first pages cost the API server more.
    runtime.block_on(list(text("url")?))?;
    let raw = runtime.block_on(list(text("url")?))?;
    let took = runtime.block_on(until_ready(&binary, folder.path()))?;
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

async fn until_ready(binary: &Path, folder: &Path) -> anyhow::Result<Duration> {
    let admin = free_port()?;
    let begin = Instant::now();
    let mut program = serve(binary, folder, admin)?;
    let ready = ready(&mut program, admin).await;
    let took = begin.elapsed();
    program.kill()?;
    program.wait()?;
    ready.map(|()| took)
}

fn serve(binary: &Path, folder: &Path, admin: u16) -> anyhow::Result<Child> {
    Command::new(binary)
        .args(["serve", "--listen", "127.0.0.1:0", "--log", "error"])
        .args(["--admin", &format!("127.0.0.1:{admin}")])
        .arg("--journal")
        .arg(folder.join("journal.db"))
        .env("KUBECONFIG", folder.join("kubeconfig"))
        .stdin(Stdio::null())
        .spawn()
        .context("the program cannot be started")
}
