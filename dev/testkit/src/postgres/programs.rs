//! Finding the programs of an installed PostgreSQL.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

/// Debian installs each version into `<version>/bin` below this directory, outside of `PATH`.
const DEBIAN: &str = "/usr/lib/postgresql";

/// Programs that a usable installation has.
const PROGRAMS: [&str; 4] = ["initdb", "pg_ctl", "postgres", "createdb"];

/// The directory with PostgreSQL's programs: the first on `PATH`, or the newest of Debian's.
pub(super) fn find() -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).find(|directory| is_complete(directory)).or_else(newest_of_debian)
}

fn newest_of_debian() -> Option<PathBuf> {
    let versions = fs::read_dir(DEBIAN).ok()?.flatten().filter_map(|entry| {
        let version: u32 = entry.file_name().to_str()?.parse().ok()?;
        let directory = entry.path().join("bin");
        is_complete(&directory).then_some((version, directory))
    });
    versions.max().map(|(_, directory)| directory)
}

fn is_complete(directory: &Path) -> bool {
    PROGRAMS.iter().all(|program| directory.join(program).is_file())
}
