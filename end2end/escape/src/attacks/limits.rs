//! Taking more than is one's own: until the host has no more for others.

use std::fs::{self, File};
use std::io::{Seek, SeekFrom, Write};

use super::{Aim, Attack};
use crate::call::{Refused, address, call, fork, kill, refused, wait};

pub(super) const ATTACKS: &[(&str, Attack)] = &[
    ("processes", processes),
    ("memory", memory),
    ("descriptors", descriptors),
    ("long-file", long_file),
    ("locked-memory", locked_memory),
    ("fill-work", fill_work),
    ("many-names", many_names),
    ("outlive-shim", outlive),
];

/// More processes than a guest may have.
fn processes(aim: &Aim<'_>) -> Result<(), Refused> {
    let most = aim.number(0)?;
    let mut children = Vec::new();
    let mut stopped = Ok(());
    while children.len() <= most {
        match fork() {
            Ok(0) => loop {
                let _ = call(libc::SYS_pause, &[]);
            },
            Ok(child) => children.push(child),
            Err(error) => {
                stopped = Err(error);
                break;
            }
        }
    }
    for child in children {
        let _ = kill(child, libc::SIGKILL);
        let _ = wait(child);
    }
    stopped
}

/// More memory than a guest has, every page of it written to.
fn memory(aim: &Aim<'_>) -> Result<(), Refused> {
    let mut parts: Vec<Vec<u8>> = Vec::new();
    for _ in 0..aim.number(0)? {
        let mut part = vec![0; 1 << 20];
        for page in part.chunks_mut(4096) {
            page[0] = 1;
        }
        parts.push(part);
    }
    std::hint::black_box(&parts);
    Ok(())
}

/// As far as one may raise it oneself.
fn raise(limit: u32) -> Result<(), Refused> {
    let mut now = [0u64; 2];
    call(libc::SYS_prlimit64, &[0, limit as usize, 0, now.as_mut_ptr().expose_provenance()])?;
    let wished = [now[1], now[1]];
    call(libc::SYS_prlimit64, &[0, limit as usize, address(&wished), 0]).map(drop)
}

fn descriptors(aim: &Aim<'_>) -> Result<(), Refused> {
    raise(libc::RLIMIT_NOFILE)?;
    for _ in 0..aim.number(0)? {
        call(libc::SYS_dup, &[0])?;
    }
    Ok(())
}

/// A file longer than disk and memory, of holes.
fn long_file(aim: &Aim<'_>) -> Result<(), Refused> {
    let mut file = File::options().write(true).open(aim.disk).map_err(|e| refused(&e))?;
    let length = file.seek(SeekFrom::End(0)).map_err(|e| refused(&e))?;
    file.set_len(16 << 30).map_err(|e| refused(&e))?;
    file.set_len(length).map_err(|e| refused(&e))
}

fn locked_memory(_: &Aim<'_>) -> Result<(), Refused> {
    raise(libc::RLIMIT_MEMLOCK)?;
    let rights = (libc::PROT_READ | libc::PROT_WRITE).unsigned_abs() as usize;
    let flags = (libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_LOCKED).unsigned_abs() as usize;
    call(libc::SYS_mmap, &[0, 4096, rights, flags, usize::MAX, 0]).map(drop)
}

/// More MiB than the guest's own directory has room for.
fn fill_work(aim: &Aim<'_>) -> Result<(), Refused> {
    let mut file = File::create("fill").map_err(|e| refused(&e))?;
    let part = vec![1; 1 << 20];
    let filled = (0..aim.number(0)?).try_for_each(|_| file.write_all(&part)).map_err(|e| refused(&e));
    fs::remove_file("fill").map_err(|e| refused(&e))?;
    filled
}

/// So many empty files.
fn many_names(aim: &Aim<'_>) -> Result<(), Refused> {
    let names: Vec<String> = (0..aim.number(0)?).map(|number| format!("name-{number}")).collect();
    let made = names.iter().try_for_each(|name| File::create(name).map(drop)).map_err(|e| refused(&e));
    for name in names {
        let _ = fs::remove_file(name);
    }
    made
}

/// Leaves a process behind that counts on the disk every 10 ms for a minute, in a session of its own and
/// with nobody above it: whether it outlives its guest is seen from outside.
fn outlive(aim: &Aim<'_>) -> Result<(), Refused> {
    use std::os::unix::fs::FileExt;
    let file = File::options().write(true).open(aim.disk).map_err(|e| refused(&e))?;
    let at = aim.number(0)? as u64;
    if fork()? > 0 {
        return Ok(());
    }
    call(libc::SYS_setsid, &[])?;
    if fork()? > 0 {
        std::process::exit(0);
    }
    for count in 1..6000u64 {
        file.write_all_at(&count.to_le_bytes(), at).map_err(|e| refused(&e))?;
        let pause = [0u64, 10_000_000];
        let _ = call(libc::SYS_nanosleep, &[address(&pause), 0]);
    }
    std::process::exit(0);
}
