//! `cargo xtask reference`: the pages of docs/reference, made of the program itself, so that they cannot say
//! something else than it does.

mod annotations;
mod api;
mod flags;
mod limits;
mod metrics;
mod reasons;

use std::path::PathBuf;

use anyhow::Context;
use serde_json::Value;
use shipwright_trigger::{AdminAuth, Program, ProgramOptions};
use trigger_devcluster::DevCluster;
use trigger_journal::Address;

/// Where the pages lie.
const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/reference");

/// Ends the first paragraph of each page.
const MADE: &str = "This page is made by `cargo xtask reference`; do not edit it.";

/// A page: its file, and its text.
struct Page {
    file: &'static str,
    text: String,
}

/// Writes all pages.
pub(crate) async fn write() -> anyhow::Result<()> {
    for Page { file, text } in pages().await? {
        let path = PathBuf::from(FOLDER).join(file);
        std::fs::write(&path, text).with_context(|| format!("{} cannot be written", path.display()))?;
        anstream::println!("{}", path.display());
    }
    Ok(())
}

async fn pages() -> anyhow::Result<Vec<Page>> {
    let (counted, described) = tell().await?;
    Ok(vec![
        Page { file: "annotations.md", text: annotations::page()? },
        Page { file: "api.md", text: api::page(&described)? },
        Page { file: "flags.md", text: flags::page() },
        Page { file: "limits.md", text: limits::page() },
        Page { file: "metrics.md", text: metrics::page(&counted)? },
        Page { file: "reasons.md", text: reasons::page() },
    ])
}

/// What a program tells of itself that has done nothing yet: its metrics, and the description of its API.
async fn tell() -> anyhow::Result<(String, Value)> {
    let cluster = DevCluster::builder().crds(trigger_api::crds::all()?).start().await?;
    let connection = trigger_cluster::connect(Some(&cluster.kubeconfig())).await?;
    let folder = tempfile::tempdir()?;
    let mut options = ProgramOptions::on_loopback(Address::Sqlite(folder.path().join("journal.db")));
    options.access.admin_auth = AdminAuth::None;
    let program = Box::pin(Program::start(&connection, &options)).await?;
    program.ready().await;
    let http = reqwest::Client::new();
    let ask = async |path: &str| {
        let request = http.get(format!("http://{}{path}", program.admin));
        request.header("accept", "application/openmetrics-text, application/json").send().await
    };
    let counted = ask("/metrics").await?.text().await?;
    let described = ask("/api/v1/openapi.json").await?.json().await?;
    Box::pin(program.stop()).await;
    Ok((counted, described))
}

/// A text as it can stand in a table.
fn cell(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn the_reference_says_what_the_program_does() {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        for Page { file, text } in pages().await.unwrap() {
            let written = std::fs::read_to_string(PathBuf::from(FOLDER).join(file)).unwrap_or_default();
            assert!(written == text, "docs/reference/{file} is out of date: run `cargo xtask reference`");
            assert!(text.lines().count() > 20, "{file} is nearly empty");
        }
    }
}
