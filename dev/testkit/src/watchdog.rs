//! Shell processes that clean up after this process, however it ends.

use std::io;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};

/// A shell that holds the read end of a pipe from this process. The kernel closes the pipe when this process ends,
/// also by SIGKILL; the script waits for that with `read` and then cleans up. Dropping the value has the same effect
/// and waits for the script.
#[derive(Debug)]
pub(crate) struct Watchdog(Child);

impl Watchdog {
    /// Starts `command`, a shell with its script. It leaves our process group, so that Ctrl-C in the terminal does
    /// not end it before it has cleaned up.
    pub(crate) fn start(mut command: Command) -> io::Result<Self> {
        command.current_dir("/").process_group(0).stdin(Stdio::piped());
        Ok(Self(command.spawn()?))
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        // A failed wait changes nothing: the script has seen the end of its input.
        let _ = self.0.wait();
    }
}
