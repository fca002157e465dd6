//! Names in the guests' directories are swapped for links, to and fro, while the agent works with them: what
//! the links lead to is never written to, given away or shown.

use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use nix::fcntl::{AT_FDCWD, RenameFlags, renameat2};
use umbel_guest::{DiskKind, DiskSize, GuestId};
use umbel_wire::agent::{Request, StartOrder, StopHow};

use crate::console::text_of;
use crate::corpus::{Den, attacker};
use crate::harness::{generation, order, rounds, tiny};

const SECRET: &str = "a secret of the host that stays as it is";

/// Swaps the name with the link beside it until it is told to stop; the name is what it was afterwards.
fn swap(name: &Path, link: &Path, stop: &AtomicBool) {
    let mut swapped = false;
    while !stop.load(Ordering::Relaxed) || swapped {
        // Where the agent has just removed one of them, the next turn may succeed.
        if renameat2(AT_FDCWD, name, AT_FDCWD, link, RenameFlags::RENAME_EXCHANGE).is_ok() {
            swapped = !swapped;
        } else if stop.load(Ordering::Relaxed) {
            break;
        }
        std::thread::yield_now();
    }
}

/// Starts and kills the guest a few times while that goes on; whatever is refused is fine.
fn started_meanwhile(den: &Den, guest: GuestId, name: &Path, link: &Path) {
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| swap(name, link, &stop));
        for round in 0..rounds() as u64 * 3 {
            let number = 10 + round * 2;
            let start = StartOrder {
                kernel: attacker(),
                disk_kind: DiskKind::Plain,
                generation: generation(number),
                ..order(guest, number)
            };
            let _ = den.house.done(&Request::Start(start));
            let _ = den.house.stop(guest, number + 1, StopHow::Kill);
        }
        stop.store(true, Ordering::Relaxed);
    });
}

#[test]
fn no_link_is_followed_while_guests_start() {
    let den = Den::new();
    let layout = den.house.layout.clone();
    let place = tempfile::tempdir().expect("made");
    let secret = place.path().join("secret");
    let in_directory = place.path().join("directory/secret");
    fs::create_dir(place.path().join("directory")).expect("made");
    for file in [&secret, &in_directory] {
        fs::write(file, SECRET).expect("written");
    }
    let facts =
        |path: &Path| fs::metadata(path).map(|f| (f.len(), f.mode(), f.uid(), f.gid(), f.mtime())).expect("there");
    let places = [secret.clone(), in_directory.clone(), place.path().join("directory")];
    let before = places.each_ref().map(|path| facts(path));

    let size = DiskSize::from_mib(64).expect("a size");
    let names: [fn(&umbel_wire::Layout, GuestId, DiskSize) -> PathBuf; 6] = [
        |layout, guest, _| layout.disk(guest),
        |layout, guest, _| layout.ring(guest),
        |layout, guest, _| layout.shim_log(guest),
        |layout, guest, _| layout.work(guest),
        |layout, guest, _| layout.shim_socket(guest),
        |layout, _, size| layout.base(&tiny(), size),
    ];
    for name in names {
        let guest = den.told("wait\n");
        let name = name(&layout, guest, size);
        let link = layout.data().join("link");
        let leads_to = if name == layout.work(guest) { place.path().join("directory") } else { secret.clone() };
        symlink(leads_to, &link).expect("linked");
        // What the agent makes itself has to be there to be swapped.
        den.start(guest);
        den.house.stop(guest, 3, StopHow::Kill).expect("killed");
        if !name.exists() && name == layout.work(guest) {
            fs::create_dir(&name).expect("made");
        } else if !name.exists() {
            fs::write(&name, "").expect("written");
        }
        started_meanwhile(&den, guest, &name, &link);
        if let Ok(said) = std::panic::catch_unwind(|| text_of(&den.house, guest)) {
            assert!(!said.contains(SECRET), "{}", name.display());
        }
        for file in [&secret, &in_directory] {
            assert_eq!(fs::read_to_string(file).expect("there"), SECRET, "{}", name.display());
        }
        assert_eq!(places.each_ref().map(|path| facts(path)), before, "{}", name.display());
        // Whichever of the two has the agent's name now; a purge takes what lies in the guest's directory.
        for path in [&link, &name] {
            // The agent may be taking it away too.
            let _ = fs::remove_file(path).or_else(|_| fs::remove_dir_all(path));
            assert!(fs::symlink_metadata(path).is_err(), "{} stays", path.display());
        }
        let _ = den.house.purge(guest, 1000);
    }
}
