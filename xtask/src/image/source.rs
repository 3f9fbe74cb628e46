use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, ensure};
use cargo_metadata::MetadataCommand;
use jiff::Timestamp;

/// What the image is made of.
pub(super) struct Source {
    /// The name of the program, of its package and of the image.
    pub(super) name: String,
    pub(super) version: String,
    pub(super) description: String,
    pub(super) licence: String,
    pub(super) repository: String,
    /// The commit, with `-dirty` behind it if files differ from it.
    pub(super) revision: String,
    /// When the commit was made.
    pub(super) created: Timestamp,
    /// The folder of the workspace.
    pub(super) root: PathBuf,
    /// Where cargo builds.
    pub(super) target: PathBuf,
}

impl Source {
    /// The working copy that this task belongs to.
    pub(super) fn here() -> anyhow::Result<Self> {
        let metadata = MetadataCommand::new()
            .manifest_path(concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml"))
            .no_deps()
            .exec()
            .context("cargo does not describe the workspace")?;
        let package = metadata
            .packages
            .iter()
            .find(|package| package.name.as_str() == "shipwright-trigger")
            .context("the workspace has no package shipwright-trigger")?;
        let root = metadata.workspace_root.clone().into_std_path_buf();
        let git = |args: &[&str]| {
            let output =
                Command::new("git").args(args).current_dir(&root).output().context("git is missing")?;
            ensure!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
            anyhow::Ok(String::from_utf8(output.stdout)?.trim().to_owned())
        };
        let dirty = if git(&["status", "--porcelain"])?.is_empty() { "" } else { "-dirty" };
        let seconds = git(&["show", "--no-patch", "--format=%ct", "HEAD"])?;
        Ok(Self {
            name: package.name.to_string(),
            version: package.version.to_string(),
            description: package.description.clone().unwrap_or_default(),
            licence: package.license.clone().unwrap_or_default(),
            repository: package.repository.clone().unwrap_or_default(),
            revision: format!("{}{dirty}", git(&["rev-parse", "HEAD"])?),
            created: Timestamp::from_second(seconds.parse()?)?,
            target: metadata.target_directory.clone().into_std_path_buf(),
            root,
        })
    }
}
