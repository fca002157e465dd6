//! The machine that is measured on, and processes on it, out of /proc.

use std::fs;
use std::path::{Path, PathBuf};

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
    }
}
