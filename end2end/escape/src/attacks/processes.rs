//! Processes of the host, of a sibling, and the shim.

use std::fs;

use super::{Aim, Attack};
use crate::call::{Refused, address, call, content, kill, refused, room, text, words};

pub(super) const ATTACKS: &[(&str, Attack)] = &[
    ("host-process-seen", see),
    ("sibling-signal", signal),
    ("sibling-trace", trace),
    ("shim-trace", trace_parent),
    ("sibling-environment", environment),
    ("sibling-root", root_of),
    ("sibling-memory-file", memory_file),
    ("sibling-memory-call", memory_call),
    ("sibling-descriptor", descriptor),
    ("host-namespace", enter_namespace),
    ("host-shared-memory-seen", shared_memory_seen),
    ("host-shared-memory", shared_memory),
    ("host-name", host_name),
    ("name-shared", name_shared),
];

/// Whether the process has that name; pids of others are no secret that could be guessed.
fn see(aim: &Aim<'_>) -> Result<(), Refused> {
    let name = words(&format!("/proc/{}/comm", aim.number(0)?))?;
    (name.trim() == aim.word(1)?).then_some(()).ok_or(libc::ESRCH)
}

/// Harmless to whoever runs.
fn signal(aim: &Aim<'_>) -> Result<(), Refused> {
    kill(aim.number(0)?, libc::SIGCONT)
}

fn seize(pid: usize) -> Result<(), Refused> {
    const SEIZE: usize = 0x4206;
    call(libc::SYS_ptrace, &[SEIZE, pid]).map(drop)
}

fn trace(aim: &Aim<'_>) -> Result<(), Refused> {
    seize(aim.number(0)?)
}

/// The shim is the parent of the kernel, whose child makes this attack.
fn trace_parent(_: &Aim<'_>) -> Result<(), Refused> {
    let parent = call(libc::SYS_getppid, &[])?;
    let stat = words(&format!("/proc/{parent}/stat"))?;
    let fields = stat.rsplit_once(") ").map_or("", |(_, fields)| fields);
    let shim = fields.split(' ').nth(1).and_then(|field| field.parse().ok()).ok_or(libc::ESRCH)?;
    seize(shim)
}

fn environment(aim: &Aim<'_>) -> Result<(), Refused> {
    let read = content(&format!("/proc/{}/environ", aim.number(0)?))?;
    if read.is_empty() { Err(libc::ENODATA) } else { Ok(()) }
}

/// A sibling's root directory, reached through it.
fn root_of(aim: &Aim<'_>) -> Result<(), Refused> {
    fs::File::open(format!("/proc/{}/root/disk0", aim.number(0)?)).map(drop).map_err(|e| refused(&e))
}

fn memory_file(aim: &Aim<'_>) -> Result<(), Refused> {
    fs::File::open(format!("/proc/{}/mem", aim.number(0)?)).map(drop).map_err(|e| refused(&e))
}

/// One byte at an address where there may be nothing: EFAULT means that one may ask.
fn memory_call(aim: &Aim<'_>) -> Result<(), Refused> {
    let mut byte = [0];
    let here = [room(&mut byte), 1];
    let there = [4096usize, 1];
    let asked = [aim.number(0)?, address(here.as_slice()), 1, address(there.as_slice()), 1, 0];
    match call(libc::SYS_process_vm_readv, &asked) {
        Ok(_) | Err(libc::EFAULT) => Ok(()),
        Err(error) => Err(error),
    }
}

fn descriptor(aim: &Aim<'_>) -> Result<(), Refused> {
    let pid = call(libc::SYS_pidfd_open, &[aim.number(0)?])?;
    call(libc::SYS_pidfd_getfd, &[pid, 0]).map(drop)
}

fn enter_namespace(aim: &Aim<'_>) -> Result<(), Refused> {
    let path = text(&format!("/proc/{}/ns/net", aim.number(0)?));
    let namespace = call(libc::SYS_openat, &[0, address(path.to_bytes_with_nul()), 0])?;
    call(libc::SYS_setns, &[namespace]).map(drop)
}

/// System V shared memory of the host by its number.
fn shared_memory(aim: &Aim<'_>) -> Result<(), Refused> {
    let only_reading = 0o10000;
    call(libc::SYS_shmat, &[aim.number(0)?, 0, only_reading]).map(drop)
}

fn shared_memory_seen(aim: &Aim<'_>) -> Result<(), Refused> {
    let all = words("/proc/sysvipc/shm")?;
    let number = aim.word(0)?;
    all.lines().any(|line| line.split_whitespace().nth(1) == Some(number)).then_some(()).ok_or(libc::ENOENT)
}

fn is_the_hosts(aim: &Aim<'_>) -> Result<(), Refused> {
    let own = fs::read_link("/proc/self/ns/uts").map_err(|e| refused(&e))?;
    (own.as_os_str() == aim.word(0)?).then_some(()).ok_or(libc::EXDEV)
}

/// Whether the host's name is ours too.
fn name_shared(aim: &Aim<'_>) -> Result<(), Refused> {
    is_the_hosts(aim)
}

/// Gives the host the name that it has: whoever may do that may give it another.
fn host_name(aim: &Aim<'_>) -> Result<(), Refused> {
    is_the_hosts(aim)?;
    let name = aim.word(1)?;
    call(libc::SYS_sethostname, &[address(name), name.len()]).map(drop)
}
