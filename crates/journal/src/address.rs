use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// The address of a journal: `sqlite:PATH` or `postgres://…`.
///
/// `Display` and `Debug` omit the password of a PostgreSQL address.
#[derive(Clone, PartialEq, Eq)]
pub enum Address {
    /// In a SQLite file, for one process.
    Sqlite(PathBuf),
    /// In a PostgreSQL database, for several replicas. A connection string as libpq takes it.
    Postgres(String),
}

/// The text is not the address of a journal.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "not a journal: write sqlite:PATH, such as sqlite:./journal.db, for a file, or postgres://USER@HOST/DATABASE"
)]
pub struct AddressError;

impl FromStr for Address {
    type Err = AddressError;

    /// A bare path is that of a SQLite file, if it has a `/`: a word alone is rather a mistake.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            return Ok(Self::Postgres(text.to_owned()));
        }
        let path = text.strip_prefix("sqlite:").or_else(|| Some(text).filter(|text| text.contains('/')));
        // Another scheme, or an empty path, is a mistake rather than a file name.
        match path {
            Some(path) if !path.is_empty() && !path.contains("://") => Ok(Self::Sqlite(path.into())),
            _ => Err(AddressError),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            Self::Postgres(url) => f.write_str(&without_password(url)),
        }
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The address without secrets: the password before the `@`, and all parameters.
fn without_password(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("postgres", url));
    let before = rest.split('?').next().unwrap_or_default();
    match before.rsplit_once('@') {
        Some((user, place)) => {
            let user = user.split(':').next().unwrap_or_default();
            format!("{scheme}://{user}@{place}")
        }
        // A question mark in the password, or an `@` in a parameter: the two cannot be told apart.
        None if rest.contains('@') => format!("{scheme}://…"),
        None => format!("{scheme}://{before}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scheme_selects_the_store() {
        let sqlite = |path: &str| Ok(Address::Sqlite(path.into()));
        assert_eq!("sqlite:/var/j.db".parse(), sqlite("/var/j.db"));
        assert_eq!("sqlite:j.db".parse(), sqlite("j.db"));
        assert_eq!("./j.db".parse(), sqlite("./j.db"));
        for url in ["postgres://db/x", "postgresql://u:p@db:5432/x?sslmode=require"] {
            assert_eq!(url.parse(), Ok(Address::Postgres(url.to_owned())));
        }
        for bad in ["", "sqlite:", "mysql://db/x", "nope", "j.db", "postgres", "postgres:db"] {
            assert_eq!(bad.parse::<Address>(), Err(AddressError), "{bad}");
        }
    }

    #[test]
    fn passwords_are_not_shown() {
        let address: Address = "postgres://me:s3cr@t@db:5432/x?password=s3cr3t".parse().unwrap();
        assert_eq!(address.to_string(), "postgres://me@db:5432/x");
        assert_eq!(format!("{address:?}"), "postgres://me@db:5432/x");
        let address: Address = "postgres://me:s3?cr3t@db:5432/x".parse().unwrap();
        assert_eq!(address.to_string(), "postgres://…");
        let address: Address = "postgres://db:5432/x?user=me&password=s3cr3t".parse().unwrap();
        assert_eq!(address.to_string(), "postgres://db:5432/x");
    }
}
