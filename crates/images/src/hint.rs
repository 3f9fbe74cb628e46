use trigger_core::PushHint;

/// Takes push notifications of registries.
pub trait ImageNotifier: Send + Sync + 'static {
    /// Asks the registry soon about the watched images that `hint` may be about. Returns how many there are.
    fn notify(&self, hint: &PushHint) -> usize;
}
