//! What a guest's limits are as files of its cgroup, and how they are set: at its start, and live.
//! That of the network card is set by [`crate::network`].

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use umbel_guest::{Generation, GuestId, Limits, WallState};
use umbel_wire::agent::{Refusal, Wall};

use crate::cgroup::Cgroup;
use crate::policy::check_generation;
use crate::state::{State, Walls, failed};
use crate::{cgroup, in_full};

/// Length of the period that a cap on processors is told for, in µs; the kernel's own default.
const PERIOD: u64 = 100_000;
/// Shares of a guest of usual weight, where the panel has 1024: consoles stay quick beside busy guests.
const SHARES: u32 = 256;

/// A value for a file of the guest's cgroup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    pub file: &'static str,
    pub value: String,
    /// Named in the refusal where the host has no such file; without it nothing is asked of the host.
    pub needed_for: Option<&'static str>,
}

/// A whole disk, by its numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Device {
    pub major: u64,
    pub minor: u64,
}

/// The files of either version of cgroups (kernel: admin-guide/cgroup-v2, cgroup-v1/blkio-controller,
/// scheduler/sched-bwc).
pub fn settings(version: u8, limits: &Limits, device: Option<Device>) -> Vec<Setting> {
    let mut all = Vec::new();
    let mut add = |file, value: String, needed_for: Option<&'static str>| {
        all.push(Setting { file, value, needed_for });
    };
    let cap = limits.cpu_percent.map(|percent| u64::from(percent) * PERIOD / 100);
    let needs_cap = cap.map(|_| "a cap on processors");
    let bytes_s = limits.disk_mib_s.map(|mib| u64::from(mib) << 20);
    let needs_disk = bytes_s.map(|_| "a limit of disk bandwidth");
    if version == 1 {
        add("cpu.shares", (limits.cpu_weight * SHARES / 100).max(2).to_string(), None);
        add("cpu.cfs_period_us", PERIOD.to_string(), needs_cap);
        add("cpu.cfs_quota_us", cap.map_or("-1".into(), |quota| quota.to_string()), needs_cap);
    } else {
        add("cpu.weight", (limits.cpu_weight * SHARES / 1024).clamp(1, 10_000).to_string(), None);
        let quota = cap.map_or("max".into(), |quota| quota.to_string());
        add("cpu.max", format!("{quota} {PERIOD}"), needs_cap);
    }
    add("pids.max", limits.processes.to_string(), Some("a limit of processes"));
    if let Some(Device { major, minor }) = device {
        if version == 1 {
            // 0 takes a limit away.
            for file in ["blkio.throttle.read_bps_device", "blkio.throttle.write_bps_device"] {
                add(file, format!("{major}:{minor} {}", bytes_s.unwrap_or_default()), needs_disk);
            }
        } else {
            let rate = bytes_s.map_or("max".into(), |rate| rate.to_string());
            add("io.max", format!("{major}:{minor} rbps={rate} wbps={rate}"), needs_disk);
        }
    }
    all
}

/// The disk that a directory lies on; `None` where its file system has none of its own, as btrfs,
/// overlayfs or one over the network. Limits are those of whole disks, never of a partition.
pub fn device_of(directory: &Path) -> Option<Device> {
    let number = fs::metadata(directory).ok()?.dev();
    let (major, minor) = (rustix::fs::major(number), rustix::fs::minor(number));
    let place = fs::canonicalize(format!("/sys/dev/block/{major}:{minor}")).ok()?;
    if !place.join("partition").exists() {
        return Some(Device { major: major.into(), minor: minor.into() });
    }
    let disk = fs::read_to_string(place.parent()?.join("dev")).ok()?;
    let (major, minor) = disk.trim().split_once(':')?;
    Some(Device { major: major.parse().ok()?, minor: minor.parse().ok()? })
}

/// Makes the guest's cgroup with these limits, before anything is started in it.
pub fn prepare(state: &State, guest: GuestId, limits: &Limits) -> Result<(), Refusal> {
    check(state, limits)?;
    let Some(cgroup) = state.cgroup(guest) else { return Ok(()) };
    let wall = |error| Refusal::Wall { wall: "cgroup".into(), reason: in_full(&error) };
    cgroup.make_directories().map_err(wall)?;
    let set = set(state, &cgroup, limits);
    if set.is_err() {
        cgroup.remove().map_err(wall)?;
    }
    set
}

/// Changes the limits of a running guest; for one that isn't, only heard. To be called in its turn.
pub fn limit(state: &State, guest: GuestId, generation: Generation, limits: &Limits) -> Result<(), Refusal> {
    let Some(entry) = state.entry(guest) else { return Ok(()) };
    check_generation(Some(entry.generation), generation)?;
    check(state, limits)?;
    state.heard(guest, generation).map_err(|e| failed("writing the ledger")(&e))?;
    if !entry.seen.is_alive() {
        return Ok(());
    }
    state.cgroup(guest).map_or(Ok(()), |cgroup| set(state, &cgroup, limits))?;
    let rated = state.networks.set_rate(guest, limits.net_mbit);
    rated.map_err(|e| failed("limiting the guest's network card")(&e))
}

/// What can't be had here is refused before anything is changed.
fn check(state: &State, limits: &Limits) -> Result<(), Refusal> {
    limits.check().map_err(|errors| failed("reading the limits")(&errors))?;
    let usual = Limits { net_mbit: limits.net_mbit, ..Limits::default() };
    if *limits != usual && matches!(state.walls, Walls::Personal { .. }) {
        return Err(Refusal::NotHere { what: "limits need an agent that runs as root".into() });
    }
    if limits.disk_mib_s.is_some() && device_of(state.layout.data()).is_none() {
        let what =
            "the data directory lies on a file system without a disk of its own, so disk bandwidth can't be limited";
        return Err(Refusal::NotHere { what: what.into() });
    }
    Ok(())
}

fn set(state: &State, cgroup: &Cgroup, limits: &Limits) -> Result<(), Refusal> {
    let device = device_of(state.layout.data());
    let all = settings(cgroup.version(), limits, device);
    if let Some(what) = all.iter().find_map(|s| s.needed_for.filter(|_| cgroup.file(s.file).is_none())) {
        return Err(Refusal::NotHere { what: format!("its kernel has no cgroup controller for {what}") });
    }
    let wall = |error: cgroup::CgroupError| Refusal::Wall { wall: "cgroup".into(), reason: in_full(&error) };
    all.iter().try_for_each(|s| cgroup.set(s.file, &s.value)).map_err(wall)
}

/// For the page that says what stands around guests.
pub fn wall(state: &State) -> Wall {
    let missing = |why| WallState::Missing { why };
    let state = match (&state.walls, device_of(state.layout.data())) {
        (Walls::Personal { .. }, _) => missing("Limits need an agent that runs as root.".to_owned()),
        (Walls::Hosting { cgroups: Err(reason), .. }, _) => missing(format!("No cgroups: {reason}.")),
        (Walls::Hosting { cgroups: Ok(cgroups), .. }, Some(_)) if cgroups.has_io() => {
            let writes = match cgroups.version() {
                1 => "writing only as far as it doesn't go through the host's page cache",
                _ => "writing too",
            };
            WallState::Stands { does: format!("Processors, processes and disk bandwidth: reading, {writes}.") }
        }
        (Walls::Hosting { .. }, device) => {
            let why = if device.is_none() {
                "the data directory has no disk of its own"
            } else {
                "the host has no io controller"
            };
            WallState::Stands { does: format!("Processors and processes. Disk bandwidth can't be limited: {why}.") }
        }
    };
    Wall { name: "shares".into(), state }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(version: u8, limits: &Limits) -> Vec<String> {
        let device = Some(Device { major: 254, minor: 0 });
        settings(version, limits, device).into_iter().map(|s| format!("{}={}", s.file, s.value)).collect()
    }

    #[test]
    fn nothing_asked_for_takes_every_limit_away() {
        let usual = Limits::default();
        assert_eq!(
            said(1, &usual),
            [
                "cpu.shares=256",
                "cpu.cfs_period_us=100000",
                "cpu.cfs_quota_us=-1",
                "pids.max=4096",
                "blkio.throttle.read_bps_device=254:0 0",
                "blkio.throttle.write_bps_device=254:0 0"
            ]
        );
        let second = ["cpu.weight=25", "cpu.max=max 100000", "pids.max=4096", "io.max=254:0 rbps=max wbps=max"];
        assert_eq!(said(2, &usual), second);
        assert!(settings(1, &usual, None).iter().all(|s| !s.file.starts_with("blkio") && s.needed_for != Some("")));
    }

    #[test]
    fn each_limit_is_a_file_of_either_version() {
        let limits =
            Limits { cpu_weight: 1, cpu_percent: Some(150), processes: 100, net_mbit: None, disk_mib_s: Some(2) };
        assert!(said(1, &limits).contains(&"cpu.cfs_quota_us=150000".into()));
        assert!(said(1, &limits).contains(&"blkio.throttle.read_bps_device=254:0 2097152".into()));
        let second =
            ["cpu.weight=1", "cpu.max=150000 100000", "pids.max=100", "io.max=254:0 rbps=2097152 wbps=2097152"];
        assert_eq!(said(2, &limits), second);
        let needed: Vec<_> = settings(2, &limits, None).into_iter().filter_map(|s| s.needed_for).collect();
        assert_eq!(needed, ["a cap on processors", "a limit of processes"]);
    }

    #[test]
    fn a_file_system_without_a_disk_has_none() {
        assert_eq!(device_of(Path::new("/proc")), None);
    }
}
