//! What SQLite drops of the write-ahead log when it opens a journal.
//!
//! It reads the log up to the first frame whose checksum is wrong, and says nothing about the rest. After a crash of the
//! process there is no complete commit in the rest. After a loss of power there may be one, which was being written. More
//! mean that the file was damaged, and that acknowledged commits are lost. See "File Format" in SQLite's documentation.

use std::fs::File;
use std::io::{self, BufReader, ErrorKind, Read};
use std::path::Path;

const HEADER: usize = 32;
const FRAME_HEADER: usize = 24;

/// The page sizes that SQLite knows.
const PAGE_SIZES: std::ops::RangeInclusive<u32> = 512..=65_536;

/// The part of a log that SQLite does not read.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Dropped {
    /// Complete commits in it.
    pub(super) commits: u64,
    /// Its bytes, those of an earlier round through the file not counted.
    pub(super) bytes: u64,
}

/// Reads the log at `path`. A log that does not exist drops nothing.
pub(super) fn dropped(path: &Path) -> io::Result<Dropped> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Dropped::default()),
        Err(error) => return Err(error),
    };
    let size = file.metadata()?.len();
    let mut file = BufReader::with_capacity(1 << 16, file);
    let mut header = [0; HEADER];
    if !read_whole(&mut file, &mut header)? || header == [0; HEADER] {
        return Ok(Dropped::default());
    }
    let big_endian = word(&header, 0) & 1 == 1;
    let (first, salts) = (header.split_at(24).0, [word(&header, 16), word(&header, 20)]);
    let mut sum = checksum([0, 0], first, big_endian);
    let page = word(&header, 8);
    let is_log = word(&header, 0) & !1 == 0x377f_0682 && PAGE_SIZES.contains(&page);
    if !is_log || sum != [word(&header, 24), word(&header, 28)] {
        // Without its header nothing of the log is read. How many commits it has is not known; one at least.
        return Ok(Dropped { commits: u64::from(size > HEADER as u64), bytes: size });
    }
    let (mut dropped, mut broken) = (Dropped::default(), false);
    let mut frame = vec![0; FRAME_HEADER + page as usize];
    while read_whole(&mut file, &mut frame)? {
        if [word(&frame, 8), word(&frame, 12)] != salts {
            // A frame of an earlier round: the log ends before it.
            if !broken {
                break;
            }
            continue;
        }
        sum = checksum(sum, &frame[..8], big_endian);
        sum = checksum(sum, &frame[FRAME_HEADER..], big_endian);
        broken |= sum != [word(&frame, 16), word(&frame, 20)];
        if broken {
            dropped.bytes += frame.len() as u64;
            dropped.commits += u64::from(word(&frame, 4) != 0);
        }
    }
    Ok(dropped)
}

/// False at the end of the file.
fn read_whole(file: &mut impl Read, buffer: &mut [u8]) -> io::Result<bool> {
    match file.read_exact(buffer) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

/// The big-endian word at this place; 0 beyond the end.
fn word(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..at + 4).and_then(|word| word.try_into().ok()).map_or(0, u32::from_be_bytes)
}

fn checksum([mut a, mut b]: [u32; 2], bytes: &[u8], big_endian: bool) -> [u32; 2] {
    for pair in bytes.chunks_exact(8) {
        let read = |at| if big_endian { word(pair, at) } else { word(pair, at).swap_bytes() };
        a = a.wrapping_add(read(0)).wrapping_add(b);
        b = b.wrapping_add(read(4)).wrapping_add(a);
    }
    [a, b]
}

#[cfg(test)]
mod tests {
    use std::fs;

    use rusqlite::Connection;

    use super::*;

    /// A log of ten commits, as a killed process leaves it.
    fn log() -> Vec<u8> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.db");
        let store = Connection::open(&path).unwrap();
        store.pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(())).unwrap();
        store.execute_batch("PRAGMA wal_autocheckpoint = 0; CREATE TABLE t (x)").unwrap();
        for number in 0..9 {
            store.execute("INSERT INTO t VALUES (?1)", [number]).unwrap();
        }
        fs::read(folder.path().join("journal.db-wal")).unwrap()
    }

    fn of(log: &[u8]) -> Dropped {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.db-wal");
        fs::write(&path, log).unwrap();
        dropped(&path).unwrap()
    }

    #[test]
    fn a_whole_log_and_one_that_ends_within_a_commit_drop_no_commit() {
        let log = log();
        assert_eq!(of(&log), Dropped::default());
        assert_eq!(of(&[]), Dropped::default());
        assert_eq!(of(&log[..20]), Dropped::default());
        for cut in [1, 100, 4096, 5000] {
            assert_eq!(of(&log[..log.len() - cut]).commits, 0, "{cut} bytes less");
        }
        assert_eq!(dropped(Path::new("/nonexistent/journal.db-wal")).unwrap(), Dropped::default());
    }

    #[test]
    fn commits_behind_a_damaged_frame_are_counted() {
        let log = log();
        let frame = FRAME_HEADER + 4096;
        for (frames_from_the_end, commits) in [(1, 1), (2, 2), (5, 5)] {
            let mut damaged = log.clone();
            let at = damaged.len() - frames_from_the_end * frame + FRAME_HEADER + 7;
            damaged[at] ^= 1;
            let bytes = (frames_from_the_end * frame) as u64;
            assert_eq!(of(&damaged), Dropped { commits, bytes });
        }
        let mut damaged = log.clone();
        damaged[9] ^= 1;
        assert_eq!(of(&damaged), Dropped { commits: 1, bytes: log.len() as u64 });
    }
}
