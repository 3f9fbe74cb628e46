use std::fs;

/// What machine this is, and what else it does.
pub(super) fn machine() -> anyhow::Result<String> {
    let cores = std::thread::available_parallelism()?;
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let line = |path: &str, name: &str| {
        let text = read(path);
        let found = text.lines().find_map(|line| line.strip_prefix(name));
        found.unwrap_or_default().trim_start_matches([':', ' ', '\t']).trim().to_owned()
    };
    let memory: u64 = line("/proc/meminfo", "MemTotal").trim_end_matches(" kB").parse().unwrap_or_default();
    let load = read("/proc/loadavg");
    Ok(format!(
        "Measured on {}: {cores} cores ({}), {:.0} GiB, Linux {}, load at the start {}.",
        jiff::Zoned::now().date(),
        line("/proc/cpuinfo", "model name\t"),
        memory as f64 / f64::from(1 << 20),
        read("/proc/sys/kernel/osrelease").trim(),
        load.split(' ').next().unwrap_or_default()
    ))
}
