use std::path::PathBuf;
use std::time::Duration;

use percent_encoding::percent_decode_str;
use tokio_postgres::Config;
use tokio_postgres::config::{SslMode, TargetSessionAttrs};

use super::tls::Trust;
use super::{OpenError, Options};
use crate::Address;

/// The name of the journal's sessions in `pg_stat_activity`, unless the address sets another.
const APPLICATION: &str = "shipwright-trigger";

/// TCP keep-alive: the first probe after this time without traffic, and further probes.
const IDLE: Duration = Duration::from_secs(30);
const INTERVAL: Duration = Duration::from_secs(10);
const RETRIES: u32 = 3;

/// Where the database is, and how to log in. Not `Debug`, because of the password.
pub(super) struct ConnectionConfig {
    pub(super) config: Config,
    pub(super) trust: Trust,
    /// The address without its password.
    pub(super) shown: String,
}

impl ConnectionConfig {
    /// Parses a connection string of libpq, with the parameters that the client library does not support: the verifying
    /// values of `sslmode`, and `sslrootcert`.
    pub(super) fn parse(url: &str, options: &Options) -> Result<Self, OpenError> {
        let shown = Address::Postgres(url.to_owned()).to_string();
        let bad = |reason: String| OpenError::Address { address: shown.clone(), reason };
        let (base, parameters) = split(url);
        let (mut mode, mut authorities, mut rest) = (None, None, Vec::new());
        for parameter in parameters.split('&').filter(|parameter| !parameter.is_empty()) {
            match parameter.split_once('=') {
                Some(("sslmode", value)) => mode = Some(value),
                Some(("sslrootcert", value)) => {
                    let path = percent_decode_str(value).decode_utf8();
                    let path = path.map_err(|_| bad("sslrootcert is not UTF-8".to_owned()))?;
                    authorities = Some(PathBuf::from(path.as_ref()));
                }
                Some(_) => rest.push(parameter),
                None => return Err(bad("a parameter has no value".to_owned())),
            }
        }
        // The client library's error names the parameter, and no value.
        let parsed: Result<Config, _> = format!("{base}?{}", rest.join("&")).parse();
        let mut config = parsed.map_err(|error| {
            let detail = std::error::Error::source(&error).map(ToString::to_string);
            bad(detail.unwrap_or_else(|| error.to_string()))
        })?;
        let verified = authorities.clone().map_or(Trust::System, Trust::File);
        let (mode, trust) = match mode {
            Some("disable") => (SslMode::Disable, Trust::Anyone),
            Some("prefer") | None => (SslMode::Prefer, authorities.map_or(Trust::Anyone, Trust::File)),
            Some("require" | "verify-ca" | "verify-full") => (SslMode::Require, verified),
            Some(other) => {
                let known = "disable, prefer, require, verify-ca or verify-full";
                return Err(bad(format!("sslmode={other} is unknown: write {known}")));
            }
        };
        config.ssl_mode(mode);
        complete(&mut config, options);
        if config.get_target_session_attrs() == TargetSessionAttrs::ReadOnly {
            return Err(bad("the journal needs writes: target_session_attrs must be read-write".to_owned()));
        }
        config.target_session_attrs(TargetSessionAttrs::ReadWrite);
        Ok(Self { config, trust, shown })
    }
}

/// Fills in the parameters that the address omits.
fn complete(config: &mut Config, options: &Options) {
    if let (None, Some(password)) = (config.get_password(), &options.password) {
        config.password(password);
    }
    if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
        config.host("localhost");
    }
    if config.get_application_name().is_none() {
        config.application_name(APPLICATION);
    }
    if config.get_connect_timeout().is_none() {
        // A host that does not answer leaves time for the next.
        let hosts = u32::try_from(config.get_hosts().len().max(1)).unwrap_or(u32::MAX);
        config.connect_timeout(options.timeout / hosts.saturating_add(1));
    }
    if config.get_tcp_user_timeout().is_none() {
        config.tcp_user_timeout(options.timeout * 2);
    }
    config.keepalives_idle(IDLE).keepalives_interval(INTERVAL).keepalives_retries(RETRIES);
}

/// The address before its parameters, and the parameters. A password may hold a question mark.
fn split(url: &str) -> (&str, &str) {
    let user_end = url.find('@').unwrap_or(0);
    match url.get(user_end..).and_then(|rest| rest.split_once('?')) {
        Some((rest, parameters)) => (url.get(..user_end + rest.len()).unwrap_or(url), parameters),
        None => (url, ""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(url: &str) -> Result<ConnectionConfig, OpenError> {
        ConnectionConfig::parse(url, &Options::default())
    }

    #[test]
    fn tls_is_read_as_documented() {
        let file = || Trust::File("/etc/ca 1.pem".into());
        for (parameters, mode, trust) in [
            ("", SslMode::Prefer, Trust::Anyone),
            ("?sslmode=disable", SslMode::Disable, Trust::Anyone),
            ("?sslmode=prefer&connect_timeout=3", SslMode::Prefer, Trust::Anyone),
            ("?sslmode=prefer&sslrootcert=/etc/ca%201.pem", SslMode::Prefer, file()),
            ("?sslmode=require", SslMode::Require, Trust::System),
            ("?sslmode=verify-ca", SslMode::Require, Trust::System),
            ("?sslrootcert=/etc/ca%201.pem&sslmode=verify-full", SslMode::Require, file()),
        ] {
            let parsed = parse(&format!("postgres://u:p@h/d{parameters}")).unwrap_or_else(|e| panic!("{e}"));
            assert_eq!((parsed.config.get_ssl_mode(), parsed.trust), (mode, trust), "{parameters}");
            assert_eq!(parsed.config.get_dbname(), Some("d"));
        }
    }

    #[test]
    fn several_hosts_and_the_password_of_the_environment_are_used() {
        let options = Options { password: Some("secret".to_owned()), ..Options::default() };
        let parsed =
            ConnectionConfig::parse("postgres://u@a:1,b:2/d?target_session_attrs=any", &options).unwrap();
        assert_eq!((parsed.config.get_hosts().len(), parsed.config.get_ports()), (2, &[1, 2][..]));
        assert_eq!(parsed.config.get_password(), Some(&b"secret"[..]));
        assert_eq!(parsed.config.get_target_session_attrs(), TargetSessionAttrs::ReadWrite);
        let parsed = ConnectionConfig::parse("postgres://u:p?w@h/d", &options).unwrap();
        assert_eq!(parsed.config.get_password(), Some(&b"p?w"[..]), "the one of the address comes first");
    }

    #[test]
    fn unusable_addresses_are_rejected_without_the_password() {
        for (parameters, expected) in [
            ("sslmode=allow", "sslmode=allow"),
            ("sslcert=/x", "sslcert"),
            ("connect_timeout=soon", "connect_timeout"),
            ("target_session_attrs=read-only", "read-write"),
            ("sslmode", "no value"),
        ] {
            let error = parse(&format!("postgres://u:hunter2@h/d?password=hunter3&{parameters}"));
            let text = error.err().map(|error| format!("{error} {error:?}")).unwrap_or_default();
            assert!(text.contains(expected) && text.contains("postgres://u@h/d"), "{parameters}: {text}");
            assert!(!text.contains("hunter"), "{text}");
        }
    }
}
