//! The management console (mconsole), protocol version 2 (kernel: arch/um/drivers/mconsole.h).
//!
//! Requests and replies are single datagrams between Unix sockets. Whoever reaches the socket owns
//! the guest and more (`config ubd3=/any/file`), so only the guest's own shim ever does.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::time::Duration;

const MAGIC: u32 = 0xcafe_babe;
const VERSION: u32 = 2;
/// Length of the text field of a request and of a reply.
const TEXT: usize = 512;
/// A reply of more than this is cut: it is the guest's word.
const REPLY_MAX: usize = 64 * 1024;

/// What is ever said to a management console: a closed list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    Version,
    /// Ctrl-Alt-Del.
    Cad,
}

impl Command {
    fn text(self) -> &'static str {
        match self {
            Self::Version => "version",
            Self::Cad => "cad",
        }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum ManagementError {
    #[error("binding {path} for the management console's answer")]
    Bind { path: PathBuf, source: io::Error },
    #[error("sending {command:?} to the management console")]
    Send { command: Command, source: io::Error },
    #[error("waiting for the management console's answer to {command:?}")]
    Receive { command: Command, source: io::Error },
    #[error("the management console answered with something that is no reply")]
    BadReply,
    #[error("the guest refused {command:?}: {text}")]
    Refused { command: Command, text: String },
}

/// Says one command and waits for the whole answer. `own` is where the answer is sent to: a path
/// that does not exist yet, in a directory of the guest's; it is removed again.
pub fn ask(console: &Path, own: &Path, command: Command, patience: Duration) -> Result<String, ManagementError> {
    let bind = |source| ManagementError::Bind { path: own.to_owned(), source };
    match std::fs::remove_file(own) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(bind(error)),
        _ => {}
    }
    let socket = UnixDatagram::bind(own).map_err(bind)?;
    socket.set_read_timeout(Some(patience)).map_err(bind)?;
    let answer = exchange(&socket, console, command);
    // Only a name in the guest's own directory; the next call removes it too.
    let _ = std::fs::remove_file(own);
    answer
}

fn exchange(socket: &UnixDatagram, console: &Path, command: Command) -> Result<String, ManagementError> {
    socket.send_to(&request(command), console).map_err(|source| ManagementError::Send { command, source })?;
    let mut text = Vec::new();
    let mut datagram = [0; 12 + TEXT + 1];
    loop {
        let length = socket.recv(&mut datagram).map_err(|source| ManagementError::Receive { command, source })?;
        let part = parse_reply(&datagram[..length]).ok_or(ManagementError::BadReply)?;
        if text.len() < REPLY_MAX {
            text.extend_from_slice(part.text);
        }
        if !part.more {
            let text = String::from_utf8_lossy(&text).trim_end_matches('\0').to_owned();
            return if part.refused { Err(ManagementError::Refused { command, text }) } else { Ok(text) };
        }
    }
}

fn request(command: Command) -> Vec<u8> {
    let text = command.text().as_bytes();
    let length = u32::try_from(text.len()).unwrap_or_default();
    let mut request = [MAGIC.to_ne_bytes(), VERSION.to_ne_bytes(), length.to_ne_bytes()].concat();
    request.extend_from_slice(text);
    request.resize(12 + TEXT, 0);
    request
}

#[derive(Debug, PartialEq, Eq)]
struct ReplyPart<'a> {
    refused: bool,
    more: bool,
    text: &'a [u8],
}

fn parse_reply(datagram: &[u8]) -> Option<ReplyPart<'_>> {
    let (numbers, text) = datagram.split_at_checked(12)?;
    let number = |at: usize| u32::from_ne_bytes([numbers[at], numbers[at + 1], numbers[at + 2], numbers[at + 3]]);
    let length = usize::try_from(number(8)).ok()?.min(text.len());
    Some(ReplyPart { refused: number(0) != 0, more: number(4) != 0, text: &text[..length] })
}

/// What a kernel tells of itself on its notify socket. All of it but the socket is the guest's word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// The management console listens.
    Ready,
    Panic,
    Hang,
    /// Root in the guest wrote this to /proc/mconsole: hostile text of at most 512 bytes.
    Said(Vec<u8>),
}

/// The listening end of `mconsole=notify:`.
#[derive(Debug)]
pub struct Notices {
    socket: UnixDatagram,
}

impl Notices {
    pub fn bind(path: &Path) -> io::Result<Self> {
        let socket = UnixDatagram::bind(path)?;
        socket.set_nonblocking(true)?;
        Ok(Self { socket })
    }

    /// The next notice, or `None` if there is none now. What can't be read is passed over.
    pub fn take(&self) -> Option<Notice> {
        let mut datagram = [0; 16 + TEXT + 1];
        loop {
            let length = self.socket.recv(&mut datagram).ok()?;
            if let Some(notice) = parse_notice(&datagram[..length]) {
                return Some(notice);
            }
        }
    }
}

impl AsFd for Notices {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

fn parse_notice(datagram: &[u8]) -> Option<Notice> {
    let (numbers, text) = datagram.split_at_checked(16)?;
    let number = |at: usize| u32::from_ne_bytes([numbers[at], numbers[at + 1], numbers[at + 2], numbers[at + 3]]);
    if number(0) != MAGIC {
        return None;
    }
    let length = usize::try_from(number(12)).ok()?.min(text.len()).min(TEXT);
    match number(8) {
        0 => Some(Notice::Ready),
        1 => Some(Notice::Panic),
        2 => Some(Notice::Hang),
        3 => Some(Notice::Said(text[..length].to_vec())),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_datagram_makes_the_parsers_panic(datagram in proptest::collection::vec(any::<u8>(), 0..64)) {
            let _ = parse_reply(&datagram);
            let _ = parse_notice(&datagram);
        }
    }

    #[test]
    fn a_reply_in_parts_is_put_together() {
        let dir = tempfile::tempdir().expect("tmp");
        let path = dir.path().join("mconsole");
        let kernel = UnixDatagram::bind(&path).expect("binds");
        let guest = std::thread::spawn(move || {
            let mut request = [0; 1024];
            let (length, from) = kernel.recv_from(&mut request).expect("asked");
            assert_eq!((length, &request[12..15]), (12 + TEXT, &b"cad"[..]));
            let from = from.as_pathname().expect("bound").to_owned();
            for (more, text) in [(1u32, "half "), (0, "whole")] {
                let length = u32::try_from(text.len()).expect("short");
                let mut reply = [0u32.to_ne_bytes(), more.to_ne_bytes(), length.to_ne_bytes()].concat();
                reply.extend_from_slice(text.as_bytes());
                kernel.send_to(&reply, &from).expect("answered");
            }
        });
        let own = dir.path().join("own");
        let answer = ask(&path, &own, Command::Cad, Duration::from_secs(5)).expect("answered");
        guest.join().expect("no panic");
        assert_eq!(answer, "half whole");
        assert!(!own.exists());
    }

    #[test]
    fn a_console_that_is_not_there_is_named() {
        let dir = tempfile::tempdir().expect("tmp");
        let error = ask(&dir.path().join("none"), &dir.path().join("own"), Command::Version, Duration::from_secs(1));
        assert!(matches!(error, Err(ManagementError::Send { command: Command::Version, .. })));
    }
}
