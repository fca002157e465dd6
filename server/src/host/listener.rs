//! A descriptor that the agent sends: the socket that a build's loopback is served on.

use std::io::{self, IoSliceMut};
use std::net::TcpListener;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg};
use tokio::io::Interest;
use tokio::net::UnixStream;

/// It comes with one byte of its own (unix(7), SCM_RIGHTS).
pub(super) async fn receive(from: &UnixStream) -> io::Result<TcpListener> {
    let came = from.async_io(Interest::READABLE, || take(from)).await?;
    let listener = TcpListener::from(came);
    listener.set_nonblocking(true)?;
    Ok(listener)
}

#[expect(unsafe_code, reason = "taking ownership of a descriptor that was sent")]
fn take(from: &UnixStream) -> io::Result<OwnedFd> {
    let (mut byte, mut space) = ([0], nix::cmsg_space!([RawFd; 1]));
    let mut parts = [IoSliceMut::new(&mut byte)];
    let flags = MsgFlags::MSG_CMSG_CLOEXEC | MsgFlags::MSG_DONTWAIT;
    let came = recvmsg::<()>(from.as_raw_fd(), &mut parts, Some(&mut space), flags)?;
    for message in came.cmsgs()? {
        if let ControlMessageOwned::ScmRights(all) = message
            && let Some(first) = all.first()
        {
            // SAFETY: the kernel has just made it for us; the buffer has room for one.
            return Ok(unsafe { OwnedFd::from_raw_fd(*first) });
        }
    }
    Err(io::Error::other("no socket came"))
}
