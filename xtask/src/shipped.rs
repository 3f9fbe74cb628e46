//! The shipped binary, looked at from outside.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};

const PATIENCE: Duration = Duration::from_mins(1);

/// The release binary, serving. Gone with this, if not before.
pub(crate) struct Shipped {
    process: Child,
    /// The port of the hooks, on loopback.
    pub(crate) hooks: u16,
    /// The admin port, on loopback.
    pub(crate) admin: u16,
}

impl Shipped {
    /// Starts `binary` on the cluster of a kubeconfig, with its journal in `folder`.
    pub(crate) fn start(
        binary: &Path,
        folder: &Path,
        kubeconfig: &str,
        flags: &[&str],
    ) -> anyhow::Result<Self> {
        Self::start_with(Command::new(binary), folder, kubeconfig, flags)
    }

    /// The same with a command that runs the binary.
    pub(crate) fn start_with(
        mut command: Command,
        folder: &Path,
        kubeconfig: &str,
        flags: &[&str],
    ) -> anyhow::Result<Self> {
        let file = folder.join("kubeconfig");
        std::fs::write(&file, kubeconfig)?;
        let (hooks, admin) = (free_port()?, free_port()?);
        let process = command
            .args(["serve", "--log", "error"])
            .args([
                "--listen",
                &format!("127.0.0.1:{hooks}"),
                "--admin-listen",
                &format!("127.0.0.1:{admin}"),
            ])
            .args(flags)
            .arg("--journal")
            .arg(folder.join("journal.db"))
            .env("KUBECONFIG", file)
            // As in the manifests.
            .env("MIMALLOC_PURGE_DELAY", "0")
            .stdin(Stdio::null())
            .spawn()
            .context("the program cannot be started")?;
        Ok(Self { process, hooks, admin })
    }

    /// Returns when the program is ready.
    pub(crate) async fn ready(&mut self) -> anyhow::Result<()> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let ready = reqwest::get(format!("http://127.0.0.1:{}/readyz", self.admin)).await;
            if ready.is_ok_and(|answer| answer.status().is_success()) {
                return Ok(());
            }
            if let Some(status) = self.process.try_wait()? {
                bail!("the program ended: {status}");
            }
            ensure!(Instant::now() < deadline, "the program did not become ready within {PATIENCE:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// How it ended, if it did.
    pub(crate) fn ended(&mut self) -> anyhow::Result<Option<ExitStatus>> {
        Ok(self.process.try_wait()?)
    }

    /// The number of its process.
    pub(crate) fn id(&self) -> String {
        self.process.id().to_string()
    }

    /// Asks it to end, as Kubernetes does, and waits for that.
    pub(crate) fn end(mut self) -> anyhow::Result<()> {
        let asked = Command::new("kill").arg(self.id()).status()?;
        ensure!(asked.success(), "the program is gone already");
        let status = self.process.wait()?;
        ensure!(status.success(), "the program ended with {status}");
        Ok(())
    }
}

impl Drop for Shipped {
    fn drop(&mut self) {
        // After `end` both fail, and that is well.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The release binary with all features, built if need be.
pub(crate) fn binary() -> anyhow::Result<PathBuf> {
    // The same choice of packages as a plain `cargo run`, so that nothing is built twice.
    build("shipwright-trigger", &[])
}

/// This program in release, built if need be: a debug build of the dev cluster would be slower than what is measured.
pub(crate) fn release_task() -> anyhow::Result<PathBuf> {
    build("xtask", &[])
}

/// The size of the program in the container image: without the command `dev`.
pub(crate) fn image_binary_size() -> anyhow::Result<u64> {
    let features = ["--no-default-features", "--features", "shipwright-trigger/otel"];
    // xtask needs all features, and cargo would give them to the program too.
    let path = build("shipwright-trigger", &[&["--exclude", "xtask"], &features[..]].concat())?;
    let size = std::fs::metadata(path)?.len();
    // Both have the same path. Put the one with all features there again.
    binary()?;
    Ok(size)
}

fn build(name: &str, args: &[&str]) -> anyhow::Result<PathBuf> {
    let built = Command::new(env!("CARGO"))
        .args(["build", "--release", "--quiet", "--workspace", "--bin", name])
        .args(args)
        .status()?;
    ensure!(built.success(), "the release binary cannot be built");
    Ok(PathBuf::from("target/release").join(name))
}

fn free_port() -> std::io::Result<u16> {
    Ok(std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}
