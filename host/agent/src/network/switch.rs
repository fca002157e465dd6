//! A real `vde_switch` for each network that has guests on one: a small process of the network's own
//! user, which outlives the agent and is found again by pid, start time and boot.

use std::fs;
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt, chown};
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nix::unistd::Uid;
use umbel_guest::GuestId;

use super::NetworkError;
use super::program::find;
use super::record::Process;
use crate::process;

/// As many as a /24 has guests.
const PORTS: &str = "254";
/// How long it may take to listen, and to answer.
const PATIENCE: Duration = Duration::from_secs(3);

/// What a guest needs of a switch: the socket that frames come and go on, and the one that must stay
/// open for as long as it is plugged in.
#[derive(Debug)]
pub struct Cable {
    pub frames: OwnedFd,
    pub control: OwnedFd,
}

/// Starts one in a directory of its own. What an earlier one left there goes.
pub fn start(directory: &Path, user: u32) -> Result<Process, NetworkError> {
    let failed = |source| NetworkError::Switch { directory: directory.to_owned(), source };
    let program = find("vde_switch", "vde2")?;
    // A session of its own: neither Ctrl-C nor a closed terminal of the agent is meant for it.
    let session = find("setsid", "util-linux")?;
    stop_leftovers(directory).map_err(failed)?;
    let made = fs::DirBuilder::new().recursive(true).mode(0o711).create(directory.parent().unwrap_or(directory));
    made.and_then(|()| fs::DirBuilder::new().mode(0o700).create(directory)).map_err(failed)?;
    let mut command = Command::new(session);
    command.arg(program).args(["--numports", PORTS, "--mode", "0600", "--sock"]).arg(sockets(directory));
    command.env_clear().env("HOME", directory).current_dir(directory);
    // It ends at the end of its standard input: this one never has anything to read, nor an end.
    let silence = OwnedFd::from(UnixDatagram::unbound().map_err(failed)?);
    command.stdin(silence).stdout(Stdio::null()).stderr(Stdio::null());
    if Uid::effective().is_root() {
        chown(directory, Some(user), Some(user)).map_err(failed)?;
        // With the user the other groups go as well.
        command.uid(user).gid(user);
    }
    let mut child = command.spawn().map_err(failed)?;
    let pid = i32::try_from(child.id()).map_err(|e| failed(io::Error::other(e)))?;
    let until = Instant::now() + PATIENCE;
    while UnixStream::connect(control_socket(directory)).is_err() {
        if let Some(status) = child.try_wait().map_err(failed)? {
            return Err(failed(io::Error::other(format!("it ended at once, {status}"))));
        }
        if Instant::now() > until {
            return Err(failed(io::Error::new(io::ErrorKind::TimedOut, "it doesn't listen")));
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    let start_time = process::start_time(pid).unwrap_or_default();
    Ok(Process { pid, start_time, boot_id: process::boot_id().map_err(failed)? })
}

pub fn is_there(switch: &Process) -> bool {
    // One that has ended is in the process table until somebody has asked for its status.
    process::reap(switch.pid);
    process::open_process(switch.pid, switch.start_time, &switch.boot_id).is_some()
}

/// Ends it and removes its directory. Repeating it does no harm.
pub fn end(directory: &Path, switch: Option<&Process>) -> Result<(), NetworkError> {
    if let Some(switch) = switch
        && let Some(pidfd) = process::open_process(switch.pid, switch.start_time, &switch.boot_id)
    {
        // ESRCH: it has just ended.
        let _ = rustix::process::pidfd_send_signal(&pidfd, rustix::process::Signal::KILL);
        process::wait_for(switch.pid);
    }
    stop_leftovers(directory).map_err(|source| NetworkError::Switch { directory: directory.to_owned(), source })
}

/// Plugs a guest in, by the switch's own protocol (vde2, src/vde_switch/datasock.c): a request with the
/// address of a datagram socket over a stream; the answer is the address of the switch's.
pub fn join(directory: &Path, user: u32, guest: GuestId) -> Result<Cable, NetworkError> {
    let failed = |source| NetworkError::Switch { directory: directory.to_owned(), source };
    let own = cable(directory, guest);
    remove(&own).map_err(failed)?;
    let frames = UnixDatagram::bind(&own).map_err(failed)?;
    // The switch sends to it by name.
    fs::set_permissions(&own, fs::Permissions::from_mode(0o600)).map_err(failed)?;
    if Uid::effective().is_root() {
        chown(&own, Some(user), Some(user)).map_err(failed)?;
    }
    let mut control = UnixStream::connect(control_socket(directory)).map_err(failed)?;
    control.set_read_timeout(Some(PATIENCE)).map_err(failed)?;
    control.write_all(&request(&own, guest)).map_err(failed)?;
    let mut answer = [0; ADDRESS];
    control.read_exact(&mut answer).map_err(failed)?;
    frames.connect(peer(&answer).ok_or_else(|| failed(io::Error::other("it answered no address")))?).map_err(failed)?;
    control.set_read_timeout(None).map_err(failed)?;
    Ok(Cable { frames: frames.into(), control: control.into() })
}

/// Takes away what a guest's end left of its cable. Repeating it does no harm.
pub fn unplug(directory: &Path, guest: GuestId) -> Result<(), NetworkError> {
    let failed = |source| NetworkError::Switch { directory: directory.to_owned(), source };
    remove(&cable(directory, guest)).map_err(failed)
}

/// Length of a `sockaddr_un`: the family and 108 bytes of path (unix(7)).
const ADDRESS: usize = 110;
const MAGIC: u32 = 0xfeed_face;
const PROTOCOL: u32 = 3;
/// A new port, its number chosen by the switch.
const NEW_CONTROL: u32 = 0;

fn request(own: &Path, guest: GuestId) -> Vec<u8> {
    let mut request = Vec::new();
    for number in [MAGIC, PROTOCOL, NEW_CONTROL] {
        request.extend(number.to_ne_bytes());
    }
    let family = u16::try_from(libc::AF_UNIX).unwrap_or_default();
    request.extend(family.to_ne_bytes());
    request.extend(own.as_os_str().as_bytes());
    request.resize(12 + ADDRESS, 0);
    request.extend(guest.short().as_bytes());
    request.push(0);
    request
}

fn peer(answer: &[u8; ADDRESS]) -> Option<&Path> {
    let path = answer[2..].split(|byte| *byte == 0).next()?;
    let path = Path::new(std::ffi::OsStr::from_bytes(path));
    path.is_absolute().then_some(path)
}

fn sockets(directory: &Path) -> PathBuf {
    directory.join("s")
}

fn control_socket(directory: &Path) -> PathBuf {
    sockets(directory).join("ctl")
}

fn cable(directory: &Path, guest: GuestId) -> PathBuf {
    directory.join(guest.short())
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Processes that work in the directory, and the directory.
fn stop_leftovers(directory: &Path) -> io::Result<()> {
    if !directory.exists() {
        return Ok(());
    }
    process::end_all_in(directory)?;
    fs::remove_dir_all(directory)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_as_the_switch_reads_it() {
        let guest: GuestId = "0190a000-0000-7000-8000-0123456789ab".parse().expect("an id");
        let request = request(Path::new("/r/v/a/0123456789ab"), guest);
        assert_eq!(request.len(), 12 + ADDRESS + 13);
        assert_eq!(request[..4], MAGIC.to_ne_bytes());
        assert_eq!(request[14..33], *b"/r/v/a/0123456789ab");
        assert!(request.ends_with(b"0123456789ab\0"));
    }

    #[test]
    fn only_an_absolute_path_is_an_answer() {
        let mut answer = [0; ADDRESS];
        assert_eq!(peer(&answer), None);
        answer[2..7].copy_from_slice(b"/r/v1");
        assert_eq!(peer(&answer), Some(Path::new("/r/v1")));
    }
}
