use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, ensure};

use super::contents::{Contents, HOME, PROGRAM, USER};
use super::source::Source;

/// Makes an OCI archive of `contents` with buildah. Nothing is run in it, and nothing is left behind but the
/// archive: its storage is a folder under `scratch`.
pub(super) fn write(
    source: &Source,
    contents: &Contents,
    scratch: &Path,
    archive: &Path,
) -> anyhow::Result<()> {
    let buildah = Buildah::new(scratch)?;
    let container = buildah.run(&["from", "scratch"])?;
    let path = |path: &Path| path.display().to_string();
    buildah.run(&["copy", "--quiet", "--chown", "0:0", &container, &path(&contents.root), "/"])?;
    let owner = format!("{USER}:{USER}");
    buildah.run(&["copy", "--quiet", "--chown", &owner, &container, &path(&contents.home), HOME])?;

    let entrypoint = format!("[\"{PROGRAM}\"]");
    let mut config = vec!["config", "--entrypoint", &entrypoint, "--user", &owner];
    config.extend([
        "--workingdir",
        HOME,
        "--port",
        "8080",
        "--port",
        "9090",
        "--created-by",
        "cargo xtask image",
    ]);
    let notes: Vec<_> =
        annotations(source).into_iter().map(|(key, value)| format!("{key}={value}")).collect();
    for note in &notes {
        config.extend(["--label", note, "--annotation", note]);
    }
    config.push(&container);
    buildah.run(&config)?;

    if archive.exists() {
        // buildah would add to it.
        std::fs::remove_file(archive)?;
    }
    let seconds = source.created.as_second().to_string();
    let to = format!("oci-archive:{}:{}:{}", archive.display(), source.name, source.version);
    buildah.run(&[
        "commit",
        "--quiet",
        "--format",
        "oci",
        "--timestamp",
        &seconds,
        "--identity-label=false",
        "--disable-compression=false",
        &container,
        &to,
    ])?;
    Ok(())
}

/// What the image says of itself, on its manifest and as labels.
/// <https://github.com/opencontainers/image-spec/blob/main/annotations.md>
fn annotations(source: &Source) -> [(&'static str, String); 7] {
    [
        ("org.opencontainers.image.title", "Shipwright Trigger".to_owned()),
        ("org.opencontainers.image.description", source.description.clone()),
        ("org.opencontainers.image.source", source.repository.clone()),
        ("org.opencontainers.image.version", source.version.clone()),
        ("org.opencontainers.image.revision", source.revision.clone()),
        ("org.opencontainers.image.created", source.created.to_string()),
        ("org.opencontainers.image.licenses", source.licence.clone()),
    ]
}

/// buildah with a storage of its own.
struct Buildah<'a> {
    scratch: &'a Path,
}

impl<'a> Buildah<'a> {
    fn new(scratch: &'a Path) -> anyhow::Result<Self> {
        Command::new("buildah")
            .arg("--version")
            .stdout(Stdio::null())
            .status()
            .context("buildah is missing: apt-get install buildah")?;
        std::fs::create_dir(scratch.join("tmp"))?;
        Ok(Self { scratch })
    }

    /// Runs a command; returns what it prints.
    fn run(&self, args: &[&str]) -> anyhow::Result<String> {
        let output = Command::new("buildah")
            // Copies instead of overlays, which not every machine lets everybody mount.
            .args(["--storage-driver", "vfs"])
            .arg("--root")
            .arg(self.scratch.join("storage"))
            .arg("--runroot")
            .arg(self.scratch.join("run"))
            .args(args)
            .env("BUILDAH_ISOLATION", "chroot")
            .env("TMPDIR", self.scratch.join("tmp"))
            .stdin(Stdio::null())
            .output()
            .context("buildah cannot be run")?;
        let errors = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "buildah {args:?}: {errors}");
        Ok(String::from_utf8(output.stdout)?.trim().to_owned())
    }
}
