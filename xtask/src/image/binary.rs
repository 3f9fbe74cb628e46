use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, ensure};

use super::source::Source;

/// What the image runs on. Named to cargo also where it is the machine itself: otherwise the flags would count
/// for procedural macros too, which cannot be static.
pub(super) const TARGET: &str = "x86_64-unknown-linux-gnu";

/// What an image for clusters is to have: no playground.
pub(super) const FEATURES: [&str; 3] = ["--no-default-features", "--features", "otel"];

/// Builds the static binary. Since its version 2.34 glibc looks names up without loading libraries, so that a static
/// one does so in an image that has none.
pub(super) fn build(source: &Source) -> anyhow::Result<PathBuf> {
    let registry = cargo_home()?.join("registry/src");
    // Paths of the machine that builds are nobody's business, and would make the binary another on the next one.
    let flags = format!(
        "-C target-feature=+crt-static --remap-path-prefix={}=/registry --remap-path-prefix={}=/source",
        registry.display(),
        source.root.display()
    );
    let built = Command::new(env!("CARGO"))
        .args(["build", "--release", "--locked", "--target", TARGET])
        .args(["--package", &source.name, "--bin", &source.name])
        .args(FEATURES)
        .env("CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUSTFLAGS", flags)
        .current_dir(&source.root)
        .status()?;
    ensure!(built.success(), "the static binary cannot be built");
    Ok(source.target.join(TARGET).join("release").join(&source.name))
}

fn cargo_home() -> anyhow::Result<PathBuf> {
    if let Some(home) = std::env::var_os("CARGO_HOME") {
        return Ok(home.into());
    }
    let home = std::env::var_os("HOME").context("neither CARGO_HOME nor HOME is set")?;
    Ok(Path::new(&home).join(".cargo"))
}

/// Refuses what would not run where there is nothing else.
pub(super) fn check(binary: &Path) -> anyhow::Result<()> {
    let elf = std::fs::read(binary).with_context(|| format!("{} cannot be read", binary.display()))?;
    let asks =
        interpreter(&elf).with_context(|| format!("{} is no program for {TARGET}", binary.display()))?;
    ensure!(
        !asks,
        "{} is not static: build it with RUSTFLAGS='-C target-feature=+crt-static' and --target {TARGET}",
        binary.display()
    );
    Ok(())
}

const X86_64: u16 = 62;
/// Type of the program header that names the loader of shared libraries.
const PT_INTERP: u32 = 3;

/// Whether an ELF file asks for a loader of shared libraries; `None` if it is no 64-bit program for x86-64.
/// (System V ABI, chapters 4 and 5; ELF-64 object file format.)
fn interpreter(elf: &[u8]) -> Option<bool> {
    let half = |at: usize| Some(u16::from_le_bytes(elf.get(at..at.checked_add(2)?)?.try_into().ok()?));
    let word = |at: usize| Some(u32::from_le_bytes(elf.get(at..at.checked_add(4)?)?.try_into().ok()?));
    let long = |at: usize| Some(u64::from_le_bytes(elf.get(at..at.checked_add(8)?)?.try_into().ok()?));
    let class_and_order = elf.strip_prefix(b"\x7fELF")?.get(..2)?;
    if class_and_order != [2, 1] || half(18)? != X86_64 {
        return None;
    }
    let (headers, size, count) =
        (usize::try_from(long(32)?).ok()?, usize::from(half(54)?), usize::from(half(56)?));
    for header in 0..count {
        let at = headers.checked_add(header.checked_mul(size)?)?;
        if word(at)? == PT_INTERP {
            return Some(true);
        }
    }
    Some(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn elf(machine: u16, headers: &[u32]) -> Vec<u8> {
        let mut elf = vec![0; 64];
        elf[..6].copy_from_slice(b"\x7fELF\x02\x01");
        elf[18..20].copy_from_slice(&machine.to_le_bytes());
        elf[32..40].copy_from_slice(&64_u64.to_le_bytes());
        elf[54..56].copy_from_slice(&56_u16.to_le_bytes());
        elf[56..58].copy_from_slice(&u16::try_from(headers.len()).unwrap().to_le_bytes());
        for kind in headers {
            let mut header = [0; 56];
            header[..4].copy_from_slice(&kind.to_le_bytes());
            elf.extend(header);
        }
        elf
    }

    #[test]
    fn a_program_that_needs_a_loader_is_told_from_one_that_does_not() {
        for (file, expected) in [
            (elf(62, &[6, 1, 2]), Some(false)),
            (elf(62, &[6, 3, 1]), Some(true)),
            (elf(183, &[1]), None),
            (elf(62, &[6, 1])[..100].to_vec(), None),
            (b"#!/bin/sh\n".to_vec(), None),
            (Vec::new(), None),
        ] {
            assert_eq!(interpreter(&file), expected, "{} bytes", file.len());
        }
        let own = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        assert_eq!(interpreter(&own), Some(true), "what cargo builds by default is not static");
    }
}
