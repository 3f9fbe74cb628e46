//! Texts that fields and headers do not expect, and those that they do.

use super::dice::Dice;
use super::victim;

/// Texts that are short and wrong, or right in some field.
const SHORT: &[&str] = &[
    "",
    " ",
    "\n",
    "\u{0}",
    ".",
    "..",
    "../..",
    "/",
    "//",
    "-",
    "*",
    "**",
    "?",
    "[",
    "[]",
    "[!",
    "{",
    "{a,{b,{c,d}}}",
    "\\",
    "a b",
    "hook",
    "hook\n",
    "hook?",
    "hook#",
    "hook/status",
    "?limit=1",
    "x?watch=true",
    "%2e%2e",
    "%",
    "%00",
    "kube-system",
    "default",
    "main",
    "refs/heads/main",
    "release/*",
    "v?.[0-9]*",
    "Push",
    "PullRequest",
    "push",
    "GitHub",
    "Image",
    "Pipeline",
    "Git",
    "Succeeded",
    "True",
    "Unknown",
    "null",
    "0",
    "-1",
    "1e999",
    "NaN",
    "10m",
    "1s",
    "0s",
    "2500000000000000h",
    "9223372036854775807s",
    "18446744073709551616h",
    "1h1h1h",
    "P1D",
    "1970-01-01T00:00:00Z",
    "9999-12-31T23:59:59Z",
    "-262143-01-01T00:00:00Z",
    "\u{202e}niam",
    "ma\u{0456}n",
    "\u{feff}main",
    "e\u{301}",
    "\u{1f6a2}",
    "sha256:0000000000000000000000000000000000000000000000000000000000000000",
    "registry.invalid/a:b",
    "registry.invalid/a@sha256:00",
    "127.0.0.1/a",
    "[::1]:0/a",
    "localhost:99999/a",
    "169.254.169.254/latest/meta-data",
    "A.B/C:D",
    "https://github.com/",
    "git@github.com:a/b",
    "ssh://-oProxyCommand=x/y",
    "file:///etc/passwd",
    "https://[::1/a/b",
    "allow",
    "event",
    "trigger.shipwright.io/forks",
    "**/*[!a-z]?**.md, !**, a/**",
    "event.changed_files.all(f, f.matches('(a+)+$'))",
];

/// Pieces that make long texts when repeated.
const PIECES: &[&str] = &[
    "a",
    "*a",
    "**/",
    "{a,b}",
    "[a-z]",
    "?",
    "\\",
    "%",
    "/",
    ",",
    "\u{1f6a2}",
    "a,",
    "1h",
    "(",
    " ",
    "\n",
    "ü.",
];

/// The longest text. All fields of an object together have to stay below the limit of etcd.
const LONGEST: usize = 80_000;

/// Any text: mostly short, sometimes very long, sometimes a name that the victim uses.
pub(super) fn any(dice: &mut Dice) -> String {
    match dice.below(20) {
        0 => long(dice, LONGEST),
        1..=3 => long(dice, 300),
        4 => victim::repository(dice.below(victim::REPOSITORIES)),
        5 => noise(dice, 40),
        _ => dice.pick(SHORT).to_owned(),
    }
}

/// A piece, repeated up to `bytes` bytes.
pub(super) fn long(dice: &mut Dice, bytes: usize) -> String {
    let piece = dice.pick(PIECES);
    piece.repeat(1 + dice.below(bytes / piece.len()))
}

/// Up to `count` random characters.
fn noise(dice: &mut Dice, count: usize) -> String {
    let characters = 1 + dice.below(count);
    (0..characters).map(|_| char::from_u32(1 + (dice.number() % 0x2_ffff) as u32).unwrap_or('x')).collect()
}

/// Up to `count` lower-case letters and digits: what Kubernetes allows as a name.
pub(super) fn name(dice: &mut Dice, count: usize) -> String {
    let characters = 1 + dice.below(count);
    (0..characters).map(|_| char::from(dice.pick(b"abcdefghijklmnopqrstuvwxyz0123456789"))).collect()
}
