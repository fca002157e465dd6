//! The machine that is measured on, and processes on it, out of /proc.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::Failure;

/// `2 cores, 24 GiB, Debian GNU/Linux 12 (bookworm), kernel 6.18.0`.
pub(crate) fn words() -> String {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let memory_kib: u64 = number_after(&read("/proc/meminfo"), "MemTotal:");
    let release = read("/etc/os-release");
    let name = release.lines().find_map(|line| line.strip_prefix("PRETTY_NAME=")).unwrap_or("Linux").trim_matches('"');
    let kernel = read("/proc/sys/kernel/osrelease");
    format!("{cores} cores, {} GiB, {name}, kernel {}", memory_kib.div_ceil(1 << 20), kernel.trim())
}

/// Clock ticks that all processors together were busy and were there, since the machine began (proc(5)).
pub(crate) fn busy_and_all() -> Result<(u64, u64), Failure> {
    let stat = fs::read_to_string("/proc/stat")?;
    let line = stat.lines().next().ok_or("/proc/stat is empty")?;
    // user nice system idle iowait irq softirq steal; what guests of a hypervisor get is in user already.
    let fields: Vec<u64> = line.split_whitespace().skip(1).take(8).filter_map(|field| field.parse().ok()).collect();
    let all: u64 = fields.iter().sum();
    let idle: u64 = fields.iter().skip(3).take(2).sum();
    Ok((all - idle, all))
}

pub(crate) fn total_kib() -> u64 {
    number_after(&fs::read_to_string("/proc/meminfo").unwrap_or_default(), "MemTotal:")
}

/// Memory that programs may still have, in KiB.
pub(crate) fn available_kib() -> u64 {
    number_after(&fs::read_to_string("/proc/meminfo").unwrap_or_default(), "MemAvailable:")
}

/// A process, by its id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Process(pub(crate) i32);

impl Process {
    fn file(&self, name: &str) -> PathBuf {
        Path::new("/proc").join(self.0.to_string()).join(name)
    }

    /// All that are running now.
    pub(crate) fn all() -> Result<Vec<Self>, Failure> {
        let names = fs::read_dir("/proc")?.flatten().map(|entry| entry.file_name());
        Ok(names.filter_map(|name| name.to_str()?.parse().ok()).map(Self).collect())
    }

    pub(crate) fn arguments(&self) -> Vec<String> {
        let bytes = fs::read(self.file("cmdline")).unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes);
        text.split('\0').filter(|argument| !argument.is_empty()).map(str::to_owned).collect()
    }

    pub(crate) fn program(&self) -> Option<PathBuf> {
        fs::read_link(self.file("exe")).ok()
    }

    /// Where on the host the file lies that the process has under this name in its jail
    /// (proc_pid_mountinfo(5)).
    pub(crate) fn outside(&self, inside: &str) -> Option<PathBuf> {
        let mounts = fs::read_to_string(self.file("mountinfo")).ok()?;
        let own = fs::read_to_string("/proc/self/mountinfo").ok()?;
        let find = |text: &str, is_it: &dyn Fn(&[&str]) -> bool| -> Option<Vec<String>> {
            let lines = text.lines().map(|line| line.split(' ').collect::<Vec<_>>());
            let fields = lines.into_iter().find(|fields| fields.len() > 4 && is_it(fields))?;
            Some(fields.into_iter().map(str::to_owned).collect())
        };
        let there = find(&mounts, &|fields| fields[4] == inside)?;
        let here = find(&own, &|fields| fields[2] == there[2] && fields[3] == "/")?;
        Some(Path::new(&here[4]).join(there[3].trim_start_matches('/')))
    }

    pub(crate) fn parent(&self) -> Option<Self> {
        // The name in parentheses may hold anything, so fields count from its end (proc_pid_stat(5)).
        let stat = fs::read_to_string(self.file("stat")).ok()?;
        stat.rsplit_once(") ")?.1.split(' ').nth(1)?.parse().ok().map(Self)
    }

    /// Clock ticks of processor time so far, in user and kernel mode.
    pub(crate) fn ticks(&self) -> Result<u64, Failure> {
        let stat = fs::read_to_string(self.file("stat"))?;
        let fields: Vec<&str> = stat.rsplit_once(") ").ok_or("/proc has no such stat")?.1.split(' ').collect();
        Ok(fields[11].parse::<u64>()? + fields[12].parse::<u64>()?)
    }

    /// Processor time so far of all its threads (kernel: scheduler/sched-stats).
    pub(crate) fn processor(&self) -> Duration {
        let tasks = fs::read_dir(self.file("task")).into_iter().flatten().flatten();
        let stats = tasks.filter_map(|task| fs::read_to_string(task.path().join("schedstat")).ok());
        Duration::from_nanos(stats.filter_map(|stat| stat.split(' ').next()?.parse::<u64>().ok()).sum())
    }

    /// What its memory cgroup holds in bytes, of either version (kernel: admin-guide/cgroup-v1/memory,
    /// admin-guide/cgroup-v2).
    pub(crate) fn cgroup_bytes(&self) -> Option<u64> {
        let text = fs::read_to_string(self.file("cgroup")).ok()?;
        let place = |controller: &str| {
            let mut lines = text.lines().map(|line| line.splitn(3, ':').collect::<Vec<_>>());
            lines.find(|f| f.len() == 3 && f[1] == controller).map(|f| f[2].to_owned())
        };
        let first = place("memory").map(|path| format!("/sys/fs/cgroup/memory{path}/memory.usage_in_bytes"));
        let second = place("").map(|path| format!("/sys/fs/cgroup{path}/memory.current"));
        first.into_iter().chain(second).find_map(|file| fs::read_to_string(file).ok()?.trim().parse().ok())
    }

    pub(crate) fn open_files(&self) -> usize {
        fs::read_dir(self.file("fd")).map_or(0, Iterator::count)
    }

    /// Resident memory in KiB.
    pub(crate) fn resident_kib(&self) -> u64 {
        number_after(&fs::read_to_string(self.file("status")).unwrap_or_default(), "VmRSS:")
    }

    /// Resident memory in KiB with shared pages divided among those who share them.
    pub(crate) fn proportional_kib(&self) -> u64 {
        number_after(&fs::read_to_string(self.file("smaps_rollup")).unwrap_or_default(), "Pss:")
    }
}

fn number_after(text: &str, key: &str) -> u64 {
    let line = text.lines().find_map(|line| line.strip_prefix(key)).unwrap_or_default();
    line.split_whitespace().next().and_then(|number| number.parse().ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn we_are_a_process() {
        let own = Process(i32::try_from(std::process::id()).expect("an id"));
        assert!(Process::all().expect("/proc").contains(&own));
        assert_eq!(own.program(), std::env::current_exe().ok());
        assert_eq!(own.parent(), Some(Process(nix::unistd::getppid().as_raw())));
        assert!(own.resident_kib() > 100 && own.proportional_kib() > 0);
        assert!(own.ticks().is_ok() && !own.arguments().is_empty());
        assert!(own.processor() > Duration::ZERO);
        let (busy, all) = busy_and_all().expect("/proc/stat");
        assert!(busy < all && available_kib() > 0);
    }
}
