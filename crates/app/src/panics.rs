//! Panics. Each is a bug: it is counted and logged like everything else, and never what it says, for that may quote
//! what was being worked on.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::panic::PanicHookInfo;
use std::sync::LazyLock;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::registry::Registry;
use tracing::error;

/// Those of this process.
static PANICS: LazyLock<Counter> = LazyLock::new(Counter::default);

/// Has the panics of this process told of in the log, from now on, instead of on stderr in a form of their own.
pub(crate) fn log_from_now_on() {
    std::panic::set_hook(Box::new(tell));
}

pub(crate) fn register(registry: &mut Registry) {
    registry.register("panics", "Panics, each of which is a bug: the log says where", PANICS.clone());
}

fn tell(info: &PanicHookInfo<'_>) {
    PANICS.inc();
    let place = info.location().map(ToString::to_string).unwrap_or_default();
    let backtrace = Backtrace::capture();
    let backtrace = (backtrace.status() == BacktraceStatus::Captured).then(|| backtrace.to_string());
    error!(place, backtrace, "panicked, which is a bug: please report it");
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn it_is_told_where_and_not_what() {
        let (lines, before) = (Lines::default(), PANICS.get());
        let writer = lines.clone();
        let subscriber = tracing_subscriber::fmt().json().with_writer(move || writer.clone()).finish();
        let theirs = std::panic::take_hook();
        log_from_now_on();
        tracing::subscriber::with_default(subscriber, || {
            let key = "a secret".to_owned();
            assert!(std::panic::catch_unwind(|| panic!("not the key: {key}")).is_err());
        });
        std::panic::set_hook(theirs);
        let told = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        let line: serde_json::Value = serde_json::from_str(told.trim()).unwrap();
        assert!(line["fields"]["place"].as_str().unwrap().starts_with("crates/app/src/panics.rs:"), "{line}");
        assert!(!told.contains("a secret"), "{told}");
        assert!(PANICS.get() > before);
    }
}
