//! What Umbel's files take of the host's disk. Only what lies under a name of ours is told: whatever else somebody has
//! put into the data directory is theirs.

use std::fs::{self, DirEntry};
use std::path::Path;

use umbel_guest::{DiskSize, GuestId, ImageId};
use umbel_wire::Layout;
use umbel_wire::agent::{BaseUse, DiskUse, StorageFacts};

use crate::room::BALLAST;
use crate::state::State;
use crate::{disk, parcel, workshop};

/// Of what came in and of kernels: no tree of ours is deeper.
const DEPTH: u8 = 4;

pub fn facts(state: &State) -> StorageFacts {
    let layout = &state.layout;
    StorageFacts {
        bases: bases(layout),
        disks: disks(layout),
        uploads_bytes: below(&layout.panel().join("uploads"), DEPTH) + parcels(layout),
        kernels_bytes: below(&layout.kernels(), DEPTH),
        ballast_bytes: below(&layout.ledger().join(BALLAST), 0),
    }
}

/// Files on their way into guests or out of them.
fn parcels(layout: &Layout) -> u64 {
    named(&layout.guests()).into_iter().map(|guest| parcel::taken_bytes(layout, guest)).sum()
}

fn bases(layout: &Layout) -> Vec<BaseUse> {
    let images = named::<ImageId>(&layout.data().join("images"));
    let of = |image: &ImageId| {
        let use_of = |size| {
            let facts = fs::symlink_metadata(layout.base(image, size)).ok()?;
            Some(BaseUse { image: image.clone(), size, taken_bytes: disk::taken(&facts) })
        };
        DiskSize::ladder().filter_map(use_of).collect::<Vec<_>>()
    };
    images.iter().flat_map(of).collect()
}

fn disks(layout: &Layout) -> Vec<DiskUse> {
    let own = |guest: &GuestId| !workshop::Bench::ALL.map(workshop::Bench::guest).contains(guest);
    let use_of = |guest: GuestId| DiskUse {
        taken_bytes: below(&layout.disk(guest), 0),
        snapshots: named(&layout.snapshots(guest))
            .into_iter()
            .map(|snapshot| (snapshot, below(&layout.snapshot(guest, snapshot), 0)))
            .collect(),
        guest,
    };
    named(&layout.guests()).into_iter().filter(own).map(use_of).collect()
}

fn entries(directory: &Path) -> impl Iterator<Item = DirEntry> {
    fs::read_dir(directory).into_iter().flatten().filter_map(Result::ok)
}

/// Ids that something in the directory is called by, in order.
fn named<Id: std::str::FromStr + Ord>(directory: &Path) -> Vec<Id> {
    let mut ids: Vec<Id> = entries(directory).filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
    ids.sort();
    ids
}

/// What a file takes, or all files in a directory, so many levels down; no link is followed.
fn below(path: &Path, depth: u8) -> u64 {
    let Ok(facts) = fs::symlink_metadata(path) else { return 0 };
    match depth.checked_sub(1) {
        Some(depth) if facts.is_dir() => entries(path).map(|entry| below(&entry.path(), depth)).sum(),
        None if facts.is_dir() => 0,
        _ => disk::taken(&facts),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn what_is_not_under_a_name_of_ours_and_behind_a_link_is_not_counted() {
        let dir = tempfile::tempdir().expect("tmp");
        let data = dir.path().join("data");
        for name in ["guests", "images/mine-1", "elsewhere"] {
            fs::create_dir_all(data.join(name)).expect("made");
        }
        let layout = Layout::new(&data, Path::new("/run/umbel")).expect("exists");
        let guest: GuestId = "01890000-0000-7000-8000-000000000001".parse().expect("an id");
        fs::create_dir_all(layout.snapshots(guest)).expect("made");
        fs::write(layout.disk(guest), vec![1; 8192]).expect("written");
        let snapshot = "01890000-0000-7000-8000-000000000002".parse().expect("an id");
        fs::write(layout.snapshot(guest, snapshot), vec![1; 4096]).expect("written");
        fs::write(layout.snapshots(guest).join("notes"), "x").expect("written");
        fs::create_dir(layout.guests().join("not-a-guest")).expect("made");
        let size = DiskSize::ladder().next().expect("a size");
        fs::write(layout.base(&"mine-1".parse().expect("a slug"), size), vec![1; 4096]).expect("written");
        fs::write(data.join("elsewhere/much"), vec![1; 1 << 20]).expect("written");
        symlink(data.join("elsewhere"), layout.kernels()).expect("linked");
        assert!(below(&layout.kernels(), DEPTH) < 8192);
        let found = disks(&layout);
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].guest, found[0].taken_bytes), (guest, 8192));
        assert_eq!(found[0].snapshots, [(snapshot, 4096)]);
        assert_eq!(bases(&layout).iter().map(|base| base.taken_bytes).collect::<Vec<_>>(), [4096]);
        assert!(below(&data.join("elsewhere"), DEPTH) >= 1 << 20);
    }
}
