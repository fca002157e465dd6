//! A guest's cable to a `vde_switch`, and how it is plugged into the next one while the guest runs.
//!
//! The guest's kernel inherits one datagram socket and knows no other. Whoever has a copy of that
//! descriptor can connect(2) the socket anew, and the kernel's end leads there too. The shim has a copy, and
//! beside it what must stay open: the [keeper](Cable::keeper).

use std::fs;
use std::io::{self, IoSlice, Read, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::sys::socket::{ControlMessage, MsgFlags, UnixAddr, bind, sendmsg};
use nix::unistd::Uid;
use rustix::process::{PidfdGetfdFlags, pidfd_getfd};
use umbel_guest::GuestId;
use umbel_wire::launch::{CARD_CONTROL_FD, CARD_FD};

use super::record::Process;
use super::switch::OwnSocket;
use super::{NetworkError, switch};
use crate::in_full;

/// How long the switch may take to answer.
const PATIENCE: Duration = Duration::from_secs(3);
/// More than a keeper ever holds: a shim's word is a guest's.
const KEPT_MAX: usize = 16;

/// What a guest needs of a switch.
#[derive(Debug)]
pub struct Cable {
    /// Where frames come and go.
    pub frames: OwnedFd,
    /// A datagram socket that is connected with itself. In its queue lie the stream that keeps the port for
    /// as long as it is open, and a copy of the switch's own end: a kernel that sends to an end that is
    /// gone takes its card for broken and never sends again, one whose switch only doesn't read waits.
    pub keeper: OwnedFd,
}

/// Plugs a guest in that is being started.
pub fn join(directory: &Path, user: u32, guest: GuestId, on: &Process) -> Result<Cable, NetworkError> {
    let failed = |source| NetworkError::Switch { directory: directory.to_owned(), source };
    let own = end(directory, guest);
    let frames = bound(&own, user).map_err(failed)?;
    let keeper = keeper().map_err(failed)?;
    let port = Port::new(directory, user, &own, guest).map_err(failed)?;
    frames.connect(port.socket.place()).map_err(failed)?;
    let its_end = port.its_end(on).inspect_err(|error| {
        tracing::warn!(%guest, cause = in_full(error), "if its switch ends, a guest may lose its card");
    });
    keep(&keeper, &port, its_end.as_ref().ok()).map_err(failed)?;
    Ok(Cable { frames: frames.into(), keeper: keeper.into() })
}

/// The same with a guest that runs; its shim's process has the cable (pidfd_getfd(2): root may, and whoever
/// made the shim's user namespace).
pub fn rejoin(directory: &Path, user: u32, guest: GuestId, on: &Process, shim: &OwnedFd) -> Result<(), NetworkError> {
    let of_shim = |number| pidfd_getfd(shim, number, PidfdGetfdFlags::empty()).map(UnixDatagram::from);
    let own = end(directory, guest);
    let joined = (|| {
        let (frames, keeper) = (of_shim(CARD_FD)?, of_shim(CARD_CONTROL_FD)?);
        let named = |socket: &UnixDatagram, path: Option<&Path>| {
            socket.local_addr().is_ok_and(|name| name.as_pathname() == path)
        };
        if !named(&frames, Some(&own)) || !named(&keeper, None) {
            return Err(io::Error::other("the shim holds something else than a cable of ours"));
        }
        // Nobody is connected with a socket that is connected with another, and the guest's must be with
        // one all the time. So the switch is given a stand-in, and its end then turned to the guest's.
        let stands_in = own.with_extension("new");
        let _stand_in = bound(&stands_in, user)?;
        let port = Port::new(directory, user, &stands_in, guest)?;
        remove(&stands_in)?;
        let its_end = port.its_end(on)?;
        disconnect(&its_end)?;
        frames.connect(port.socket.place())?;
        its_end.connect(&own)?;
        keep(&keeper, &port, Some(&its_end))
    })();
    joined.map_err(|source| NetworkError::Rejoin { directory: directory.to_owned(), source })
}

/// Takes away what a guest's end left of its cable. Repeating it does no harm.
pub fn unplug(directory: &Path, guest: GuestId) -> Result<(), NetworkError> {
    let failed = |source| NetworkError::Switch { directory: directory.to_owned(), source };
    remove(&end(directory, guest)).map_err(failed)
}

/// A port of the switch, there for as long as the stream is open.
struct Port {
    control: UnixStream,
    address: PathBuf,
    socket: OwnSocket,
}

impl Port {
    /// By the switch's own protocol (vde2, src/vde_switch/datasock.c): a request with the address of a
    /// datagram socket over a stream; the answer is the address of the switch's.
    fn new(directory: &Path, user: u32, socket: &Path, guest: GuestId) -> io::Result<Self> {
        let mut control = switch::control(directory, user)?;
        control.set_read_timeout(Some(PATIENCE))?;
        control.write_all(&request(socket, guest))?;
        let mut answer = [0; ADDRESS];
        control.read_exact(&mut answer)?;
        let address = peer(&answer).ok_or_else(|| io::Error::other("it answered no address"))?;
        let socket = OwnSocket::open(directory, address, user)?;
        Ok(Self { control, address: address.to_owned(), socket })
    }

    /// A copy of the switch's socket, whose name ends with the number that it has there.
    fn its_end(&self, on: &Process) -> io::Result<UnixDatagram> {
        let number = self.address.extension().and_then(|number| number.to_str()?.parse().ok());
        let number = number.ok_or_else(|| io::Error::other("a name without a number"))?;
        let process = switch::open(on).ok_or(io::ErrorKind::NotFound)?;
        let end = UnixDatagram::from(pidfd_getfd(&process, number, PidfdGetfdFlags::empty())?);
        match end.local_addr()?.as_pathname() == Some(&self.address) {
            true => Ok(end),
            false => Err(io::Error::other("the number is another's")),
        }
    }
}

/// In place of what an earlier switch left there.
fn keep(keeper: &UnixDatagram, port: &Port, its_end: Option<&UnixDatagram>) -> io::Result<()> {
    for _ in 0..KEPT_MAX {
        // Descriptors that nobody takes are closed.
        if keeper.recv(&mut [0]).is_err() {
            break;
        }
    }
    let kept: Vec<_> = [port.control.as_raw_fd()].into_iter().chain(its_end.map(AsRawFd::as_raw_fd)).collect();
    let rights = [ControlMessage::ScmRights(&kept)];
    let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL;
    sendmsg::<()>(keeper.as_raw_fd(), &[IoSlice::new(&[0])], &rights, flags, None)?;
    Ok(())
}

/// A socket of this name that the switch can send to.
fn bound(path: &Path, user: u32) -> io::Result<UnixDatagram> {
    remove(path)?;
    let socket = UnixDatagram::bind(path)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
    if Uid::effective().is_root() {
        chown(path, Some(user), Some(user))?;
    }
    Ok(socket)
}

/// Takes its peer from a socket (connect(2), AF_UNSPEC).
#[expect(unsafe_code, reason = "connect(2) to no address")]
fn disconnect(socket: &UnixDatagram) -> io::Result<()> {
    let family = libc::sa_family_t::try_from(libc::AF_UNSPEC).unwrap_or_default();
    let nowhere = libc::sockaddr { sa_family: family, sa_data: [0; 14] };
    let length = libc::socklen_t::try_from(size_of_val(&nowhere)).unwrap_or_default();
    // SAFETY: the address lives through the call, which reads no more than its length.
    nix::errno::Errno::result(unsafe { libc::connect(socket.as_raw_fd(), &raw const nowhere, length) })?;
    Ok(())
}

fn keeper() -> io::Result<UnixDatagram> {
    let keeper = UnixDatagram::unbound()?;
    // The host's kernel chooses a name (unix(7), autobind); who is connected hears nobody else.
    bind(keeper.as_fd().as_raw_fd(), &UnixAddr::new_unnamed())?;
    keeper.connect_addr(&keeper.local_addr()?)?;
    keeper.set_nonblocking(true)?;
    Ok(keeper)
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

fn end(directory: &Path, guest: GuestId) -> PathBuf {
    directory.join(guest.short())
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_keeper_holds_what_it_was_given_until_it_goes() {
        let keeper = keeper().expect("made");
        let (held, other) = UnixStream::pair().expect("a pair");
        let rights = [held.as_raw_fd()];
        let rights = [ControlMessage::ScmRights(&rights)];
        sendmsg::<()>(keeper.as_raw_fd(), &[IoSlice::new(&[0])], &rights, MsgFlags::empty(), None).expect("sent");
        drop(held);
        other.set_nonblocking(true).expect("set");
        let open = |mut other: &UnixStream| other.read(&mut [0]).is_err_and(|e| e.kind() == io::ErrorKind::WouldBlock);
        assert!(open(&other));
        drop(keeper);
        assert!(!open(&other));
    }

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
