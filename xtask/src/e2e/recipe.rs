//! Builds the two programs from Debian's archive: `etcd` is packaged, `kube-apiserver` is there as source, together
//! with all that it needs, and so is the Go that it was written for. Nothing is installed.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, bail, ensure};

/// What is built, as the name of its folder.
pub(super) const NAME: &str = "kube-1.20.2";

/// The source, which stays in this release of Debian. Later ones have no Kubernetes any more.
const SOURCE: &str = "deb-src [signed-by=KEYS] http://deb.debian.org/debian bookworm main";
const PACKAGES: [&str; 2] = [
    "deb [signed-by=KEYS] http://deb.debian.org/debian bookworm main",
    // Go 1.15: compiled by 1.18 or newer, this server crashes when it is first watched.
    "deb [signed-by=KEYS] http://deb.debian.org/debian bullseye main",
];
const KEYS: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

const NEEDED: [&str; 7] = ["apt-get", "dpkg", "tar", "make", "bash", "rsync", "jq"];

/// Leaves `programs/kube-apiserver` and `programs/etcd` in `work`.
pub(super) fn build(work: &Path) -> anyhow::Result<()> {
    let missing: Vec<_> = NEEDED.into_iter().filter(|name| !is_on_path(name)).collect();
    ensure!(missing.is_empty(), "these programs are missing: {} (apt-get install them)", missing.join(", "));
    ensure!(
        Path::new(KEYS).is_file(),
        "there is no {KEYS}: is this Debian? (apt-get install debian-archive-keyring)"
    );
    let begin = Instant::now();
    anstream::println!("building kube-apiserver from Debian's source, once; this takes five to ten minutes");
    let apt = configure_apt(work)?;
    let downloads = folder(work, "downloads")?;

    let within = |step: &str| anstream::println!("[{:>4.0?}] {step}", begin.elapsed());
    within("1/5 reading the package lists (35 MB)");
    run(work, apt_get(&apt, work).arg("update"), "is there a network, and may apt-get use it?")?;
    within("2/5 downloading source, Go 1.15 and etcd (105 MB)");
    let source = ["source", "--download-only", "--only-source", "kubernetes"];
    run(work, apt_get(&apt, &downloads).args(source), "bookworm has this source package")?;
    let packages = ["download", "golang-1.15-go", "golang-1.15-src", "etcd-server"];
    run(work, apt_get(&apt, &downloads).args(packages), "bullseye and bookworm have these packages")?;

    within("3/5 unpacking");
    let (go, tree, etcd) = (folder(work, "go")?, folder(work, "tree")?, folder(work, "etcd")?);
    for (beginning, to) in [("golang-1.15-go_", &go), ("golang-1.15-src_", &go), ("etcd-server_", &etcd)] {
        let package = find(&downloads, beginning, ".deb")?;
        run(work, Command::new("dpkg").arg("-x").arg(package).arg(to), "the disk may be full")?;
    }
    let source = find(&downloads, "kubernetes_", ".orig.tar.gz")?;
    let mut tar = Command::new("tar");
    tar.arg("-xzf").arg(source).arg("-C").arg(&tree).arg("--strip-components=1");
    run(work, &mut tar, "the disk may be full")?;

    within("4/5 compiling kube-apiserver");
    compile(work, &go.join("usr/lib/go-1.15"), &tree)?;
    within("5/5 keeping the two programs");
    let programs = folder(work, "programs")?;
    fs::copy(tree.join("_output/bin/kube-apiserver"), programs.join("kube-apiserver"))?;
    fs::copy(etcd.join("usr/bin/etcd"), programs.join("etcd"))?;
    within("done");
    Ok(())
}

/// A configuration for apt of its own, so that the machine's lists and sources stay as they are.
fn configure_apt(work: &Path) -> anyhow::Result<PathBuf> {
    for name in ["apt/lists/partial", "apt/cache/archives/partial", "apt/none"] {
        folder(work, name)?;
    }
    let sources = [SOURCE].iter().chain(&PACKAGES).map(|line| line.replace("KEYS", KEYS) + "\n");
    fs::write(work.join("apt/sources.list"), sources.collect::<String>())?;
    let at = |name: &str| work.join("apt").join(name).display().to_string();
    let settings = [
        ("Dir::Etc::sourcelist", at("sources.list")),
        ("Dir::Etc::sourceparts", at("none")),
        ("Dir::Etc::preferences", at("no-preferences")),
        ("Dir::Etc::preferencesparts", at("none")),
        ("Dir::State::lists", at("lists")),
        ("Dir::Cache", at("cache")),
        ("Acquire::Languages", "none".to_owned()),
        // It may not read folders of ours as another user.
        ("APT::Sandbox::User", "root".to_owned()),
    ];
    let file = work.join("apt/apt.conf");
    let text: String = settings.map(|(name, value)| format!("{name} \"{value}\";\n")).concat();
    fs::write(&file, text)?;
    Ok(file)
}

fn apt_get(configuration: &Path, directory: &Path) -> Command {
    let mut command = Command::new("apt-get");
    command.env("APT_CONFIG", configuration).arg("-q").current_dir(directory);
    command
}

/// In the way of the time, with everything below one GOPATH and nothing asked of the network.
fn compile(work: &Path, go: &Path, tree: &Path) -> anyhow::Result<()> {
    let path = folder(work, "tree/.go/src/k8s.io")?;
    symlink("../../..", path.join("kubernetes"))?;
    let home = folder(work, "home")?;
    let search = std::env::var("PATH").unwrap_or_default();
    let mut make = Command::new("make");
    make.arg("WHAT=cmd/kube-apiserver").current_dir(path.join("kubernetes"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("GO") || name.starts_with("KUBE")) {
        make.env_remove(name);
    }
    // Also those by which cargo tells its own children how to build.
    make.env_remove("MAKEFLAGS").env_remove("MFLAGS").env_remove("CARGO_MAKEFLAGS");
    make.env("PATH", format!("{}:{search}", go.join("bin").display()));
    make.env("GOROOT", go).env("GOPATH", tree.join(".go")).env("HOME", &home).env("GOCACHE", home.join("go"));
    make.env("CGO_ENABLED", "0").env("GO111MODULE", "off").env("GOPROXY", "off").env("GOFLAGS", "");
    // Its scripts take the shell's word for where they are.
    make.env("PWD", path.join("kubernetes"));
    run(work, &mut make, "it needs 3 GB of memory and 3 GB of disk")
}

fn run(work: &Path, command: &mut Command, hint: &str) -> anyhow::Result<()> {
    let log = work.join("log");
    let file = fs::File::create(&log)?;
    command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file);
    let name = command.get_program().to_string_lossy().into_owned();
    let status = command.status().with_context(|| format!("{name} cannot be started"))?;
    if status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&fs::read(&log)?).into_owned();
    let lines: Vec<_> = said.lines().rev().take(15).collect();
    let end = lines.into_iter().rev().collect::<Vec<_>>().join("\n");
    let arguments: Vec<_> = command.get_args().map(|argument| argument.to_string_lossy()).collect();
    bail!("`{name} {}` failed ({hint}); it said:\n{end}", arguments.join(" "))
}

fn folder(work: &Path, name: &str) -> anyhow::Result<PathBuf> {
    let path = work.join(name);
    fs::create_dir_all(&path).with_context(|| format!("{} cannot be made", path.display()))?;
    Ok(path)
}

fn find(folder: &Path, beginning: &str, end: &str) -> anyhow::Result<PathBuf> {
    let is_it = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with(beginning) && name.ends_with(end)
    };
    let found = fs::read_dir(folder)?.filter_map(|entry| Some(entry.ok()?.path())).find(is_it);
    found.with_context(|| format!("there is no {beginning}…{end} among what was downloaded"))
}

fn is_on_path(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}
