//! `etcd` and `kube-apiserver` as child processes, and their flags.

use std::fs::File;
use std::io;
use std::path::Path;
use std::process::Command;

use crate::watchdog::Watchdog;

/// Runs a program until the script's standard input is closed. Then kills it, and removes the directory if the first
/// argument names one.
const SCRIPT: &str = "trap '' INT TERM HUP; directory=$1; shift; \"$@\" </dev/null & child=$!; read _; \
                      kill -9 $child; wait $child; cd /; test -z \"$directory\" || rm -rf \"$directory\"";

/// Starts a program under a watchdog, with its output appended to `log`. The watchdog removes `directory` after the
/// program's end.
pub(super) fn start(
    program: &Path,
    arguments: &[String],
    log: &Path,
    directory: Option<&Path>,
) -> io::Result<Watchdog> {
    let log = File::options().create(true).append(true).open(log)?;
    let mut command = Command::new("/bin/sh");
    command.args(["-c", SCRIPT, "sh"]).arg(directory.unwrap_or(Path::new(""))).arg(program);
    command.args(arguments).stdout(log.try_clone()?).stderr(log);
    Watchdog::start(command)
}

/// Whether a program's `--help` lists this flag.
pub(super) fn has_flag(program: &Path, flag: &str) -> io::Result<bool> {
    let output = Command::new(program).arg("--help").output()?;
    let lists = |bytes: &[u8]| String::from_utf8_lossy(bytes).contains(flag);
    Ok(lists(&output.stdout) || lists(&output.stderr))
}

/// The flags of `etcd`, serving clients at `url` and listening for peers on `peer_port`.
pub(super) fn etcd_arguments(directory: &Path, url: &str, peer_port: u16, no_fsync: bool) -> Vec<String> {
    let peer = format!("http://127.0.0.1:{peer_port}");
    let data = directory.join("etcd");
    let mut arguments = vec![
        "--data-dir".to_owned(),
        data.display().to_string(),
        "--listen-client-urls".to_owned(),
        url.to_owned(),
        "--advertise-client-urls".to_owned(),
        url.to_owned(),
        "--listen-peer-urls".to_owned(),
        peer.clone(),
        "--initial-advertise-peer-urls".to_owned(),
        peer.clone(),
        "--initial-cluster".to_owned(),
        format!("default={peer}"),
    ];
    // Tests do not need their objects after a power loss.
    arguments.extend(no_fsync.then(|| "--unsafe-no-fsync".to_owned()));
    arguments
}

/// The flags of `kube-apiserver` for every purpose.
pub(super) fn api_server_arguments(directory: &Path, etcd_url: &str, port: u16) -> Vec<String> {
    let file = |name: &str| directory.join(name).display().to_string();
    flags([
        ("etcd-servers", etcd_url.to_owned()),
        ("secure-port", port.to_string()),
        ("bind-address", "127.0.0.1".to_owned()),
        ("advertise-address", "127.0.0.1".to_owned()),
        // The default reconciler would publish the loopback address as an endpoint and wait for a controller.
        ("endpoint-reconciler-type", "none".to_owned()),
        ("cert-dir", directory.display().to_string()),
        ("token-auth-file", file("tokens.csv")),
        ("authorization-mode", "RBAC".to_owned()),
        ("service-account-issuer", "https://kubernetes.default.svc".to_owned()),
        ("service-account-key-file", file("accounts.key")),
        ("service-account-signing-key-file", file("accounts.key")),
        ("service-cluster-ip-range", "10.0.0.0/24".to_owned()),
        // The plugin waits for Secrets of ServiceAccounts, which a controller would create.
        ("disable-admission-plugins", "ServiceAccount".to_owned()),
    ])
}

/// More flags of `kube-apiserver`, for tests.
pub(super) fn test_arguments(directory: &Path) -> Vec<String> {
    let file = |name: &str| directory.join(name).display().to_string();
    flags([
        ("enable-admission-plugins", "OwnerReferencesPermissionEnforcement".to_owned()),
        ("audit-policy-file", file("audit-policy.yaml")),
        ("audit-log-path", file("audit.log")),
        // A test that has its response can rely on the log entry.
        ("audit-log-mode", "blocking".to_owned()),
        // In MB. All scenarios together write more than the 100 after which the server begins a new file.
        ("audit-log-maxsize", "4096".to_owned()),
        // Tests run in parallel, with more requests in flight than the defaults of 400 and 200 admit.
        ("max-requests-inflight", "2000".to_owned()),
        ("max-mutating-requests-inflight", "1000".to_owned()),
    ])
}

fn flags<const N: usize>(flags: [(&str, String); N]) -> Vec<String> {
    flags.map(|(name, value)| format!("--{name}={value}")).to_vec()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::PathBuf;
    use std::thread::sleep;
    use std::time::Duration;

    use super::*;

    /// The process that wrote its id into `file`, as a directory of `/proc`.
    fn process_of(file: &Path) -> PathBuf {
        for _ in 0..2000 {
            let id = fs::read_to_string(file).unwrap_or_default();
            if id.ends_with('\n') {
                return Path::new("/proc").join(id.trim());
            }
            sleep(Duration::from_millis(5));
        }
        panic!("the program did not start within 10 s");
    }

    #[test]
    fn the_program_and_its_directory_end_with_the_watchdog() {
        let directory = tempfile::tempdir().unwrap().keep();
        let (log, id) = (directory.join("log"), directory.join("id"));
        let script = format!("echo $$ >'{}'; exec sleep 600", id.display());
        let arguments = ["-c".to_owned(), script];
        let watchdog = start(Path::new("/bin/sh"), &arguments, &log, Some(&directory)).unwrap();
        let process = process_of(&id);
        assert!(process.exists());
        drop(watchdog);
        assert!(!process.exists() && !directory.exists());
    }

    #[test]
    fn flags_are_found_in_the_help() {
        let cargo = Path::new(env!("CARGO"));
        assert!(has_flag(cargo, "--offline").unwrap());
        assert!(!has_flag(cargo, "--unsafe-no-fsync").unwrap());
    }
}
