use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::{IdTokenPolicy, NotificationFormat};

/// The largest file of keys, in bytes.
pub(crate) const MAX_FILE: usize = 16 * 1024;
/// The shortest key, in bytes. Every format takes its key in the path, where only its length protects it.
const SHORTEST_KEY: usize = 16;

/// The file that holds the keys of a format: one per line, the current one first, then those that are still accepted.
/// It is read for every notification, since a mounted Secret changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyFile {
    path: PathBuf,
}

/// The keys in a file. Wiped from memory when dropped.
pub struct Keys(Zeroizing<Vec<u8>>);

/// Why a file cannot be used. The messages name the file and never its content.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// It cannot be read.
    #[error("the key file {path} cannot be read: mount the Secret there or correct --registry-hook")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is larger than any file of keys.
    #[error("the key file {0} has more than 16 KiB: write one key per line into it, nothing else")]
    TooLarge(PathBuf),
    /// There is no key in it.
    #[error("the key file {0} is empty: write the key into it")]
    Empty(PathBuf),
    /// A key is so short that it can be guessed.
    #[error("a key in {0} has fewer than 16 characters: make one with `openssl rand -hex 32`")]
    Short(PathBuf),
    /// It does not name the audience and the account of the tokens to accept.
    #[error("the file {0} needs a line audience=… and a line email=… of the push subscription, nothing else")]
    Policy(PathBuf),
}

impl KeyFile {
    /// The file at `path`.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// The path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads the keys that verify notifications. Blocks.
    pub fn keys(&self) -> Result<Keys, KeyFileError> {
        let keys = Keys(self.read()?);
        if keys.lines().next().is_none() {
            return Err(KeyFileError::Empty(self.path.clone()));
        }
        if keys.lines().any(|key| key.len() < SHORTEST_KEY) {
            return Err(KeyFileError::Short(self.path.clone()));
        }
        Ok(keys)
    }

    /// Reads which ID tokens are accepted. Blocks.
    pub fn policy(&self) -> Result<IdTokenPolicy, KeyFileError> {
        let keys = Keys(self.read()?);
        let mut policy = IdTokenPolicy { audiences: Vec::new(), emails: Vec::new() };
        let mut good = true;
        for line in keys.lines() {
            let text = std::str::from_utf8(line).unwrap_or_default();
            match text.split_once('=').map(|(name, value)| (name.trim(), value.trim())) {
                Some(("audience", value)) if !value.is_empty() => policy.audiences.push(value.to_owned()),
                Some(("email", value)) if !value.is_empty() => policy.emails.push(value.to_owned()),
                _ => good = false,
            }
        }
        let complete = good && !policy.audiences.is_empty() && !policy.emails.is_empty();
        if complete { Ok(policy) } else { Err(KeyFileError::Policy(self.path.clone())) }
    }

    /// Whether the file is fit for `format`. Blocks.
    pub fn check(&self, format: &dyn NotificationFormat) -> Result<(), KeyFileError> {
        if format.takes_key() { self.keys().map(drop) } else { self.policy().map(drop) }
    }

    fn read(&self) -> Result<Zeroizing<Vec<u8>>, KeyFileError> {
        let unreadable = |source| KeyFileError::Unreadable { path: self.path.clone(), source };
        // As large as it can become, so that it is never moved and leaves nothing behind.
        let mut bytes = Zeroizing::new(vec![0; MAX_FILE + 1]);
        let mut file = File::open(&self.path).map_err(unreadable)?;
        let mut filled = 0;
        while let Some(rest) = bytes.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match file.read(rest).map_err(unreadable)? {
                0 => break,
                read => filled += read,
            }
        }
        if filled > MAX_FILE {
            return Err(KeyFileError::TooLarge(self.path.clone()));
        }
        bytes.truncate(filled);
        Ok(bytes)
    }
}

impl Keys {
    /// The keys, the current one first.
    pub fn lines(&self) -> impl Iterator<Item = &[u8]> {
        self.0.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: &[u8]) -> (tempfile::TempDir, KeyFile) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        std::fs::write(&path, text).unwrap();
        (folder, KeyFile::new(path))
    }

    #[test]
    fn keys_stand_one_per_line() {
        for (text, expected) in [
            ("0123456789abcdef", Ok(vec!["0123456789abcdef"])),
            ("0123456789abcdef\r\n\n  fedcba9876543210 \n", Ok(vec!["0123456789abcdef", "fedcba9876543210"])),
            ("Bearer 0123456789", Ok(vec!["Bearer 0123456789"])),
            ("", Err("is empty")),
            (" \n\r\n", Err("is empty")),
            ("short", Err("fewer than 16 characters")),
            ("0123456789abcdef\nshort", Err("fewer than 16 characters")),
        ] {
            let (_folder, file) = file(text.as_bytes());
            match (file.keys(), expected) {
                (Ok(keys), Ok(expected)) => {
                    let lines: Vec<_> = keys.lines().map(|key| std::str::from_utf8(key).unwrap()).collect();
                    assert_eq!(lines, expected, "{text:?}");
                }
                (Err(error), Err(part)) => {
                    assert!(error.to_string().contains(part), "{text:?}: {error}");
                    assert!(!error.to_string().contains("0123456789abcdef"));
                }
                (keys, expected) => panic!("{text:?}: {:?}, not {expected:?}", keys.map(drop)),
            }
        }
    }

    #[test]
    fn a_file_has_a_size_and_must_exist() {
        let (_folder, full) = file("x".repeat(MAX_FILE).as_bytes());
        assert_eq!(full.keys().unwrap().lines().next().unwrap().len(), MAX_FILE);
        let (folder, large) = file("x".repeat(MAX_FILE + 1).as_bytes());
        assert!(matches!(large.keys(), Err(KeyFileError::TooLarge(_))));
        let absent = KeyFile::new(folder.path().join("absent"));
        assert!(matches!(absent.keys(), Err(KeyFileError::Unreadable { .. })));
        assert!(matches!(KeyFile::new(folder.path()).keys(), Err(KeyFileError::Unreadable { .. })));
    }

    #[test]
    fn a_policy_names_audience_and_email() {
        for (text, good) in [
            ("audience=https://hooks.example\nemail=a@p.iam.example\n", true),
            ("audience = a\nemail = b\naudience = c", true),
            ("audience=a", false),
            ("email=b", false),
            ("audience=\nemail=b", false),
            ("audience=a\nemail=b\nissuer=c", false),
            ("", false),
        ] {
            let (_folder, file) = file(text.as_bytes());
            assert_eq!(file.policy().is_ok(), good, "{text:?}");
        }
    }
}
