//! One host uid per guest, out of a range that belongs to this instance alone.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Ranges begin here: above what Debian policy gives to people, services and subordinate ids of
/// containers, below the sign bit.
const FIRST: u32 = 1_600_000_000;
const RANGE: u32 = 65_536;
/// Of a range, how many are for guests; the rest is for networks.
const GUESTS: u32 = 49_152;
const RANGES: u32 = 4096;
/// Who has which range, for all instances of the machine.
const CLAIMS: &str = "/run/umbel-uids";

#[derive(Debug, thiserror::Error)]
pub enum UidError {
    #[error("claiming a range of uids in {CLAIMS}")]
    Claim(#[source] io::Error),
    #[error("all ranges of uids are taken")]
    NoRange,
    #[error("all uids of the instance are taken")]
    NoUid,
}

/// The range of one instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    first: u32,
}

impl Range {
    /// Claims a range for the data directory, the same one each time as long as nobody else has it.
    pub fn claim(data: &Path, instance: &str) -> Result<Self, UidError> {
        Self::claim_in(Path::new(CLAIMS), data, instance)
    }

    fn claim_in(claims: &Path, data: &Path, instance: &str) -> Result<Self, UidError> {
        fs::create_dir_all(claims).map_err(UidError::Claim)?;
        let wish = u32::from_str_radix(instance, 16).unwrap_or_default() % RANGES;
        let own = data.as_os_str().as_encoded_bytes();
        for slot in (wish..RANGES).chain(0..wish) {
            let file = claim_file(claims, slot);
            match File::create_new(&file) {
                Ok(mut file) => file.write_all(own).map_err(UidError::Claim)?,
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                    if fs::read(&file).map_err(UidError::Claim)? != own {
                        continue;
                    }
                }
                Err(error) => return Err(UidError::Claim(error)),
            }
            return Ok(Self { first: FIRST + slot * RANGE });
        }
        Err(UidError::NoRange)
    }

    /// The one that no guest gets: kernels that came from somebody are asked under it what they can.
    pub fn last(self) -> u32 {
        self.first + RANGE - 1
    }

    /// A uid that none of the taken ones is.
    pub fn free(self, taken: &[u32]) -> Result<u32, UidError> {
        (self.first..self.first + GUESTS).find(|uid| !taken.contains(uid)).ok_or(UidError::NoUid)
    }

    /// A group for a network, and the user of its switch; never that of a guest.
    pub fn free_group(self, taken: &[u32]) -> Result<u32, UidError> {
        (self.first + GUESTS..self.last()).find(|gid| !taken.contains(gid)).ok_or(UidError::NoUid)
    }

    /// Gives the range back.
    pub fn release(self) {
        // A claim that stays behind costs one range of many; the next claim of this data directory takes it again.
        let _ = fs::remove_file(claim_file(Path::new(CLAIMS), (self.first - FIRST) / RANGE));
        let _ = fs::remove_dir(CLAIMS);
    }
}

fn claim_file(claims: &Path, slot: u32) -> PathBuf {
    claims.join(slot.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_instances_never_share_a_uid() {
        let dir = tempfile::tempdir().expect("tmp");
        let claim = |data: &str| Range::claim_in(dir.path(), Path::new(data), "00000a").expect("a range");
        let (a, b) = (claim("/a"), claim("/b"));
        assert_ne!(a, b);
        assert_eq!(a, claim("/a"), "the same again");
        let (one, other) = (a.free(&[]).expect("a uid"), b.free(&[]).expect("a uid"));
        assert!(one.abs_diff(other) >= RANGE);
        assert_ne!(a.free(&[one]).expect("another"), one);
        let group = a.free_group(&[]).expect("a group");
        assert!(group.abs_diff(one) >= GUESTS && group.abs_diff(other) >= RANGE - GUESTS);
    }
}
