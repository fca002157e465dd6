//! A cgroup per guest: limits while it lives, and one handle to end every process of it. Written for
//! the first version (a hierarchy per controller) and the second (one), since hosts have either.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

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
    /// One directory per controller: memory, pids, cpu, freezer, as far as there are any.
    V1(Vec<PathBuf>),
    V2(PathBuf),
}

/// At most so many processes and threads of the host belong to one guest.
const PIDS_MAX: u32 = 4096;
/// Shares of a guest where the panel has 1024: consoles stay quick beside a busy guest.
const CPU_SHARES: u32 = 256;
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
                set(&root.join("cgroup.subtree_control"), "+memory +pids +cpu")?;
                make(&path)?;
                set(&path.join("cgroup.subtree_control"), "+memory +pids +cpu")?;
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

    pub fn version(&self) -> u8 {
        match self {
            Self::V1(_) => 1,
            Self::V2(_) => 2,
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
            "cgroup" if options.split(',').any(|o| ["memory", "pids", "cpu", "freezer"].contains(&o)) => v1.push(place),
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
    /// Makes it with its limits. Repeating it sets them again.
    pub fn make(&self, memory: Memory) -> Result<(), CgroupError> {
        self.0.directories().into_iter().try_for_each(make)?;
        // The guest's memory lies in a tmpfs that counts here, and the kernel process, its helpers
        // and their page tables come on top: an eighth and 64 MiB were enough for every guest tried.
        let limit = memory.bytes() + memory.bytes() / 8 + (64 << 20);
        for path in self.0.directories() {
            match &self.0 {
                Hierarchy::V1(_) => {
                    set_if_there(&path.join("memory.limit_in_bytes"), &limit.to_string())?;
                    set_if_there(&path.join("cpu.shares"), &CPU_SHARES.to_string())?;
                }
                Hierarchy::V2(_) => {
                    set_if_there(&path.join("memory.max"), &limit.to_string())?;
                    // An out-of-memory kill of one helper would leave a wedged guest.
                    set_if_there(&path.join("memory.oom.group"), "1")?;
                    set_if_there(&path.join("cpu.weight"), &(CPU_SHARES * 100 / 1024).to_string())?;
                }
            }
            set_if_there(&path.join("pids.max"), &PIDS_MAX.to_string())?;
        }
        Ok(())
    }

    /// Files that a process writes `0` to in order to join.
    pub fn join_files(&self) -> Vec<PathBuf> {
        self.0.directories().into_iter().map(|path| path.join("cgroup.procs")).collect()
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

/// Each hierarchy of the first version has its own controller's files only.
fn set_if_there(path: &Path, value: &str) -> Result<(), CgroupError> {
    if path.exists() { set(path, value) } else { Ok(()) }
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
        let memory_and_pids = ["/sys/fs/cgroup/memory", "/sys/fs/cgroup/pids"].map(PathBuf::from).to_vec();
        assert_eq!(found, Some(Hierarchy::V1(memory_and_pids)));
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
        for file in ["memory.max", "memory.oom.group", "pids.max", "cpu.weight"] {
            fs::write(dir.path().join("g").join(file), "").expect("written");
        }
        cgroup.make(Memory::DEFAULT).expect("set");
        let read = |file: &str| fs::read_to_string(dir.path().join("g").join(file)).expect("there");
        assert_eq!(read("memory.max"), ((64u64 << 20) + (8 << 20) + (64 << 20)).to_string());
        assert_eq!((read("memory.oom.group"), read("cpu.weight")), ("1".into(), "25".into()));
        cgroup.end_all().expect("nobody is in it");
    }
}
