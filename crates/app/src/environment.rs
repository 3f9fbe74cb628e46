//! Environment variables that look like options of the program and are none.

use clap::Command;

/// The prefix of all variables of the program.
const PREFIX: &str = "SHIPWRIGHT_TRIGGER_";
/// Variables that are reported. More are a mistake of another kind, and the first ones show it.
pub(crate) const MAX_REPORTED: usize = 10;
/// From this similarity on, of 1, a name is suggested: `LISTN` for `LISTEN`, but not `LISTEN` for `COLOUR`.
const NEAR: f64 = 0.8;

/// A variable with our prefix that no option has.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct UnknownVariable {
    pub(crate) name: String,
    /// The option's variable with the most similar name, if one is similar.
    pub(crate) near: Option<String>,
}

impl UnknownVariable {
    /// A sentence for people. It does not contain the value, which may be a secret.
    pub(crate) fn sentence(&self) -> String {
        let Self { name, near } = self;
        match near {
            Some(near) => {
                format!("the environment variable {name} is unknown and has no effect; did you mean {near}?")
            }
            None => format!(
                "the environment variable {name} is unknown and has no effect; `--help` lists the variables"
            ),
        }
    }
}

/// The variables of this process that no option of `command` has.
pub(crate) fn unknown_variables(command: &Command) -> Vec<UnknownVariable> {
    let names = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    unknown(names, &known(command))
}

fn unknown(names: impl Iterator<Item = String>, known: &[String]) -> Vec<UnknownVariable> {
    let is_unknown =
        |name: &String| name.starts_with(PREFIX) && !known.contains(name) && !is_service_link(name);
    let mut names: Vec<_> = names.filter(is_unknown).collect();
    names.sort_unstable();
    names.truncate(MAX_REPORTED);
    names.into_iter().map(|name| UnknownVariable { near: nearest(&name, known), name }).collect()
}

/// The variables of all options, those of subcommands included.
fn known(command: &Command) -> Vec<String> {
    let own = command.get_arguments().filter_map(|option| option.get_env()?.to_str().map(ToOwned::to_owned));
    own.chain(command.get_subcommands().flat_map(known)).collect()
}

/// Whether Kubernetes sets this variable for a Service whose name begins with `shipwright-trigger`, as in
/// `SHIPWRIGHT_TRIGGER_ADMIN_PORT_9090_TCP_ADDR`.
/// See <https://kubernetes.io/docs/tutorials/services/connect-applications-service/#environment-variables>.
fn is_service_link(name: &str) -> bool {
    name.ends_with("_SERVICE_HOST")
        || name.contains("_SERVICE_PORT")
        || name.ends_with("_PORT")
        || ["_TCP", "_UDP", "_SCTP"].iter().any(|protocol| name.contains(protocol) && name.contains("_PORT_"))
}

fn nearest(name: &str, known: &[String]) -> Option<String> {
    let rest = |name: &str| name.strip_prefix(PREFIX).unwrap_or(name).to_owned();
    let scored = known.iter().map(|known| (strsim::jaro_winkler(&rest(name), &rest(known)), known));
    let best = scored.max_by(|(one, _), (other, _)| one.total_cmp(other));
    best.filter(|(score, _)| *score >= NEAR).map(|(_, known)| known.clone())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::Cli;

    #[test]
    fn a_misspelled_variable_is_reported_with_the_near_one() {
        let known = known(&Cli::command());
        for (name, near) in [
            ("SHIPWRIGHT_TRIGGER_LISTN", Some("SHIPWRIGHT_TRIGGER_LISTEN")),
            ("SHIPWRIGHT_TRIGGER_NAMESPACES", Some("SHIPWRIGHT_TRIGGER_NAMESPACE")),
            ("SHIPWRIGHT_TRIGGER_JOURNAL_URL", Some("SHIPWRIGHT_TRIGGER_JOURNAL")),
            ("SHIPWRIGHT_TRIGGER_COLOUR_OF_IT", None),
        ] {
            let found = unknown([name.to_owned()].into_iter(), &known);
            let expected = UnknownVariable { name: name.to_owned(), near: near.map(ToOwned::to_owned) };
            assert_eq!(found, [expected]);
        }
    }

    #[test]
    fn variables_of_options_and_of_kubernetes_are_not_reported() {
        let known = known(&Cli::command());
        assert!(known.len() > 30, "{known:?}");
        let links = [
            "SHIPWRIGHT_TRIGGER_SERVICE_HOST",
            "SHIPWRIGHT_TRIGGER_SERVICE_PORT_HTTP",
            "SHIPWRIGHT_TRIGGER_PORT",
            "SHIPWRIGHT_TRIGGER_PORT_8080_TCP",
            "SHIPWRIGHT_TRIGGER_ADMIN_PORT_9090_TCP_ADDR",
            "PATH",
        ];
        let names = known.iter().cloned().chain(links.map(ToOwned::to_owned));
        assert_eq!(unknown(names, &known), []);
    }

    #[test]
    fn many_unknown_variables_are_reported_up_to_a_bound() {
        let names = (0..100).map(|number| format!("{PREFIX}X{number}"));
        assert_eq!(unknown(names, &[]).len(), MAX_REPORTED);
    }
}
