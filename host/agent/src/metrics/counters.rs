//! What the host counts of one guest, read with one system call a file: files stay open.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::fs::FileExt;

use umbel_guest::Sample;
use umbel_wire::agent::Moved;

use crate::cgroup::Cgroup;

/// Everything that only grows, and what there is now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counters {
    pub(super) cpu_ns: u64,
    pub(super) net_in: u64,
    pub(super) net_out: u64,
    pub(super) disk_read: u64,
    pub(super) disk_write: u64,
    pub(super) memory: u64,
    pub(super) processes: u64,
}

impl Counters {
    /// Bytes into the guest and out of it are counted by its card, everything else by its processes.
    pub(super) fn with_traffic(self, Moved { received, sent }: Moved) -> Self {
        Self { net_in: received, net_out: sent, ..self }
    }

    /// Means over the time between two moments. What has shrunk was counted anew: nothing is said of it.
    pub(super) fn since(&self, before: &Self, elapsed_ns: u64) -> Sample {
        let elapsed = u128::from(elapsed_ns.max(1));
        let rate = |now: u64, then: u64, unit: u128| {
            u32::try_from(u128::from(now.saturating_sub(then)) * unit / elapsed).unwrap_or(u32::MAX)
        };
        // Bytes a nanosecond in KiB a second.
        let kib_s = |now: u64, then: u64| rate(now, then, 1_000_000_000) / 1024;
        Sample {
            cpu_permille: rate(self.cpu_ns, before.cpu_ns, 1000),
            memory_kib: u32::try_from(self.memory >> 10).unwrap_or(u32::MAX),
            net_in_kib_s: kib_s(self.net_in, before.net_in),
            net_out_kib_s: kib_s(self.net_out, before.net_out),
            disk_read_kib_s: kib_s(self.disk_read, before.disk_read),
            disk_write_kib_s: kib_s(self.disk_write, before.disk_write),
            processes: u32::try_from(self.processes).unwrap_or(u32::MAX),
        }
    }
}

/// The open files of a guest's cgroup.
#[derive(Debug)]
pub(super) struct Sources {
    cpu: Option<File>,
    memory: Option<File>,
    processes: Option<File>,
    disk: Option<File>,
    version: u8,
}

impl Sources {
    pub(super) fn of(cgroup: &Cgroup) -> Self {
        let version = cgroup.version();
        let [cpu, memory, disk] = if version == 1 {
            ["cpuacct.usage", "memory.usage_in_bytes", "blkio.throttle.io_service_bytes"]
        } else {
            ["cpu.stat", "memory.current", "io.stat"]
        };
        let open = |name| cgroup.file(name).and_then(|path| File::open(path).ok());
        Self { cpu: open(cpu), memory: open(memory), processes: open("pids.current"), disk: open(disk), version }
    }

    /// What can't be read is nothing: a guest that has just ended, a controller that the host hasn't got.
    pub(super) fn read(&self) -> Counters {
        let mut buffer = [0; 4096];
        let mut text = |file: &Option<File>| {
            let length = file.as_ref().and_then(|file| file.read_at(&mut buffer, 0).ok()).unwrap_or_default();
            String::from_utf8_lossy(&buffer[..length]).into_owned()
        };
        let number = |text: String| text.trim().parse().unwrap_or_default();
        let cpu = text(&self.cpu);
        let cpu_ns = if self.version == 1 { number(cpu) } else { usage_usec(&cpu).saturating_mul(1000) };
        let (memory, processes) = (number(text(&self.memory)), number(text(&self.processes)));
        let (disk_read, disk_write) = disk_bytes(&text(&self.disk));
        Counters { cpu_ns, memory, processes, disk_read, disk_write, ..Counters::default() }
    }
}

fn usage_usec(stat: &str) -> u64 {
    let line = stat.lines().find_map(|line| line.strip_prefix("usage_usec "));
    line.and_then(|text| text.trim().parse().ok()).unwrap_or_default()
}

/// Read and written, of all devices: `8:0 Read 4096` in the first version, `8:0 rbytes=4096 …` in the second.
fn disk_bytes(text: &str) -> (u64, u64) {
    let (mut read, mut written) = (0u64, 0u64);
    for line in text.lines() {
        let fields: Vec<&str> = line.split_whitespace().collect();
        if let [_, word, number] = fields[..] {
            let number = number.parse().unwrap_or_default();
            match word {
                "Read" => read = read.saturating_add(number),
                "Write" => written = written.saturating_add(number),
                _ => {}
            }
        }
        for field in fields {
            let of = |key: &str| field.strip_prefix(key).and_then(|n| n.parse::<u64>().ok()).unwrap_or_default();
            read = read.saturating_add(of("rbytes="));
            written = written.saturating_add(of("wbytes="));
        }
    }
    (read, written)
}

/// One look at all processes, for an agent that has no cgroups.
#[derive(Debug, Default)]
pub(super) struct Processes {
    children: BTreeMap<i32, Vec<i32>>,
    facts: BTreeMap<i32, Counters>,
}

impl Processes {
    pub(super) fn look() -> Self {
        let mut all = Self::default();
        let entries = fs::read_dir("/proc").into_iter().flatten().filter_map(Result::ok);
        for pid in entries.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok()) {
            let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            if let Some((parent, counters)) = stat_facts(&stat) {
                all.children.entry(parent).or_default().push(pid);
                all.facts.insert(pid, counters);
            }
        }
        all
    }

    /// The process and all that descends from it. Their memory is mostly the same, shared: it is that of
    /// the largest.
    pub(super) fn family(&self, first: i32) -> Counters {
        let mut total = Counters::default();
        for pid in self.members(first) {
            let Some(one) = self.facts.get(&pid) else { continue };
            let io = fs::read_to_string(format!("/proc/{pid}/io")).unwrap_or_default();
            let bytes = |name: &str| -> u64 {
                io.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok()).unwrap_or_default()
            };
            total.cpu_ns = total.cpu_ns.saturating_add(one.cpu_ns);
            total.memory = total.memory.max(one.memory);
            total.disk_read = total.disk_read.saturating_add(bytes("read_bytes:"));
            total.disk_write = total.disk_write.saturating_add(bytes("write_bytes:"));
            total.processes += 1;
        }
        total
    }

    pub(super) fn members(&self, first: i32) -> Vec<i32> {
        let (mut all, mut next) = (vec![first], 0);
        while let Some(pid) = all.get(next) {
            all.extend(self.children.get(pid).into_iter().flatten());
            next += 1;
        }
        all
    }
}

/// The parent, and the time and memory of one process with its children that have ended (proc_pid_stat(5)).
fn stat_facts(stat: &str) -> Option<(i32, Counters)> {
    // The name may hold anything: fields begin after its last parenthesis.
    let fields: Vec<&str> = stat.rsplit_once(") ")?.1.split_whitespace().collect();
    let number = |at: usize| fields.get(at).and_then(|field| field.parse::<u64>().ok());
    let ticks: u64 = [11, 12, 13, 14].into_iter().filter_map(number).sum();
    // USER_HZ is 100 on every architecture that there is of UML.
    let cpu_ns = ticks.saturating_mul(10_000_000);
    let memory = number(21)?.saturating_mul(4096);
    Some((fields.get(1)?.parse().ok()?, Counters { cpu_ns, memory, ..Counters::default() }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn either_versions_words_are_read() {
        assert_eq!(
            disk_bytes("254:0 Read 4096\n254:0 Write 8192\n254:0 Sync 1\n7:0 Read 1\nTotal 12289\n"),
            (4097, 8192)
        );
        assert_eq!(disk_bytes("254:0 rbytes=1 wbytes=2 rios=3\n7:0 rbytes=4 wbytes=5\n"), (5, 7));
        assert_eq!(usage_usec("usage_usec 77\nuser_usec 5\n"), 77);
    }

    #[test]
    fn rates_are_means_and_a_counter_that_shrank_says_nothing() {
        let before = Counters { cpu_ns: 1_000, disk_read: 5, ..Counters::default() };
        let after = Counters { cpu_ns: 2_500_001_000, disk_write: 5 << 20, memory: 4096, ..Counters::default() };
        let sample = after.since(&before, 5_000_000_000);
        assert_eq!((sample.cpu_permille, sample.disk_write_kib_s, sample.disk_read_kib_s), (500, 1024, 0));
        assert_eq!((sample.memory_kib, after.since(&before, 0).cpu_permille), (4, u32::MAX));
    }

    #[test]
    fn a_process_is_in_its_own_family() {
        let us = i32::try_from(std::process::id()).expect("a pid");
        let family = Processes::look().family(us);
        assert!(family.processes >= 1 && family.memory > 0, "{family:?}");
    }
}
