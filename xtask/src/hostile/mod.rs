//! `cargo xtask hostile`: the program with the memory of a pod, on a cluster that a victim shares with a hostile tenant,
//! and strangers at both ports. The victim must notice nothing.
//!
//! `victim` pushes at fixed intervals. `tenant` writes hostile objects and `strangers` sends hostile requests, both
//! in known shapes and at random, of one seed. `cluster` runs in a process of its own, which has the tenant, the servers at
//! the `addresses` that it names, and the objects that pushes create, as the `accounts` of listeners. `watch` looks at the
//! program, `report` judges.

mod accounts;
mod addresses;
mod client;
pub(crate) mod cluster;
mod dice;
mod report;
mod strangers;
mod tenant;
mod texts;
mod victim;
mod watch;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Duration;

use anyhow::{Context, ensure};
use tokio_util::sync::CancellationToken;
use trigger_testkit::memory_cgroup::MemoryCgroup;

use self::report::{Pushed, Report};
use self::strangers::{FORMATS, Manner, Strangers};
use self::tenant::Shape;
use self::victim::Door;
use self::watch::Watch;
use crate::bench::process::Process;
use crate::shipped::{Shipped, binary, release_task};

/// The memory limit of the shipped pod.
const MEMORY: u64 = 256 * 1024 * 1024;
/// Pushes of the victim in a second, to each of its doors.
const RATE: u32 = 20;
/// How long the victim pushes alone before the attack: its share of the time is no proof of anything.
const CALM: Duration = Duration::from_secs(3);
/// So many lines of the program's log are shown if the victim was harmed.
const LAST_WORDS: usize = 8;
/// What the strangers know about registries: everything.
const REGISTRY_KEY: &str = "the-key-of-all-registries";

/// Flags of `hostile`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// How long, in seconds.
    #[arg(long, default_value_t = 3600, value_parser = clap::value_parser!(u64).range(10..))]
    seconds: u64,
    /// Choices of the attackers follow from it. Default: from the clock.
    #[arg(long)]
    seed: Option<u64>,
    /// Only this shape of objects, or manner of strangers
    #[arg(long, value_name = "NAME")]
    only: Option<String>,
    /// No listeners of the hostile tenant, and no requests to them. The victim has its listener
    #[arg(long, conflicts_with = "only")]
    without_listeners: bool,
    /// The program, and this task as it is. Default: release binaries of both, which are built
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,
    /// Only build these
    #[arg(long, conflicts_with = "program")]
    build_only: bool,
}

/// A shape by its name.
fn shape(name: &str) -> Result<Shape, String> {
    let known = Shape::ALL.into_iter().find(|shape| shape.name() == name);
    known.ok_or_else(|| format!("there is no shape {name}"))
}

pub(crate) async fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let program = match &args.program {
        Some(program) => program.clone(),
        None if cfg!(debug_assertions) => return in_release(args),
        None => binary()?,
    };
    attack(args, &program).await?;
    Ok(ExitCode::SUCCESS)
}

/// The same by a release build of this program.
fn in_release(args: &Args) -> anyhow::Result<ExitCode> {
    binary()?;
    let task = release_task()?;
    if args.build_only {
        return Ok(ExitCode::SUCCESS);
    }
    let status = Command::new(task).args(std::env::args_os().skip(1)).status()?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn attack(args: &Args, binary: &Path) -> anyhow::Result<()> {
    let only_shape = args.only.as_deref().and_then(|name| shape(name).ok());
    let only_manner = Manner::ALL.into_iter().find(|manner| Some(manner.name()) == args.only.as_deref());
    let known: Vec<_> =
        Shape::ALL.map(Shape::name).into_iter().chain(Manner::ALL.map(Manner::name)).collect();
    let unknown = args.only.is_some() && only_shape.is_none() && only_manner.is_none();
    ensure!(!unknown, "use one of: {}", known.join(", "));
    let seed = args.seed.unwrap_or_else(|| jiff::Timestamp::now().as_second().unsigned_abs());
    let cgroup = MemoryCgroup::create(MEMORY)?;
    let folder = tempfile::tempdir_in("target")?;
    let (log, output) = (folder.path().join("cluster"), folder.path().join("output"));
    let seed_text = seed.to_string();
    let mut flags = vec!["hostile-cluster", "--seed", &seed_text];
    flags.extend(only_shape.iter().flat_map(|shape| ["--only", shape.name()]));
    flags.extend(only_manner.map(|_| "--calm"));
    flags.extend(args.without_listeners.then_some("--without-listeners"));
    let mut cluster = Process::start(&flags, &log)?;
    let text = |field: &str| cluster.greeting[field].as_str().context("the cluster has no address");
    let kubeconfig = text("kubeconfig")?.to_owned();
    let (silent, redirecting) = (text("silent")?.to_owned(), text("redirecting")?.to_owned());

    let key = folder.path().join("registry-key");
    std::fs::write(&key, REGISTRY_KEY)?;
    let hooks: Vec<_> = FORMATS.iter().map(|format| format!("{format}={}", key.display())).collect();
    let hooks = hooks.join(",");
    let flags = [
        ["--registry-hook", &hooks],
        ["--registry-private", &silent],
        ["--insecure-registry", &silent],
        ["--interceptor-private", &silent],
        ["--interceptor-private", &redirecting],
        ["--drain-delay", "0"],
    ];
    let mut command = cgroup.command(binary);
    command.stderr(std::fs::File::create(&output)?);
    let mut program = Shipped::start_with(command, folder.path(), &kubeconfig, &flags.concat())?;
    program.ready().await?;
    anstream::eprintln!("{} s with seed {seed}", args.seconds);

    let (hooks, admin) = (
        SocketAddr::from(([127, 0, 0, 1], program.hooks)),
        SocketAddr::from(([127, 0, 0, 1], program.admin)),
    );
    let end = CancellationToken::new();
    let victim = Door::ALL.map(|door| tokio::spawn(victim::run(hooks, door, RATE, end.clone())));
    tokio::time::sleep(CALM).await;
    cluster.ask(&format!("attack {hooks}"))?;
    let strangers = Strangers::new(hooks, admin, REGISTRY_KEY.to_owned())?;
    let attack = end.child_token();
    let all = Manner::ALL.into_iter().filter(|manner| !args.without_listeners || !manner.is_to_listeners());
    let manners = only_manner.map_or_else(|| all.collect(), |manner| vec![manner]);
    let strangers =
        (only_shape.is_none()).then(|| tokio::spawn(strangers.run_apart(seed, manners, attack.clone())));
    let watch = Watch::run(&mut program, &cgroup, Duration::from_secs(args.seconds)).await?;
    let deeds = cluster.ask("deeds")?;
    attack.cancel();
    end.cancel();
    let mut pushes = Vec::new();
    for (door, victim) in Door::ALL.into_iter().zip(victim) {
        pushes.push(Pushed::new(door, victim.await?));
    }
    let strangers = match strangers {
        Some(strangers) => strangers.await??,
        None => strangers::Counts::new(),
    };
    let report = Report::settle(watch, pushes, strangers, deeds, &mut cluster, program).await?;
    anstream::print!("{report}");
    cluster.end()?;
    if !report.is_good() {
        let output = std::fs::read_to_string(&output).unwrap_or_default();
        anstream::println!("the last words of the program");
        for line in output.lines().rev().take(LAST_WORDS).collect::<Vec<_>>().into_iter().rev() {
            anstream::println!("    {}", line.chars().take(400).collect::<String>());
        }
    }
    folder.close()?;
    ensure!(report.is_good(), "the victim was harmed; repeat it with --seed {seed}");
    Ok(())
}
