//! Files of the host, of the panel and of a sibling.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::unix::net::{UnixDatagram, UnixStream};

use super::{Aim, Attack};
use crate::call::{End, Refused, address, call, in_child, refused, room, text};

pub(super) const ATTACKS: &[(&str, Attack)] = &[
    ("host-file", read),
    ("panel-file", read),
    ("sibling-disk-read", read),
    ("sibling-disk-write", write),
    ("sibling-volume-write", write),
    ("sibling-ring", read),
    ("agent-socket", connect),
    ("sibling-shim-socket", connect),
    ("sibling-notices", send),
    ("host-write", make),
    ("host-program", run),
    ("set-user-id", run_as_another),
    ("disk-program", map_as_program),
    ("walk-up", walk_up),
    ("file-handle", by_handle),
    ("host-list", list),
];

fn read(aim: &Aim<'_>) -> Result<(), Refused> {
    let mut first = [0; 1];
    File::open(aim.word(0)?).and_then(|mut file| file.read_exact(&mut first)).map_err(|e| refused(&e))
}

fn list(aim: &Aim<'_>) -> Result<(), Refused> {
    let name = aim.word(1)?;
    let mut entries = fs::read_dir(aim.word(0)?).map_err(|e| refused(&e))?.filter_map(Result::ok);
    entries.any(|entry| entry.file_name() == name).then_some(()).ok_or(libc::ENOENT)
}

/// Behind everything that is there.
fn write(aim: &Aim<'_>) -> Result<(), Refused> {
    let file = File::options().append(true).open(aim.word(0)?);
    file.and_then(|mut file| file.write_all(b"stolen")).map_err(|e| refused(&e))
}

fn make(aim: &Aim<'_>) -> Result<(), Refused> {
    File::create(aim.word(0)?).map(drop).map_err(|e| refused(&e))
}

fn connect(aim: &Aim<'_>) -> Result<(), Refused> {
    UnixStream::connect(aim.word(0)?).map(drop).map_err(|e| refused(&e))
}

/// An empty datagram to the first that takes it.
fn send(aim: &Aim<'_>) -> Result<(), Refused> {
    let socket = UnixDatagram::unbound().map_err(|e| refused(&e))?;
    let mut sent = aim.words.iter().map(|path| socket.send_to(b"", path).map(drop).map_err(|e| refused(&e)));
    sent.find(Result::is_ok).unwrap_or(Err(libc::ECONNREFUSED))
}

/// What isn't of the kernel's own memory may not be run; a wall that is gone lets it.
fn run(aim: &Aim<'_>) -> Result<(), Refused> {
    execute(aim.word(0)?, &[])
}

/// A program that ends well when its effective user is root.
fn run_as_another(aim: &Aim<'_>) -> Result<(), Refused> {
    execute(aim.word(0)?, &["--who"])
}

fn execute(program: &str, arguments: &[&str]) -> Result<(), Refused> {
    let words: Vec<_> = [program].iter().chain(arguments).map(|word| text(word)).collect();
    let pointers: Vec<usize> = words.iter().map(|word| address(word.to_bytes_with_nul())).chain([0]).collect();
    let ended = in_child(|| {
        let arguments = [address(words[0].to_bytes_with_nul()), address(pointers.as_slice()), 0];
        call(libc::SYS_execve, &arguments).err().unwrap_or(libc::EIO)
    })?;
    match ended {
        End::Status(0) => Ok(()),
        End::Status(error) => Err(error),
        End::Signal(_) => Err(libc::EACCES),
    }
}

/// Programs come from the kernel's own tmpfs only: a disk that is mapped as one would make anything of the
/// guest's a program of the host.
fn map_as_program(aim: &Aim<'_>) -> Result<(), Refused> {
    use std::os::fd::AsRawFd;
    let file = File::open(aim.disk).map_err(|e| refused(&e))?;
    let number = file.as_raw_fd().unsigned_abs() as usize;
    let rights = (libc::PROT_READ | libc::PROT_EXEC).unsigned_abs() as usize;
    call(libc::SYS_mmap, &[0, 4096, rights, libc::MAP_PRIVATE.unsigned_abs() as usize, number, 0]).map(drop)
}

/// Above the root directory there is nothing.
fn walk_up(aim: &Aim<'_>) -> Result<(), Refused> {
    let path = format!("{}{}", "../".repeat(32), aim.word(0)?.trim_start_matches('/'));
    let mut first = [0; 1];
    File::open(path).and_then(|mut file| file.read_exact(&mut first)).map_err(|e| refused(&e))
}

/// Opens the root directory of the file system that the disk lies on by its number instead of its name
/// (open_by_handle_at(2)): this is how containers were left.
fn by_handle(aim: &Aim<'_>) -> Result<(), Refused> {
    use std::os::fd::AsRawFd;
    let disk = File::open(aim.disk).map_err(|e| refused(&e))?;
    let on = disk.as_raw_fd().unsigned_abs() as usize;
    // Length, kind and the file's number with its generation, which no root directory has.
    let mut handle = [8u32.to_ne_bytes(), 1u32.to_ne_bytes(), 2u32.to_ne_bytes(), 0u32.to_ne_bytes()].concat();
    let flags = (libc::O_RDONLY | libc::O_DIRECTORY).unsigned_abs() as usize;
    let root = call(libc::SYS_open_by_handle_at, &[on, room(&mut handle), flags])?;
    let name = text(aim.word(0)?.trim_start_matches('/'));
    call(libc::SYS_openat, &[root, address(name.to_bytes_with_nul()), 0]).map(drop)
}
