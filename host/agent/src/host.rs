//! The machine: memory and room, and which walls stand.

use std::fs;
use std::path::Path;

use nix::sys::statvfs::{Statvfs, statvfs};
use umbel_guest::Memory;
use umbel_wire::Layout;
use umbel_wire::agent::{HostFacts, Refusal, Wall};

use crate::state::{State, failed};
use crate::{doctor, limits};

/// Of the file system of the data directory: nothing new is made where so much is taken.
pub const FULL_PERCENT: u8 = 90;

pub fn facts(state: &State) -> Result<HostFacts, Refusal> {
    let meminfo = meminfo()?;
    let disk = room(state.layout.data())?;
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    Ok(HostFacts {
        profile: state.profile(),
        memory_total_mib: mib_of(&meminfo, "MemTotal"),
        memory_available_mib: mib_of(&meminfo, "MemAvailable"),
        cores: u32::try_from(cores).unwrap_or(u32::MAX),
        disk_total_mib: (disk.blocks() * disk.fragment_size()) >> 20,
        disk_free_mib: (disk.blocks_available() * disk.fragment_size()) >> 20,
    })
}

pub fn walls(state: &State) -> Vec<Wall> {
    let walls = doctor::walls(&state.walls, &state.without).into_iter();
    walls.chain([limits::wall(state)]).chain(state.networks.wall()).collect()
}

/// Room for others than root in the file system of this directory.
pub fn free_mib(directory: &Path) -> Result<u64, Refusal> {
    let disk = room(directory)?;
    Ok((disk.blocks_available() * disk.fragment_size()) >> 20)
}

/// For so many bytes more where the disks lie; where most of it is taken, for none.
pub fn check_room(layout: &Layout, bytes: u64) -> Result<(), Refusal> {
    let disk = room(layout.data())?;
    let (taken, free) = (disk.blocks() - disk.blocks_free(), disk.blocks_available());
    let free_mib = (free * disk.fragment_size()) >> 20;
    // As df(1) counts.
    let is_full = taken * 100 >= (taken + free) * u64::from(FULL_PERCENT);
    if is_full || bytes >> 20 >= free_mib { Err(Refusal::DiskFull { free_mib }) } else { Ok(()) }
}

/// Room in bytes until most of it is taken.
pub fn room_bytes(layout: &Layout) -> Result<u64, Refusal> {
    let disk = room(layout.data())?;
    let (taken, free) = (disk.blocks() - disk.blocks_free(), disk.blocks_available());
    let may_be = (taken + free) * u64::from(FULL_PERCENT) / 100;
    Ok(may_be.saturating_sub(taken) * disk.fragment_size())
}

/// Memory is promised to a guest whole: what isn't there now would end in its being killed.
pub fn check_memory(wanted: Memory) -> Result<(), Refusal> {
    let available_mib = mib_of(&meminfo()?, "MemAvailable");
    if wanted.mib() > available_mib {
        return Err(Refusal::NoMemory { wanted_mib: wanted.mib(), available_mib });
    }
    Ok(())
}

fn meminfo() -> Result<String, Refusal> {
    fs::read_to_string("/proc/meminfo").map_err(|e| failed("reading /proc/meminfo")(&e))
}

fn room(directory: &Path) -> Result<Statvfs, Refusal> {
    statvfs(directory).map_err(|e| failed("asking for the room left")(&e))
}

fn mib_of(meminfo: &str, name: &str) -> u32 {
    let line = meminfo.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    let kib: u64 = line.and_then(|text| text.split_whitespace().next()?.parse().ok()).unwrap_or_default();
    u32::try_from(kib / 1024).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_read_in_mib() {
        let text = "MemTotal:       24684092 kB\nMemFree:  1 kB\nMemAvailable:   22884352 kB\n";
        assert_eq!((mib_of(text, "MemTotal"), mib_of(text, "MemAvailable")), (24105, 22348));
        assert_eq!(mib_of(text, "Mem"), 0);
    }

    #[test]
    fn more_than_the_machine_has_is_refused_with_both_numbers() {
        let most = Memory::from_mib(65536).expect("in bounds");
        let available = mib_of(&meminfo().expect("linux"), "MemAvailable");
        match check_memory(most) {
            Ok(()) => assert!(available >= 65536),
            Err(Refusal::NoMemory { wanted_mib, .. }) => assert_eq!(wanted_mib, 65536),
            Err(other) => panic!("{other}"),
        }
    }
}
