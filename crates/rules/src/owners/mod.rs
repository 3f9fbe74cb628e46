//! The kinds of objects that carry rules. A kind is a folder here and a line in [`OWNERS`]; a test compares the two.

mod build;

use std::any::Any;

use trigger_core::{KnownHosts, ResourceRef};

use crate::auth::KeyBinding;
use crate::interner::Interner;
use crate::rule_set::OwnerRules;

/// Every kind of owner. Adding one is a folder and a line here.
pub(crate) static OWNERS: &[&dyn Owner] = &[&build::Builds];

/// An object that the inventory is fed with.
pub trait Source: Any {
    /// Its identity.
    fn reference(&self) -> ResourceRef;
}

/// A kind of object that carries rules.
pub(crate) trait Owner: Send + Sync {
    /// The folder of the kind here.
    #[cfg(test)]
    fn folder(&self) -> &'static str;

    /// Whether an object is an owner of this kind.
    fn is_of(&self, owner: &ResourceRef) -> bool;

    /// Makes rules of an object of this kind. `None` for one that carries none.
    fn compile(&self, source: &dyn Source, context: CompileContext<'_>) -> Option<OwnerRules>;
}

/// The inventory's state that the compilation of an owner uses.
pub(crate) struct CompileContext<'a> {
    /// How addresses at public services are compared.
    pub(crate) hosts: &'a KnownHosts,
    /// Texts that many owners have in common.
    pub(crate) names: &'a mut Interner,
    /// The key bindings that many owners have: their rules share one.
    pub(crate) bindings: &'a mut Interner<KeyBinding>,
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_folder_is_a_line_in_the_table() {
        let lines: BTreeSet<_> = OWNERS.iter().map(|owner| owner.folder().to_owned()).collect();
        assert_eq!(lines, crate::triggers::folders_of("owners"));
    }
}
