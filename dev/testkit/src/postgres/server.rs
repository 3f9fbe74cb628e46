//! Starting, stopping and crashing a PostgreSQL server.

use std::fs;
use std::hash::{BuildHasher as _, RandomState};
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

use super::account::Account;
use super::programs;
use crate::port;
use crate::watchdog::Watchdog;

/// Attempts with another port, should another process take the first one before the server does.
const START_ATTEMPTS: usize = 5;

const USER: &str = "trigger";

/// Stops the server and removes its directory once the script's standard input is closed.
const SCRIPT: &str =
    "trap '' INT TERM HUP; read _; \"$0\" -D \"$1/data\" -m immediate stop; cd /; rm -rf \"$1\"";

/// A PostgreSQL server did not start, or one of its programs failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PostgresError {
    /// PostgreSQL is not installed.
    #[error("PostgreSQL is not installed; install it so that `initdb` is on the PATH")]
    NotInstalled,
    /// One of PostgreSQL's programs failed.
    #[error("{program} failed: {output}")]
    Failed {
        /// Name of the program.
        program: &'static str,
        /// Its output and its error output.
        output: String,
    },
    /// A file, a port or a process could not be created.
    #[error("cannot start PostgreSQL: {0}")]
    Io(#[from] io::Error),
}

/// A PostgreSQL server on a port of 127.0.0.1, with its own data. Commits are synced to disk. Dropping it stops the
/// server and removes the data.
#[derive(Debug)]
pub struct PostgresServer {
    _watchdog: Watchdog,
    directory: PathBuf,
    programs: PathBuf,
    account: Account,
    port: u16,
    password: String,
}

impl PostgresServer {
    /// Starts a server and waits until it accepts connections. Blocks the thread for a second or two.
    pub fn start() -> Result<Self, PostgresError> {
        let programs = programs::find().ok_or(PostgresError::NotInstalled)?;
        let directory = tempfile::Builder::new().prefix("trigger-postgres-").tempdir()?;
        let account = Account::for_directory(directory.path())?;
        let password = format!("{:016x}", RandomState::new().hash_one("password"));
        initialize(&programs, account, &directory, &password)?;
        let watchdog = start_watchdog(&programs, account, directory.path())?;
        // From now on the watchdog removes the directory.
        let directory = directory.keep();
        let mut server = Self { _watchdog: watchdog, directory, programs, account, port: 0, password };
        let mut attempts = 0;
        loop {
            server.port = port::free()?;
            attempts += 1;
            match server.start_again() {
                Ok(()) => return Ok(server),
                Err(error) if attempts == START_ATTEMPTS => return Err(error),
                Err(_) => {}
            }
        }
    }

    /// Whether PostgreSQL is installed on this machine.
    pub fn is_installed() -> bool {
        programs::find().is_some()
    }

    /// The connection URL of a database, with user and password.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://{USER}:{}@127.0.0.1:{}/{database}", self.password, self.port)
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The data directory.
    pub fn data(&self) -> PathBuf {
        self.directory.join("data")
    }

    /// Creates an empty database.
    pub fn create_database(&self, name: &str) -> Result<(), PostgresError> {
        let mut command = self.account.command(self.programs.join("createdb"));
        command.env("PGPASSWORD", &self.password).current_dir("/");
        command.args(["-h", "127.0.0.1", "-p", &self.port.to_string(), "-U", USER, "-T", "template0", name]);
        run("createdb", &mut command)
    }

    /// Appends a setting such as `ssl = on` to the server's configuration. It takes effect at the next start.
    pub fn set(&self, setting: &str) -> Result<(), PostgresError> {
        use std::io::Write as _;
        let path = self.data().join("postgresql.conf");
        Ok(writeln!(fs::OpenOptions::new().append(true).open(path)?, "{setting}")?)
    }

    /// Writes a file into the data directory that only the server can read, such as the key of a certificate.
    pub fn add_private_file(&self, name: &str, contents: &[u8]) -> Result<(), PostgresError> {
        let path = self.data().join(name);
        fs::write(&path, contents)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600))?;
        Ok(self.account.take_ownership(&path)?)
    }

    /// Stops the server with a checkpoint (`pg_ctl -m fast`). It disconnects its clients.
    pub fn stop(&self) -> Result<(), PostgresError> {
        run("pg_ctl", self.control().args(["-m", "fast", "-w", "stop"]))
    }

    /// Stops the server as a crash would (`pg_ctl -m immediate`): it writes nothing more, and recovers at its next
    /// start.
    pub fn kill(&self) -> Result<(), PostgresError> {
        run("pg_ctl", self.control().args(["-m", "immediate", "-w", "stop"]))
    }

    /// Starts the server after it was stopped, on the same port and data.
    pub fn start_again(&self) -> Result<(), PostgresError> {
        let options = format!(
            "-p {} -c listen_addresses=127.0.0.1 -c unix_socket_directories='{}' -c max_connections=300",
            self.port,
            self.directory.display()
        );
        let log = self.directory.join("log");
        let mut control = self.control();
        control.arg("-l").arg(&log).args(["-o", &options, "-t", "120", "-w", "start"]);
        run("pg_ctl", &mut control).map_err(|error| match error {
            // pg_ctl only points at the log, where the server wrote its reason.
            PostgresError::Failed { program, .. } => {
                let output = fs::read_to_string(&log).unwrap_or_default();
                PostgresError::Failed { program, output }
            }
            other => other,
        })
    }

    fn control(&self) -> Command {
        let mut control = self.account.command(self.programs.join("pg_ctl"));
        control.arg("-D").arg(self.data()).current_dir("/");
        control
    }
}

fn initialize(
    programs: &Path,
    account: Account,
    directory: &TempDir,
    password: &str,
) -> Result<(), PostgresError> {
    let password_file = directory.path().join("password");
    fs::write(&password_file, password)?;
    let mut command = account.command(programs.join("initdb"));
    command.arg("-D").arg(directory.path().join("data")).arg("--pwfile").arg(&password_file);
    // Without a sync: a power loss during a test may cost the empty database.
    command.args(["-U", USER, "-A", "scram-sha-256", "-E", "UTF8", "--locale=C", "--no-sync"]);
    run("initdb", command.current_dir("/"))
}

fn start_watchdog(programs: &Path, account: Account, directory: &Path) -> io::Result<Watchdog> {
    let mut command = account.command("/bin/sh");
    command.args(["-c", SCRIPT]).arg(programs.join("pg_ctl")).arg(directory);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    Watchdog::start(command)
}

fn run(program: &'static str, command: &mut Command) -> Result<(), PostgresError> {
    // Files, because the server inherits them from pg_ctl: a pipe would stay open until the server ends.
    let files = (tempfile::tempfile()?, tempfile::tempfile()?);
    let (output, errors) = (files.0.try_clone()?, files.1.try_clone()?);
    let status = command.stdin(Stdio::null()).stdout(files.0).stderr(files.1).status()?;
    if status.success() {
        return Ok(());
    }
    let output = [read(output)?, read(errors)?].concat();
    Err(PostgresError::Failed { program, output: String::from_utf8_lossy(&output).trim().to_owned() })
}

fn read(mut file: fs::File) -> io::Result<Vec<u8>> {
    use std::io::{Read as _, Seek as _};
    let mut bytes = Vec::new();
    file.rewind()?;
    file.read_to_end(&mut bytes)?;
    Ok(bytes)
}
