//! The properties of every text that is taken for a repository address.

use trigger_core::RepoId;

/// Parsing never panics; a name is its own address; and its parts make up the whole.
pub(crate) fn check(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(name) = RepoId::parse(text) else { return };
    let shown = name.to_string();
    assert_eq!(RepoId::parse(&shown).as_ref(), Ok(&name), "{text:?} is not its own address");
    let port = name.port().map(|port| format!(":{port}")).unwrap_or_default();
    assert_eq!(shown, format!("{}{port}/{}", name.host(), name.path()), "{text:?}");
    assert!(shown.bytes().all(|byte| byte.is_ascii_graphic()), "{text:?} is shown as {shown:?}");
    assert!(!name.host().is_empty() && !name.path().is_empty(), "{text:?}");
    assert!(shown.len() <= RepoId::LONGEST, "{text:?}");
    assert!(name.is_same_repository(&name) && name.key() == name.key(), "{text:?}");
}
