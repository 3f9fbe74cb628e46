//! Metrics of the process, under the names that all Prometheus clients use for them.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::{Registry, Unit};
use rustix::param::{clock_ticks_per_second, page_size};

/// A registry with the metrics of this process. They have no prefix.
pub(crate) fn registry() -> Registry {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(ProcessCollector));
    registry
}

/// Reads the metrics when they are collected. Elsewhere than on Linux there are none.
#[derive(Debug)]
struct ProcessCollector;

/// The resources that a process uses.
#[derive(Debug, PartialEq)]
struct Usage {
    /// Processor time, user and system, in seconds.
    cpu: f64,
    /// Resident memory, in bytes.
    resident: u64,
    /// Virtual memory, in bytes.
    virtual_memory: u64,
    /// The start, in seconds since the machine was started.
    started: f64,
}

impl Usage {
    /// Reads `/proc/PID/stat`, see `proc_pid_stat(5)`.
    fn read(stat: &str, ticks_per_second: u64, page_size: u64) -> Option<Self> {
        // The name of the program, in parentheses, may hold anything; the numbers are behind it. The first of them
        // is field 3.
        let (_, numbers) = stat.rsplit_once(')')?;
        let numbers: Vec<_> = numbers.split_whitespace().collect();
        let field = |number: usize| numbers.get(number - 3)?.parse::<u64>().ok();
        let seconds = |ticks: u64| to_float(ticks) / to_float(ticks_per_second);
        Some(Self {
            cpu: seconds(field(14)? + field(15)?),
            started: seconds(field(22)?),
            virtual_memory: field(23)?,
            resident: field(24)?.saturating_mul(page_size),
        })
    }
}

impl Collector for ProcessCollector {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let usage = std::fs::read_to_string("/proc/self/stat").ok();
        let page_size = u64::try_from(page_size()).unwrap_or_default();
        let usage = usage.and_then(|stat| Usage::read(&stat, clock_ticks_per_second(), page_size));
        if let Some(usage) = usage {
            let cpu = ConstCounter::new(usage.cpu);
            let about = "Processor time used by the process, user and system";
            show(&mut encoder, "process_cpu", about, Some(&Unit::Seconds), &cpu)?;
            let resident = ConstGauge::new(to_gauge(usage.resident));
            let about = "Resident memory of the process";
            show(&mut encoder, "process_resident_memory", about, Some(&Unit::Bytes), &resident)?;
            let virtual_memory = ConstGauge::new(to_gauge(usage.virtual_memory));
            let about = "Virtual memory of the process";
            show(&mut encoder, "process_virtual_memory", about, Some(&Unit::Bytes), &virtual_memory)?;
            if let Some(booted) = booted() {
                let started = ConstGauge::new(to_float(booted) + usage.started);
                let about = "Start of the process since 1970";
                show(&mut encoder, "process_start_time", about, Some(&Unit::Seconds), &started)?;
            }
        }
        if let Ok(open) = std::fs::read_dir("/proc/self/fd") {
            // The folder itself is open too while it is read.
            let open = ConstGauge::new(i64::try_from(open.count()).unwrap_or(i64::MAX).saturating_sub(1));
            show(&mut encoder, "process_open_fds", "Open file descriptors of the process", None, &open)?;
        }
        Ok(())
    }
}

fn show(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    about: &str,
    unit: Option<&Unit>,
    metric: &impl EncodeMetric,
) -> Result<(), fmt::Error> {
    // The library ends descriptions of registered metrics with a full stop.
    let about = format!("{about}.");
    metric.encode(encoder.encode_descriptor(name, &about, unit, metric.metric_type())?)
}

/// When the machine was started, in seconds since 1970.
fn booted() -> Option<u64> {
    let stat = std::fs::read_to_string("/proc/stat").ok()?;
    stat.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse().ok()
}

fn to_gauge(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// Exact up to 2^53.
#[expect(clippy::cast_precision_loss, reason = "counts of ticks and seconds are far below 2^53")]
fn to_float(value: u64) -> f64 {
    value as f64
}

#[cfg(test)]
mod tests {
    use prometheus_client::encoding::text::encode;

    use super::*;

    #[test]
    fn the_fields_of_a_process_are_read_whatever_its_name_is() {
        let numbers = "S 1 42 42 0 -1 4194560 1 0 0 0 250 50 0 0 20 0 12 0 1000 104857600 2560 1 1 1";
        let read = |name: &str| Usage::read(&format!("42 ({name}) {numbers}"), 100, 4096);
        let expected = Usage { cpu: 3.0, resident: 10_485_760, virtual_memory: 104_857_600, started: 10.0 };
        for name in ["trigger", "a) S 1 2 3 (b", ""] {
            assert_eq!(read(name), Some(Usage { ..expected }), "{name}");
        }
        assert_eq!(Usage::read("42 (x) S 1", 100, 4096), None);
        assert_eq!(Usage::read("", 100, 4096), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_metrics_of_this_process_have_the_usual_names_and_plausible_values() {
        let mut text = String::new();
        encode(&mut text, &registry()).unwrap();
        let value = |name: &str| -> f64 {
            let line = text.lines().find_map(|line| line.strip_prefix(&format!("{name} ")));
            line.unwrap_or_else(|| panic!("{name} is missing:\n{text}")).parse().unwrap()
        };
        let mib = 1024.0 * 1024.0;
        assert!((1.0 * mib..100_000.0 * mib).contains(&value("process_resident_memory_bytes")), "{text}");
        assert!(value("process_virtual_memory_bytes") >= value("process_resident_memory_bytes"), "{text}");
        assert!(value("process_cpu_seconds_total") >= 0.0, "{text}");
        assert!(value("process_open_fds") >= 3.0, "{text}");
        let now = jiff::Timestamp::now().as_second();
        #[expect(clippy::cast_possible_truncation, reason = "seconds since 1970")]
        let started = value("process_start_time_seconds") as i64;
        assert!((now - 24 * 3600..=now + 2).contains(&started), "{started} is not before {now}");
    }
}
