//! Room on the host's disk. Guests are given more than there is, so it may become full, and a kernel that can't write to
//! its disk tells its guest of a broken one. So before that, guests whose disks grow stand still, and go on when there is
//! room again. A guest that only writes where it has written before is left alone.
//!
//! A ballast is kept beside: the last of the room goes to whoever puts things in order, not to guests.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, TryLockError};
use std::time::Duration;

use nix::fcntl::{FallocateFlags, fallocate};
use nix::sys::statvfs::statvfs;
use umbel_guest::{GuestId, Seen};
use umbel_wire::agent::{Refusal, Said};

use crate::ledger::{Entry, Run};
use crate::state::{State, failed_at};
use crate::{control, disk, in_full, now, parcel, shelf, volume};

/// How often it is looked, with room and without much.
/// In the ledger's directory: zeros that can be given back.
pub const BALLAST: &str = "ballast";
const SELDOM: Duration = Duration::from_secs(1);
const OFTEN: Duration = Duration::from_millis(100);
const MARK_LEAST: u64 = 64 << 20;
const MARK_MOST: u64 = 2 << 30;

/// How much room makes a difference, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Mark(u64);

/// What to do, by how much room there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Measure {
    /// Those that are held go on.
    LetGo,
    /// Neither the one nor the other: what is held stays so.
    Wait,
    /// Those whose disks have grown since the last look are held.
    HoldGrowing,
    /// All are held whose disks can grow.
    HoldAll,
}

impl Mark {
    fn of(total: u64) -> Self {
        Self((total / 50).clamp(MARK_LEAST, MARK_MOST))
    }

    fn measure(self, free: u64) -> Measure {
        match free {
            free if free < self.0 / 2 => Measure::HoldAll,
            free if free < self.0 => Measure::HoldGrowing,
            free if free < self.0 + self.0 / 2 => Measure::Wait,
            _ => Measure::LetGo,
        }
    }

    /// Before the next look.
    fn pause(self, free: u64) -> Duration {
        if free < self.0.saturating_mul(8) { OFTEN } else { SELDOM }
    }

    fn ballast(self) -> u64 {
        self.0 / 4
    }
}

/// Looks for as long as the process lives.
pub fn guard(state: Arc<State>, hold_below_mib: Option<u64>) -> io::Result<()> {
    std::thread::Builder::new().name("room".into()).spawn(move || {
        // Those that an agent held that was killed.
        let entries = state.entries().into_iter().map(|(guest, _)| guest);
        let held = entries.filter(|guest| state.held_note(*guest).exists()).collect();
        let mut guard = Guard { state, hold_below_mib, held, taken: BTreeMap::new(), told: false };
        loop {
            std::thread::sleep(guard.look());
        }
    })?;
    Ok(())
}

struct Guard {
    state: Arc<State>,
    hold_below_mib: Option<u64>,
    held: BTreeSet<GuestId>,
    /// Of each guest's disk and volumes at the last look, in bytes; nothing while there is room.
    taken: BTreeMap<GuestId, u64>,
    told: bool,
}

impl Guard {
    fn look(&mut self) -> Duration {
        let room = match statvfs(self.state.layout.data()) {
            Ok(room) => room,
            Err(error) => {
                tracing::error!(cause = in_full(&error), "the room on the disk can't be seen");
                return SELDOM;
            }
        };
        let free = room.blocks_available() * room.fragment_size();
        let mark = self.hold_below_mib.map_or(Mark::of(room.blocks() * room.fragment_size()), |mib| Mark(mib << 20));
        let measure = mark.measure(free);
        self.tell(measure, free);
        self.ballast(mark, free);
        let before = std::mem::take(&mut self.taken);
        if measure == Measure::LetGo {
            // Guests are many, and mostly there is nothing to do.
            self.held.clone().into_iter().for_each(|guest| self.let_go(guest));
        } else {
            for (guest, entry) in self.state.entries() {
                self.guest(guest, &entry, measure, before.get(&guest).copied());
            }
        }
        mark.pause(free)
    }

    fn tell(&mut self, measure: Measure, free: u64) {
        let is_low = matches!(measure, Measure::HoldGrowing | Measure::HoldAll);
        if is_low && !self.told {
            tracing::error!(free_mib = free >> 20, "the disk is almost full: guests whose disks grow stand still");
        }
        self.told = is_low || (self.told && measure == Measure::Wait);
    }

    fn guest(&mut self, guest: GuestId, entry: &Entry, measure: Measure, before: Option<u64>) {
        let (Some(run), Seen::Running { .. }) = (&entry.run, &entry.seen) else { return };
        let Ok(facts) = fs::symlink_metadata(self.state.layout.disk(guest)) else { return };
        let (volumes, parcel) = (volume::written_to(&self.state, guest), parcel::written_to(&self.state, guest, entry));
        let taken = disk::taken(&facts) + volumes.0 + parcel.0;
        let length = facts.len() + volumes.1 + parcel.1;
        self.taken.insert(guest, taken);
        let is_held = match measure {
            Measure::HoldAll => taken < length,
            Measure::HoldGrowing => before.is_some_and(|before| taken > before),
            Measure::Wait | Measure::LetGo => false,
        };
        if is_held {
            self.hold(guest, run);
        }
    }

    /// In the guest's turn. One that something else is done to is looked at again soon: `false`.
    fn in_turn(&self, guest: GuestId, act: impl FnOnce() -> Result<(), Refusal>) -> Result<bool, Refusal> {
        let turn = self.state.turn(guest);
        let taken = turn.try_lock();
        if matches!(taken, Err(TryLockError::WouldBlock)) {
            return Ok(false);
        }
        act().map(|()| true)
    }

    fn hold(&mut self, guest: GuestId, run: &Run) {
        let note = self.state.held_note(guest);
        let held = self.in_turn(guest, || {
            // Written down first, so that a next agent lets it go on if this one is killed.
            File::create(&note).map_err(failed_at("writing the note", &note))?;
            control::set_paused(&self.state, guest, true).inspect_err(|_| drop(shelf::remove(&note)))?;
            let text = "Umbel: the host's disk is almost full; the guest stands still until there is room".into();
            self.state.said(guest, run, &Said { at: now(), text, missed: 0 });
            Ok(())
        });
        match held {
            Ok(true) => drop(self.held.insert(guest)),
            Ok(false) | Err(Refusal::NotRunning) => {}
            Err(error) => tracing::error!(%guest, cause = in_full(&error), "a guest can't be held for want of room"),
        }
    }

    fn let_go(&mut self, guest: GuestId) {
        let note = self.state.held_note(guest);
        let gone = self.in_turn(guest, || {
            // It may have ended meanwhile, and another run may be somebody's to pause.
            if note.exists() {
                match control::set_paused(&self.state, guest, false) {
                    Ok(()) | Err(Refusal::NotRunning) => {}
                    Err(error) => return Err(error),
                }
            }
            shelf::remove(&note).map_err(failed_at("removing the note", &note))
        });
        match gone {
            Ok(true) => drop(self.held.remove(&guest)),
            Ok(false) => {}
            Err(error) => {
                tracing::error!(%guest, cause = in_full(&error), "a guest that there is room for stands still");
            }
        }
    }

    /// Given back when guests stand still and the rest of the room goes all the same; taken again with plenty.
    fn ballast(&self, mark: Mark, free: u64) {
        let path: PathBuf = self.state.layout.ledger().join(BALLAST);
        let changed = match path.exists() {
            true if free < mark.0 / 2 => fs::remove_file(&path),
            false if free > mark.0.saturating_mul(4) => make_ballast(&path, mark.ballast()),
            _ => Ok(()),
        };
        if let Err(error) = changed {
            tracing::warn!(path = %path.display(), cause = in_full(&error), "the ballast stays as it is");
        }
    }
}

/// Blocks that nobody has written, where the file system can have such.
fn make_ballast(path: &Path, bytes: u64) -> io::Result<()> {
    let length = i64::try_from(bytes).map_err(io::Error::other)?;
    match fallocate(File::create(path)?, FallocateFlags::empty(), 0, length) {
        Ok(()) | Err(nix::Error::EOPNOTSUPP) => Ok(()),
        Err(error) => {
            fs::remove_file(path)?;
            Err(error.into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_less_room_there_is_the_more_guests_stand_still() {
        let mark = Mark(100 << 20);
        let measures = [0, 49, 50, 99, 100, 149, 150, 10_000].map(|mib: u64| mark.measure(mib << 20));
        use Measure::{HoldAll, HoldGrowing, LetGo, Wait};
        assert_eq!(measures, [HoldAll, HoldAll, HoldGrowing, HoldGrowing, Wait, Wait, LetGo, LetGo]);
        assert_eq!((mark.pause(799 << 20), mark.pause(800 << 20)), (OFTEN, SELDOM));
    }

    #[test]
    fn a_mark_is_a_fiftieth_of_the_disk_within_bounds() {
        assert_eq!([1 << 30, 10 << 30, 1 << 40].map(Mark::of), [Mark(64 << 20), Mark((10 << 30) / 50), Mark(2 << 30)]);
    }
}
