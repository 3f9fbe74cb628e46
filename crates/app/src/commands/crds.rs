use std::io::Write;
use std::process::ExitCode;

/// Flags of `crds`.
#[derive(Debug, clap::Args)]
pub struct Args {}

pub(crate) fn run(_args: &Args) -> anyhow::Result<ExitCode> {
    let mut out = anstream::stdout().lock();
    for definition in trigger_api::crds::all()? {
        writeln!(out, "---\n{}", serde_saphyr::to_string(&definition)?.trim_end())?;
    }
    Ok(ExitCode::SUCCESS)
}
