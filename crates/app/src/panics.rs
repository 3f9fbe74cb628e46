//! Panics. Each is a bug: it is counted and logged with its location. Its message is left out, since it may quote a
//! payload.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::panic::PanicHookInfo;
use std::sync::LazyLock;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::registry::Registry;
use tracing::error;

/// The panics of this process.
static PANICS: LazyLock<Counter> = LazyLock::new(Counter::default);

/// Logs panics in the format of all log lines, instead of the default text on standard error.
pub(crate) fn install_hook() {
    std::panic::set_hook(Box::new(log));
}

pub(crate) fn register(registry: &mut Registry) {
    registry.register("panics", "Panics; each is a bug, and the log has its location", PANICS.clone());
}

fn log(info: &PanicHookInfo<'_>) {
    PANICS.inc();
    let location = info.location().map(ToString::to_string).unwrap_or_default();
    let backtrace = Backtrace::capture();
    let backtrace = (backtrace.status() == BacktraceStatus::Captured).then(|| backtrace.to_string());
    error!(location, backtrace, "panic: this is a bug, please report it");
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
    fn a_panic_is_logged_with_its_location_and_without_its_message() {
        let (lines, before) = (Lines::default(), PANICS.get());
        let writer = lines.clone();
        let subscriber = tracing_subscriber::fmt().json().with_writer(move || writer.clone()).finish();
        let default_hook = std::panic::take_hook();
        install_hook();
        tracing::subscriber::with_default(subscriber, || {
            let key = "a secret".to_owned();
            assert!(std::panic::catch_unwind(|| panic!("not the key: {key}")).is_err());
        });
        std::panic::set_hook(default_hook);
        let logged = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        let line: serde_json::Value = serde_json::from_str(logged.trim()).unwrap();
        assert!(
            line["fields"]["location"].as_str().unwrap().starts_with("crates/app/src/panics.rs:"),
            "{line}"
        );
        assert!(!logged.contains("a secret"), "{logged}");
        assert!(PANICS.get() > before);
    }
}
