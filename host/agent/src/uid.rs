//! One host uid per guest, out of a range that belongs to this instance alone.

use std::io;
use std::path::Path;

use crate::claims;

/// Ranges begin here: above what Debian policy gives to people, services and subordinate ids of
/// containers, below the sign bit.
const FIRST: u32 = 1_600_000_000;
const RANGE: u32 = 65_536;
/// Of a range, how many are for guests; the rest is for networks, but for the last.
const GUESTS: u32 = 49_152;
/// For whoever is somebody in the jail that recipes are built in.
const BUILDS: u32 = 4096;
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
        let wish = u32::from_str_radix(instance, 16).unwrap_or_default() % RANGES;
        for slot in (wish..RANGES).chain(0..wish) {
            if claims::take(claims, &slot.to_string(), owner(data)).map_err(UidError::Claim)? {
                return Ok(Self { first: FIRST + slot * RANGE });
            }
        }
        Err(UidError::NoRange)
    }

    /// The one that no guest gets: kernels that came from somebody are asked under it what they can.
    pub fn last(self) -> u32 {
        self.first + RANGE - 1
    }

    /// The first of those that builds have, and how many they are.
    pub fn builds(self) -> [u32; 2] {
        [self.last() - BUILDS, BUILDS]
    }

    /// Of the guest that reads files off disks.
    pub fn reader(self) -> u32 {
        self.builds()[0] - 1
    }

    /// A uid that none of the taken ones is.
    pub fn free(self, taken: &[u32]) -> Result<u32, UidError> {
        (self.first..self.first + GUESTS).find(|uid| !taken.contains(uid)).ok_or(UidError::NoUid)
    }

    /// A group for a network, and the user of its switch; never that of a guest.
    pub fn free_group(self, taken: &[u32]) -> Result<u32, UidError> {
        (self.first + GUESTS..self.reader()).find(|gid| !taken.contains(gid)).ok_or(UidError::NoUid)
    }

    /// Gives the range back.
    pub fn release(self, data: &Path) {
        let slot = (self.first - FIRST) / RANGE;
        claims::release(Path::new(CLAIMS), &slot.to_string(), owner(data));
    }
}

fn owner(data: &Path) -> &[u8] {
    data.as_os_str().as_encoded_bytes()
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
        let [first, count] = a.builds();
        assert!(first > group && first + count == a.last());
        assert!(a.reader() > group && a.reader() < first);
    }
}
