use std::borrow::Borrow;
use std::collections::HashSet;
use std::hash::Hash;
use std::sync::Arc;

/// Values that many owners have in common, such as their namespace and the names of their rules: one copy of each.
pub(crate) struct Interner<T: ?Sized = str> {
    known: HashSet<Arc<T>>,
    /// With so many it is time to forget the unused ones.
    crowded: usize,
}

impl<T: ?Sized> Default for Interner<T> {
    fn default() -> Self {
        Self { known: HashSet::new(), crowded: 0 }
    }
}

impl<T: ?Sized + Eq + Hash> Interner<T> {
    /// The copy that all have.
    pub(crate) fn share(&mut self, value: impl Borrow<T> + Into<Arc<T>>) -> Arc<T> {
        if let Some(known) = self.known.get(value.borrow()) {
            return Arc::clone(known);
        }
        if self.known.len() >= self.crowded {
            self.known.retain(|known| Arc::strong_count(known) > 1);
            self.crowded = 64.max(2 * self.known.len());
        }
        let value = value.into();
        self.known.insert(Arc::clone(&value));
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_copy_is_kept_as_long_as_it_is_used() {
        let mut names = Interner::<str>::default();
        let one = names.share("team-a");
        assert!(Arc::ptr_eq(&one, &names.share("team-a")));
        for number in 0..10_000 {
            names.share(number.to_string().as_str());
        }
        assert!(names.known.len() <= 129, "{}", names.known.len());
        assert!(Arc::ptr_eq(&one, &names.share("team-a")));
    }
}
