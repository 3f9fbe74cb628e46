use tokio::signal::unix::{SignalKind, signal};

/// Returns when the process receives SIGINT (Ctrl-C) or SIGTERM, which Kubernetes sends before it stops a pod.
pub(crate) async fn termination() -> std::io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted,
        _ = terminate.recv() => Ok(()),
    }
}

/// The same, and when its terminal is closed (SIGHUP), unless it was started to survive that, as by `nohup`.
#[cfg(feature = "dev")]
pub(crate) async fn termination_or_hangup() -> std::io::Result<()> {
    if hangup_is_ignored() {
        return termination().await;
    }
    let mut hangup = signal(SignalKind::hangup())?;
    tokio::select! {
        terminated = termination() => terminated,
        _ = hangup.recv() => Ok(()),
    }
}

/// Whether the process ignores SIGHUP. Waiting for the signal would end that.
#[cfg(feature = "dev")]
fn hangup_is_ignored() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    // The last digit holds the signals 1 to 4; SIGHUP is 1.
    let last = ignored.and_then(|digits| digits.trim().chars().last()?.to_digit(16));
    last.is_some_and(|digit| digit & 1 == 1)
}
