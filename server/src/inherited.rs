//! A listening socket that systemd hands in (sd_listen_fds(3)): how an unprivileged panel has a port
//! below 1024.

use std::net::TcpListener;
use std::os::fd::{FromRawFd as _, OwnedFd, RawFd};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::sys::socket::{getsockopt, sockopt};

/// The first descriptor that is handed in (SD_LISTEN_FDS_START).
const FIRST: RawFd = 3;

#[derive(Debug, thiserror::Error)]
pub enum InheritedError {
    #[error("{0} sockets were handed in, and the panel listens on one: leave one ListenStream in the socket unit")]
    Many(String),
    #[error("the descriptor that was handed in is no listening socket")]
    NotListening,
    #[error("the descriptor that was handed in can't be used: {0}")]
    Call(#[source] Errno),
}

/// The socket that was handed to this very process, if one was.
pub fn listener() -> Result<Option<TcpListener>, InheritedError> {
    let variable = |name| std::env::var(name).unwrap_or_default();
    if variable("LISTEN_PID") != std::process::id().to_string() {
        return Ok(None);
    }
    match variable("LISTEN_FDS").as_str() {
        "" | "0" => return Ok(None),
        "1" => {}
        many => return Err(InheritedError::Many(many.to_owned())),
    }
    #[expect(unsafe_code, reason = "a descriptor that another process left open has no owner in this one yet")]
    // SAFETY: the variables promise it to this process (sd_listen_fds(3)), and this is called once.
    let fd = unsafe { OwnedFd::from_raw_fd(FIRST) };
    fcntl(&fd, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC)).map_err(InheritedError::Call)?;
    match getsockopt(&fd, sockopt::AcceptConn) {
        Ok(true) => Ok(Some(TcpListener::from(fd))),
        Ok(false) | Err(Errno::ENOTSOCK) => Err(InheritedError::NotListening),
        Err(error) => Err(InheritedError::Call(error)),
    }
}
