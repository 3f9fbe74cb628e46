//! Finding the cgroup of this process in the file system.

use std::fs;
use std::path::{Path, PathBuf};

use super::CgroupError;

/// Version of the kernel's interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Version {
    /// A hierarchy per controller.
    One,
    /// One hierarchy for all controllers.
    Two,
}

/// The own cgroup in the hierarchy with the memory controller.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Location {
    pub(super) version: Version,
    /// Where the hierarchy is mounted.
    mount: PathBuf,
    /// Our cgroup, at or below `mount`.
    own: PathBuf,
}

impl Location {
    pub(super) fn of_this_process() -> Result<Self, CgroupError> {
        let mounts = fs::read_to_string("/proc/self/mountinfo")?;
        let cgroups = fs::read_to_string("/proc/self/cgroup")?;
        Self::parse(&mounts, &cgroups).ok_or(CgroupError::NotMounted)
    }

    /// From the texts of `/proc/self/mountinfo` and `/proc/self/cgroup`. Version 1 comes first: where both are mounted,
    /// a controller belongs to one of them, and a mounted hierarchy of version 1 for memory has it.
    fn parse(mounts: &str, cgroups: &str) -> Option<Self> {
        let find = |version| {
            let (root, mount) = mounts.lines().find_map(|line| hierarchy(line, version))?;
            let group = cgroups.lines().find_map(|line| membership(line, version))?;
            // In a container the mount shows a part of the hierarchy, and the path may lie outside of it.
            let below = Path::new(group).strip_prefix(root).unwrap_or(Path::new(""));
            let mount = PathBuf::from(mount);
            let own = mount.components().chain(below.components()).collect();
            Some(Self { version, mount, own })
        };
        find(Version::One).or_else(|| find(Version::Two))
    }

    /// Cgroups that may become the parent of a new one: ours and those above it. In version 2 a cgroup with processes
    /// gives no controller to its children, so the new one is then a neighbour of ours.
    pub(super) fn parents(&self) -> impl Iterator<Item = &Path> {
        self.own.ancestors().take_while(|parent| parent.starts_with(&self.mount))
    }
}

/// The root and the mount point that a line of mountinfo gives, if it is a hierarchy that can hold the memory controller.
fn hierarchy(line: &str, version: Version) -> Option<(&str, &str)> {
    let (mount, file_system) = line.split_once(" - ")?;
    let mut fields = mount.split(' ').skip(3);
    let place = (fields.next()?, fields.next()?);
    let mut fields = file_system.split(' ');
    let (kind, options) = (fields.next()?, fields.nth(1)?);
    let fits = match version {
        Version::One => kind == "cgroup" && options.split(',').any(|option| option == "memory"),
        Version::Two => kind == "cgroup2",
    };
    fits.then_some(place)
}

/// The path of our cgroup in a line such as `4:memory:/path`, if it is of that hierarchy.
fn membership(line: &str, version: Version) -> Option<&str> {
    let mut fields = line.splitn(3, ':').skip(1);
    let (controllers, path) = (fields.next()?, fields.next()?);
    let fits = match version {
        Version::One => controllers.split(',').any(|controller| controller == "memory"),
        Version::Two => controllers.is_empty(),
    };
    fits.then_some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_own_cgroup_is_found_in_both_versions() {
        let one = "31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755\n\
                   35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n\
                   41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n";
        let two = "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n";
        let container =
            "35 31 0:32 /docker/abc /sys/fs/cgroup/memory ro shared:1 - cgroup cgroup rw,memory\n";
        for (mounts, cgroups, version, parents) in [
            (
                one,
                "4:memory:/a/b\n0::/\n",
                Version::One,
                &["/sys/fs/cgroup/memory/a/b", "/sys/fs/cgroup/memory/a", "/sys/fs/cgroup/memory"][..],
            ),
            (
                two,
                "0::/user.slice/x.scope\n",
                Version::Two,
                &["/sys/fs/cgroup/user.slice/x.scope", "/sys/fs/cgroup/user.slice", "/sys/fs/cgroup"],
            ),
            (container, "4:cpu,memory:/docker/abc\n", Version::One, &["/sys/fs/cgroup/memory"]),
            (container, "4:memory:/\n", Version::One, &["/sys/fs/cgroup/memory"]),
        ] {
            let location = Location::parse(mounts, cgroups).unwrap();
            assert_eq!(location.version, version, "{cgroups}");
            let found: Vec<_> = location.parents().map(|parent| parent.to_str().unwrap()).collect();
            assert_eq!(found, parents, "{cgroups}");
        }
        assert_eq!(Location::parse("", "0::/\n"), None);
    }
}
