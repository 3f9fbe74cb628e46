//! The reference registry as a child process.

use std::env;
use std::fs;
use std::io::{self, Write as _, stderr};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::Method;
use serde_json::{Map, Value, json};

use crate::auth::random;
use crate::http_client::send_request;
use crate::push::{PushError, push_image};

/// Names of the program: Debian's and the project's own.
const PROGRAMS: [&str; 2] = ["docker-registry", "registry"];

/// If this variable is set, tests that need the program fail where it is missing.
const REQUIRED: &str = "TRIGGER_REQUIRE_REGISTRY";

/// Limit for the registry to start. On an idle machine it needs less than a second.
const START_TIMEOUT: Duration = Duration::from_secs(30);

/// Interval between two readiness checks.
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// Runs the registry until the script's standard input is closed; then kills it and removes its directory. The kernel
/// closes the input when our process ends, also by SIGKILL.
const WATCHDOG: &str = "trap '' INT TERM HUP; \"$0\" serve \"$1/config.yml\" >\"$1/log\" 2>&1 & \
                        read _; kill -9 $!; wait; cd /; rm -rf \"$1\"";

/// The installed registry of the distribution project (Debian: `docker-registry`).
#[derive(Debug, Clone)]
pub struct Distribution {
    program: PathBuf,
}

/// Settings of a [`RunningDistribution`].
#[derive(Debug, Clone, Default)]
pub struct DistributionOptions {
    /// URL of the endpoint for notifications, and the headers of the requests.
    pub notifications: Option<(String, Vec<(String, String)>)>,
}

/// A registry process on a port of 127.0.0.1, with its own data. Dropping it ends the process and removes the data.
#[derive(Debug)]
pub struct RunningDistribution {
    directory: PathBuf,
    watchdog: Child,
    port: u16,
}

impl Distribution {
    /// The program, if it is on the `PATH`.
    pub fn find() -> Option<Self> {
        let path = env::var_os("PATH").unwrap_or_default();
        let folders: Vec<_> = env::split_paths(&path).collect();
        let candidates = PROGRAMS.iter().flat_map(|name| folders.iter().map(move |folder| folder.join(name)));
        candidates.into_iter().find(|program| program.is_file()).map(|program| Self { program })
    }

    /// The program for a test. `None` where it is not installed; a line on standard error then says that `test` is
    /// skipped.
    ///
    /// # Panics
    ///
    /// If it is missing although `TRIGGER_REQUIRE_REGISTRY` is set.
    #[allow(clippy::panic, reason = "it serves tests, which fail by panicking")]
    pub fn for_test(test: &str) -> Option<Self> {
        let found = Self::find();
        if found.is_none() {
            let line = format!("skipped: docker-registry is not installed: {test}\n");
            assert!(env::var_os(REQUIRED).is_none(), "{line}");
            // `eprintln!` would write into the test's captured output, which a passing test does not show. A failed
            // write has no remedy.
            let _ = stderr().write_all(line.as_bytes());
        }
        found
    }

    /// Starts the registry and waits until it responds.
    pub async fn start(&self, options: &DistributionOptions) -> io::Result<RunningDistribution> {
        let directory = tempfile::Builder::new().prefix("trigger-registry-").tempdir()?;
        fs::write(directory.path().join("config.yml"), config(directory.path(), options).to_string())?;
        let mut command = Command::new("/bin/sh");
        command.args(["-c", WATCHDOG]).arg(&self.program).arg(directory.path()).current_dir("/");
        // Variables of this prefix override the configuration file.
        for (name, _) in env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("REGISTRY_")) {
            command.env_remove(name);
        }
        command.process_group(0).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let watchdog = command.spawn()?;
        // From now on the watchdog removes the directory.
        let directory = directory.keep();
        let mut running = RunningDistribution { directory, watchdog, port: 0 };
        let end = Instant::now() + START_TIMEOUT;
        loop {
            let log = fs::read_to_string(running.directory.join("log")).unwrap_or_default();
            if let Some(port) = port(&log) {
                running.port = port;
                let url = format!("http://{}/v2/", running.host());
                let response = send_request(Method::GET, &url, &[], Bytes::new()).await;
                if response.is_ok_and(|response| response.status.is_success()) {
                    return Ok(running);
                }
            }
            if Instant::now() > end {
                return Err(io::Error::other(format!(
                    "docker-registry did not start in time; its log: {}",
                    log.trim()
                )));
            }
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    }
}

/// The configuration file. It is JSON, which is valid YAML.
fn config(directory: &Path, options: &DistributionOptions) -> Value {
    let endpoints = options.notifications.iter().map(|(url, headers)| {
        let headers = headers.iter().map(|(name, value)| (name.clone(), json!([value])));
        let headers: Map<_, _> = headers.collect();
        json!({"name": "trigger", "url": url, "headers": headers, "timeout": "5s", "threshold": 5, "backoff": "100ms"})
    });
    json!({
        "version": "0.1",
        "log": {"level": "info", "accesslog": {"disabled": true}},
        "storage": {"filesystem": {"rootdirectory": directory.join("data")}},
        "http": {"addr": "127.0.0.1:0", "secret": random()},
        "notifications": {"endpoints": endpoints.collect::<Vec<_>>()},
    })
}

/// The port from the log line that the registry writes when it listens.
fn port(log: &str) -> Option<u16> {
    let (_, rest) = log.split_once("listening on 127.0.0.1:")?;
    let digits = rest.split(|c: char| !c.is_ascii_digit()).next()?;
    // The line may still be incomplete.
    rest.get(digits.len()..).filter(|rest| !rest.is_empty())?;
    digits.parse().ok()
}

impl RunningDistribution {
    /// Host and port, as in image names: `127.0.0.1:40123`.
    pub fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Pushes a small image; see [`push_image`].
    pub async fn push(&self, repository: &str, tag: &str, content: &[u8]) -> Result<String, PushError> {
        push_image(&self.host(), repository, tag, content).await
    }
}

impl Drop for RunningDistribution {
    fn drop(&mut self) {
        drop(self.watchdog.stdin.take());
        // A failed wait changes nothing: the script has seen the end of its input.
        let _ = self.watchdog.wait();
    }
}
