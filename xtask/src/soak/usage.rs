use std::fmt;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use tokio_util::sync::CancellationToken;

use crate::memory::readable;
use crate::process_usage::ProcessUsage;

const EVERY: Duration = Duration::from_secs(5);
/// What comes and goes between two looks is no growth.
const GROWTH: f64 = 1.1;
/// Nor are a few files: connections to the API server come and go.
const FEW: usize = 10;

/// What the program took, over time.
#[derive(Debug, Default)]
pub(super) struct Usage {
    looks: Vec<Look>,
}

#[derive(Debug, Clone, Copy)]
struct Look {
    at: Duration,
    resident: u64,
    files: usize,
}

impl Usage {
    /// Looks until told to end.
    pub(super) async fn watch(process: String, end: CancellationToken) -> anyhow::Result<Self> {
        let (began, mut usage) = (Instant::now(), Self::default());
        loop {
            tokio::select! { () = end.cancelled() => return Ok(usage), () = tokio::time::sleep(EVERY) => {} }
            let files = std::fs::read_dir(format!("/proc/{process}/fd")).context("the program is gone")?;
            let look = Look {
                at: began.elapsed(),
                resident: ProcessUsage::of(&process)?.resident,
                files: files.count(),
            };
            usage.looks.push(look);
        }
    }

    /// The most memory and files within the second quarter of the time, when caches are full, and within the
    /// last one.
    fn early_and_late(&self) -> [(u64, usize); 2] {
        let quarter = self.looks.len() / 4;
        let most = |looks: &[Look]| {
            let resident = looks.iter().map(|look| look.resident).max().unwrap_or_default();
            (resident, looks.iter().map(|look| look.files).max().unwrap_or_default())
        };
        [most(&self.looks[quarter..2 * quarter]), most(&self.looks[3 * quarter..])]
    }

    pub(super) fn is_flat(&self) -> bool {
        let [(resident, files), (later_resident, later_files)] = self.early_and_late();
        #[expect(clippy::cast_precision_loss, reason = "bytes of memory are far from where that matters")]
        let growth = later_resident as f64 / resident.max(1) as f64;
        growth <= GROWTH && later_files <= files + FEW
    }
}

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:<12} {:>12} {:>8}", "after", "resident", "files")?;
        let step = self.looks.len().div_ceil(12).max(1);
        for look in self.looks.iter().step_by(step) {
            writeln!(f, "{:>10} s {:>12} {:>8}", look.at.as_secs(), readable(look.resident), look.files)?;
        }
        let [(resident, files), (later_resident, later_files)] = self.early_and_late();
        writeln!(f, "{:<48} {:>9}, {files} files", "the most in the second quarter", readable(resident))?;
        writeln!(
            f,
            "{:<48} {:>9}, {later_files} files",
            "the most in the last quarter",
            readable(later_resident)
        )
    }
}
