use std::io;

#[cfg(target_os = "linux")]
use rustix::{process::setpriority_process, thread::gettid};
use tokio::runtime::{Builder, Handle, Runtime};
#[cfg(target_os = "linux")]
use tracing::debug;

/// By how much these threads stand back, as `nice` counts it: where there is too little processor time for
/// all, they get about a quarter of it; by 10 it would be a tenth, and a backlog would hardly shrink beside
/// other programs.
#[cfg(target_os = "linux")]
const STAND_BACK: i32 = 5;

/// Threads of their own for working deliveries off, which stand back behind those that take deliveries in.
///
/// A provider gives up on an answer after ten seconds and does not ask again; a run that is created a moment
/// later is missed by nobody. When nothing comes in, all the processor time is theirs.
pub(crate) struct Workers(Option<Runtime>);

impl Workers {
    /// Starts as many threads as there are processors.
    pub(crate) fn start() -> io::Result<Self> {
        let runtime = Builder::new_multi_thread()
            .thread_name("dispatcher")
            .on_thread_start(stand_back)
            .enable_all()
            .build()?;
        Ok(Self(Some(runtime)))
    }

    /// Does something that belongs to these threads: what it spawns is theirs.
    pub(crate) fn within<T>(&self, make: impl FnOnce() -> T) -> T {
        let _inside = self.handle().map(Handle::enter);
        make()
    }

    /// Where work is spawned.
    pub(crate) fn handle(&self) -> Option<&Handle> {
        self.0.as_ref().map(Runtime::handle)
    }
}

/// On Linux a priority is a thread's own; elsewhere it is the whole process's, and is left as it is.
fn stand_back() {
    #[cfg(target_os = "linux")]
    if let Err(error) = setpriority_process(Some(gettid()), STAND_BACK) {
        debug!(error = %error, "a thread that works deliveries off has the priority of all others");
    }
}

impl Drop for Workers {
    /// Without waiting, which async code must not do: what mattered has ended before.
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use rustix::process::getpriority_process;

    use super::*;

    #[test]
    fn they_stand_back_behind_the_others() {
        let workers = Workers::start().unwrap();
        let theirs = || getpriority_process(Some(gettid())).unwrap();
        let ours = theirs();
        let (tell, told) = std::sync::mpsc::channel();
        workers.handle().unwrap().spawn(async move { tell.send(theirs()) });
        assert_eq!(told.recv().unwrap(), (ours + STAND_BACK).min(19));
    }
}
