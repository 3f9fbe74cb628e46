use tokio::signal::unix::{SignalKind, signal};

/// Returns when the process is asked to end: Ctrl-C, or SIGTERM as Kubernetes sends it.
pub(crate) async fn asked_to_end() -> std::io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted,
        _ = terminate.recv() => Ok(()),
    }
}
