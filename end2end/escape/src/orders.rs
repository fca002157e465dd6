//! What the attacker is told: lines at the beginning of its disk, and what it answers on its console.

use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;

/// The most that is read of a disk.
const LENGTH: u64 = 64 * 1024;

/// The disk that the command line names, as a kernel would understand it.
pub fn disk(arguments: impl Iterator<Item = String>) -> Option<PathBuf> {
    arguments.into_iter().find_map(|argument| {
        let value = argument.strip_prefix("ubd0d=").or_else(|| argument.strip_prefix("ubd0="))?;
        Some(value.split(',').next().unwrap_or(value).into())
    })
}

/// Lines of words: the name of an attack and what it is aimed at.
pub fn read(disk: &PathBuf) -> io::Result<Vec<Vec<String>>> {
    let mut bytes = Vec::new();
    File::open(disk)?.take(LENGTH).read_to_end(&mut bytes)?;
    let end = bytes.iter().position(|&byte| byte == 0).unwrap_or(bytes.len());
    let text = String::from_utf8_lossy(&bytes[..end]).into_owned();
    Ok(text.lines().map(|line| line.split_whitespace().map(str::to_owned).collect()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_disk_is_found_with_and_without_a_base() {
        let found = |argument: &str| disk([String::from("mem=64M"), argument.to_owned()].into_iter());
        assert_eq!(found("ubd0d=/disk0"), Some("/disk0".into()));
        assert_eq!(found("ubd0=/disk0,/base"), Some("/disk0".into()));
        assert_eq!(found("root=/dev/ubda"), None);
    }
}
