//! What the launcher gives up before it becomes the shim: limits, groups, user, capabilities, and every
//! way to get any of them again.

use nix::sys::resource::{Resource, setrlimit};
use nix::unistd::{Gid, Uid, setgroups, setresgid, setresuid};
use rustix::thread::{
    CapabilitySet, CapabilitySets, capabilities, clear_ambient_capability_set, configure_capability_in_ambient_set,
    remove_capability_from_bounding_set, set_capabilities, set_keep_capabilities, set_no_new_privs,
};
use serde::{Deserialize, Serialize};

use crate::walls::{WallName, Without};

/// Descriptors of a process. In fast mode a kernel has one for each program of the guest.
pub const FILES: u64 = 4096;

#[derive(Debug, thiserror::Error)]
pub enum RightsError {
    #[error("limiting {0:?}")]
    Limit(Resource, #[source] nix::Error),
    #[error("forbidding core dumps")]
    CoreLimit(#[source] nix::Error),
    #[error("emptying the bounding set")]
    Bounding(#[source] rustix::io::Errno),
    #[error("having the owner's group and no other")]
    Group(#[source] nix::Error),
    #[error("becoming the guest's user")]
    User(#[source] nix::Error),
    #[error("giving up capabilities")]
    Capabilities(#[source] rustix::io::Errno),
    #[error("giving up every future right")]
    NoNewPrivileges(#[source] rustix::io::Errno),
}

impl RightsError {
    pub fn wall(&self) -> WallName {
        match self {
            Self::Limit(..) | Self::CoreLimit(_) => WallName::Limits,
            Self::Bounding(_) | Self::Capabilities(_) => WallName::Capabilities,
            Self::Group(_) => WallName::Group,
            Self::User(_) => WallName::Uid,
            Self::NoNewPrivileges(_) => WallName::NoNewPrivileges,
        }
    }
}

/// Hard limits of a guest's processes, in bytes where nothing else is said (getrlimit(2)).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessLimits {
    /// The longest file that may be written: the disk, or the memory, which is a file too.
    pub file_size: u64,
    /// Open files of each process.
    pub files: u64,
}

/// What a process is and may before it gives that up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Before {
    /// Root of the host, and becomes these.
    Root { uid: u32, gid: u32 },
    /// Every right inside of a user namespace.
    UserNamespace,
    /// An ordinary user, with nothing to give up but the future.
    User,
}

pub fn give_up(before: Before, limits: ProcessLimits, without: &Without) -> Result<(), RightsError> {
    if without.keeps(WallName::Limits) {
        limit(limits)?;
    }

    // Before the user is changed: afterwards there is no right to do it.
    let kept = if without.keeps(WallName::Capabilities) {
        if before != Before::User {
            empty_bounding_set()?;
        }
        CapabilitySet::empty()
    } else {
        set_keep_capabilities(true).map_err(RightsError::Capabilities)?;
        capabilities(None).map_err(RightsError::Capabilities)?.permitted
    };

    // Groups first, for the same reason.
    if let Before::Root { uid, gid } = before {
        if without.keeps(WallName::Group) {
            let gid = Gid::from_raw(gid);
            setgroups(&[]).map_err(RightsError::Group)?;
            setresgid(gid, gid, gid).map_err(RightsError::Group)?;
        }
        let uid = Uid::from_raw(uid);
        setresuid(uid, uid, uid).map_err(RightsError::User)?;
    }

    // What a user namespace or a kept set still gave.
    clear_ambient_capability_set().map_err(RightsError::Capabilities)?;
    let sets = CapabilitySets { effective: kept, permitted: kept, inheritable: kept };
    set_capabilities(None, sets).map_err(RightsError::Capabilities)?;
    for capability in kept {
        configure_capability_in_ambient_set(capability, true).map_err(RightsError::Capabilities)?;
    }

    // No set-uid program gives anything back.
    if without.keeps(WallName::NoNewPrivileges) {
        set_no_new_privs(true).map_err(RightsError::NoNewPrivileges)?;
    }
    Ok(())
}

fn limit(limits: ProcessLimits) -> Result<(), RightsError> {
    // The memory of a guest in a core dump would lie about on the host.
    setrlimit(Resource::RLIMIT_CORE, 0, 0).map_err(RightsError::CoreLimit)?;
    for (what, most) in [
        (Resource::RLIMIT_NOFILE, limits.files),
        (Resource::RLIMIT_FSIZE, limits.file_size),
        (Resource::RLIMIT_MEMLOCK, 0),
        (Resource::RLIMIT_MSGQUEUE, 0),
    ] {
        // More than the host gives is not ours to ask for.
        let (_, have) = nix::sys::resource::getrlimit(what).map_err(|e| RightsError::Limit(what, e))?;
        let most = most.min(have);
        setrlimit(what, most, most).map_err(|e| RightsError::Limit(what, e))?;
    }
    Ok(())
}

/// Every capability that the host's kernel has, also those that were invented after this program.
fn empty_bounding_set() -> Result<(), RightsError> {
    for number in 0..64 {
        let capability = CapabilitySet::from_bits_retain(1 << number);
        match remove_capability_from_bounding_set(capability) {
            // There are no more.
            Err(rustix::io::Errno::INVAL) => break,
            done => done.map_err(RightsError::Bounding)?,
        }
    }
    Ok(())
}
