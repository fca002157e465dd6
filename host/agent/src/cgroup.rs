//! A cgroup per guest: limits while it lives, and one handle to end every process of it. Written for
//! the first version (a hierarchy per controller) and the second (one), since hosts have either.

use std::fs;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::sys::eventfd::{EfdFlags, EventFd};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use umbel_guest::{GuestId, InstanceId, Memory};

#[derive(Debug, thiserror::Error)]
pub enum CgroupError {
    #[error("finding the host's cgroups")]
    Find(#[source] io::Error),
    #[error("the host offers no cgroup with the controllers memory and pids")]
    None,
    #[error("making the cgroup {path}")]
    Make { path: PathBuf, source: io::Error },
    #[error("setting {path}")]
    Set { path: PathBuf, source: io::Error },
    #[error("ending the processes of {path}")]
    End { path: PathBuf, source: io::Error },
    #[error("processes of {path} don't end")]
    Stuck { path: PathBuf },
    #[error("removing the cgroup {path}")]
    Remove { path: PathBuf, source: io::Error },
}

/// Where this instance's cgroups are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hierarchy {
    /// One directory per controller, as far as there are any.
    V1(Vec<PathBuf>),
    V2(PathBuf),
}

/// What is used of the first version, as far as the host has it.
const CONTROLLERS: [&str; 7] = ["memory", "pids", "cpu", "cpuacct", "freezer", "devices", "blkio"];
/// Devices that a guest's processes may use: null, zero, urandom (kernel: admin-guide/devices). To make the
/// nodes, the launcher is in the cgroup already.
const DEVICES: [&str; 3] = ["c 1:3 rwm", "c 1:5 rwm", "c 1:9 rwm"];
const TUN: &str = "c 10:200 rwm";
/// How long killing may take.
const PATIENCE: Duration = Duration::from_secs(5);

impl Hierarchy {
    /// Finds the host's cgroups and makes the instance's own below them.
    ///
    /// Under systemd too it is beside the agent's unit, not inside of it: a delegated unit that has
    /// handed controllers on can't be started again while a cgroup below it lives (219/CGROUP, see
    /// systemd's issue 24064), and guests live on while their agent is started again.
    pub fn prepare(instance: &InstanceId) -> Result<Self, CgroupError> {
        let mounts = fs::read_to_string("/proc/self/mountinfo").map_err(CgroupError::Find)?;
        let name = format!("umbel-{instance}");
        let found = find(&mounts, |root| fs::read_to_string(root.join("cgroup.controllers")).unwrap_or_default())
            .ok_or(CgroupError::None)?;
        let own = match found {
            Self::V1(roots) => Self::V1(roots.into_iter().map(|root| root.join(&name)).collect()),
            Self::V2(root) => {
                let path = root.join(&name);
                // A cgroup without processes of its own may hand its controllers on (cgroups(7)).
                let wanted = wanted(&fs::read_to_string(root.join("cgroup.controllers")).unwrap_or_default());
                set(&root.join("cgroup.subtree_control"), &wanted)?;
                make(&path)?;
                set(&path.join("cgroup.subtree_control"), &wanted)?;
                Self::V2(path)
            }
        };
        own.directories().iter().try_for_each(|path| make(path))?;
        Ok(own)
    }

    pub fn directories(&self) -> Vec<&Path> {
        match self {
            Self::V1(paths) => paths.iter().map(PathBuf::as_path).collect(),
            Self::V2(path) => vec![path],
        }
    }

    /// Whether devices can be forbidden by a controller.
    pub fn has_devices(&self) -> bool {
        matches!(self, Self::V1(paths) if paths.iter().any(|path| path.join("devices.deny").exists()))
    }

    pub fn version(&self) -> u8 {
        match self {
            Self::V1(_) => 1,
            Self::V2(_) => 2,
        }
    }

    /// Whether disk bandwidth can be limited.
    pub fn has_io(&self) -> bool {
        match self {
            Self::V1(paths) => paths.iter().any(|path| path.join("blkio.throttle.read_bps_device").exists()),
            Self::V2(path) => {
                let controllers = fs::read_to_string(path.join("cgroup.controllers")).unwrap_or_default();
                controllers.split_whitespace().any(|c| c == "io")
            }
        }
    }

    /// The cgroup of one guest; made by [`Cgroup::make`].
    pub fn guest(&self, guest: GuestId) -> Cgroup {
        let name = guest.short();
        Cgroup(match self {
            Self::V1(paths) => Self::V1(paths.iter().map(|path| path.join(&name)).collect()),
            Self::V2(path) => Self::V2(path.join(&name)),
        })
    }

    /// The guests' cgroups that are there.
    pub fn existing(&self) -> Vec<Cgroup> {
        let mut names: Vec<_> = self
            .directories()
            .into_iter()
            .filter_map(|path| fs::read_dir(path).ok())
            .flatten()
            .filter_map(Result::ok)
            .filter(|entry| entry.file_type().is_ok_and(|t| t.is_dir()))
            .map(|entry| entry.file_name())
            .collect();
        names.sort();
        names.dedup();
        let path = |base: &PathBuf, name: &std::ffi::OsString| base.join(name);
        names
            .iter()
            .map(|name| {
                Cgroup(match self {
                    Self::V1(paths) => Self::V1(paths.iter().map(|p| path(p, name)).collect()),
                    Self::V2(base) => Self::V2(path(base, name)),
                })
            })
            .collect()
    }

    /// Removes the instance's own directories, which must be empty.
    pub fn remove(&self) -> Result<(), CgroupError> {
        self.directories().into_iter().try_for_each(remove)
    }
}

/// What is handed on of the second version's controllers.
fn wanted(controllers: &str) -> String {
    let mut wanted = "+memory +pids".to_owned();
    for more in ["cpu", "io"] {
        if controllers.split_whitespace().any(|c| c == more) {
            wanted = format!("{wanted} +{more}");
        }
    }
    wanted
}

/// Chooses: the second version where it has the controllers, else the first.
fn find(mountinfo: &str, controllers_of: impl Fn(&Path) -> String) -> Option<Hierarchy> {
    let mut v1 = Vec::new();
    for line in mountinfo.lines() {
        // proc_pid_mountinfo(5): fields, " - ", type, source, super options.
        let Some((fields, rest)) = line.split_once(" - ") else { continue };
        let Some(place) = fields.split(' ').nth(4).map(PathBuf::from) else { continue };
        let mut rest = rest.split(' ');
        let (kind, options) = (rest.next().unwrap_or_default(), rest.nth(1).unwrap_or_default());
        match kind {
            "cgroup2" => {
                let has = controllers_of(&place);
                if ["memory", "pids"].iter().all(|c| has.split_whitespace().any(|h| h == *c)) {
                    return Some(Hierarchy::V2(place));
                }
            }
            "cgroup" if options.split(',').any(|o| CONTROLLERS.contains(&o)) => v1.push(place),
            _ => {}
        }
    }
    let has = |name: &str| v1.iter().any(|place| place.to_string_lossy().contains(name));
    (has("memory") && has("pids")).then_some(Hierarchy::V1(v1))
}

/// The cgroup of one guest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cgroup(Hierarchy);

impl Cgroup {
    /// Makes it with its limit of memory. Repeating it sets that again.
    pub fn make(&self, memory: Memory) -> Result<(), CgroupError> {
        self.make_directories()?;
        // The guest's memory lies in a tmpfs that counts here, and the kernel process, its helpers
        // and their page tables come on top: an eighth and 64 MiB were enough for every guest tried.
        let limit = memory.bytes() + memory.bytes() / 8 + (64 << 20);
        match &self.0 {
            Hierarchy::V1(_) => self.set("memory.limit_in_bytes", &limit.to_string()),
            Hierarchy::V2(_) => {
                self.set("memory.max", &limit.to_string())?;
                // An out-of-memory kill of one helper would leave a wedged guest.
                self.set("memory.oom.group", "1")
            }
        }
    }

    pub fn make_directories(&self) -> Result<(), CgroupError> {
        self.0.directories().into_iter().try_for_each(make)
    }

    pub fn version(&self) -> u8 {
        self.0.version()
    }

    /// Where a file of a controller is; `None` if the host hasn't got the controller.
    pub fn file(&self, name: &str) -> Option<PathBuf> {
        self.0.directories().into_iter().map(|path| path.join(name)).find(|path| path.exists())
    }

    /// Each hierarchy of the first version has its own controller's files only, and a host need not
    /// have every controller: what it hasn't got is not set.
    pub fn set(&self, name: &str, value: &str) -> Result<(), CgroupError> {
        self.file(name).map_or(Ok(()), |path| set(&path, value))
    }

    /// How many processes of it the host's kernel has killed for want of memory.
    pub fn oom_kills(&self) -> u64 {
        let file = match &self.0 {
            Hierarchy::V1(_) => "memory.oom_control",
            Hierarchy::V2(_) => "memory.events",
        };
        let text = self.file(file).and_then(|path| fs::read_to_string(path).ok()).unwrap_or_default();
        let count = text.lines().find_map(|line| line.strip_prefix("oom_kill ")?.trim().parse().ok());
        count.unwrap_or_default()
    }

    /// Readable whenever it runs out of memory, in the first version (kernel: cgroup-v1/memory, 10).
    /// `None` in the second, which ends a whole cgroup by itself.
    pub fn oom_events(&self) -> io::Result<Option<OwnedFd>> {
        let Hierarchy::V1(_) = &self.0 else { return Ok(None) };
        let Some(control) = self.file("memory.oom_control") else { return Ok(None) };
        let event = EventFd::from_flags(EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK)?;
        let file = fs::File::open(&control)?;
        let registration = format!("{} {}", event.as_fd().as_raw_fd(), file.as_raw_fd());
        fs::write(control.with_file_name("cgroup.event_control"), registration)?;
        Ok(Some(event.into()))
    }

    /// Forbids every device that a guest has no use for, where the host has the controller. The second
    /// version has none; there the jail alone keeps devices away.
    pub fn allow_devices(&self, tun: bool) -> Result<(), CgroupError> {
        let Some(path) = self.0.directories().into_iter().find(|path| path.join("devices.deny").exists()) else {
            return Ok(());
        };
        set(&path.join("devices.deny"), "a")?;
        let allowed = DEVICES.into_iter().chain(tun.then_some(TUN));
        allowed.into_iter().try_for_each(|device| set(&path.join("devices.allow"), device))
    }

    /// Files that a process writes `0` to in order to join.
    pub fn join_files(&self) -> Vec<PathBuf> {
        self.0.directories().into_iter().map(|path| path.join("cgroup.procs")).collect()
    }

    /// Its processes.
    pub fn pids(&self) -> Vec<i32> {
        let mut pids: Vec<i32> = self.processes().into_iter().map(|(_, pid)| pid).collect();
        pids.sort_unstable();
        pids.dedup();
        pids
    }

    /// Ends every process in it and waits until there is none. One that is gone is empty.
    pub fn end_all(&self) -> Result<(), CgroupError> {
        let until = Instant::now() + PATIENCE;
        loop {
            let pids = self.processes();
            let Some((path, _)) = pids.first() else { return Ok(()) };
            if Instant::now() > until {
                return Err(CgroupError::Stuck { path: path.clone() });
            }
            match &self.0 {
                Hierarchy::V2(path) => {
                    let file = path.join("cgroup.kill");
                    fs::write(&file, "1").map_err(|source| CgroupError::End { path: file, source })?;
                }
                Hierarchy::V1(paths) => {
                    // Frozen processes can't fork while we go through the list; they die when thawed.
                    let freezer = paths.iter().map(|p| p.join("freezer.state")).find(|p| p.exists());
                    let freeze = |state| freezer.as_ref().map(|file| fs::write(file, state));
                    let _ = freeze("FROZEN");
                    for (_, pid) in self.processes() {
                        // ESRCH: it has just ended, which is what is wanted.
                        let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
                    }
                    let _ = freeze("THAWED");
                }
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// Removes it; it must be empty. Repeating it does no harm.
    pub fn remove(&self) -> Result<(), CgroupError> {
        self.0.directories().into_iter().try_for_each(remove)
    }

    fn processes(&self) -> Vec<(PathBuf, i32)> {
        let read = |file: PathBuf| {
            let text = fs::read_to_string(&file).unwrap_or_default();
            let pids: Vec<i32> = text.lines().filter_map(|line| line.parse().ok()).collect();
            pids.into_iter().map(move |pid| (file.clone(), pid)).collect::<Vec<_>>()
        };
        self.join_files().into_iter().flat_map(read).filter(|(_, pid)| *pid > 1).collect()
    }
}

fn make(path: &Path) -> Result<(), CgroupError> {
    match fs::create_dir(path) {
        Err(source) if source.kind() != io::ErrorKind::AlreadyExists => {
            Err(CgroupError::Make { path: path.to_owned(), source })
        }
        _ => Ok(()),
    }
}

fn set(path: &Path, value: &str) -> Result<(), CgroupError> {
    fs::write(path, value).map_err(|source| CgroupError::Set { path: path.to_owned(), source })
}

fn remove(path: &Path) -> Result<(), CgroupError> {
    let until = Instant::now() + Duration::from_millis(500);
    loop {
        match fs::remove_dir(path) {
            Ok(()) => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            // The last process may not have been reaped yet.
            Err(error) if error.raw_os_error() == Some(libc::EBUSY) && Instant::now() < until => {
                std::thread::sleep(Duration::from_millis(5));
            }
            Err(source) => return Err(CgroupError::Remove { path: path.to_owned(), source }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const V1: &str = "30 20 0:26 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n\
        31 30 0:27 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n\
        32 30 0:28 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids\n\
        33 30 0:29 / /sys/fs/cgroup/blkio rw - cgroup cgroup rw,blkio\n\
        34 30 0:30 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n";

    #[test]
    fn an_empty_second_version_gives_way_to_the_first() {
        let found = find(V1, |_| String::new());
        let used = ["memory", "pids", "blkio"].map(|name| Path::new("/sys/fs/cgroup").join(name)).to_vec();
        assert_eq!(found, Some(Hierarchy::V1(used)));
    }

    #[test]
    fn a_second_version_with_controllers_is_preferred() {
        let found = find(V1, |_| "cpu io memory pids".into());
        assert_eq!(found, Some(Hierarchy::V2("/sys/fs/cgroup/unified".into())));
        assert_eq!(find("", |_| String::new()), None);
    }

    /// The limits and the kill file of the second version, on a tree that only looks like one.
    #[test]
    fn the_second_versions_files_are_written() {
        let dir = tempfile::tempdir().expect("tmp");
        let cgroup = Cgroup(Hierarchy::V2(dir.path().join("g")));
        make(&dir.path().join("g")).expect("made");
        for file in ["memory.max", "memory.oom.group", "pids.max", "cpu.weight", "io.max"] {
            fs::write(dir.path().join("g").join(file), "").expect("written");
        }
        cgroup.make(Memory::DEFAULT).expect("set");
        let read = |file: &str| fs::read_to_string(dir.path().join("g").join(file)).expect("there");
        assert_eq!(read("memory.max"), ((64u64 << 20) + (8 << 20) + (64 << 20)).to_string());
        assert_eq!(read("memory.oom.group"), "1");
        for setting in crate::limits::settings(2, &umbel_guest::Limits::default(), None) {
            cgroup.set(setting.file, &setting.value).expect("set or not there");
        }
        assert_eq!((read("cpu.weight"), read("pids.max"), read("io.max")), ("25".into(), "4096".into(), String::new()));
        assert_eq!(cgroup.oom_kills(), 0);
        fs::write(dir.path().join("g/memory.events"), "low 0\noom 2\noom_kill 1\noom_group_kill 1\n").expect("written");
        assert_eq!(cgroup.oom_kills(), 1);
        assert_eq!(
            (wanted("cpu io memory pids"), wanted("memory pids")),
            ("+memory +pids +cpu +io".into(), "+memory +pids".into())
        );
        cgroup.end_all().expect("nobody is in it");
    }
}
