//! Reads the files of `docker login`, as they stand in Secrets of the types `kubernetes.io/dockerconfigjson`
//! and `kubernetes.io/dockercfg`, and finds the entry for an image as the kubelet does (Kubernetes
//! documentation, "Interpretation of config.json").

use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::BTreeMap;

use data_encoding::{BASE64, BASE64_NOPAD};
use serde::Deserialize;
use serde_json::value::RawValue;
use trigger_core::ImageRef;
use zeroize::Zeroizing;

use super::RegistryCredential;

/// Why a file of registry credentials is of no use. It repeats nothing of the file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RegistryCredentialError {
    /// It is longer than 256 KiB.
    #[error(
        "the registry credentials are longer than 256 KiB; keep only the registries that the Build needs"
    )]
    TooLong,
    /// It has more than 1,000 entries.
    #[error("the registry credentials have more than 1000 entries; keep only those that the Build needs")]
    TooMany,
    /// It is no JSON of the form that `docker login` writes.
    #[error("the registry credentials are not JSON as `docker login` writes it")]
    Unreadable,
    /// The entry for the image is broken.
    #[error("the entry for {registry} in the registry credentials is broken: {why}")]
    Entry {
        /// The registry of the image.
        registry: String,
        /// What is wrong.
        why: &'static str,
    },
}

/// The file is read for each poll of an image, so it is smaller than a Secret may be.
pub(crate) const MAX_FILE: usize = 256 * 1024;
/// The entries are compared with the image one by one.
pub(crate) const MAX_ENTRIES: usize = 1000;
/// Passwords and tokens of registries have up to 5 KiB; servers reject headers that are much longer.
pub(crate) const MAX_CREDENTIAL: usize = 16 * 1024;

type Entries<'a> = BTreeMap<Cow<'a, str>, &'a RawValue>;

#[derive(Deserialize)]
struct File<'a> {
    #[serde(borrow)]
    auths: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Entry {
    #[serde(default)]
    auth: Option<Zeroizing<String>>,
    #[serde(default)]
    username: Option<Zeroizing<String>>,
    #[serde(default)]
    password: Option<Zeroizing<String>>,
    #[serde(default)]
    identitytoken: Option<Zeroizing<String>>,
}

/// The credential for an image in a `.dockerconfigjson`, or in the older `.dockercfg`, which is the map of
/// `auths` alone.
///
/// A key is a host with an optional port, or a URL, with an optional path that the image's name has to begin
/// with. `*` stands for a part of a label of the host, never for several labels. The key with the longest path
/// wins, then one without `*`. An entry that holds no credential is passed over.
pub fn credential_for(
    docker_config: &[u8],
    image: &ImageRef,
) -> Result<Option<RegistryCredential>, RegistryCredentialError> {
    if docker_config.len() > MAX_FILE {
        return Err(RegistryCredentialError::TooLong);
    }
    let unreadable = |_| RegistryCredentialError::Unreadable;
    let file: File<'_> = serde_json::from_slice(docker_config).map_err(unreadable)?;
    let entries: Entries<'_> = match file.auths {
        Some(auths) => {
            serde_json::from_str::<Option<_>>(auths.get()).map_err(unreadable)?.unwrap_or_default()
        }
        None => serde_json::from_slice(docker_config).map_err(unreadable)?,
    };
    if entries.len() > MAX_ENTRIES {
        return Err(RegistryCredentialError::TooMany);
    }
    let mut matching: Vec<_> = entries
        .iter()
        .filter_map(|(text, entry)| {
            let key = Key::read(text);
            key.matches(image).then_some((Reverse(key.path.len()), key.host.contains('*'), text, entry))
        })
        .collect();
    matching.sort_by(|a, b| (a.0, a.1, a.2).cmp(&(b.0, b.1, b.2)));
    for (_, _, _, entry) in matching {
        let broken = |why| RegistryCredentialError::Entry { registry: image.registry().to_owned(), why };
        if let Some(credential) = read_entry(entry.get()).map_err(broken)? {
            return Ok(Some(credential));
        }
    }
    Ok(None)
}

fn read_entry(json: &str) -> Result<Option<RegistryCredential>, &'static str> {
    if json.len() > MAX_CREDENTIAL {
        return Err("it is longer than 16 KiB");
    }
    // The message of serde could repeat a password.
    let entry: Entry = serde_json::from_str(json).map_err(|_| "it is no object of texts")?;
    let given = |text: Option<Zeroizing<String>>| text.filter(|text| !text.is_empty());
    if let Some(token) = given(entry.identitytoken) {
        return Ok(Some(RegistryCredential::identity(token.as_str())));
    }
    let (user, password) = match (given(entry.auth), given(entry.username), given(entry.password)) {
        (Some(auth), _, _) => decode(&auth)?,
        (None, Some(user), Some(password)) => (user, password),
        (None, None, None) => return Ok(None),
        (None, _, _) => return Err("it needs both `username` and `password`"),
    };
    if user.contains(':') {
        return Err("there is a colon in `username`");
    }
    Ok(Some(RegistryCredential::password(user.as_str(), password.as_str())))
}

type UserAndPassword = (Zeroizing<String>, Zeroizing<String>);

/// Reads `auth`, which is `user:password` in Base64, perhaps wrapped at 76 characters: `base64` does so, and the kubelet
/// passes over line breaks.
fn decode(auth: &str) -> Result<UserAndPassword, &'static str> {
    let auth = Zeroizing::new(auth.trim().replace(['\r', '\n'], ""));
    let encoded = auth.trim_end_matches('=').as_bytes();
    let padded = BASE64.decode(auth.as_bytes());
    let bytes = padded.or_else(|_| BASE64_NOPAD.decode(encoded)).map_err(|_| "`auth` is not Base64")?;
    let bytes = Zeroizing::new(bytes);
    let both = std::str::from_utf8(&bytes).map_err(|_| "`auth` is not UTF-8")?;
    let (user, password) = both.split_once(':').ok_or("`auth` holds no `user:password`")?;
    let owned = |text: &str| Zeroizing::new(text.to_owned());
    // Some tools pad the password with zeros.
    Ok((owned(user), owned(password.trim_end_matches('\0'))))
}

/// The name of an entry.
struct Key {
    host: String,
    port: Option<String>,
    /// Without slashes at its ends.
    path: String,
}

impl Key {
    fn read(text: &str) -> Self {
        let rest = text.trim();
        let rest = rest.strip_prefix("https://").or_else(|| rest.strip_prefix("http://")).unwrap_or(rest);
        let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
        // `/v1/` and `/v2/` are of the registries' API and no part of any image's name.
        let path = ["v1", "v2"].iter().fold(path, |path, version| match path.strip_prefix(version) {
            Some(rest) if rest.is_empty() || rest.starts_with('/') => rest,
            _ => path,
        });
        let (host, port) = split_port(host);
        Self {
            host: one_name(host),
            port: port.map(ToOwned::to_owned),
            path: path.trim_matches('/').to_owned(),
        }
    }

    fn matches(&self, image: &ImageRef) -> bool {
        let (host, port) = split_port(image.registry());
        let below = image.repository().strip_prefix(self.path.as_str());
        let in_path =
            self.path.is_empty() || below.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        in_path && self.port.as_deref() == port && is_host(&self.host, host)
    }
}

/// The host and the port, if one is named.
fn split_port(host: &str) -> (&str, Option<&str>) {
    match host.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (host, None),
    }
}

/// In lower case, with one name for Docker Hub.
fn one_name(host: &str) -> String {
    let host = host.to_ascii_lowercase();
    if ["index.docker.io", "registry-1.docker.io"].contains(&host.as_str()) {
        return "docker.io".to_owned();
    }
    host
}

fn is_host(pattern: &str, host: &str) -> bool {
    let (patterns, labels) = (pattern.split('.'), host.split('.'));
    patterns.clone().count() == labels.clone().count()
        && patterns.zip(labels).all(|(pattern, label)| is_label(pattern, label))
}

/// With at most one `*`: more in a label matches nothing.
fn is_label(pattern: &str, label: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == label,
        Some((before, after)) => {
            let rest = label.strip_prefix(before);
            rest.is_some_and(|rest| rest.ends_with(after))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(config: &str, image: &str) -> Result<Option<String>, RegistryCredentialError> {
        let credential = credential_for(config.as_bytes(), &ImageRef::parse(image).unwrap())?;
        Ok(credential.map(|credential| {
            if let Some(token) = credential.identity_token() {
                return format!("identity {token}");
            }
            let basic = credential.basic().unwrap();
            String::from_utf8(BASE64.decode(&basic.as_bytes()[6..]).unwrap()).unwrap()
        }))
    }

    /// A file whose entries have their own keys for passwords.
    fn file(keys: &[&str]) -> String {
        let entries: Vec<_> = keys
            .iter()
            .map(|key| format!("\"{key}\":{{\"auth\":\"{}\"}}", BASE64.encode(format!("u:{key}").as_bytes())))
            .collect();
        format!("{{\"auths\":{{{}}}}}", entries.join(","))
    }

    #[test]
    fn the_entry_is_found_as_the_kubelet_finds_it() {
        for (keys, image, key) in [
            (&["registry.example"][..], "registry.example/team/app", Some("registry.example")),
            (&["Registry.Example"], "registry.example/team/app", Some("Registry.Example")),
            (&["https://registry.example"], "registry.example/app", Some("https://registry.example")),
            (&["https://registry.example/v2/"], "registry.example/app", Some("https://registry.example/v2/")),
            (&["registry.example:5000"], "registry.example/app", None),
            (&["registry.example"], "registry.example:5000/app", None),
            (
                &["http://registry.example:5000/"],
                "registry.example:5000/app",
                Some("http://registry.example:5000/"),
            ),
            (&["https://index.docker.io/v1/"], "node", Some("https://index.docker.io/v1/")),
            (&["docker.io"], "node", Some("docker.io")),
            (&["registry-1.docker.io"], "docker.io/me/app", Some("registry-1.docker.io")),
            (&["docker.io/me"], "me/app", Some("docker.io/me")),
            (&["docker.io/me"], "node", None),
            (&["r.example", "r.example/team"], "r.example/team/app", Some("r.example/team")),
            (
                &["r.example", "r.example/team", "r.example/team/app"],
                "r.example/team/app",
                Some("r.example/team/app"),
            ),
            (&["r.example", "r.example/team"], "r.example/team2/app", Some("r.example")),
            (&["r.example/v2/team"], "r.example/team/app", Some("r.example/v2/team")),
            (&["r.example/v2team"], "r.example/team/app", None),
            (&["*.example.com"], "a.example.com/app", Some("*.example.com")),
            (&["*.example.com"], "a.b.example.com/app", None),
            (&["*.example.com"], "example.com/app", None),
            (&["*.*.example.com"], "a.b.example.com/app", Some("*.*.example.com")),
            (&["eu-*.example.com"], "eu-1.example.com/app", Some("eu-*.example.com")),
            (&["*.example.com", "a.example.com"], "a.example.com/app", Some("a.example.com")),
            (&["*.example.com/team", "a.example.com"], "a.example.com/team/app", Some("*.example.com/team")),
            (&["*.example.com:5000"], "a.example.com:5000/app", Some("*.example.com:5000")),
            (&["[::1]:5000"], "[::1]:5000/app", Some("[::1]:5000")),
            (&["*", "**.example.com", "", "/", ":"], "a.example.com/app", None),
        ] {
            let expected = key.map(|key| format!("u:{key}"));
            assert_eq!(found(&file(keys), image), Ok(expected), "{keys:?} {image}");
        }
    }

    #[test]
    fn an_entry_is_read_in_each_of_its_forms() {
        let broken = |why| Err(RegistryCredentialError::Entry { registry: "r.example".to_owned(), why });
        for (entry, expected) in [
            (r#"{"auth":"dTpwOnE="}"#, Ok(Some("u:p:q"))),
            (r#"{"auth":"dTpwOnE"}"#, Ok(Some("u:p:q"))),
            (r#"{"auth":" dTpwOnE=\n"}"#, Ok(Some("u:p:q"))),
            (r#"{"auth":"dTpw\nOnE=\n"}"#, Ok(Some("u:p:q"))),
            (r#"{"auth":"dTpw\r\nOnE"}"#, Ok(Some("u:p:q"))),
            (r#"{"auth":"dTpw OnE="}"#, broken("`auth` is not Base64")),
            (r#"{"username":"u","password":"p","email":"e"}"#, Ok(Some("u:p"))),
            (r#"{"username":"other","password":"x","auth":"dTpwOnE="}"#, Ok(Some("u:p:q"))),
            (r#"{"auth":"dTpwOnE=","identitytoken":"t"}"#, Ok(Some("identity t"))),
            (r#"{"auth":"","username":"u","password":"p","identitytoken":""}"#, Ok(Some("u:p"))),
            ("{}", Ok(None)),
            (r#"{"auth":null}"#, Ok(None)),
            (r#"{"auth":"?"}"#, broken("`auth` is not Base64")),
            (r#"{"auth":"dQ=="}"#, broken("`auth` holds no `user:password`")),
            (r#"{"auth":"/w=="}"#, broken("`auth` is not UTF-8")),
            (r#"{"username":"u"}"#, broken("it needs both `username` and `password`")),
            (r#"{"username":"u:v","password":"p"}"#, broken("there is a colon in `username`")),
            (r#"{"auth":5}"#, broken("it is no object of texts")),
            (r#""secret""#, broken("it is no object of texts")),
            (
                &format!(r#"{{"identitytoken":"{}"}}"#, "t".repeat(MAX_CREDENTIAL)),
                broken("it is longer than 16 KiB"),
            ),
        ] {
            let expected = expected.map(|found: Option<&str>| found.map(ToOwned::to_owned));
            let modern = format!(r#"{{"auths":{{"r.example":{entry}}},"credsStore":"desktop"}}"#);
            assert_eq!(found(&modern, "r.example/app"), expected, "{entry}");
            let legacy = format!(r#"{{"https://r.example/v1/":{entry},"other":5}}"#);
            assert_eq!(found(&legacy, "r.example/app"), expected, "{entry}");
        }
    }

    #[test]
    fn a_file_that_is_none_is_an_error_without_its_contents() {
        for bad in ["", "null", "[]", "secret", "{\"auths\":[]}", "{\"auths\":{\"a\":", "\u{0}"] {
            let error = found(bad, "r.example/app").unwrap_err();
            assert_eq!(error, RegistryCredentialError::Unreadable, "{bad}");
        }
        assert_eq!(found("{}", "r.example/app"), Ok(None));
        assert_eq!(found(r#"{"auths":null}"#, "r.example/app"), Ok(None));
        let keys: Vec<_> = (0..=MAX_ENTRIES).map(|n| format!("r{n}.example")).collect();
        let keys: Vec<_> = keys.iter().map(String::as_str).collect();
        assert_eq!(found(&file(&keys), "r.example/app"), Err(RegistryCredentialError::TooMany));
        assert!(found(&file(&keys[1..]), "r1000.example/app").unwrap().is_some());
        let long = format!("{{}}{}", " ".repeat(MAX_FILE));
        assert_eq!(found(&long, "r.example/app"), Err(RegistryCredentialError::TooLong));
    }

    proptest::proptest! {
        #[test]
        fn no_file_makes_it_panic(text in ".{0,64}", key in "[a-z0-9.:/*@\\[\\]é-]{0,32}", auth in "[A-Za-z0-9+/=:]{0,24}") {
            let image = ImageRef::parse("r.example:5000/team/app").unwrap();
            let _ = credential_for(text.as_bytes(), &image);
            let entries = serde_json::json!({"auths": {key: {"auth": auth}}}).to_string();
            let _ = credential_for(entries.as_bytes(), &image);
        }
    }
}
