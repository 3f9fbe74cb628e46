use trigger_rules::OwnerRules;
use trigger_runtime::SecretError;

use crate::key_error::KeyError;

/// On how many objects a warning is written because of one delivery. Each costs an Event.
pub(crate) const MOST_WARNED: usize = 20;

/// Warns people on the object with the rules that a delivery concerns. A cluster writes an Event.
pub trait OwnerWarnings: Send + Sync + 'static {
    /// A delivery for the rules of `owner` waits because their Secret cannot be read.
    fn secret_unreadable(&self, owner: &OwnerRules, error: &SecretError);

    /// Every delivery for the rules of `owner` is rejected, because there is no key for them.
    fn no_key(&self, owner: &OwnerRules, error: &KeyError);

    /// The repository of the rules of `owner` has another address now. `message` says so, with the remedy.
    fn repository_moved(&self, owner: &OwnerRules, message: &str);
}
