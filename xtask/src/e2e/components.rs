//! Where `kube-apiserver` and `etcd` come from.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, ensure};

use super::recipe;

/// The folder of the two programs: that of `KUBEBUILDER_ASSETS`; else the one that was built here before; else one
/// that is built now.
pub(crate) fn find_or_build() -> anyhow::Result<PathBuf> {
    if let Some(folder) = std::env::var_os("KUBEBUILDER_ASSETS") {
        let folder = PathBuf::from(folder);
        ensure!(
            are_in(&folder),
            "KUBEBUILDER_ASSETS is {}, and there is no kube-apiserver and etcd",
            folder.display()
        );
        return Ok(folder);
    }
    let folder = cache()?.join(recipe::NAME);
    if are_in(&folder) {
        return Ok(folder);
    }
    let parent = folder.parent().context("the cache has no folder")?;
    fs::create_dir_all(parent).with_context(|| format!("{} cannot be made", parent.display()))?;
    // Whatever becomes of it, only the programs stay.
    let work = tempfile::Builder::new().prefix("build-").tempdir_in(parent)?;
    recipe::build(work.path()).context(
        "the API server cannot be built here; set KUBEBUILDER_ASSETS to a folder with kube-apiserver and etcd \
         instead, such as that of setup-envtest, or give `e2e` a --kubeconfig",
    )?;
    let made = work.path().join("programs");
    if let Err(error) = fs::rename(&made, &folder) {
        // Somebody else may have been faster.
        ensure!(are_in(&folder), "{} cannot be kept: {error}", made.display());
    }
    Ok(folder)
}

/// What the two programs say they are, such as `Kubernetes v1.20.2, etcd 3.4.23`.
pub(crate) fn versions(folder: &Path) -> anyhow::Result<String> {
    let mut said = Vec::new();
    for name in ["kube-apiserver", "etcd"] {
        let output = Command::new(folder.join(name)).arg("--version").output()?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let line = text.lines().next().with_context(|| format!("{name} does not say its version"))?;
        said.push(line.trim().replace(" Version:", ""));
    }
    Ok(said.join(", "))
}

fn are_in(folder: &Path) -> bool {
    ["kube-apiserver", "etcd"].iter().all(|name| folder.join(name).is_file())
}

fn cache() -> anyhow::Result<PathBuf> {
    let given = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    let home = || std::env::home_dir().map(|home| home.join(".cache"));
    let folder = given.or_else(home).context("neither XDG_CACHE_HOME nor HOME is set")?;
    Ok(folder.join("shipwright-trigger"))
}
