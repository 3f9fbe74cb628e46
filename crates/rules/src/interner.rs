use std::collections::HashSet;
use std::sync::Arc;

/// Texts that many Builds have in common, such as their namespace and the names of their rules: one copy of each.
#[derive(Default)]
pub(crate) struct Interner {
    known: HashSet<Arc<str>>,
    /// With so many it is time to forget those that nobody has any more.
    crowded: usize,
}

impl Interner {
    /// The copy that all have.
    pub(crate) fn share(&mut self, name: &str) -> Arc<str> {
        if let Some(known) = self.known.get(name) {
            return Arc::clone(known);
        }
        if self.known.len() >= self.crowded {
            self.known.retain(|name| Arc::strong_count(name) > 1);
            self.crowded = 64.max(2 * self.known.len());
        }
        let name = Arc::<str>::from(name);
        self.known.insert(Arc::clone(&name));
        name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_copy_is_kept_as_long_as_somebody_has_it() {
        let mut names = Interner::default();
        let one = names.share("team-a");
        assert!(Arc::ptr_eq(&one, &names.share("team-a")));
        for number in 0..10_000 {
            names.share(&number.to_string());
        }
        assert!(names.known.len() <= 129, "{}", names.known.len());
        assert!(Arc::ptr_eq(&one, &names.share("team-a")));
    }
}
