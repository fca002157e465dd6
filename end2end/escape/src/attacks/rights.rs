//! Rights that a guest has given up, and parts of the host's kernel that it has no use for.

use super::{Aim, Attack};
use crate::call::{Refused, address, call, room, text, words};

pub(super) const ATTACKS: &[(&str, Attack)] = &[
    ("become-root", |_| call(libc::SYS_setresuid, &[0, 0, 0]).map(drop)),
    ("become-groups", |_| call(libc::SYS_setgroups, &[0, 0]).map(drop)),
    ("mount", |_| mount()),
    ("new-mount", |_| call(libc::SYS_fsopen, &[address(c"tmpfs".to_bytes_with_nul())]).map(drop)),
    ("make-device", |_| make_device()),
    ("change-root", |_| call(libc::SYS_chroot, &[address(c".".to_bytes_with_nul())]).map(drop)),
    ("own-network", |_| unshare(libc::CLONE_NEWNET)),
    ("own-user-namespace", |_| unshare(libc::CLONE_NEWUSER)),
    ("priority", |_| call(libc::SYS_setpriority, &[0, 0, usize::MAX - 9]).map(drop)),
    ("kernel-log", |_| kernel_log()),
    ("bpf", |_| bpf()),
    ("perf", |_| perf()),
    ("io-uring", |_| io_uring()),
    ("user-faults", |_| call(libc::SYS_userfaultfd, &[1]).map(drop)),
    ("keys", |_| keys()),
    ("host-key", host_key),
    ("sibling-key", sibling_key),
    ("leave-key", leave_key),
    ("type-into-terminal", |_| type_in()),
    ("capabilities", |_| capabilities()),
];

fn unshare(what: i32) -> Result<(), Refused> {
    call(libc::SYS_unshare, &[what.unsigned_abs() as usize]).map(drop)
}

fn mount() -> Result<(), Refused> {
    let kind = address(c"tmpfs".to_bytes_with_nul());
    call(libc::SYS_mount, &[kind, address(c".".to_bytes_with_nul()), kind, 0, 0]).map(drop)
}

/// The host's first disk, in the guest's own directory.
fn make_device() -> Result<(), Refused> {
    let mode = (libc::S_IFBLK | 0o666) as usize;
    call(libc::SYS_mknod, &[address(c"stolen-disk".to_bytes_with_nul()), mode, 254 << 8]).map(drop)
}

fn kernel_log() -> Result<(), Refused> {
    const READ_ALL: usize = 3;
    let mut buffer = [0; 256];
    call(libc::SYS_syslog, &[READ_ALL, room(&mut buffer), buffer.len()]).map(drop)
}

/// A map, which is the least that bpf(2) makes.
fn bpf() -> Result<(), Refused> {
    let array: [u32; 32] = std::array::from_fn(|i| *[2, 4, 4, 1].get(i).unwrap_or(&0));
    call(libc::SYS_bpf, &[0, address(&array), 20]).map(drop)
}

/// Counts the clock of this very process, without its kernel's part (perf_event_open(2)).
fn perf() -> Result<(), Refused> {
    const EXCLUDE_KERNEL_AND_HYPERVISOR: u64 = 1 << 5 | 1 << 6;
    let mut wish = [0u64; 16];
    // Type software and the length of this structure, then the counter task-clock.
    wish[0] = 1 | 128 << 32;
    wish[1] = 1;
    wish[5] = EXCLUDE_KERNEL_AND_HYPERVISOR;
    call(libc::SYS_perf_event_open, &[address(&wish), 0, usize::MAX, usize::MAX, 0]).map(drop)
}

fn io_uring() -> Result<(), Refused> {
    let mut parameters = [0; 120];
    call(libc::SYS_io_uring_setup, &[1, room(&mut parameters)]).map(drop)
}

const OF_THE_PROCESS: usize = usize::MAX - 1;
const OF_THE_USER: usize = usize::MAX - 3;

fn add_key(name: &str, ring: usize) -> Result<(), Refused> {
    let (kind, name) = (c"user".to_bytes_with_nul(), text(name));
    call(libc::SYS_add_key, &[address(kind), address(name.to_bytes_with_nul()), address(kind), 4, ring]).map(drop)
}

fn keys() -> Result<(), Refused> {
    add_key("umbel-escape", OF_THE_PROCESS)
}

/// For a sibling with the same user to find.
fn leave_key(aim: &Aim<'_>) -> Result<(), Refused> {
    add_key(aim.word(0)?, OF_THE_USER)
}

fn find_key(name: &str, ring: usize) -> Result<(), Refused> {
    const SEARCH: usize = 10;
    let name = text(name);
    let kind = address(c"user".to_bytes_with_nul());
    call(libc::SYS_keyctl, &[SEARCH, ring, kind, address(name.to_bytes_with_nul()), 0]).map(drop)
}

/// Keys of a user are one ring for all of its processes, in whatever namespace (user-keyring(7)).
fn sibling_key(aim: &Aim<'_>) -> Result<(), Refused> {
    find_key(aim.word(0)?, OF_THE_USER)
}

/// A key of the host that everybody may read if they know its number (keyrings(7)).
fn host_key(aim: &Aim<'_>) -> Result<(), Refused> {
    const READ: usize = 11;
    let mut content = [0; 16];
    call(libc::SYS_keyctl, &[READ, aim.number(0)?, room(&mut content), content.len()]).map(drop)
}

/// Takes the terminal for its own and types into it, as if somebody sat there (ioctl_tty(2), TIOCSTI).
fn type_in() -> Result<(), Refused> {
    const TAKE_TERMINAL: usize = 0x540e;
    const TYPE: usize = 0x5412;
    call(libc::SYS_setsid, &[])?;
    let steal = 0;
    call(libc::SYS_ioctl, &[0, TAKE_TERMINAL, steal])?;
    call(libc::SYS_ioctl, &[0, TYPE, address(b"\n")]).map(drop)
}

/// Any of the sets, as /proc says it.
fn capabilities() -> Result<(), Refused> {
    let status = words("/proc/self/status")?;
    let has = |set: &str| {
        let value = status.lines().find_map(|line| line.strip_prefix(set)).unwrap_or_default();
        !value.trim().trim_start_matches('0').is_empty()
    };
    ["CapInh:", "CapPrm:", "CapEff:", "CapBnd:", "CapAmb:"].into_iter().any(has).then_some(()).ok_or(libc::EPERM)
}
