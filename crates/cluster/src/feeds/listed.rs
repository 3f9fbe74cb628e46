use crate::watch::Unreadable;

/// The objects of a list for a person.
#[derive(Debug)]
pub struct Listed<T> {
    /// Those that can be read.
    pub objects: Vec<T>,
    /// The others: each with the reason, in a sentence.
    pub unreadable: Vec<String>,
}

impl<T> Listed<T> {
    /// Adds an object, or why it cannot be read.
    pub(super) fn add(&mut self, read: Result<T, Unreadable>, name: impl FnOnce() -> String) {
        match read {
            Ok(object) => self.objects.push(object),
            Err(error) => self.unreadable.push(format!("the {} cannot be read: {error}", name())),
        }
    }
}

impl<T> Default for Listed<T> {
    fn default() -> Self {
        Self { objects: Vec::new(), unreadable: Vec::new() }
    }
}
