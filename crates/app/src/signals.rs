use tokio::signal::unix::{SignalKind, signal};

/// Returns when the process receives SIGINT (Ctrl-C) or SIGTERM, which Kubernetes sends before it stops a pod.
pub(crate) async fn termination() -> std::io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted,
        _ = terminate.recv() => Ok(()),
    }
}
