use std::net::SocketAddr;

use clap::{Args, ValueEnum};
use trigger_egress::PrivateAllowed;

/// Listeners of Tekton Triggers.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Listeners")]
pub struct ListenerOptions {
    /// Whether to serve the EventListeners of Tekton Triggers.
    ///
    /// Use `own` only where the controller of Tekton Triggers does not run: both would write the status.
    #[arg(
        hide_short_help = true,
        long,
        env = "SHIPWRIGHT_TRIGGER_LISTENERS",
        default_value = "serve",
        value_name = "MODE"
    )]
    pub listeners: ListenerMode,
    /// How much to keep in a day of requests to listeners whose sender no key verifies, in MiB.
    ///
    /// One namespace uses at most a quarter of it. Further requests that would start something are answered with 503.
    #[arg(hide_short_help = true, long, env = "SHIPWRIGHT_TRIGGER_OPEN_LISTENER_BUDGET", default_value_t = OPEN_LISTENER_BUDGET, value_name = "MIB", value_parser = clap::value_parser!(u32).range(1..))]
    pub open_listener_budget: u32,
    /// Interceptors, receivers of CloudEvents or networks that may have private addresses.
    ///
    /// For example `policy.internal:8443` or `10.0.0.0/8`. Other private addresses are blocked: any author of a Trigger
    /// could otherwise reach internal services. Repeat the flag or separate values with commas.
    #[arg(
        hide_short_help = true,
        long,
        env = "SHIPWRIGHT_TRIGGER_INTERCEPTOR_PRIVATE",
        value_delimiter = ',',
        value_name = "ADDRESS"
    )]
    pub interceptor_private: Vec<PrivateAllowed>,
    /// Address at which to serve the interceptor `git` for listeners that Tekton runs.
    ///
    /// A ClusterInterceptor leads to it at the path `/git`, over plain HTTP. Keep the port inside the cluster.
    #[arg(
        hide_short_help = true,
        long,
        env = "SHIPWRIGHT_TRIGGER_INTERCEPTOR_LISTEN",
        value_name = "ADDRESS"
    )]
    pub interceptor_listen: Option<SocketAddr>,
}

/// How the EventListeners of Tekton Triggers are treated.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum ListenerMode {
    /// They are served at `/listeners/NAMESPACE/NAME`. Their status is left to the controller of Tekton Triggers.
    #[default]
    Serve,
    /// They are served, and their status is written in place of that controller.
    Own,
    /// They are ignored.
    Off,
}

/// MiB: over the three days of `--retain-payloads`, a fifth of `--max-payloads`. Strangers leave room for deliveries that were
/// verified.
const OPEN_LISTENER_BUDGET: u32 = 256;
const MIB: usize = 1024 * 1024;

impl ListenerOptions {
    /// The bytes that are kept in a day of requests whose sender no key verifies.
    pub(crate) fn open_budget(&self) -> usize {
        usize::try_from(self.open_listener_budget).unwrap_or(usize::MAX).saturating_mul(MIB)
    }
}

impl Default for ListenerOptions {
    fn default() -> Self {
        Self {
            listeners: ListenerMode::default(),
            open_listener_budget: OPEN_LISTENER_BUDGET,
            interceptor_private: Vec::new(),
            interceptor_listen: None,
        }
    }
}

impl ListenerMode {
    /// Whether requests to listeners are answered.
    pub fn serves(self) -> bool {
        self != Self::Off
    }

    /// Whether the status of listeners is written.
    pub fn owns(self) -> bool {
        self == Self::Own
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Command {
        #[command(flatten)]
        options: ListenerOptions,
    }

    fn parse(args: &[&str]) -> Result<ListenerOptions, clap::Error> {
        Command::try_parse_from(["serve"].iter().chain(args)).map(|command| command.options)
    }

    #[test]
    fn listeners_are_served_and_not_owned_by_default() {
        for (args, serves, owns) in [
            (&[][..], true, false),
            (&["--listeners", "serve"], true, false),
            (&["--listeners", "own"], true, true),
            (&["--listeners", "off"], false, false),
        ] {
            let mode = parse(args).unwrap().listeners;
            assert_eq!((mode.serves(), mode.owns()), (serves, owns), "{args:?}");
        }
        let error = parse(&["--listeners", "yes"]).unwrap_err().to_string();
        assert!(error.contains("serve, own, off"), "{error}");
    }

    #[test]
    fn the_budget_of_open_listeners_is_in_mib() {
        let budget =
            |text: &str| Ok::<_, clap::Error>(parse(&["--open-listener-budget", text])?.open_budget());
        assert_eq!(budget("8").unwrap(), 8 << 20);
        assert_eq!(budget("4294967295").unwrap(), (u32::MAX as usize) << 20);
        assert!(budget("0").is_err());
        assert_eq!(parse(&[]).unwrap().open_budget(), ListenerOptions::default().open_budget());
    }

    #[test]
    fn private_interceptors_are_hosts_and_networks() {
        let options =
            parse(&["--interceptor-private", "policy.internal:8443,10.0.0.0/8", "--interceptor-private=::1"]);
        let texts: Vec<_> = options.unwrap().interceptor_private.iter().map(ToString::to_string).collect();
        assert_eq!(texts, ["policy.internal:8443", "10.0.0.0/8", "::1/128"]);
        assert!(parse(&["--interceptor-private", "https://policy.internal"]).is_err());
    }
}
