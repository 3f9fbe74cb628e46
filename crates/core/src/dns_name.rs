/// The longest DNS subdomain, in bytes, as RFC 1123 and Kubernetes bound it.
pub(crate) const LONGEST_SUBDOMAIN: usize = 253;
/// The longest label of a DNS name, and the longest value of a label, in bytes.
pub(crate) const LONGEST_LABEL: usize = 63;

/// Whether a text can be the name of an object whose names are DNS subdomains (RFC 1123), such as a Secret.
///
/// No other object of these kinds can exist. A name from an object's field is checked with this before it becomes part
/// of a request path: `../..` or `x?watch=true` would address another resource.
///
/// As in the API server, a part between dots is bounded only by the whole.
pub fn is_dns_subdomain(name: &str) -> bool {
    name.len() <= LONGEST_SUBDOMAIN && name.split('.').all(is_part)
}

/// Whether a text can be the name of an object whose names are DNS labels (RFC 1123), such as a namespace.
pub fn is_dns_label(name: &str) -> bool {
    name.len() <= LONGEST_LABEL && is_part(name)
}

/// Whether a text can be the value of a label of Kubernetes, which may be empty.
pub fn is_label_value(text: &str) -> bool {
    let bytes = text.as_bytes();
    let is_end = |byte: &u8| byte.is_ascii_alphanumeric();
    let is_inner = |byte: &u8| is_end(byte) || matches!(byte, b'-' | b'_' | b'.');
    bytes.len() <= LONGEST_LABEL
        && bytes.first().is_none_or(is_end)
        && bytes.last().is_none_or(is_end)
        && bytes.iter().all(is_inner)
}

/// `[a-z0-9]([-a-z0-9]*[a-z0-9])?`
fn is_part(part: &str) -> bool {
    let alphanumeric = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = part.as_bytes();
    bytes.first().is_some_and(alphanumeric)
        && bytes.last().is_some_and(alphanumeric)
        && bytes.iter().all(|byte| *byte == b'-' || alphanumeric(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_that_an_object_can_have_are_subdomains() {
        let longest = "a".repeat(LONGEST_SUBDOMAIN);
        for name in ["hook", "a", "0", "my-hook", "my.hook", "a.b-c.d1", &longest] {
            assert!(is_dns_subdomain(name), "{name:?}");
        }
        let longer = "a".repeat(LONGEST_SUBDOMAIN + 1);
        let invalid = [
            "",
            "a b",
            "hook\n",
            "../..",
            "..",
            ".",
            "x?watch=true",
            "hook?",
            "?limit=1",
            "Hook",
            "-a",
            "a-",
            "a..b",
            ".a",
            "a.",
            "a.-b",
            "a/b",
            "a%2fb",
            "a#b",
            "a_b",
            "hök",
            "a\0",
            &longer,
        ];
        for name in invalid {
            assert!(!is_dns_subdomain(name), "{name:?}");
        }
    }

    #[test]
    fn a_label_is_one_short_part() {
        let (longest, longer) = ("a".repeat(LONGEST_LABEL), "a".repeat(LONGEST_LABEL + 1));
        assert!(is_dns_label("team-a") && is_dns_label(&longest));
        assert!(
            !is_dns_label("team.a") && !is_dns_label(&longer) && !is_dns_label("") && !is_dns_label("a/b")
        );
    }

    #[test]
    fn a_label_value_begins_and_ends_well() {
        let (longest, longer) = ("A".repeat(LONGEST_LABEL), "A".repeat(LONGEST_LABEL + 1));
        for value in ["", "a", "9", "Team-A_b.c", &longest] {
            assert!(is_label_value(value), "{value:?}");
        }
        for value in ["-a", "a-", "_", ".a", "a.", "a b", "a/b", "ä", "aäa", "a\n", &longer] {
            assert!(!is_label_value(value), "{value:?}");
        }
    }
}
