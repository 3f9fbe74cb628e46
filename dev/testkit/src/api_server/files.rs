//! Files that the API server reads: bearer tokens, the audit policy and the signing key of ServiceAccount tokens.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use data_encoding::{BASE64, HEXLOWER};

/// One entry per request once it has been answered; for a watch, once it has started.
const AUDIT_POLICY: &str = "apiVersion: audit.k8s.io/v1\nkind: Policy\nomitStages: [RequestReceived]\n\
                            rules:\n- level: Metadata\n";

/// A random bearer token of 256 bits.
pub(super) fn token() -> io::Result<String> {
    let mut bytes = [0; 32];
    aws_lc_rs::rand::fill(&mut bytes).map_err(no_key)?;
    Ok(HEXLOWER.encode(&bytes))
}

/// Writes the files into `directory`. `token` authenticates the user `admin`.
pub(super) fn write(directory: &Path, token: &str) -> io::Result<()> {
    write_private(&directory.join("tokens.csv"), &format!("{token},admin,admin,\"system:masters\"\n"))?;
    fs::write(directory.join("audit-policy.yaml"), AUDIT_POLICY)?;
    let pair = KeyPair::generate(KeySize::Rsa2048).map_err(no_key)?;
    let key: Pkcs8V1Der<'_> = pair.as_der().map_err(no_key)?;
    write_private(&directory.join("accounts.key"), &pem("PRIVATE KEY", key.as_ref()))
}

fn write_private(path: &Path, text: &str) -> io::Result<()> {
    fs::write(path, text)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600))
}

fn pem(label: &str, der: &[u8]) -> String {
    let text = BASE64.encode(der);
    let mut pem = format!("-----BEGIN {label}-----\n");
    for line in text.as_bytes().chunks(64) {
        pem.push_str(&String::from_utf8_lossy(line));
        pem.push('\n');
    }
    pem + "-----END " + label + "-----\n"
}

/// The library gives no reason for its errors.
fn no_key(_: aws_lc_rs::error::Unspecified) -> io::Error {
    io::Error::other("cannot generate a key")
}
