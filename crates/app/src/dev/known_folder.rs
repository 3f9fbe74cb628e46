//! The folder in which other terminals find a running demo.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use rustix::process::getuid;

/// The kubeconfig of the demo.
pub(super) const KUBECONFIG: &str = "kubeconfig";
/// The commands that `dev env` prints.
pub(super) const ENVIRONMENT: &str = "env";
/// Locked by the demo that the folder belongs to.
const LOCK: &str = "lock";

/// The folder, while this process has it. Dropping it removes it.
pub(super) struct KnownFolder {
    path: PathBuf,
    _lock: File,
}

impl KnownFolder {
    /// Takes the folder. `None` if another demo runs.
    ///
    /// # Errors
    ///
    /// The folder belongs to another user, who could read the tokens in it, or cannot be written.
    pub(super) fn take() -> io::Result<Option<Self>> {
        Self::take_at(path())
    }

    fn take_at(path: PathBuf) -> io::Result<Option<Self>> {
        match DirBuilder::new().mode(0o700).create(&path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
        let found = fs::symlink_metadata(&path)?;
        if !found.is_dir() || found.uid() != getuid().as_raw() || found.mode() & 0o077 != 0 {
            return Err(io::Error::new(
                io::ErrorKind::PermissionDenied,
                "it is not a folder of this user alone",
            ));
        }
        let lock = private().create(true).write(true).truncate(false).open(path.join(LOCK))?;
        match lock.try_lock() {
            Ok(()) => Ok(Some(Self { path, _lock: lock })),
            Err(fs::TryLockError::WouldBlock) => Ok(None),
            Err(fs::TryLockError::Error(error)) => Err(error),
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Writes a file that only this user may read.
    pub(super) fn write(&self, name: &str, text: &str) -> io::Result<()> {
        let mut file = private().create(true).write(true).truncate(true).open(self.path.join(name))?;
        file.write_all(text.as_bytes())
    }
}

impl Drop for KnownFolder {
    fn drop(&mut self) {
        for name in [ENVIRONMENT, KUBECONFIG, LOCK] {
            let _ = fs::remove_file(self.path.join(name));
        }
        let _ = fs::remove_dir(&self.path);
    }
}

/// The commands with which a terminal works on the demo that runs.
///
/// # Errors
///
/// No demo runs.
pub(crate) fn environment() -> anyhow::Result<String> {
    environment_at(&path())
}

fn environment_at(path: &Path) -> anyhow::Result<String> {
    const NONE: &str = "no demo runs: start `shipwright-trigger dev` in another terminal";
    let lock = File::open(path.join(LOCK)).context(NONE)?;
    // A demo that was killed leaves its files behind, but no lock.
    if lock.try_lock_shared().is_ok() {
        bail!(NONE);
    }
    let text = fs::read_to_string(path.join(ENVIRONMENT));
    text.context("the demo has not started completely: try again in a moment")
}

/// The same each time: in the folder of the session, which only this user may read, or in that of temporary files.
fn path() -> PathBuf {
    let session = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from).filter(|path| path.is_dir());
    match session {
        Some(session) => session.join("shipwright-trigger-dev"),
        None => std::env::temp_dir().join(format!("shipwright-trigger-dev-{}", getuid().as_raw())),
    }
}

fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.mode(0o600);
    options
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn one_demo_has_the_folder_and_leaves_nothing_behind() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("dev");
        assert!(environment_at(&path).unwrap_err().to_string().contains("no demo runs"));
        let folder = KnownFolder::take_at(path.clone()).unwrap().unwrap();
        assert!(KnownFolder::take_at(path.clone()).unwrap().is_none(), "another demo runs");
        assert!(environment_at(&path).unwrap_err().to_string().contains("not started completely"));
        folder.write(ENVIRONMENT, "export X='1'\n").unwrap();
        assert_eq!(environment_at(&path).unwrap(), "export X='1'\n");
        let mode = fs::metadata(path.join(ENVIRONMENT)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        drop(folder);
        assert!(!path.exists());
    }

    #[test]
    fn a_folder_that_others_may_read_is_not_used() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("dev");
        fs::create_dir(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        assert!(KnownFolder::take_at(path.clone()).is_err());
        fs::remove_dir(&path).unwrap();
        std::os::unix::fs::symlink(parent.path(), &path).unwrap();
        assert!(KnownFolder::take_at(path).is_err(), "a link that another user made");
    }
}
