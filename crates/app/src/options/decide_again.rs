use clap::ValueEnum;

/// Which settled deliveries are decided again when their provider sends them again.
///
/// Off by default. Bodies are signed and moments mostly are not, so a captured request can be sent again at
/// any time. With this option, an old event that started nothing then meets the rules of today.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum DecideAgain {
    /// None: a replay decides a delivery again.
    #[default]
    Never,
    /// Those that have started nothing, and of which no replay was requested.
    NothingStarted,
}

impl From<DecideAgain> for trigger_dispatch::DecideAgain {
    fn from(which: DecideAgain) -> Self {
        match which {
            DecideAgain::Never => Self::Never,
            DecideAgain::NothingStarted => Self::NothingStarted,
        }
    }
}
