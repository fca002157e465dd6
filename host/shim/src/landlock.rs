//! Which files may be opened and for what, held by the host's kernel for this process and all that it starts
//! (landlock(7)). A second wall behind the jail: what is mounted too much is still not written to.

use std::path::Path;

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, PathBeneath, PathFd, Ruleset, RulesetAttr,
    RulesetCreatedAttr, RulesetError, RulesetStatus, Scope,
};
use umbel_guest::VolumeAccess;
use umbel_wire::launch::{RootDisk, ShimOrder, volumes_with};

/// What is asked for; a host with less does what it knows of it.
const ASKED: ABI = ABI::V6;
/// The devices that a jail may have.
const DEVICES: [&str; 4] = ["/dev/null", "/dev/zero", "/dev/urandom", "/dev/net/tun"];

#[derive(Debug, thiserror::Error)]
pub enum LandlockError {
    #[error("the wall landlock")]
    Rules(#[from] RulesetError),
    #[error("the wall landlock: the host's kernel has none")]
    Missing,
}

/// Reading where the jail has something to read, writing to disk, volumes and memory, no TCP, and neither signals nor
/// abstract sockets to anybody else.
pub fn restrict(order: &ShimOrder) -> Result<(), LandlockError> {
    let disks: Vec<&Path> = match &order.root_disk {
        RootDisk::Cow { child: disk, .. } | RootDisk::Plain { file: disk } => vec![disk],
        RootDisk::Tools { from, to, .. } => from.written().into_iter().chain([to.as_path()]).collect(),
        RootDisk::Tree { .. } => Vec::new(),
    };
    let mut rules = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(ASKED))?
        .handle_access(AccessNet::from_all(ASKED))?
        .scope(Scope::from_all(ASKED))?
        .create()?;
    let file = AccessFs::ReadFile | AccessFs::WriteFile | AccessFs::Truncate;
    let mut allow = |path: &Path, access: BitFlags<AccessFs>| -> Result<(), RulesetError> {
        // What isn't there can't be opened either.
        let Ok(open) = PathFd::new(path) else { return Ok(()) };
        (&mut rules).add_rule(PathBeneath::new(open, access)).map(drop)
    };
    allow("/".as_ref(), AccessFs::from_read(ASKED))?;
    allow(&order.work, AccessFs::from_all(ASKED))?;
    disks.into_iter().try_for_each(|disk| allow(disk, file))?;
    // No name of theirs is made or removed from in there, only what is in the files is written.
    if let Some(volumes) = &order.volumes {
        allow(&volumes_with(&volumes.place, VolumeAccess::ReadWrite), file)?;
    }
    for device in DEVICES {
        allow(device.as_ref(), AccessFs::ReadFile | AccessFs::WriteFile | AccessFs::IoctlDev)?;
    }
    match rules.restrict_self()?.ruleset {
        RulesetStatus::NotEnforced => Err(LandlockError::Missing),
        RulesetStatus::PartiallyEnforced | RulesetStatus::FullyEnforced => Ok(()),
    }
}
