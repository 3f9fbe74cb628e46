use std::fs::File;
use std::io;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// Runs a program until its standard input is closed, which happens at the latest when our process ends, however it
/// ends; then kills it, and removes the directory if there is one to remove.
const WATCHDOG: &str = "trap '' INT TERM HUP; directory=$1; shift; \"$@\" </dev/null & child=$!; read _; \
                        kill -9 $child; wait $child; cd /; test -z \"$directory\" || rm -rf \"$directory\"";

/// A program under a watchdog. Dropping it ends the program.
#[derive(Debug)]
pub(crate) struct Watched(Child);

impl Watched {
    /// Starts a program whose words go to `log`, apart from the signals of our terminal. `directory` is removed after
    /// its end.
    pub(crate) fn start(
        program: &Path,
        arguments: &[String],
        log: &Path,
        directory: Option<&Path>,
    ) -> io::Result<Self> {
        let log = File::options().create(true).append(true).open(log)?;
        let mut command = Command::new("/bin/sh");
        command.args(["-c", WATCHDOG, "sh"]).arg(directory.unwrap_or(Path::new(""))).arg(program);
        command.args(arguments).current_dir("/").process_group(0);
        command.stdin(Stdio::piped()).stdout(log.try_clone()?).stderr(log);
        Ok(Self(command.spawn()?))
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        // If it cannot be waited for it still does its work.
        let _ = self.0.wait();
    }
}
