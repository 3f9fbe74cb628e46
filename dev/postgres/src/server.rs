use std::fs;
use std::hash::{BuildHasher as _, RandomState};
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use tempfile::TempDir;

use crate::account::Account;
use crate::programs;

/// Below the ports that a system gives to clients. A client that tries again and again to reach a server
/// that is away could otherwise be given the very port of the server, and keep it from coming back.
const PORTS: std::ops::Range<u16> = 15_000..32_000;

/// How often another port is tried, should the first be taken between the look and the start.
const TRIES: usize = 5;

const USER: &str = "trigger";

/// Ends the server and removes its directory as soon as its standard input is closed, which happens at the
/// latest when our process ends, however it ends.
const WATCHDOG: &str =
    "trap '' INT TERM HUP; read _; \"$0\" -D \"$1/data\" -m immediate stop; cd /; rm -rf \"$1\"";

/// Why there is no server.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// PostgreSQL is not installed.
    #[error("there is no PostgreSQL here: install it so that `initdb` is on the path")]
    NotInstalled,
    /// One of its programs failed.
    #[error("{program} failed: {output}")]
    Failed {
        /// The program.
        program: &'static str,
        /// What it said.
        output: String,
    },
    /// The system refused something.
    #[error("the server cannot be started: {0}")]
    Io(#[from] io::Error),
}

/// A PostgreSQL server on a port of the loopback device, with data of its own. It commits to disk like any
/// other. Dropping it stops it and removes the data.
#[derive(Debug)]
pub struct Server {
    directory: PathBuf,
    programs: PathBuf,
    account: Account,
    port: u16,
    password: String,
    watchdog: Child,
}

impl Server {
    /// Makes a server and waits until it answers. Blocks for a second or two.
    pub fn start() -> Result<Self, StartError> {
        let programs = programs::find().ok_or(StartError::NotInstalled)?;
        let directory = tempfile::Builder::new().prefix("trigger-postgres-").tempdir()?;
        let account = Account::for_directory(directory.path())?;
        let password = format!("{:016x}", RandomState::new().hash_one("password"));
        initialize(&programs, account, &directory, &password)?;
        let watchdog = watch(&programs, account, directory.path())?;
        // From here on the watchdog removes it.
        let directory = directory.keep();
        let mut server = Self { directory, programs, account, port: 0, password, watchdog };
        let mut tries = 0;
        loop {
            server.port = free_port()?;
            tries += 1;
            match server.start_again() {
                Ok(()) => return Ok(server),
                Err(error) if tries == TRIES => return Err(error),
                Err(_) => {}
            }
        }
    }

    /// Whether PostgreSQL is installed here.
    pub fn is_installed() -> bool {
        programs::find().is_some()
    }

    /// Where a client finds the database, with user and password.
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
    pub fn create_database(&self, name: &str) -> Result<(), StartError> {
        let mut command = self.account.command(self.programs.join("createdb"));
        command.env("PGPASSWORD", &self.password).current_dir("/");
        command.args(["-h", "127.0.0.1", "-p", &self.port.to_string(), "-U", USER, "-T", "template0", name]);
        run("createdb", &mut command)
    }

    /// Adds a setting such as `ssl = on` to the server's configuration. It holds from the next start on.
    pub fn set(&self, setting: &str) -> Result<(), StartError> {
        use std::io::Write as _;
        let path = self.data().join("postgresql.conf");
        Ok(writeln!(fs::OpenOptions::new().append(true).open(path)?, "{setting}")?)
    }

    /// Puts a file into the data directory that only the server may read, such as the key of a certificate.
    pub fn add_private_file(&self, name: &str, contents: &[u8]) -> Result<(), StartError> {
        let path = self.data().join(name);
        fs::write(&path, contents)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600))?;
        Ok(self.account.give(&path)?)
    }

    /// Stops the server in an orderly way. Clients are cut off.
    pub fn stop(&self) -> Result<(), StartError> {
        run("pg_ctl", self.control().args(["-m", "fast", "-w", "stop"]))
    }

    /// Stops the server as a crash would: nothing is written any more, and it recovers when it is started
    /// again.
    pub fn kill(&self) -> Result<(), StartError> {
        run("pg_ctl", self.control().args(["-m", "immediate", "-w", "stop"]))
    }

    /// Starts the server after it was stopped, on the same port and data.
    pub fn start_again(&self) -> Result<(), StartError> {
        let options = format!(
            "-p {} -c listen_addresses=127.0.0.1 -c unix_socket_directories='{}' -c max_connections=300",
            self.port,
            self.directory.display()
        );
        let log = self.directory.join("log");
        let mut control = self.control();
        control.arg("-l").arg(&log).args(["-o", &options, "-t", "120", "-w", "start"]);
        run("pg_ctl", &mut control).map_err(|error| match error {
            StartError::Failed { program, .. } => {
                let output = fs::read_to_string(&log).unwrap_or_default();
                StartError::Failed { program, output }
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

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.watchdog.stdin.take());
        // If it cannot be waited for it still does its work.
        let _ = self.watchdog.wait();
    }
}

fn initialize(
    programs: &Path,
    account: Account,
    directory: &TempDir,
    password: &str,
) -> Result<(), StartError> {
    let password_file = directory.path().join("password");
    fs::write(&password_file, password)?;
    let mut command = account.command(programs.join("initdb"));
    command.arg("-D").arg(directory.path().join("data")).arg("--pwfile").arg(&password_file);
    // Without waiting for the disk: what it makes is not what anybody relies on.
    command.args(["-U", USER, "-A", "scram-sha-256", "-E", "UTF8", "--locale=C", "--no-sync"]);
    run("initdb", command.current_dir("/"))
}

fn watch(programs: &Path, account: Account, directory: &Path) -> io::Result<Child> {
    let mut command = account.command("/bin/sh");
    command.args(["-c", WATCHDOG]).arg(programs.join("pg_ctl")).arg(directory).current_dir("/");
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()
}

fn run(program: &'static str, command: &mut Command) -> Result<(), StartError> {
    // The server inherits what pg_ctl has; with a pipe of ours we would wait for its end.
    let files = (tempfile::tempfile()?, tempfile::tempfile()?);
    let (said, complained) = (files.0.try_clone()?, files.1.try_clone()?);
    let status = command.stdin(Stdio::null()).stdout(files.0).stderr(files.1).status()?;
    if status.success() {
        return Ok(());
    }
    let output = Output { status, stdout: read(said)?, stderr: read(complained)? };
    let output = [output.stdout, output.stderr].concat();
    Err(StartError::Failed { program, output: String::from_utf8_lossy(&output).trim().to_owned() })
}

fn read(mut file: fs::File) -> io::Result<Vec<u8>> {
    use std::io::{Read as _, Seek as _};
    let mut bytes = Vec::new();
    file.rewind()?;
    file.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// A port that nobody listens on now.
fn free_port() -> io::Result<u16> {
    let width = u64::from(PORTS.end - PORTS.start);
    let state = RandomState::new();
    for n in 0..1000 {
        let offset = u16::try_from(state.hash_one(n) % width).unwrap_or(0);
        let port = PORTS.start + offset;
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return Ok(port);
        }
    }
    Err(io::Error::other("no port is free"))
}
