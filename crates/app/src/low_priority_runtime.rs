use std::io;
use std::thread::available_parallelism;

#[cfg(target_os = "linux")]
use rustix::{
    process::{getpriority_process, setpriority_process},
    thread::gettid,
};
use tokio::runtime::{Builder, Handle, Runtime};
#[cfg(target_os = "linux")]
use tracing::debug;

/// What these threads add to the nice value of the process. On a machine that is short of processor time they get about
/// a quarter of it. At 10 it would be a tenth, and a backlog would hardly shrink beside other programs.
#[cfg(target_os = "linux")]
const NICE: i32 = 5;

/// The largest nice value on Linux.
#[cfg(target_os = "linux")]
const LOWEST: i32 = 19;

/// Threads at a lower priority than those that receive deliveries.
///
/// A provider gives up on a webhook after ten seconds and does not retry, while a run may start a moment later, and a
/// client of the admin API may wait. A watch compiles the objects that it reads, up to a second for the largest. When no
/// deliveries arrive, these threads get all the processor time.
pub(crate) struct LowPriorityRuntime(Option<Runtime>);

impl LowPriorityRuntime {
    /// Starts one thread per processor, called `name`.
    pub(crate) fn start(name: &'static str) -> io::Result<Self> {
        Self::of(Builder::new_multi_thread().thread_name(name))
    }

    /// Starts at most so many threads, called `name`, where each may need much memory at a time.
    pub(crate) fn start_with(name: &'static str, most: usize) -> io::Result<Self> {
        let threads = available_parallelism().map_or(1, usize::from).min(most);
        Self::of(Builder::new_multi_thread().thread_name(name).worker_threads(threads))
    }

    fn of(threads: &mut Builder) -> io::Result<Self> {
        let runtime = threads.on_thread_start(lower_priority).enable_all().build()?;
        Ok(Self(Some(runtime)))
    }

    /// Calls `make` inside the runtime: what it spawns runs on these threads.
    pub(crate) fn enter<T>(&self, make: impl FnOnce() -> T) -> T {
        let _inside = self.handle().map(Handle::enter);
        make()
    }

    /// The handle to spawn tasks with.
    pub(crate) fn handle(&self) -> Option<&Handle> {
        self.0.as_ref().map(Runtime::handle)
    }
}

/// Lowers the priority of the calling thread. Linux only: elsewhere a priority belongs to the whole process.
fn lower_priority() {
    #[cfg(target_os = "linux")]
    // A thread starts with the nice value of the one that starts it, which counts if the program runs under `nice`.
    if let Err(error) = getpriority_process(Some(gettid()))
        .and_then(|own| setpriority_process(Some(gettid()), (own + NICE).min(LOWEST)))
    {
        debug!(error = %error, "cannot lower the priority of a thread");
    }
}

impl Drop for LowPriorityRuntime {
    /// Does not wait, since async code must not block. Its tasks have stopped by then.
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn its_threads_have_a_lower_priority() {
        let runtime = LowPriorityRuntime::start_with("test", 1).unwrap();
        let priority = || getpriority_process(Some(gettid())).unwrap();
        let own = priority();
        let (sender, receiver) = std::sync::mpsc::channel();
        runtime.handle().unwrap().spawn(async move { sender.send(priority()) });
        assert_eq!(receiver.recv().unwrap(), (own + NICE).min(LOWEST));
    }
}
