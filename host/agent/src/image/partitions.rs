//! Where the root file system lies on a disk that is divided: read here, believed in nothing. Tables of PCs (MBR, without
//! logical partitions) and of UEFI (UEFI specification, 5.2 and 5.3), sectors of 512 bytes.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;

use crate::magic::{Head, word};

const SECTOR: u64 = 512;
/// Of a table of UEFI, at its usual length; more is not looked at.
const ENTRIES: u32 = 128;

/// The longest partition that has a file system which is known here, in bytes.
pub(super) fn root(file: &File) -> io::Result<Option<Range<u64>>> {
    let length = file.metadata()?.len();
    let inside = |range: &Range<u64>| range.start >= SECTOR && range.start < range.end && range.end <= length;
    let mut all: Vec<Range<u64>> = partitions(file)?.into_iter().filter(inside).collect();
    all.sort_by_key(|range| std::cmp::Reverse(range.end - range.start));
    for range in all {
        let head = Head::at(file, range.start)?;
        if head.file_system().is_some() {
            return Ok(Some(range));
        }
    }
    Ok(None)
}

fn partitions(file: &File) -> io::Result<Vec<Range<u64>>> {
    let mut header = [0; 92];
    if file.read_exact_at(&mut header, SECTOR).is_ok() && header.starts_with(b"EFI PART") {
        return of_uefi(file, &header);
    }
    let mut table = [0; 64];
    file.read_exact_at(&mut table, 0x1be)?;
    let range = |entry: &[u8]| {
        let (start, count) = (u64::from(word(entry, 8)), u64::from(word(entry, 12)));
        (start * SECTOR)..((start + count) * SECTOR)
    };
    Ok(table.chunks_exact(16).filter(|entry| entry[4] != 0).map(range).collect())
}

fn of_uefi(file: &File, header: &[u8]) -> io::Result<Vec<Range<u64>>> {
    let (at, count, size) = (long(header, 72), word(header, 80).min(ENTRIES), u64::from(word(header, 84)));
    let mut all = Vec::new();
    for number in 0..u64::from(count) {
        let mut entry = [0; 48];
        let place = at.checked_mul(SECTOR).and_then(|at| at.checked_add(number.checked_mul(size)?));
        let Some(place) = place.filter(|_| (128..=4096).contains(&size)) else { break };
        match file.read_exact_at(&mut entry, place) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => break,
            read => read?,
        }
        // The last sector belongs to it; one without a type is none.
        let (first, last) = (long(&entry, 32), long(&entry, 40));
        let end = last.checked_add(1).and_then(|end| end.checked_mul(SECTOR));
        if entry[..16].iter().any(|&byte| byte != 0)
            && let (Some(start), Some(end)) = (first.checked_mul(SECTOR), end)
        {
            all.push(start..end);
        }
    }
    Ok(all)
}

fn long(bytes: &[u8], at: usize) -> u64 {
    u64::from(word(bytes, at + 4)) << 32 | u64::from(word(bytes, at))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A disk of 4 MiB with a table of UEFI, and an XFS by its magic number where it says.
    fn disk(entries: &[(u64, u64)], magic_at: u64) -> File {
        let file = tempfile::tempfile().expect("tmp");
        file.set_len(4 << 20).expect("sparse");
        let put = |at: u64, bytes: &[u8]| file.write_all_at(bytes, at).expect("written");
        put(SECTOR, b"EFI PART");
        put(SECTOR + 72, &2u64.to_le_bytes());
        put(SECTOR + 80, &u32::MAX.to_le_bytes());
        put(SECTOR + 84, &128u32.to_le_bytes());
        for (number, (first, last)) in (0u64..).zip(entries) {
            let at = 2 * SECTOR + number * 128;
            put(at, &[1; 16]);
            put(at + 32, &first.to_le_bytes());
            put(at + 40, &last.to_le_bytes());
        }
        put(magic_at, b"XFSB");
        file
    }

    #[test]
    fn the_longest_with_a_file_system_is_the_root() {
        let entries = [(100, 199), (200, 999), (1000, 4000)];
        let found = root(&disk(&entries, 200 * SECTOR)).expect("readable");
        assert_eq!(found, Some(200 * SECTOR..1000 * SECTOR));
        assert_eq!(root(&disk(&entries, 3000 * SECTOR)).expect("readable"), None);
    }

    #[test]
    fn what_lies_outside_or_makes_no_sense_is_none() {
        for entry in [(0, 100), (8000, 9000), (10, 5), (u64::MAX, u64::MAX), (1, u64::MAX), (u64::MAX / 512, 7)] {
            assert_eq!(root(&disk(&[entry], 0)).expect("readable"), None, "{entry:?}");
        }
        let empty = tempfile::tempfile().expect("tmp");
        assert!(root(&empty).is_err());
        empty.set_len(512).expect("sparse");
        assert_eq!(root(&empty).expect("readable"), None);
    }

    #[test]
    fn a_table_of_pcs_is_read_too() {
        let file = tempfile::tempfile().expect("tmp");
        file.set_len(1 << 20).expect("sparse");
        let put = |at: u64, bytes: &[u8]| file.write_all_at(bytes, at).expect("written");
        put(0x1fe, &[0x55, 0xaa]);
        put(0x1be + 4, &[0x83]);
        put(0x1be + 8, &64u32.to_le_bytes());
        put(0x1be + 12, &1000u32.to_le_bytes());
        put(64 * SECTOR, b"XFSB");
        assert_eq!(root(&file).expect("readable"), Some(64 * SECTOR..1064 * SECTOR));
    }
}
