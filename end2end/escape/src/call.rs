//! Plain system calls: an attacker asks for what no library wraps.

use std::ffi::CString;
use std::fs::File;
use std::io::Read;
use std::sync::atomic::{AtomicI32, Ordering};

/// An error number of the host's kernel, errno(3).
pub type Refused = i32;

/// One system call. Attackers pass it nonsense on purpose; pointers are made of what lives through the call.
#[expect(unsafe_code, reason = "system calls are what attacks are made of")]
pub fn call(number: i64, arguments: &[usize]) -> Result<usize, Refused> {
    let at = |i: usize| arguments.get(i).copied().unwrap_or_default();
    // SAFETY: this process and its children are a probe with one thread; whatever a call does to its memory
    // ends the probe at worst, and that is no theft.
    let answer = unsafe { libc::syscall(number, at(0), at(1), at(2), at(3), at(4), at(5)) };
    usize::try_from(answer).map_err(|_| last())
}

pub fn last() -> Refused {
    std::io::Error::last_os_error().raw_os_error().unwrap_or(libc::EIO)
}

pub fn refused(error: &std::io::Error) -> Refused {
    error.raw_os_error().unwrap_or(libc::EIO)
}

pub fn text(words: &str) -> CString {
    CString::new(words).unwrap_or_default()
}

/// Address of a value, for a call that reads or fills it.
pub fn address<T: ?Sized>(value: &T) -> usize {
    std::ptr::from_ref(value).cast::<u8>().expose_provenance()
}

/// Address of room that a call fills.
pub fn room(buffer: &mut [u8]) -> usize {
    buffer.as_mut_ptr().expose_provenance()
}

/// What a child ended with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    Status(i32),
    Signal(i32),
}

/// Does it in a process of its own: what kills the attacker must not end the series.
pub fn in_child(attack: impl FnOnce() -> i32) -> Result<End, Refused> {
    let child = fork()?;
    if child == 0 {
        std::process::exit(attack());
    }
    wait(child)
}

/// The child's pid, or 0 in the child. By clone(2): a filter may know only that one.
pub fn fork() -> Result<usize, Refused> {
    call(libc::SYS_clone, &[libc::SIGCHLD.unsigned_abs() as usize])
}

pub fn wait(child: usize) -> Result<End, Refused> {
    let status = AtomicI32::new(0);
    call(libc::SYS_wait4, &[child, address(&status)])?;
    let status = status.load(Ordering::Relaxed);
    Ok(if libc::WIFSIGNALED(status) {
        End::Signal(libc::WTERMSIG(status))
    } else {
        End::Status(libc::WEXITSTATUS(status))
    })
}

pub fn kill(pid: usize, signal: i32) -> Result<(), Refused> {
    call(libc::SYS_kill, &[pid, signal.unsigned_abs() as usize]).map(drop)
}

/// The content of a file. Without fstat(2), which is no call of a kernel's and may be a wall of its own.
pub fn content(path: &str) -> Result<Vec<u8>, Refused> {
    let mut file = File::open(path).map_err(|e| refused(&e))?;
    let (mut all, mut part) = (Vec::new(), [0; 4096]);
    loop {
        match file.read(&mut part).map_err(|e| refused(&e))? {
            0 => return Ok(all),
            length => all.extend_from_slice(&part[..length]),
        }
    }
}

pub fn words(path: &str) -> Result<String, Refused> {
    content(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}
