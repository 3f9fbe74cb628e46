//! A row for every spelling we promise to understand, then the rows for what must be refused.
//! The properties that hold for all spellings are in `tests/repo_id_properties.rs`.

use super::*;

/// What a provider would say of its servers.
fn hosts() -> KnownHosts {
    KnownHosts::default().ignoring_case().aliases(&[
        ("www.github.com", "github.com"),
        ("ssh.github.com", "github.com"),
        ("altssh.forge.example", "forge.example"),
    ])
}

fn name(address: &str) -> String {
    RepoId::parse_with(address, &hosts()).map_or_else(|error| format!("refused: {error}"), String::from)
}

fn check(rows: &[(&str, &str)]) {
    for (address, expected) in rows {
        assert_eq!(name(address), *expected, "{address}");
    }
}

fn same(one: &str, other: &str) -> bool {
    let (one, other) =
        (RepoId::parse_with(one, &hosts()).unwrap(), RepoId::parse_with(other, &hosts()).unwrap());
    assert_eq!(one.is_same_repository(&other), other.is_same_repository(&one), "{one} and {other}");
    if one.is_same_repository(&other) {
        assert_eq!(one.key(), other.key());
    }
    one.is_same_repository(&other)
}

#[test]
fn upstream_conformance_lines_u1_to_u6() {
    let https = "https://github.com/username/repository.git";
    let scp = "git@github.com:username/repository.git";
    assert_eq!(name(https), "github.com/username/repository", "U1");
    assert_eq!(name(scp), "github.com/username/repository", "U2");
    assert!(same(https, "http://github.com/username/repository"), "U3");
    assert!(same(https, scp), "U4");
    assert!(!same(https, "https://github.com/username/another-repository.git"), "U5");
    assert!(!same(https, "git@github.com:username/another-repository.git"), "U6");
}

#[test]
fn trailing_slashes_and_git_suffixes_are_stripped() {
    check(&[
        ("https://github.com/o/r/", "github.com/o/r"),
        ("https://github.com/o/r.git", "github.com/o/r"),
        ("https://github.com/o/r.git/", "github.com/o/r"),
        ("https://github.com/o/r.git//", "github.com/o/r"),
        ("https://github.com/o/r.git.git/.git/", "github.com/o/r"),
        ("https://github.com/o/r.GIT", "github.com/o/r"),
        ("https://git.example.com/o/r.GIT", "git.example.com/o/r"),
        ("https://git.example.com//o///r", "git.example.com/o/r"),
        ("git@git.example.com:/o/r.git", "git.example.com/o/r"),
        ("https://git.example.com/r.github", "git.example.com/r.github"),
    ]);
}

#[test]
fn hosts_know_no_case_and_paths_only_where_no_provider_is() {
    check(&[
        ("https://GitHub.com/Acme/Web", "github.com/acme/web"),
        ("git@FORGE.example:Acme/Web.git", "forge.example/acme/web"),
        ("https://Git.Example.COM/Acme/Web", "git.example.com/acme/web"),
        ("https://www.github.com/Acme/Web", "github.com/acme/web"),
        ("https://www.git.example.com/o/r", "www.git.example.com/o/r"),
        ("HTTPS://git.example.com/o/r", "git.example.com/o/r"),
        ("https://git.example.com./o/r", "git.example.com/o/r"),
    ]);
    assert!(same("https://git.example.com/acme/web", "ssh://git@git.example.com:2222/Acme/web.git"));
    let exact = RepoId::parse("https://Git.Example.COM/Acme/Web").map(String::from);
    assert_eq!(exact.as_deref(), Ok("git.example.com/Acme/Web"));
}

#[test]
fn users_and_passwords_are_dropped() {
    check(&[
        ("https://user:token@github.com/o/r", "github.com/o/r"),
        ("https://token@github.com/o/r", "github.com/o/r"),
        ("https://user:p%40ss@github.com/o/r", "github.com/o/r"),
        ("https://user:p@ss@github.com/o/r", "github.com/o/r"),
        ("ssh://user:token@github.com:22/o/r", "github.com/o/r"),
        ("user:token@github.com/o/r", "github.com/o/r"),
        ("user:t@ken@github.com:8443/o/r", "github.com:8443/o/r"),
        ("token@github.com/o/r", "github.com/o/r"),
        ("user:token@git.example.com:o/r", "git.example.com/o/r"),
    ]);
}

#[test]
fn default_ports_are_dropped_and_others_kept() {
    check(&[
        ("https://git.example.com:443/o/r", "git.example.com/o/r"),
        ("http://git.example.com:80/o/r", "git.example.com/o/r"),
        ("http://git.example.com:443/o/r", "git.example.com/o/r"),
        ("https://git.example.com:/o/r", "git.example.com/o/r"),
        ("https://git.example.com:8080/o/r", "git.example.com:8080/o/r"),
        ("git.example.com:8080/o/r", "git.example.com:8080/o/r"),
        ("git://git.example.com:9418/o/r", "git.example.com/o/r"),
        ("git://git.example.com:9419/o/r", "git.example.com:9419/o/r"),
        ("ssh://git@git.example.com:22/o/r", "git.example.com/o/r"),
        ("ssh://git@git.example.com:2222/o/r", "git.example.com/o/r"),
    ]);
    assert_eq!(RepoId::parse("https://h:8443/o/r").map(|name| name.port()), Ok(Some(8443)));
    assert_eq!(RepoId::parse("https://[::1]:8443/o/r").map(|name| name.port()), Ok(Some(8443)));
    assert_eq!(RepoId::parse("https://[::1]/o/r").map(|name| name.port()), Ok(None));
}

#[test]
fn ports_tell_web_servers_apart_but_not_ssh_from_https() {
    assert!(same("ssh://git@h.example:2222/o/r", "https://h.example:8443/o/r"));
    assert!(same("ssh://git@h.example:2222/o/r", "ssh://git@h.example/o/r"));
    assert!(same("git@h.example:o/r.git", "https://h.example:8443/o/r"));
    assert!(!same("https://h.example:8443/o/r", "https://h.example:9443/o/r"));
    assert!(!same("https://h.example:8443/o/r", "https://h.example/o/r"));
    assert!(!same("ssh://git@h.example:2222/o/r", "https://h.example:8443/o/other"));
}

#[test]
fn ssh_and_git_protocol_spellings_are_understood() {
    check(&[
        ("ssh://git@github.com/o/r.git", "github.com/o/r"),
        ("ssh://github.com/o/r.git", "github.com/o/r"),
        ("git+ssh://git@github.com/o/r.git", "github.com/o/r"),
        ("git://github.com/o/r.git", "github.com/o/r"),
        ("ssh://git@ssh.github.com:443/o/r.git", "github.com/o/r"),
        ("ssh://git@altssh.forge.example:443/o/r.git", "forge.example/o/r"),
        ("ssh://git@git.example.com/~user/r.git", "git.example.com/~user/r"),
    ]);
}

#[test]
fn scp_syntax_has_any_user_and_any_path_but_no_port() {
    check(&[
        ("git@forge.example:group/sub/project.git", "forge.example/group/sub/project"),
        ("git@git.example.com:repo.git", "git.example.com/repo"),
        ("git@git.example.com:2222/o/r.git", "git.example.com/2222/o/r"),
        ("org-123@github.com:o/r.git", "github.com/o/r"),
        ("us@er@github.com:o/r.git", "github.com/o/r"),
        ("github.com:o/r.git", "github.com/o/r"),
        ("git@git.example.com:o@x/r", "git.example.com/o@x/r"),
        ("git@git.example.com:~user/r", "git.example.com/~user/r"),
        ("git@git.example.com:my repo.git", "git.example.com/my%20repo"),
        ("git@git.example.com:my%20repo.git", "git.example.com/my%20repo"),
        ("git@git.example.com:o/100%.git", "git.example.com/o/100%25"),
    ]);
}

#[test]
fn no_scheme_means_https() {
    check(&[
        ("github.com/o/r", "github.com/o/r"),
        ("git.example.com/r", "git.example.com/r"),
        ("git/o/r", "git/o/r"),
        ("git.example.com/o:x/r", "git.example.com/o:x/r"),
        ("git.example.com/o://x/r", "git.example.com/o:/x/r"),
    ]);
}

#[test]
fn queries_and_fragments_are_dropped() {
    check(&[
        ("https://github.com/o/r?x=1#f", "github.com/o/r"),
        ("https://github.com/o/r.git#main", "github.com/o/r"),
        ("ssh://git@github.com/o/r?x=1", "github.com/o/r"),
        ("git@github.com:o/r.git#main", "github.com/o/r"),
    ]);
}

#[test]
fn paths_are_compared_decoded() {
    check(&[
        ("https://git.example.com/my%20group/r", "git.example.com/my%20group/r"),
        ("https://git.example.com/%6d%79/r", "git.example.com/my/r"),
        ("https://git.example.com/o%2Fr", "git.example.com/o/r"),
        ("https://git.example.com/o/a%3Fb%23c%25d", "git.example.com/o/a%3Fb%23c%25d"),
        ("https://git.example.com/o/%2541", "git.example.com/o/%2541"),
        ("https://git.example.com/o/f%C3%BC", "git.example.com/o/f%C3%BC"),
        ("https://git.example.com/o/f\u{fc}", "git.example.com/o/f%C3%BC"),
        ("git@ssh.dev.azure.com:v3/acme/My%20Web/web", "ssh.dev.azure.com/v3/acme/my%20web/web"),
    ]);
}

#[test]
fn hosts_may_be_ipv6_addresses() {
    check(&[
        ("https://[2001:DB8:0::1]/o/r", "[2001:db8::1]/o/r"),
        ("https://[::1]:8443/o/r", "[::1]:8443/o/r"),
        ("[::1]:8443/o/r", "[::1]:8443/o/r"),
        ("[::1]/o/r", "[::1]/o/r"),
        ("ssh://git@[::1]:2222/o/r", "[::1]/o/r"),
        ("git@[::1]:o/r.git", "[::1]/o/r"),
        ("[::1]:o/r.git", "[::1]/o/r"),
    ]);
}

#[test]
fn what_names_no_repository_is_refused() {
    use RepoIdError as E;
    let long = format!("https://h/{}", "a".repeat(RepoId::LONGEST));
    let long_host = format!("{}:o/r", "a".repeat(1100));
    let long_once_encoded = format!("https://h/{}", "\u{fc}".repeat(1000));
    for (address, expected) in [
        ("", E::Empty),
        ("?x", E::Empty),
        (&long, E::TooLong),
        (&long_once_encoded, E::TooLong),
        ("/srv/git/r.git", E::Local),
        ("./r", E::Local),
        ("../r", E::Local),
        ("~/r", E::Local),
        ("file:///srv/git/r.git", E::Local),
        ("FILE://host/r", E::Local),
        ("ftp://h/o/r", E::Scheme),
        ("ext::sh -c x", E::Scheme),
        ("codecommit::eu-central-1://r", E::Scheme),
        ("git@h://o/r", E::Scheme),
        ("https://", E::Malformed),
        ("https:///o/r", E::Malformed),
        ("https://h:99999/o/r", E::Malformed),
        ("https://h:x/o/r", E::Malformed),
        ("git://h:0/o/r", E::Malformed),
        ("https://h/%zz", E::Malformed),
        ("https://h/%ff", E::Malformed),
        ("git@h:%ff", E::Malformed),
        ("https://h/a b", E::Malformed),
        ("https://[::1/o/r", E::Malformed),
        ("git@h:", E::Malformed),
        ("https://-h/o/r", E::Host),
        ("https://a..b/o/r", E::Host),
        ("ssh://b\u{fc}cher.example/o/r", E::Host),
        ("ssh://h%2f/o/r", E::Host),
        (&long_host, E::Host),
        ("-oProxyCommand=x:o/r", E::Host),
        ("https://h", E::NoPath),
        ("https://h/", E::NoPath),
        ("https://h/.git", E::NoPath),
        ("github.com", E::NoPath),
        ("https://h/o/../r", E::DotSegment),
        ("https://h/o/%2e%2e/r", E::DotSegment),
        ("https://h/./r", E::DotSegment),
        ("https://h/o/...git", E::DotSegment),
        ("https://h/o/..git", E::DotSegment),
        ("https://h/o\n/r", E::Control),
        ("https://h/o%0a/r", E::Control),
        ("git@h:o/r%00", E::Control),
        ("https://h/o/\u{85}", E::Control),
    ] {
        assert_eq!(RepoId::parse(address), Err(expected), "{address:?}");
    }
}

#[test]
fn names_travel_as_text() {
    let name = RepoId::parse("https://user:token@h.example:8443/o/r.git").unwrap();
    let json = serde_json::to_string(&name).unwrap();
    assert_eq!(json, r#""h.example:8443/o/r""#);
    assert_eq!(serde_json::from_str::<RepoId>(&json).unwrap(), name);
    assert!(serde_json::from_str::<RepoId>(r#""""#).is_err());
    assert_eq!(format!("{name:?} {:?}", name.key()), "RepoId(h.example:8443/o/r) RepoKey(h.example/o/r)");
}

#[test]
fn a_name_is_small() {
    assert!(size_of::<RepoId>() <= 24);
}
