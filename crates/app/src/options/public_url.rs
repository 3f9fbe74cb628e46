use std::fmt;
use std::str::FromStr;

use anyhow::bail;
use reqwest::Url;

/// The URL at which senders reach the webhook port, without a slash at its end: `https://hooks.example.com`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicUrl(String);

/// The longest URL, in bytes. The longest path that is added has 329 more.
const LONGEST: usize = 1024;

impl PublicUrl {
    /// The URL.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for PublicUrl {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.len() > LONGEST {
            bail!("the URL has more than {LONGEST} bytes: shorten it");
        }
        let url = text.trim().parse::<Url>().ok();
        let Some(url) = url.filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host()) else {
            bail!("this is no URL of a web server: write it like https://hooks.example.com");
        };
        if !url.username().is_empty() || url.password().is_some() {
            bail!("leave user and password out: the URL is shown in the status of objects");
        }
        if url.query().is_some() || url.fragment().is_some() {
            bail!("leave `?` and `#` out: paths are added to the URL");
        }
        Ok(Self(url.as_str().trim_end_matches('/').to_owned()))
    }
}

impl fmt::Display for PublicUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_public_url_is_one_to_which_paths_can_be_added() {
        for (text, expected) in [
            ("https://hooks.example.com", "https://hooks.example.com"),
            ("https://Hooks.Example.com/", "https://hooks.example.com"),
            (" http://10.0.0.1:8080/ci// ", "http://10.0.0.1:8080/ci"),
            ("https://[::1]:8443", "https://[::1]:8443"),
        ] {
            let url: PublicUrl = text.parse().unwrap();
            assert_eq!(url.as_str(), expected);
            assert_eq!(url.to_string().parse::<PublicUrl>().unwrap(), url, "what is printed can be parsed");
        }
        let long = format!("https://x/{}", "a".repeat(LONGEST));
        for (text, expected) in [
            ("", "write it like https://"),
            ("hooks.example.com", "write it like https://"),
            ("ftp://hooks.example.com", "write it like https://"),
            ("mailto:a@b.example", "write it like https://"),
            ("https://me:hush@hooks.example.com", "leave user and password out"),
            ("https://me@hooks.example.com", "leave user and password out"),
            ("https://hooks.example.com/?a=b", "leave `?` and `#` out"),
            ("https://hooks.example.com/#a", "leave `?` and `#` out"),
            (long.as_str(), "shorten it"),
        ] {
            let error = text.parse::<PublicUrl>().unwrap_err().to_string();
            assert!(error.contains(expected) && !error.contains("hush"), "{text}: {error}");
        }
    }
}
