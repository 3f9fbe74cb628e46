use trigger_core::PushHint;

/// Looks at registries when told that something may have changed there.
pub trait ImageNotifier: Send + Sync + 'static {
    /// Has the images looked at, soon, that Builds wait for and the cue may be about. How many there are.
    fn cue(&self, cue: &PushHint) -> usize;
}
