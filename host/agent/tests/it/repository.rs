//! A repository of packages in the format of pacman, which the tests make (its files: pacman's PKGBUILD(5), BUILDINFO(5);
//! libalpm, be_package.c and be_sync.c), and a root for a package that boots. The panel's tests have it too.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use sha2::{Digest as _, Sha256};
use tempfile::TempDir;

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

    /// What its mirror answers with.
    pub(crate) fn directory(&self) -> &Path {
        self.place.path()
    }

    /// Of all its packages, which are said to be there, with more lines.
    pub(crate) fn recipe_from(&self, mirror: &str, more: &str) -> String {
        let unsigned = if self.key.is_some() { "" } else { "unsigned = true\n" };
        format!(
            "name = 'small'\nversion = '1'\nkind = 'arch'\nmirror = '{mirror}'\nrepositories = ['tiny']\n\
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
    let applets = Command::new("/bin/busybox").arg("--list").output().expect("the package busybox-static").stdout;
    for name in String::from_utf8(applets).expect("names").lines().filter(|name| *name != "busybox") {
        symlink("busybox", place.join("bin").join(name)).expect("linked");
    }
    let inittab = "::sysinit:/bin/mount -t proc proc /proc\n::sysinit:/bin/mount -t devtmpfs devtmpfs /dev\n\
                   ::sysinit:/bin/sh /usr/local/lib/umbel/place\n::sysinit:/bin/sh /usr/local/lib/umbel/setup\n\
                   ::respawn:/bin/cttyhack /bin/sh -l\n";
    fs::write(place.join("etc/inittab"), inittab).expect("written");
    // What the prompt says is what the tests' console waits for.
    fs::write(place.join("etc/profile"), "export PS1='\\u@\\h:\\w\\$ '; cd /root\n").expect("written");
    fs::write(place.join("etc/passwd"), "root:x:0:0:root:/root:/bin/sh\n").expect("written");
    fs::write(place.join("etc/group"), "root:x:0:\nwheel:x:10:\n").expect("written");
    fs::write(place.join("etc/shadow"), "root:*:19000:0:99999:7:::\n").expect("written");
}
