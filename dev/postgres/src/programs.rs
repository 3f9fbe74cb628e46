use std::env;
use std::fs;
use std::path::{Path, PathBuf};

/// Where Debian keeps them, a directory for each version, because several can be installed at once.
const DEBIAN: &str = "/usr/lib/postgresql";

/// The directory with the programs of PostgreSQL: on the path, or the newest of Debian's.
pub(crate) fn find() -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).find(|directory| is_server(directory)).or_else(newest_of_debian)
}

fn newest_of_debian() -> Option<PathBuf> {
    let versions = fs::read_dir(DEBIAN).ok()?.flatten().filter_map(|entry| {
        let version: u32 = entry.file_name().to_str()?.parse().ok()?;
        let directory = entry.path().join("bin");
        is_server(&directory).then_some((version, directory))
    });
    versions.max().map(|(_, directory)| directory)
}

fn is_server(directory: &Path) -> bool {
    ["initdb", "pg_ctl", "postgres", "createdb"].iter().all(|program| directory.join(program).is_file())
}
