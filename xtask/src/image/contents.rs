use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};

/// Nobody on a node has a number this high; it is that of `nonroot` in other small images.
pub(super) const USER: u32 = 65532;

/// Where the program is.
pub(super) const PROGRAM: &str = "/usr/bin/shipwright-trigger";

/// Where it starts, and where a volume for the journal goes: SQLite puts what does not fit into memory where it
/// starts if there is no /tmp.
pub(super) const HOME: &str = "/var/lib/shipwright-trigger";

/// The files of an image.
pub(super) struct Contents {
    /// What belongs to root, laid out as it is to be.
    pub(super) root: PathBuf,
    /// What belongs to the user, for [`HOME`]: nothing.
    pub(super) home: PathBuf,
}

/// Puts everything into folders under `scratch`.
pub(super) fn lay_out(
    scratch: &Path,
    binary: &Path,
    authorities: &Path,
    sbom: &str,
) -> anyhow::Result<Contents> {
    let contents = Contents { root: scratch.join("root"), home: scratch.join("home") };
    fs::create_dir(&contents.home)?;
    // Otherwise what HOME lies in would belong to the user too.
    if let Some(above) = Path::new(HOME.trim_start_matches('/')).parent() {
        fs::create_dir_all(contents.root.join(above))?;
    }
    let licence = concat!(env!("CARGO_MANIFEST_DIR"), "/../LICENSE");
    contents.put(PROGRAM, &fs::read(binary)?, 0o755)?;
    contents.put("/etc/ssl/certs/ca-certificates.crt", &bundle(authorities)?, 0o644)?;
    // Not needed to run, but asked for by libraries who want to know who they are.
    let passwd =
        format!("root:x:0:0:root:/:/sbin/nologin\nnonroot:x:{USER}:{USER}:nonroot:{HOME}:/sbin/nologin\n");
    contents.put("/etc/passwd", passwd.as_bytes(), 0o644)?;
    contents.put("/etc/group", format!("root:x:0:\nnonroot:x:{USER}:\n").as_bytes(), 0o644)?;
    // What the cluster writes into /etc/hosts comes before what name servers say.
    contents.put("/etc/nsswitch.conf", b"hosts: files dns\n", 0o644)?;
    contents.put("/usr/share/sbom/shipwright-trigger.cdx.json", sbom.as_bytes(), 0o644)?;
    contents.put("/usr/share/doc/shipwright-trigger/LICENSE", &fs::read(licence)?, 0o644)?;
    Ok(contents)
}

impl Contents {
    fn put(&self, path: &str, bytes: &[u8], mode: u32) -> anyhow::Result<()> {
        let file = self.root.join(path.trim_start_matches('/'));
        if let Some(folder) = file.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(&file, bytes)?;
        fs::set_permissions(&file, fs::Permissions::from_mode(mode))?;
        Ok(())
    }

    /// All files together.
    pub(super) fn bytes(&self) -> anyhow::Result<u64> {
        let mut bytes = 0;
        let mut folders = vec![self.root.clone()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder)? {
                let entry = entry?;
                if entry.file_type()?.is_dir() {
                    folders.push(entry.path());
                } else {
                    bytes += entry.metadata()?.len();
                }
            }
        }
        Ok(bytes)
    }
}

/// The certificates of a file, or of all files of a folder in the order of their names. The bundle of the machine is
/// not taken: it holds what its owner has added.
fn bundle(authorities: &Path) -> anyhow::Result<Vec<u8>> {
    let missing = || {
        format!(
            "{} cannot be read: install ca-certificates, or name a bundle by --authorities",
            authorities.display()
        )
    };
    let mut files = vec![authorities.to_owned()];
    if authorities.is_dir() {
        let entries = fs::read_dir(authorities).with_context(missing)?;
        files = entries.map(|entry| Ok(entry?.path())).collect::<std::io::Result<_>>()?;
        files.sort();
    }
    let mut bundle = Vec::new();
    for file in files {
        bundle.extend(fs::read(file).with_context(missing)?);
        if !bundle.ends_with(b"\n") {
            bundle.push(b'\n');
        }
    }
    let begins = b"-----BEGIN CERTIFICATE-----";
    let count = bundle.windows(begins.len()).filter(|window| window == begins).count();
    ensure!(count > 0, "{} holds no certificate", authorities.display());
    Ok(bundle)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----\nMAo=\n-----END CERTIFICATE-----";

    #[test]
    fn authorities_are_a_file_or_a_folder_of_them() {
        let folder = tempfile::tempdir().unwrap();
        for (name, serial) in [("b.crt", "2"), ("a.crt", "1")] {
            fs::write(folder.path().join(name), CERTIFICATE.replace("MAo", serial)).unwrap();
        }
        let both = String::from_utf8(bundle(folder.path()).unwrap()).unwrap();
        let one = CERTIFICATE.replace("MAo", "1");
        assert_eq!(both, format!("{one}\n{}\n", CERTIFICATE.replace("MAo", "2")));
        assert_eq!(bundle(&folder.path().join("a.crt")).unwrap(), format!("{one}\n").as_bytes());
        fs::write(folder.path().join("a.crt"), "nothing").unwrap();
        for bad in ["a.crt", "missing"] {
            assert!(bundle(&folder.path().join(bad)).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_program_is_for_everybody_to_execute_and_nothing_is_for_others_to_write() {
        let scratch = tempfile::tempdir().unwrap();
        let file = scratch.path().join("file");
        fs::write(&file, CERTIFICATE).unwrap();
        let contents = lay_out(scratch.path(), &file, &file, "{}").unwrap();
        let mode = |path: &str| fs::metadata(contents.root.join(path)).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(PROGRAM.trim_start_matches('/')), 0o755);
        assert_eq!(mode("etc/ssl/certs/ca-certificates.crt"), 0o644);
        assert_eq!(mode("usr/share/sbom/shipwright-trigger.cdx.json"), 0o644);
        assert!(contents.bytes().unwrap() > 2 * u64::try_from(CERTIFICATE.len()).unwrap());
    }
}
