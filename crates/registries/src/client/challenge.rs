//! Authentication challenges of registries: `WWW-Authenticate` (RFC 9110, section 11.6.1), with the parameters of the
//! distribution project's token authentication.

use std::iter::Peekable;
use std::str::CharIndices;

use http::HeaderMap;
use http::header::WWW_AUTHENTICATE;

/// The authentication that a registry requires.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Challenge {
    /// A user and a password.
    Basic,
    /// A token of a service.
    Bearer(Bearer),
}

/// The token service, and the scope of the token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Bearer {
    pub(super) realm: String,
    pub(super) service: Option<String>,
    pub(super) scope: Option<String>,
}

/// A header that is longer than this is cut: no registry offers so many schemes.
const MAX_HEADER: usize = 8 * 1024;
/// A realm, service or scope that is longer than this is not kept, since the caches have thousands of them.
pub(crate) const MAX_PARAMETER: usize = 1024;

impl Challenge {
    /// The challenge in the headers of a response. A token is preferred.
    pub(super) fn of(headers: &HeaderMap) -> Option<Self> {
        let values = headers.get_all(WWW_AUTHENTICATE).iter();
        let all: Vec<_> = values.filter_map(|value| value.to_str().ok()).flat_map(read).collect();
        let bearer = all.iter().find_map(|read| match read {
            Self::Bearer(_) => Some(read.clone()),
            Self::Basic => None,
        });
        bearer.or_else(|| all.into_iter().next())
    }
}

impl Bearer {
    /// The same for another repository: in a scope, the name stands between colons.
    pub(super) fn moved(&self, from: &str, to: &str) -> Self {
        let moved = |scope: &String| scope.replace(&format!(":{from}:"), &format!(":{to}:"));
        // A short name that occurs often would become long: then the request is sent with the scope as it was.
        let scope =
            self.scope.as_ref().map(|scope| Some(moved(scope)).filter(|moved| moved.len() <= MAX_PARAMETER));
        Self {
            scope: scope.map(|moved| moved.or_else(|| self.scope.clone())).unwrap_or_default(),
            ..self.clone()
        }
    }
}

/// The challenges in one header whose schemes are supported.
fn read(text: &str) -> Vec<Challenge> {
    let mut found: Vec<(String, Bearer)> = Vec::new();
    let mut rest = Scanner::new(text.get(..MAX_HEADER).unwrap_or(text));
    while let Some(word) = rest.word() {
        let Some(value) = rest.value() else {
            found.push((word, Bearer { realm: String::new(), service: None, scope: None }));
            continue;
        };
        let Some((_, bearer)) = found.last_mut() else { break };
        if value.len() > MAX_PARAMETER {
            continue;
        }
        match word.to_ascii_lowercase().as_str() {
            "realm" => bearer.realm = value,
            "service" => bearer.service = Some(value),
            "scope" => bearer.scope = Some(value),
            _ => {}
        }
    }
    let understood = found.into_iter().filter_map(|(scheme, bearer)| {
        let is = |name: &str| scheme.eq_ignore_ascii_case(name);
        match () {
            () if is("bearer") && !bearer.realm.is_empty() => Some(Challenge::Bearer(bearer)),
            () if is("basic") => Some(Challenge::Basic),
            () => None,
        }
    });
    understood.collect()
}

/// Splits a header into words.
struct Scanner<'a> {
    text: &'a str,
    rest: Peekable<CharIndices<'a>>,
}

impl<'a> Scanner<'a> {
    fn new(text: &'a str) -> Self {
        Self { text, rest: text.char_indices().peekable() }
    }

    fn skip(&mut self, skipped: &[char]) {
        while self.rest.next_if(|(_, c)| skipped.contains(c)).is_some() {}
    }

    fn token(&mut self) -> String {
        let start = self.rest.peek().map_or(self.text.len(), |(at, _)| *at);
        let ends = |c: char| c.is_ascii_whitespace() || c == ',' || c == '=' || c == '"';
        while self.rest.next_if(|(_, c)| !ends(*c)).is_some() {}
        let end = self.rest.peek().map_or(self.text.len(), |(at, _)| *at);
        self.text.get(start..end).unwrap_or_default().to_owned()
    }

    /// The next name, of a scheme or of a parameter; `None` at the end, or where a name is missing.
    fn word(&mut self) -> Option<String> {
        self.skip(&[' ', '\t', ',']);
        Some(self.token()).filter(|token| !token.is_empty())
    }

    /// The value after `=`, if one follows.
    fn value(&mut self) -> Option<String> {
        self.skip(&[' ', '\t']);
        self.rest.next_if(|(_, c)| *c == '=')?;
        // More of them end a value that has no name, as some schemes have it.
        self.skip(&[' ', '\t', '=']);
        if self.rest.next_if(|(_, c)| *c == '"').is_none() {
            return Some(self.token());
        }
        let mut value = String::new();
        while let Some((_, c)) = self.rest.next() {
            match c {
                '"' => break,
                '\\' => value.extend(self.rest.next().map(|(_, c)| c)),
                c => value.push(c),
            }
        }
        Some(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bearer(realm: &str, service: &str, scope: &str) -> Challenge {
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        Challenge::Bearer(Bearer { realm: realm.to_owned(), service: some(service), scope: some(scope) })
    }

    #[test]
    fn challenges_are_read_as_they_come() {
        let hub = "Bearer realm=\"https://auth.docker.io/token\",service=\"registry.docker.io\",\
                   scope=\"repository:library/node:pull\"";
        for (values, expected) in [
            (vec![], None),
            (vec![""], None),
            (vec!["Negotiate"], None),
            (vec!["Basic"], Some(Challenge::Basic)),
            (vec!["basic realm=\"Registry, \\\"ours\\\"\""], Some(Challenge::Basic)),
            (
                vec![hub],
                Some(bearer(
                    "https://auth.docker.io/token",
                    "registry.docker.io",
                    "repository:library/node:pull",
                )),
            ),
            (vec!["Basic realm=\"x\", Bearer realm=\"r\""], Some(bearer("r", "", ""))),
            (
                vec!["Bearer realm=\"r\",scope=\"a:b:pull,push\", Basic"],
                Some(bearer("r", "", "a:b:pull,push")),
            ),
            (vec!["Basic realm=\"x\"", "Bearer realm=r , service = s"], Some(bearer("r", "s", ""))),
            (vec!["BEARER Realm=\"a\\\\b\""], Some(bearer("a\\b", "", ""))),
            (vec!["Negotiate YWJj==, Bearer realm=\"r\""], Some(bearer("r", "", ""))),
            (vec!["Bearer"], None),
            (vec!["Bearer realm=\"\""], None),
            (vec!["Bearer realm=\"open"], Some(bearer("open", "", ""))),
            (vec!["=,==\"\"", "realm=\"r\"", "\"", ",,,"], None),
            (vec!["Bearer realm=\"r\\"], Some(bearer("r", "", ""))),
        ] {
            let mut headers = HeaderMap::new();
            for value in &values {
                headers.append(WWW_AUTHENTICATE, value.parse().unwrap());
            }
            assert_eq!(Challenge::of(&headers), expected, "{values:?}");
        }
    }

    #[test]
    fn what_a_token_is_for_moves_with_the_repository() {
        for (scope, moved) in [
            ("repository:a:pull", "repository:b/c:pull"),
            ("repository:a/a:pull", "repository:a/a:pull"),
            ("aws", "aws"),
        ] {
            let Challenge::Bearer(bearer) = bearer("r", "", scope) else { unreachable!() };
            assert_eq!(bearer.moved("a", "b/c").scope.as_deref(), Some(moved), "{scope}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_challenge_makes_it_panic(text in "[ -~]{0,64}", close in "[=, \"\\\\a]{0,64}") {
            read(&text);
            read(&close);
        }
    }
}
