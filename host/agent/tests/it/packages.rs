//! What the panel is to a build: somebody who answers for mirrors on a socket.

use std::fs;
use std::io::{BufRead, BufReader, IoSliceMut, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Arc, Mutex};

use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg};
use umbel_guest::UploadId;
use umbel_wire::agent::{BuildSeen, BuildState, Refusal, Reply, Request};

use crate::harness::{Client, House};
use crate::repository::{Repository, root};

/// Who answers for `/m0`.
#[derive(Clone)]
pub(crate) enum Site {
    Directory(PathBuf),
    /// Each by its place, fetched with curl.
    Mirrors(Vec<String>),
}

impl Site {
    fn get(&self, path: &str) -> Option<Vec<u8>> {
        let (mirror, rest) = path.strip_prefix("/m")?.split_once('/')?;
        match self {
            Self::Directory(directory) => fs::read(directory.join(rest)).ok(),
            Self::Mirrors(all) => fetched(&format!("{}/{rest}", all.get(mirror.parse::<usize>().ok()?)?)),
        }
    }
}

fn fetched(address: &str) -> Option<Vec<u8>> {
    let output = Command::new("curl").args(["-sfL", "--max-time", "300", address]).output().expect("curl");
    output.status.success().then_some(output.stdout)
}

fn answer(site: &Site, stream: TcpStream, asked: &Mutex<Vec<String>>) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?);
    let mut first = String::new();
    lines.read_line(&mut first)?;
    loop {
        let mut line = String::new();
        if lines.read_line(&mut line)? == 0 || line.trim().is_empty() {
            break;
        }
    }
    let path = first.split(' ').nth(1).unwrap_or_default().to_owned();
    let found = site.get(&path);
    asked.lock().expect("whole").push(path);
    let (status, body) = found.map_or(("404 Not Found", Vec::new()), |body| ("200 OK", body));
    let mut stream = stream;
    write!(stream, "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len())?;
    stream.write_all(&body)?;
    // What is still unread would reset the connection.
    stream.shutdown(std::net::Shutdown::Write)?;
    lines.read_to_end(&mut Vec::new()).map(drop)
}

/// One build that was begun; its mirrors answer for as long as it lives.
pub(crate) struct Building<'a> {
    house: &'a House,
    pub(crate) upload: UploadId,
    pub(crate) asked: Arc<Mutex<Vec<String>>>,
}

impl<'a> Building<'a> {
    pub(crate) fn begin(house: &'a House, recipe: &str, site: &Site) -> Result<Self, Refusal> {
        let upload = house.upload(|_| ());
        let mut client = house.connect();
        match client.ask(&Request::RecipeBuild { upload, recipe: recipe.to_owned() }) {
            Reply::Listens => {}
            Reply::Refused(refusal) => return Err(refusal),
            other => panic!("{other:?}"),
        }
        let listener = TcpListener::from(receive(&client));
        let asked = Arc::<Mutex<Vec<String>>>::default();
        let (site, its) = (site.clone(), Arc::clone(&asked));
        // Ends with the process: the jail's loopback is gone with the jail, and nobody connects any more.
        std::thread::spawn(move || {
            for stream in listener.incoming().filter_map(Result::ok) {
                let _ = answer(&site, stream, &its);
            }
        });
        Ok(Self { house, upload, asked })
    }

    pub(crate) fn seen(&self, from: u64) -> BuildSeen {
        match self.house.connect().ask(&Request::RecipeSeen { upload: self.upload, from, wait_ms: 5000 }) {
            Reply::Built(seen) => seen,
            other => panic!("{other:?}"),
        }
    }

    /// The log so far, once it has these words.
    pub(crate) fn until(&self, words: &str) -> String {
        let (mut log, mut from) = (String::new(), 0);
        loop {
            let seen = self.seen(from);
            from = seen.from + seen.log.len() as u64;
            log += &seen.log;
            if log.contains(words) {
                return log;
            }
            assert_eq!(seen.state, BuildState::Running {}, "{log}");
        }
    }

    /// What it has said, and how it ended.
    pub(crate) fn end(&self) -> (String, BuildState) {
        let (mut log, mut from) = (String::new(), 0);
        loop {
            let seen = self.seen(from);
            from = seen.from + seen.log.len() as u64;
            log += &seen.log;
            if seen.state != (BuildState::Running {}) {
                return (log, seen.state);
            }
        }
    }

    pub(crate) fn disk(&self) -> PathBuf {
        self.house.layout.upload(self.upload).join("disk")
    }

    pub(crate) fn forget(&self) {
        self.house.done(&Request::RecipeEnd { upload: self.upload }).expect("ended");
    }
}

#[expect(unsafe_code, reason = "taking ownership of a descriptor that was sent")]
fn receive(from: &Client) -> OwnedFd {
    let (mut byte, mut space) = ([0], nix::cmsg_space!([RawFd; 1]));
    let mut parts = [IoSliceMut::new(&mut byte)];
    let came =
        recvmsg::<()>(from.0.as_raw_fd(), &mut parts, Some(&mut space), MsgFlags::MSG_CMSG_CLOEXEC).expect("came");
    let first = came.cmsgs().expect("whole").find_map(|message| match message {
        ControlMessageOwned::ScmRights(all) => all.first().copied(),
        _ => None,
    });
    // SAFETY: the kernel has just made it for us.
    unsafe { OwnedFd::from_raw_fd(first.expect("a descriptor")) }
}

impl Repository {
    /// With one package that boots, of busybox alone.
    pub(crate) fn that_boots() -> Self {
        let mut repository = Self::new();
        repository.package("tiny", "", root);
        repository
    }

    pub(crate) fn site(&self) -> Site {
        Site::Directory(self.directory().to_owned())
    }

    pub(crate) fn recipe(&self, more: &str) -> String {
        self.recipe_from("https://packages.example", more)
    }
}
