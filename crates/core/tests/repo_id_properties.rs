//! What holds for every spelling of every repository.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test")]

#[path = "../../../fuzz/checks/repo_id.rs"]
mod repo_id;

use proptest::prelude::*;
use trigger_core::RepoId;

/// A user name or password as it may stand in an address. The words are told from all others by the `Z`.
fn credential() -> impl Strategy<Value = String> {
    "Z[A-Za-z0-9._~!$&'()*+,;=-]{1,20}Z(%40|%3A|%2F)?"
}

fn host() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("github.com".to_owned()),
        Just("gitlab.com".to_owned()),
        "[a-y][a-y0-9-]{0,10}[a-y0-9](\\.[a-y][a-y0-9]{1,8}){1,3}",
        any::<std::net::Ipv6Addr>().prop_map(|address| format!("[{address}]")),
    ]
}

/// A segment that needs no encoding and that no rule shortens.
fn segment() -> impl Strategy<Value = String> {
    "[a-y_][a-yA-Y0-9_-]{0,12}"
}

/// All spellings of one repository that are equal.
fn spellings(host: &str, path: &str, user: &str, password: &str) -> Vec<String> {
    let mut all = Vec::new();
    for suffix in ["", "/", ".git", ".git/", ".git//", "?x=1", "#f", "/?x=1#f"] {
        for port in ["", ":443", ":"] {
            for who in
                [String::new(), format!("{user}@"), format!("{user}:{password}@"), format!(":{password}@")]
            {
                all.push(format!("https://{who}{host}{port}/{path}{suffix}"));
                all.push(format!("HTTPS://{who}{}{port}//{path}{suffix}", host.to_ascii_uppercase()));
            }
        }
        for who in [String::new(), format!("{user}@"), format!("{user}:{password}@")] {
            all.push(format!("http://{who}{host}:80/{path}{suffix}"));
            all.push(format!("{who}{host}/{path}{suffix}"));
            all.push(format!("ssh://{who}{host}/{path}{suffix}"));
            all.push(format!("ssh://{who}{host}:2222/{path}{suffix}"));
            all.push(format!("{who}{host}:{path}{suffix}"));
        }
        all.push(format!("git://{host}/{path}{suffix}"));
        all.push(format!("git://{host}:9418/{path}{suffix}"));
    }
    all
}

/// Encodes every second character.
fn encoded(path: &str) -> String {
    let encode =
        |(at, c): (usize, char)| if at % 2 == 0 { format!("%{:02x}", u32::from(c)) } else { c.into() };
    path.chars().enumerate().map(encode).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn every_spelling_has_one_name_without_credentials(
        host in host(),
        path in proptest::collection::vec(segment(), 1..4),
        user in credential(),
        password in credential(),
    ) {
        let path = path.join("/");
        let name = RepoId::parse(&format!("https://{host}/{path}")).unwrap();
        for spelling in spellings(&host, &path, &user, &password)
            .into_iter()
            .chain(spellings(&host, &encoded(&path), &user, &password))
        {
            let other = RepoId::parse(&spelling);
            prop_assert_eq!(other.as_ref(), Ok(&name), "{}", spelling);
            let other = other.unwrap();
            prop_assert!(name.is_same_repository(&other), "{}", spelling);
            prop_assert_eq!(other.key(), name.key());
            let shown = format!("{other} {other:?} {:?}", other.key());
            prop_assert!(!shown.contains('Z'), "{}", spelling);
            repo_id::check(spelling.as_bytes());
        }
    }

    #[test]
    fn errors_never_show_credentials(user in credential(), password in credential(), rest in ".{0,20}") {
        for address in [format!("https://{user}:{password}@{rest}"), format!("ftp://{user}:{password}@{rest}")] {
            if let Err(error) = RepoId::parse(&address) {
                let shown = format!("{error} {error:?}");
                prop_assert!(!shown.contains(&password), "{}", shown);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn arbitrary_text_never_panics(text in any::<String>()) {
        repo_id::check(text.as_bytes());
    }

    #[test]
    fn text_that_looks_like_an_address_never_panics(
        text in "(https?|ssh|git|)(://|)[a-zA-Z0-9@:\\[\\]/.~%?# \\\\-]{0,40}(\\.git|/|%2e|%20|)"
    ) {
        repo_id::check(text.as_bytes());
    }
}
