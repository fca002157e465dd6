//! What the panel is to a build: somebody who answers for mirrors on a socket. And a repository of packages in the format of
//! pacman, which the tests make (its files: pacman's PKGBUILD(5), BUILDINFO(5); libalpm, be_package.c and be_sync.c).

use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead, BufReader, IoSliceMut, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};

use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg};
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;
use umbel_guest::UploadId;
use umbel_wire::agent::{BuildSeen, BuildState, Refusal, Reply, Request};

use crate::harness::{Client, House};

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

fn ran(program: &str, arguments: &[&str], place: &Path) {
    let output = Command::new(program).args(arguments).current_dir(place).output().expect(program);
    assert!(output.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Somebody's key, in a home of gpg's own.
pub(crate) struct Key(TempDir);

impl Key {
    pub(crate) fn new() -> Self {
        let key = Self(tempfile::tempdir().expect("tmp"));
        key.gpg(&["--passphrase", "", "--quick-gen-key", "Tester <tester@example.org>", "rsa2048", "sign", "never"]);
        key
    }

    fn gpg(&self, arguments: &[&str]) -> Vec<u8> {
        let mut gpg = Command::new("gpg");
        let output = gpg.arg("--homedir").arg(self.0.path()).args(["--batch", "--quiet"]).args(arguments).output();
        let output = output.expect("the package gnupg");
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    }

    /// A line of a recipe.
    pub(crate) fn line(&self) -> String {
        let armored = String::from_utf8(self.gpg(&["--export", "--armor"])).expect("text");
        format!("key = '''\n{armored}'''\n")
    }
}

impl Drop for Key {
    fn drop(&mut self) {
        // Its agent looks for its socket, and ends when that is gone; sooner if it is told.
        let _ = Command::new("gpgconf").arg("--homedir").arg(self.0.path()).args(["--kill", "all"]).status();
    }
}

/// A repository called `tiny`.
pub(crate) struct Repository {
    place: TempDir,
    database: String,
    names: Vec<String>,
    key: Option<Key>,
}

impl Repository {
    pub(crate) fn new() -> Self {
        Self { place: tempfile::tempdir().expect("tmp"), database: String::new(), names: Vec::new(), key: None }
    }

    /// What comes into it from now on is signed.
    pub(crate) fn sign_with(&mut self, key: Key) {
        self.key = Some(key);
    }

    /// With one package that boots, of busybox alone.
    pub(crate) fn that_boots() -> Self {
        let mut repository = Self::new();
        repository.package("tiny", "", root);
        repository
    }

    /// `install` is what pacman runs around it: functions of a shell.
    pub(crate) fn package(&mut self, name: &str, install: &str, fill: impl FnOnce(&Path)) {
        let tree = self.place.path().join(format!("tree-{name}"));
        fs::create_dir(&tree).expect("made");
        fill(&tree);
        let info = format!(
            "pkgname = {name}\npkgbase = {name}\npkgver = 1-1\npkgdesc = Of a test\nbuilddate = 1700000000\n\
             packager = Nobody\nsize = 1\narch = any\n"
        );
        fs::write(tree.join(".PKGINFO"), info).expect("written");
        if !install.is_empty() {
            fs::write(tree.join(".INSTALL"), install).expect("written");
        }
        let file = format!("{name}-1-1-any.pkg.tar.zst");
        let mut names: Vec<String> = fs::read_dir(&tree)
            .expect("there")
            .map(|entry| entry.expect("read").file_name().into_string().expect("a name"))
            .collect();
        names.sort();
        let out = self.place.path().join(&file);
        let out = out.to_str().expect("a name");
        let mut arguments =
            vec!["--zstd", "--sort=name", "--mtime=@1700000000", "--owner=0", "--group=0", "-c", "-f", out];
        arguments.extend(names.iter().map(String::as_str));
        ran("tar", &arguments, &tree);
        let content = fs::read(out).expect("made");
        let sum: String = Sha256::digest(&content).iter().map(|byte| format!("{byte:02x}")).collect();
        let mut desc = String::new();
        for (key, value) in [
            ("FILENAME", file.as_str()),
            ("NAME", name),
            ("VERSION", "1-1"),
            ("DESC", "Of a test"),
            ("CSIZE", &content.len().to_string()),
            ("ISIZE", "1"),
            ("SHA256SUM", &sum),
            ("ARCH", "any"),
            ("BUILDDATE", "1700000000"),
            ("PACKAGER", "Nobody"),
        ] {
            let _ = write!(desc, "%{key}%\n{value}\n\n");
        }
        if let Some(key) = &self.key {
            key.gpg(&["--detach-sign", out]);
            let signature = Command::new("base64").args(["-w0", &format!("{out}.sig")]).output().expect("runs").stdout;
            let _ = write!(desc, "%PGPSIG%\n{}\n\n", String::from_utf8(signature).expect("text"));
        }
        let database = self.place.path().join(format!("db/{name}-1-1"));
        fs::create_dir_all(&database).expect("made");
        fs::write(database.join("desc"), desc).expect("written");
        self.names.push(name.to_owned());
        self.database = format!("{}/tiny.db", self.place.path().display());
        let entries: Vec<String> = self.names.iter().map(|name| format!("{name}-1-1")).collect();
        let mut arguments = vec!["-c", "-z", "--mtime=@1700000000", "-f", &self.database, "-C", "db"];
        arguments.extend(entries.iter().map(String::as_str));
        ran("tar", &arguments, self.place.path());
    }

    pub(crate) fn site(&self) -> Site {
        Site::Directory(self.place.path().to_owned())
    }

    /// Of all its packages, with more lines.
    pub(crate) fn recipe(&self, more: &str) -> String {
        let unsigned = if self.key.is_some() { "" } else { "unsigned = true\n" };
        format!(
            "name = 'small'\nversion = '1'\nkind = 'arch'\nmirror = 'https://packages.example'\nrepositories = ['tiny']\n\
             {unsigned}systemd = false\npackages = {:?}\n{more}",
            self.names
        )
    }
}

/// A root that boots to a shell on its console, and calls what Umbel puts into every root.
pub(crate) fn root(place: &Path) {
    for directory in ["bin", "sbin", "dev", "proc", "sys", "etc", "tmp", "root", "home", "var/log", "usr/bin"] {
        fs::create_dir_all(place.join(directory)).expect("made");
    }
    fs::copy("/bin/busybox", place.join("bin/busybox")).expect("the package busybox-static");
    symlink("/bin/busybox", place.join("sbin/init")).expect("linked");
    symlink("/bin/busybox", place.join("usr/bin/bash")).expect("linked");
    let names = [
        "sh", "mount", "cat", "ls", "id", "stat", "cttyhack", "ip", "ifconfig", "route", "chown", "chmod", "mkdir",
        "rm", "grep", "hostname", "ps", "dd", "sleep", "tr", "sed", "wget", "touch",
    ];
    for name in names {
        symlink("busybox", place.join("bin").join(name)).expect("linked");
    }
    let inittab = "::sysinit:/bin/mount -t proc proc /proc\n::sysinit:/bin/mount -t devtmpfs devtmpfs /dev\n\
                   ::sysinit:/bin/sh /usr/local/lib/umbel/place\n::respawn:/bin/cttyhack /bin/sh -l\n";
    fs::write(place.join("etc/inittab"), inittab).expect("written");
    // What the prompt says is what the tests' console waits for.
    fs::write(place.join("etc/profile"), "export PS1='\\u@\\h:\\w\\$ '; cd /root\n").expect("written");
    fs::write(place.join("etc/passwd"), "root:x:0:0:root:/root:/bin/sh\n").expect("written");
    fs::write(place.join("etc/group"), "root:x:0:\nwheel:x:10:\n").expect("written");
    fs::write(place.join("etc/shadow"), "root:*:19000:0:99999:7:::\n").expect("written");
}
