//! Names of objects in flags. They become parts of request paths, where `../..` or `x?watch=true` would address something
//! else; and with a name that no object can have, a watch would fail for ever.

use trigger_core::{is_dns_label, is_dns_subdomain};

/// Parses the name of a namespace.
pub(crate) fn namespace_name(text: &str) -> Result<String, String> {
    let error = "no namespace can have this name: use lower-case letters, digits and `-`, with a letter or digit at both \
                 ends, and at most 63 of them";
    is_dns_label(text).then(|| text.to_owned()).ok_or_else(|| error.to_owned())
}

/// Parses the name of an object, such as a Lease.
pub(super) fn object_name(text: &str) -> Result<String, String> {
    let error = "no object can have this name: use lower-case letters, digits, `-` and `.`, with a letter or digit at \
                 both ends of each part, and at most 253 of them";
    is_dns_subdomain(text).then(|| text.to_owned()).ok_or_else(|| error.to_owned())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use crate::options::ProgramOptions;

    #[derive(Debug, Parser)]
    struct Command {
        #[command(flatten)]
        options: ProgramOptions,
    }

    #[test]
    fn a_name_that_no_object_can_have_is_rejected_at_the_start() {
        for flag in ["--namespace", "--lease-name", "--lease-namespace"] {
            let parse = |name: &str| Command::try_parse_from(["serve", &format!("{flag}={name}")]);
            assert!(parse("team-a").is_ok(), "{flag}");
            for name in
                ["", "../..", "x?watch=true", "Team", "-a", "a/b", "a b", "team-a,,", &"a".repeat(254)]
            {
                let error = parse(name).map(|_| ()).unwrap_err().to_string();
                assert!(error.contains("can have this name: use lower-case"), "{flag} {name}: {error}");
            }
        }
        assert!(Command::try_parse_from(["serve", "--lease-name=a.b-c.7"]).is_ok());
        assert!(Command::try_parse_from(["serve", "--namespace=a.b"]).is_err());
    }
}
