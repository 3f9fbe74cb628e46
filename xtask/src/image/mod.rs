//! `cargo xtask image`: the container image, without a registry and without a base image.
//!
//! It holds one static binary, Mozilla's certificate authorities, and what names and users are looked up by. It is
//! made of what the commit says alone, and dated by it, so that who builds it again gets the same.

mod archive;
mod binary;
mod contents;
mod sbom;
mod source;

use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};

use self::source::Source;

/// Beyond this an image is no longer pulled in a moment. In bytes, of the archive and of what it unpacks to.
const LARGEST: u64 = 36_000_000;

const MEGABYTE: u64 = 1_000_000;

/// Flags of `image`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Take this binary, which has to be static, instead of building one.
    #[arg(long, value_name = "FILE")]
    binary: Option<PathBuf>,
    /// The certificate authorities to trust: a bundle (PEM), or a folder of such files.
    #[arg(long, value_name = "PATH", default_value = "/usr/share/ca-certificates/mozilla")]
    authorities: PathBuf,
    /// Where the archive goes. Default: target/image.
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let source = Source::here()?;
    let binary = match &args.binary {
        Some(file) => file.clone(),
        None => binary::build(&source)?,
    };
    binary::check(&binary)?;
    let out = args.out.clone().unwrap_or_else(|| source.target.join("image"));
    std::fs::create_dir_all(&out).with_context(|| format!("{} cannot be made", out.display()))?;

    let sbom = sbom::write(&source)?;
    let beside = out.join(format!("{}-{}.cdx.json", source.name, source.version));
    std::fs::write(&beside, &sbom)?;
    let scratch = tempfile::tempdir()?;
    let contents = contents::lay_out(scratch.path(), &binary, &args.authorities, &sbom)?;
    let archive = out.join(format!("{}-{}.oci.tar", source.name, source.version));
    archive::write(&source, &contents, scratch.path(), &archive)?;

    let (packed, unpacked) = (std::fs::metadata(&archive)?.len(), contents.bytes()?);
    anstream::println!("{}", archive.display());
    anstream::println!(
        "  {} packed, {} unpacked; {} at most",
        megabytes(packed),
        megabytes(unpacked),
        megabytes(LARGEST)
    );
    anstream::println!("  made of commit {}, list of what is in it: {}", source.revision, beside.display());
    tell_what_next(&source, &archive);
    ensure!(packed <= LARGEST && unpacked <= LARGEST, "the image is larger than {}", megabytes(LARGEST));
    Ok(())
}

fn megabytes(bytes: u64) -> String {
    format!("{}.{} MB", bytes / MEGABYTE, bytes % MEGABYTE * 10 / MEGABYTE)
}

fn tell_what_next(source: &Source, archive: &Path) {
    let (name, version, archive) = (&source.name, &source.version, archive.display());
    anstream::println!(
        "\nTo a registry:    skopeo copy oci-archive:{archive} docker://REGISTRY/{name}:{version}\n\
         Into podman:      podman load --input {archive}\n\
         Into docker:      skopeo copy oci-archive:{archive} docker-daemon:{name}:{version}\n\
         Into kind:        skopeo copy oci-archive:{archive} docker-archive:{name}.tar:{name}:{version}\n\
         \x20                 kind load image-archive {name}.tar"
    );
}
