//! The reference registry, as a process of its own.

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
use crate::exchange::exchange;
use crate::push::{PushError, push_image};

/// As Debian names the program, and as others do.
const PROGRAMS: [&str; 2] = ["docker-registry", "registry"];

/// With this variable set, the absence of the program fails the tests that need it.
const REQUIRED: &str = "TRIGGER_REQUIRE_REGISTRY";

/// It answers long before; on a busy machine it may take its time.
const STARTS_WITHIN: Duration = Duration::from_secs(30);

/// How often to look whether it answers.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Runs the registry, and ends it and removes its directory as soon as its own standard input is closed,
/// which happens at the latest when our process ends, however it ends.
const WATCHDOG: &str = "trap '' INT TERM HUP; \"$0\" serve \"$1/config.yml\" >\"$1/log\" 2>&1 & \
                        read _; kill -9 $!; wait; cd /; rm -rf \"$1\"";

/// The program of the distribution project, where it is installed (Debian: `docker-registry`).
#[derive(Debug, Clone)]
pub struct Distribution {
    program: PathBuf,
}

/// How it is run.
#[derive(Debug, Clone, Default)]
pub struct DistributionOptions {
    /// Where it posts its notifications to, with which headers.
    pub notifications: Option<(String, Vec<(String, String)>)>,
}

/// It runs until this is dropped, on a port of the loopback device, with data of its own.
#[derive(Debug)]
pub struct RunningDistribution {
    directory: PathBuf,
    watchdog: Child,
    port: u16,
}

impl Distribution {
    /// The program, if it is on the path.
    pub fn find() -> Option<Self> {
        let path = env::var_os("PATH").unwrap_or_default();
        let folders: Vec<_> = env::split_paths(&path).collect();
        let candidates = PROGRAMS.iter().flat_map(|name| folders.iter().map(move |folder| folder.join(name)));
        candidates.into_iter().find(|program| program.is_file()).map(|program| Self { program })
    }

    /// The program for a test. Absent, with a line on standard error that `test` is skipped, where it is not
    /// installed.
    ///
    /// # Panics
    ///
    /// If it is absent although `TRIGGER_REQUIRE_REGISTRY` is set.
    #[allow(clippy::panic, reason = "it serves tests, which fail by panicking")]
    pub fn for_test(test: &str) -> Option<Self> {
        let found = Self::find();
        if found.is_none() {
            let line = format!("skipped for want of docker-registry: {test}\n");
            assert!(env::var_os(REQUIRED).is_none(), "{line}");
            // Past the test runner, which shows what tests print only if they fail. Nobody is left to be told
            // if that fails too.
            let _ = stderr().write_all(line.as_bytes());
        }
        found
    }

    /// Runs it, and waits until it answers.
    pub async fn start(&self, options: &DistributionOptions) -> io::Result<RunningDistribution> {
        let directory = tempfile::Builder::new().prefix("trigger-registry-").tempdir()?;
        fs::write(directory.path().join("config.yml"), config(directory.path(), options).to_string())?;
        let mut command = Command::new("/bin/sh");
        command.args(["-c", WATCHDOG]).arg(&self.program).arg(directory.path()).current_dir("/");
        // Its own variables would override the file.
        for (name, _) in env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("REGISTRY_")) {
            command.env_remove(name);
        }
        command.process_group(0).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let watchdog = command.spawn()?;
        // From here on the watchdog removes it.
        let directory = directory.keep();
        let mut running = RunningDistribution { directory, watchdog, port: 0 };
        let end = Instant::now() + STARTS_WITHIN;
        loop {
            let log = fs::read_to_string(running.directory.join("log")).unwrap_or_default();
            if let Some(port) = port(&log) {
                running.port = port;
                let url = format!("http://{}/v2/", running.host());
                let answer = exchange(Method::GET, &url, &[], Bytes::new()).await;
                if answer.is_ok_and(|answer| answer.status.is_success()) {
                    return Ok(running);
                }
            }
            if Instant::now() > end {
                return Err(io::Error::other(format!("docker-registry does not answer: {}", log.trim())));
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
}

/// JSON, which is YAML too.
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

/// The port that it was given, which it notes when it listens.
fn port(log: &str) -> Option<u16> {
    let (_, rest) = log.split_once("listening on 127.0.0.1:")?;
    let digits = rest.split(|c: char| !c.is_ascii_digit()).next()?;
    // The line may not be whole yet.
    rest.get(digits.len()..).filter(|rest| !rest.is_empty())?;
    digits.parse().ok()
}

impl RunningDistribution {
    /// The registry in names of images, such as `127.0.0.1:40123`.
    pub fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Pushes a small image, as [`push_image`] does.
    pub async fn push(&self, repository: &str, tag: &str, content: &[u8]) -> Result<String, PushError> {
        push_image(&self.host(), repository, tag, content).await
    }
}

impl Drop for RunningDistribution {
    fn drop(&mut self) {
        drop(self.watchdog.stdin.take());
        // If it cannot be waited for it still does its work.
        let _ = self.watchdog.wait();
    }
}
