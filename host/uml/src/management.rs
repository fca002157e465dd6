//! The management console (mconsole), protocol version 2 (kernel: arch/um/drivers/mconsole.h).
//!
//! Requests and replies are single datagrams between Unix sockets. Whoever reaches the socket owns
//! the guest and more (`config ubd3=/any/file`), so only the guest's own shim ever does.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::time::Duration;

use umbel_guest::SysRqKey;

use crate::disk::{self, Disk, Place};

const MAGIC: u32 = 0xcafe_babe;
const VERSION: u32 = 2;
/// Length of the text field of a request and of a reply.
const TEXT: usize = 512;
/// A reply of more than this is cut: it is the guest's word.
const REPLY_MAX: usize = 64 * 1024;
/// How long another part of an answer may take. The kernel sends all of them at once and waits for nobody:
/// on a busy host what is beyond the eleventh finds no room (unix(7), net.unix.max_dgram_qlen) and is lost,
/// the last one with it. What was asked is done by then, and the answer ends where it was cut.
const NEXT_PART: Duration = Duration::from_millis(500);

/// What is ever said to a management console: a closed list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    Version,
    /// Ctrl-Alt-Del.
    Cad,
    SysRq(SysRqKey),
    Proc(ProcFile),
    Add(Disk),
    /// Refused while it is open.
    Take(Place),
}

/// Files of the guest's /proc that are read through the management console.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProcFile {
    Meminfo,
}

impl Command {
    fn text(&self) -> String {
        match self {
            Self::Version => "version".into(),
            Self::Cad => "cad".into(),
            Self::SysRq(key) => format!("sysrq {}", key.key()),
            Self::Proc(ProcFile::Meminfo) => "proc meminfo".into(),
            Self::Add(disk) => format!("config {}", disk.argument()),
            Self::Take(place) => format!("remove {}", disk::name(*place)),
        }
    }
}

/// What `proc meminfo` says, in KiB; `None` where it makes no sense: it is the guest's word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Meminfo {
    pub total_kib: u32,
    pub available_kib: u32,
}

impl Meminfo {
    pub fn parse(text: &str) -> Option<Self> {
        let value = |name: &str| -> Option<u32> {
            let line =
                text.lines().find_map(|line| line.trim_start_matches('\0').strip_prefix(name)?.strip_prefix(':'));
            line?.trim().strip_suffix(" kB")?.trim().parse().ok()
        };
        let (total_kib, available_kib) = (value("MemTotal")?, value("MemAvailable")?);
        (available_kib <= total_kib).then_some(Self { total_kib, available_kib })
    }
}

#[derive(Debug, thiserror::Error)]
pub enum ManagementError {
    #[error("binding {path} for the management console's answer")]
    Bind { path: PathBuf, source: io::Error },
    #[error("{command:?} is too long for the management console")]
    TooLong { command: Command },
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
pub fn ask(console: &Path, own: &Path, command: &Command, patience: Duration) -> Result<String, ManagementError> {
    if command.text().len() >= TEXT {
        return Err(ManagementError::TooLong { command: command.clone() });
    }
    let bind = |source| ManagementError::Bind { path: own.to_owned(), source };
    match std::fs::remove_file(own) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(bind(error)),
        _ => {}
    }
    let socket = UnixDatagram::bind(own).map_err(bind)?;
    socket.set_read_timeout(Some(patience)).map_err(bind)?;
    // A kernel that takes nothing has a full queue.
    socket.set_write_timeout(Some(patience)).map_err(bind)?;
    let answer = exchange(&socket, console, command);
    // Only a name in the guest's own directory; the next call removes it too.
    let _ = std::fs::remove_file(own);
    answer
}

fn exchange(socket: &UnixDatagram, console: &Path, command: &Command) -> Result<String, ManagementError> {
    let at = || command.clone();
    let send = |source| ManagementError::Send { command: at(), source };
    let receive = |source| ManagementError::Receive { command: at(), source };
    socket.send_to(&request(command), console).map_err(send)?;
    let mut text = Vec::new();
    let mut datagram = [0; 12 + TEXT + 1];
    let mut has_begun = false;
    loop {
        let length = match socket.recv(&mut datagram) {
            Ok(length) => length,
            Err(error) if has_begun && error.kind() == io::ErrorKind::WouldBlock => {
                return Ok(String::from_utf8_lossy(&text).into_owned());
            }
            Err(source) => return Err(receive(source)),
        };
        if !has_begun {
            has_begun = true;
            socket.set_read_timeout(Some(NEXT_PART)).map_err(receive)?;
        }
        let part = parse_reply(&datagram[..length]).ok_or(ManagementError::BadReply)?;
        if text.len() < REPLY_MAX {
            text.extend_from_slice(part.text);
        }
        if !part.more {
            let text = String::from_utf8_lossy(&text).trim_end_matches('\0').to_owned();
            return if part.refused { Err(ManagementError::Refused { command: at(), text }) } else { Ok(text) };
        }
    }
}

fn request(command: &Command) -> Vec<u8> {
    let text = command.text();
    let text = text.as_bytes();
    let length = u32::try_from(text.len()).unwrap_or_default();
    let mut request = [MAGIC.to_ne_bytes(), VERSION.to_ne_bytes(), length.to_ne_bytes()].concat();
    request.extend_from_slice(text);
    request.resize(12 + TEXT, 0);
    request
}

/// One datagram of an answer.
#[derive(Debug, PartialEq, Eq)]
pub struct ReplyPart<'a> {
    pub refused: bool,
    /// Another one follows.
    pub more: bool,
    pub text: &'a [u8],
}

/// `None` for what is no reply.
pub fn parse_reply(datagram: &[u8]) -> Option<ReplyPart<'_>> {
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
    /// With the kernel's last words, at most 512 bytes.
    Panic(Vec<u8>),
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

/// `None` for what is no notice, or one of a kind that is not known.
pub fn parse_notice(datagram: &[u8]) -> Option<Notice> {
    let (numbers, text) = datagram.split_at_checked(16)?;
    let number = |at: usize| u32::from_ne_bytes([numbers[at], numbers[at + 1], numbers[at + 2], numbers[at + 3]]);
    if number(0) != MAGIC {
        return None;
    }
    let length = usize::try_from(number(12)).ok()?.min(text.len()).min(TEXT);
    match number(8) {
        0 => Some(Notice::Ready),
        1 => Some(Notice::Panic(text[..length].to_vec())),
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

        #[test]
        fn whatever_a_guest_says_of_its_memory_makes_sense_or_is_nothing(text in "(Mem(Total|Available):( {0,3}[0-9]{0,11} kB)?\n|\\PC{0,9}\n){0,6}") {
            if let Some(meminfo) = Meminfo::parse(&text) {
                prop_assert!(meminfo.available_kib <= meminfo.total_kib);
            }
        }
    }

    #[test]
    fn memory_is_read_as_kernels_say_it() {
        // Seen of 6.1: its answer begins with an empty part, and every part ends with a zero.
        let text = "\n\0MemTotal:          40820 kB\nMemFree:           26724 kB\nMemAvailable:      26592 kB\n";
        assert_eq!(Meminfo::parse(text), Some(Meminfo { total_kib: 40820, available_kib: 26592 }));
        assert_eq!(Meminfo::parse("MemTotal: 1 kB\nMemAvailable: 2 kB\n"), None, "more than there is");
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
        let answer = ask(&path, &own, &Command::Cad, Duration::from_secs(5)).expect("answered");
        guest.join().expect("no panic");
        assert_eq!(answer, "half whole");
        assert!(!own.exists());
    }

    #[test]
    fn an_answer_whose_last_parts_found_no_room_is_cut_there() {
        let dir = tempfile::tempdir().expect("tmp");
        let (path, own) = (dir.path().join("mconsole"), dir.path().join("own"));
        let kernel = UnixDatagram::bind(&path).expect("binds");
        let said = std::thread::spawn(move || {
            let mut datagram = [0; 600];
            let (_, from) = kernel.recv_from(&mut datagram).expect("asked");
            let part = [0u32, 1, 9].map(u32::to_ne_bytes).concat();
            let to = from.as_pathname().expect("named");
            kernel.send_to(&[part.as_slice(), b"Mem-Info\n"].concat(), to).expect("sent");
            kernel
        });
        let answer = ask(&path, &own, &Command::SysRq(SysRqKey::ShowMemory), Duration::from_secs(30));
        assert_eq!(answer.expect("it has begun"), "Mem-Info\n");
        drop(said.join().expect("said"));
    }

    #[test]
    fn a_console_that_is_not_there_is_named() {
        let dir = tempfile::tempdir().expect("tmp");
        let error = ask(&dir.path().join("none"), &dir.path().join("own"), &Command::Version, Duration::from_secs(1));
        assert!(matches!(error, Err(ManagementError::Send { command: Command::Version, .. })));
    }
}
