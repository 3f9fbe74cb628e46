use std::fmt;

use super::super::decode::DecodeError;

/// A mistake in an object, as Tekton's admission words it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct FieldError {
    /// The mistake.
    pub message: String,
    /// More about it; often empty.
    pub details: String,
    /// The fields that have it, sorted. Empty, or one empty path, for the object itself.
    pub paths: Vec<String>,
}

/// `MESSAGE: PATH, PATH`, and the details in a line of their own.
impl fmt::Display for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.message, self.paths.join(", "))?;
        if !self.details.is_empty() {
            write!(f, "\n{}", self.details)?;
        }
        Ok(())
    }
}

impl From<&DecodeError> for FieldError {
    fn from(error: &DecodeError) -> Self {
        let message = match error {
            DecodeError::Type { expected, found, .. } => format!("must be {expected}, not {found}"),
            DecodeError::Form { reason, .. } => format!("invalid: {reason}"),
            DecodeError::TooMany { found, most, .. } => {
                format!("{found} entries, at most {most} are permitted")
            }
            DecodeError::TooLarge { found, most, .. } => {
                format!("{found} bytes, at most {most} are permitted")
            }
        };
        Self { message, details: String::new(), paths: vec![error.path().to_owned()] }
    }
}

/// All mistakes of an object, sorted; those with the same message are one, with all their paths.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FieldErrors(Vec<FieldError>);

impl FieldErrors {
    /// Sorts mistakes, and merges those with the same message.
    pub(super) fn new(mut errors: Vec<FieldError>) -> Self {
        errors.sort();
        errors.dedup_by(|next, kept| {
            let is_same = (&next.message, &next.details) == (&kept.message, &kept.details);
            if is_same {
                kept.paths.append(&mut next.paths);
            }
            is_same
        });
        for error in &mut errors {
            error.paths.sort();
            error.paths.dedup();
        }
        Self(errors)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Each of them.
    pub fn iter(&self) -> std::slice::Iter<'_, FieldError> {
        self.0.iter()
    }
}

impl From<FieldError> for FieldErrors {
    fn from(error: FieldError) -> Self {
        Self::new(vec![error])
    }
}

impl<'a> IntoIterator for &'a FieldErrors {
    type Item = &'a FieldError;
    type IntoIter = std::slice::Iter<'a, FieldError>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// One after the other, in lines.
impl fmt::Display for FieldErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, error) in self.iter().enumerate() {
            if place > 0 {
                f.write_str("\n")?;
            }
            error.fmt(f)?;
        }
        Ok(())
    }
}
