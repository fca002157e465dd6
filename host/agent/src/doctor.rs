//! What is said of each wall: what it does, or why it doesn't stand and what would help.

use umbel_guest::WallState;
use umbel_wire::agent::Wall;

use crate::state::Walls;
use crate::walls::{WallName, Without};

/// Every wall in the order in which they are raised.
pub fn walls(walls: &Walls, without: &Without) -> Vec<Wall> {
    let wall = |name: WallName| {
        let state = match without.keeps(name).then(|| about(walls, name)) {
            Some(Ok(does)) => WallState::Stands { does },
            Some(Err(why)) => WallState::Missing { why },
            None => WallState::SwitchedOff,
        };
        Wall { name: name.to_string(), state }
    };
    WallName::ALL.into_iter().map(wall).collect()
}

/// What a wall does, or why it can't be had.
fn about(walls: &Walls, name: WallName) -> Result<String, String> {
    match name {
        WallName::Landlock => return landlock_abi().map(|abi| format!("{LANDLOCK} This host's version is {abi}.")),
        WallName::Seccomp => return check_seccomp().map(|()| SECCOMP.to_owned()),
        _ => {}
    }
    match walls {
        Walls::Hosting { cgroups, .. } => match (name, cgroups) {
            (WallName::Cgroup, Ok(cgroups)) => {
                Ok(format!("Memory, processes and weight are limited, cgroup version {}.", cgroups.version()))
            }
            (WallName::Cgroup, Err(reason)) => Err(format!("No guest can be started: {reason}.")),
            (WallName::Devices, Ok(cgroups)) if !cgroups.has_devices() => Ok(format!(
                "{} The host has no device controller besides (cgroup version 1 has one).",
                in_hosting(name)
            )),
            _ => Ok(in_hosting(name).to_owned()),
        },
        Walls::Personal { namespaces: Ok(()) } => in_user_namespace(name),
        Walls::Personal { namespaces: Err(reason) } => bare(name, reason),
    }
}

const LANDLOCK: &str =
    "Its kernel process writes to its disk and memory only, and reads nothing outside of its root directory.";
const SECCOMP: &str =
    "Only system calls that a kernel makes are answered; others end a guest in strict mode and fail in fast mode.";

/// LANDLOCK_CREATE_RULESET_VERSION of include/uapi/linux/landlock.h.
const LANDLOCK_VERSION: u32 = 1;

/// Which version of Landlock the host's kernel has, or why it has none.
#[expect(unsafe_code, reason = "landlock_create_ruleset(2), which only asks here")]
pub fn landlock_abi() -> Result<i64, String> {
    // SAFETY: without a structure and with this flag it tells a number and makes nothing.
    let abi = unsafe { libc::syscall(libc::SYS_landlock_create_ruleset, std::ptr::null::<u8>(), 0, LANDLOCK_VERSION) };
    match nix::errno::Errno::result(abi) {
        Ok(abi) => Ok(abi),
        Err(error) => Err(format!(
            "The host's kernel has none ({error}); the other walls stand without it. It begins with Linux 5.13, and is listed in the kernel's parameter lsm=."
        )),
    }
}

/// Whether the host's kernel can filter system calls and end who makes another.
#[expect(unsafe_code, reason = "seccomp(2), which only asks here")]
pub fn check_seccomp() -> Result<(), String> {
    let action = libc::SECCOMP_RET_KILL_PROCESS;
    // SAFETY: reads one number, which lives through the call.
    let known = unsafe { libc::syscall(libc::SYS_seccomp, libc::SECCOMP_GET_ACTION_AVAIL, 0, &raw const action) };
    match nix::errno::Errno::result(known) {
        Ok(_) => Ok(()),
        Err(error) => {
            Err(format!("The host's kernel can't filter system calls ({error}): it needs CONFIG_SECCOMP_FILTER."))
        }
    }
}

fn in_hosting(name: WallName) -> &'static str {
    match name {
        WallName::Cgroup => "Memory, processes and weight are limited.",
        WallName::NetworkNamespace => "A guest's processes see no network of the host's, only their owner's.",
        WallName::PidNamespace => "Each guest sees its own processes only, and none outlives its shim.",
        WallName::MountNamespace => "Each guest's memory lies in a tmpfs that nobody else sees.",
        WallName::IpcNamespace => "Shared memory and message queues are a guest's own.",
        WallName::UtsNamespace => "The host's name is not a guest's to see or change.",
        WallName::RootDirectory => {
            "A guest's processes see their kernel, disk and memory, and no other file of the host."
        }
        WallName::Devices => {
            "There is null, zero and urandom, its own net/tun for a guest with a tap, and no other device."
        }
        WallName::Limits => "No core dumps; open files, and how long a file may become, are limited.",
        WallName::Uid => "Each guest has a host user of its own.",
        WallName::Group => "Its owner's group is the only one of a guest's processes.",
        WallName::Capabilities => "A guest's processes have none, and can get none.",
        WallName::NoNewPrivileges => "No set-uid program gives a guest anything.",
        WallName::Landlock => LANDLOCK,
        WallName::Seccomp => SECCOMP,
    }
}

fn in_user_namespace(name: WallName) -> Result<String, String> {
    match name {
        WallName::PidNamespace => Ok("In a user namespace: none of its processes outlives its shim.".into()),
        WallName::Cgroup => Err("Limits need an agent that runs as root.".into()),
        WallName::Uid => Err(AS_YOU.into()),
        WallName::Group => Err("Guests have your groups. An agent run as root gives them their owner's only.".into()),
        _ => Ok(in_hosting(name).to_owned()),
    }
}

const AS_YOU: &str = "Guests run as you: for guests that you trust. An agent run as root gives each its own.";

fn bare(name: WallName, reason: &str) -> Result<String, String> {
    match name {
        WallName::Cgroup | WallName::Uid | WallName::Group => in_user_namespace(name),
        WallName::Limits | WallName::Capabilities | WallName::NoNewPrivileges => Ok(in_hosting(name).to_owned()),
        _ => Err(format!(
            "This host allows no user namespaces ({reason}); guests are ended by process instead. See the sysctl user.max_user_namespaces."
        )),
    }
}
