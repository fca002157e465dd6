//! What the agent knows: the ledger in memory, with a version that grows at every change and wakes
//! whoever waits for the inventory.

use std::collections::btree_map::Entry::{Occupied, Vacant};
use std::collections::{BTreeMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use nix::unistd::{Gid, Uid};
use tokio::sync::watch;
use umbel_guest::{Exit, Generation, GuestId, Seen, SetupSeen};
use umbel_wire::Layout;
use umbel_wire::agent::{GuestFacts, Inventory, Profile, Refusal, Said};
use umbel_wire::talk::{self, Talk};

use crate::cgroup::{Cgroup, Hierarchy};
use crate::image::Making;
use crate::kernels::Kernels;
use crate::kernels::ask::Asker;
use crate::ledger::{Entry, Ledger, LedgerError, Parcel, Run};
use crate::network::{NetworkError, Networks};
use crate::processors::Processors;
use crate::recipe::Builder;
use crate::tree::Tree;
use crate::uid::Range;
use crate::walls::{WallName, Without};
use crate::{in_full, launcher, now, parcel, setup};

/// Besides root and the agent's own user, who is heard; and whose group may connect to consoles.
#[derive(Clone, Copy, Debug)]
pub struct PanelIds {
    pub uid: Uid,
    pub gid: Gid,
}

/// The walls that this agent raises around guests.
#[derive(Debug)]
pub enum Walls {
    Hosting {
        range: Range,
        /// Why there are none is told to every start.
        cgroups: Result<Hierarchy, String>,
    },
    Personal {
        /// Why there are no user namespaces.
        namespaces: Result<(), String>,
    },
}

#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    #[error(transparent)]
    Networks(#[from] NetworkError),
}

#[derive(Debug)]
struct Guest {
    entry: Entry,
    /// A kill was asked for: an end without a word is then ours.
    kill_asked: bool,
    said: VecDeque<Said>,
    talk: Talk,
}

impl Guest {
    fn new(entry: Entry) -> Self {
        Self { entry, kill_asked: false, said: VecDeque::new(), talk: Talk::new(now()) }
    }
}

/// So many of a guest's lines are kept.
const SAID_MAX: usize = 20;

#[derive(Debug)]
pub struct State {
    pub layout: Layout,
    pub panel: PanelIds,
    pub walls: Walls,
    /// What an administrator has switched off.
    pub without: Without,
    pub kernels: Kernels,
    pub networks: Networks,
    /// What of the host guests may have as their root.
    pub tree: Option<Tree>,
    pub processors: Processors,
    pub builder: Builder,
    pub making: Making,
    /// What is loaded before a kernel's C library, if this processor makes that necessary.
    pub preload: Option<PathBuf>,
    ledger: Ledger,
    /// One at a time writes what there is of a guest in it; several share one of these.
    saving: [Mutex<()>; 32],
    guests: Mutex<BTreeMap<GuestId, Guest>>,
    /// One at a time changes who has which volume. Taken after a guest's turn, never before it.
    pub volumes: Mutex<()>,
    /// One request at a time changes a guest.
    turns: Mutex<BTreeMap<GuestId, Arc<Mutex<()>>>>,
    version: watch::Sender<u64>,
}

impl State {
    /// `kernels` are directories of our own builds.
    pub fn open(
        layout: Layout,
        panel: PanelIds,
        walls: Walls,
        without: Without,
        kernels: Vec<PathBuf>,
    ) -> Result<Self, OpenError> {
        let ledger = Ledger::open(&layout.ledger())?;
        let guests = ledger.all()?.into_iter().map(|(id, entry)| (id, Guest::new(entry))).collect();
        let asker = Asker { place: layout.run().join("ask"), walls: asking(&walls), without: without.clone() };
        let kernels = Kernels::new(&layout, kernels, asker);
        let range = match &walls {
            Walls::Hosting { range, .. } => Some(*range),
            Walls::Personal { .. } => None,
        };
        let networks = Networks::open(&layout, range)?;
        let (turns, version) = (Mutex::default(), watch::Sender::new(1));
        let guests = Mutex::new(guests);
        let (tree, processors, preload) = (None, Processors::default(), None);
        Ok(Self {
            layout,
            panel,
            walls,
            without,
            kernels,
            networks,
            tree,
            processors,
            builder: Builder::default(),
            making: Making::default(),
            preload,
            ledger,
            saving: std::array::from_fn(|_| Mutex::default()),
            guests,
            volumes: Mutex::default(),
            turns,
            version,
        })
    }

    pub fn profile(&self) -> Profile {
        match self.walls {
            Walls::Hosting { .. } => Profile::Hosting,
            Walls::Personal { .. } => Profile::Personal,
        }
    }

    /// The guest's cgroup, in the profile that has any.
    pub fn cgroup(&self, guest: GuestId) -> Option<Cgroup> {
        match &self.walls {
            Walls::Hosting { cgroups: Ok(cgroups), .. } => Some(cgroups.guest(guest)),
            _ => None,
        }
    }

    /// Whether a guest's processes have mounts of their own.
    pub fn has_mounts(&self) -> bool {
        !matches!(self.walls, Walls::Personal { namespaces: Err(_) }) && self.without.keeps(WallName::MountNamespace)
    }

    /// Whether they have a root directory of their own, with the names of [`crate::jail`].
    pub fn has_jail(&self) -> bool {
        self.has_mounts() && self.without.keeps(WallName::RootDirectory)
    }

    pub fn entry(&self, guest: GuestId) -> Option<Entry> {
        self.lock().get(&guest).map(|g| g.entry.clone())
    }

    pub fn entries(&self) -> Vec<(GuestId, Entry)> {
        self.lock().iter().map(|(id, g)| (*id, g.entry.clone())).collect()
    }

    /// To be held while a guest is changed in several steps.
    pub fn turn(&self, guest: GuestId) -> Arc<Mutex<()>> {
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(turns.entry(guest).or_default())
    }

    /// A uid that no other guest has.
    pub fn free_uid(&self) -> Result<u32, Refusal> {
        match &self.walls {
            Walls::Personal { .. } => Ok(Uid::effective().as_raw()),
            Walls::Hosting { range, .. } => {
                let mut taken: Vec<u32> = self.lock().values().map(|g| g.entry.uid).collect();
                if !self.without.keeps(WallName::Uid) {
                    // All the same one.
                    taken.clear();
                }
                let wall = |e: crate::uid::UidError| Refusal::Wall { wall: "uid".into(), reason: in_full(&e) };
                range.free(&taken).map_err(wall)
            }
        }
    }

    /// Writes an entry down, then believes it.
    pub fn put(&self, guest: GuestId, entry: Entry) -> Result<(), LedgerError> {
        let _one = self.saving(guest);
        self.ledger.save(guest, &entry)?;
        let mut guests = self.lock();
        match guests.entry(guest) {
            Vacant(place) => drop(place.insert(Guest::new(entry))),
            Occupied(mut found) => {
                let found = found.get_mut();
                found.kill_asked &= found.entry.run == entry.run;
                if found.entry.seen_generation != entry.seen_generation {
                    found.said.clear();
                }
                found.entry = entry;
            }
        }
        drop(guests);
        self.changed();
        Ok(())
    }

    /// Writes down the newest order that was heard. To be called in the guest's turn.
    pub fn heard(&self, guest: GuestId, generation: Generation) -> Result<(), LedgerError> {
        let mut guests = self.lock();
        let Some(found) = guests.get_mut(&guest) else { return Ok(()) };
        // What is seen may change beside the turn, so the entry is changed where it lies.
        found.entry.generation = generation;
        drop(guests);
        self.write_down(guest)
    }

    /// Writes down what is on its way into the guest or out of it. To be called in the guest's turn.
    pub fn put_parcel(&self, guest: GuestId, parcel: Option<Parcel>) -> Result<(), LedgerError> {
        let mut guests = self.lock();
        let Some(found) = guests.get_mut(&guest) else { return Ok(()) };
        // What is seen may change beside the turn, so the entry is changed where it lies.
        found.entry.parcel = parcel;
        drop(guests);
        self.write_down(guest)
    }

    fn saving(&self, guest: GuestId) -> MutexGuard<'_, ()> {
        let of = usize::from(guest.0.as_bytes()[15]) % self.saving.len();
        self.saving[of].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The entry as it is now. What a guest says comes beside its turn: two that wrote at once would be in each other's way.
    fn write_down(&self, guest: GuestId) -> Result<(), LedgerError> {
        let _one = self.saving(guest);
        self.entry(guest).map_or(Ok(()), |entry| self.ledger.save(guest, &entry))
    }

    pub fn forget(&self, guest: GuestId) -> Result<(), LedgerError> {
        let _one = self.saving(guest);
        self.ledger.forget(guest)?;
        self.lock().remove(&guest);
        self.changed();
        Ok(())
    }

    /// The file that a launcher notes its shim in.
    pub fn launch_note(&self, guest: GuestId) -> PathBuf {
        self.ledger.beside(guest, "launch")
    }

    /// The file that says that a guest stands still only while its disk is copied.
    pub fn still_note(&self, guest: GuestId) -> PathBuf {
        self.ledger.beside(guest, "still")
    }

    /// The file that says that a guest stands still for want of room on the host's disk.
    pub fn held_note(&self, guest: GuestId) -> PathBuf {
        self.ledger.beside(guest, "held")
    }

    /// The disk with what a guest is told once.
    pub fn setup(&self, guest: GuestId) -> PathBuf {
        self.ledger.beside(guest, setup::NOTE)
    }

    pub fn setups(&self) -> Vec<(GuestId, PathBuf)> {
        self.ledger.all_beside(setup::NOTE)
    }

    /// What a shim says of its run. Only in memory: a restarted agent asks the shim again.
    pub fn saw(&self, guest: GuestId, run: &Run, seen: Seen) {
        let mut guests = self.lock();
        let Some(found) = guests.get_mut(&guest).filter(|g| g.entry.run.as_ref() == Some(run)) else { return };
        if found.entry.seen != seen {
            found.entry.seen = seen;
            drop(guests);
            self.changed();
        }
    }

    /// A line that a guest of this run wrote. A shim may lie, so lines are cut and counted here again.
    pub fn said(&self, guest: GuestId, run: &Run, said: &Said) {
        let mut guests = self.lock();
        let Some(found) = guests.get_mut(&guest).filter(|g| g.entry.run.as_ref() == Some(run)) else { return };
        let Some(missed) = found.talk.passes(now()) else { return };
        if found.said.len() == SAID_MAX {
            found.said.pop_front();
        }
        let text = talk::line(said.text.as_bytes());
        let told = setup::outcome(&found.entry, &text).inspect(|seen| found.entry.setup = Some(seen.clone()));
        let of_parcel = parcel::outcome(&found.entry, &text).inspect(|seen| {
            tracing::info!(%guest, ?seen, "a guest says how far a file is");
            found.entry.parcel.iter_mut().for_each(|parcel| parcel.seen = seen.clone());
        });
        found.said.push_back(Said { at: said.at.min(now()), text, missed: said.missed.saturating_add(missed) });
        drop(guests);
        if let Some(seen) = told {
            self.setup_is_over(guest, &seen);
        }
        if of_parcel.is_some()
            && let Err(error) = self.write_down(guest)
        {
            tracing::error!(%guest, cause = in_full(&error), "how far a file is could not be written down");
        }
        self.changed();
    }

    /// It is told once, whatever came of it.
    fn setup_is_over(&self, guest: GuestId, seen: &SetupSeen) {
        tracing::info!(%guest, setup = ?seen, "a guest was told");
        if let Err(error) = setup::remove(&self.setup(guest)) {
            tracing::error!(%guest, cause = in_full(&error), "what a guest was told stays on the host");
        }
        if let Err(error) = self.write_down(guest) {
            tracing::error!(%guest, cause = in_full(&error), "what a guest was told could not be written down");
        }
    }

    /// From now on an end of this run without a word is a kill.
    pub fn kill_asked(&self, guest: GuestId) {
        if let Some(guest) = self.lock().get_mut(&guest) {
            guest.kill_asked = true;
        }
    }

    /// No process of the guest is left. `word` is what its shim left behind, if anything.
    pub fn ended(&self, guest: GuestId, word: Option<(i64, Exit)>, otherwise: Exit) {
        let mut guests = self.lock();
        let Some(found) = guests.get_mut(&guest) else { return };
        let otherwise = if found.kill_asked { Exit::Killed } else { otherwise };
        let (at, exit) = word.unwrap_or_else(|| (now(), otherwise));
        found.kill_asked = false;
        found.entry.run = None;
        found.entry.parcel = None;
        found.entry.seen = Seen::Ended { at, exit };
        let seen = found.entry.seen.clone();
        drop(guests);
        tracing::info!(%guest, ?seen, "a guest ended");
        if let Err(error) = self.write_down(guest) {
            // A restarted agent will find that the process is gone and come here again.
            tracing::error!(%guest, cause = in_full(&error), "an end could not be written down");
        }
        self.changed();
    }

    /// Answers when the version is another than `after`, or when told to.
    pub async fn inventory_after(&self, after: u64, wait: std::time::Duration) -> Inventory {
        let mut version = self.version.subscribe();
        // Late or cut off: either way what is there now is the answer.
        let _ = tokio::time::timeout(wait, version.wait_for(|v| *v != after)).await;
        self.inventory()
    }

    pub fn inventory(&self) -> Inventory {
        // The version first: what changes in between is told once more.
        let version = *self.version.borrow();
        let facts = |(guest, g): (&GuestId, &Guest)| GuestFacts {
            guest: *guest,
            generation: g.entry.seen_generation,
            seen: g.entry.seen.clone(),
            has_disk: false,
            said: g.said.iter().cloned().collect(),
            setup: g.entry.setup.clone(),
        };
        let mut guests: Vec<GuestFacts> = self.lock().iter().map(facts).collect();
        // Disks are looked for while nobody waits.
        for guest in &mut guests {
            guest.has_disk = self.layout.disk(guest.guest).exists();
        }
        Inventory { version, guests }
    }

    /// Something in the inventory is new.
    pub fn changed(&self) {
        self.version.send_modify(|version| *version += 1);
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<GuestId, Guest>> {
        self.guests.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The walls around a kernel that is asked what it can, and a user that no guest has.
fn asking(walls: &Walls) -> launcher::Walls {
    match walls {
        Walls::Hosting { range, .. } => launcher::Walls::Own { uid: range.last() },
        Walls::Personal { namespaces: Ok(()) } => launcher::Walls::UserNamespace,
        Walls::Personal { namespaces: Err(_) } => launcher::Walls::Bare,
    }
}

/// An entry for a guest that was never heard of.
pub fn new_entry(generation: Generation, uid: u32) -> Entry {
    let (run, kernel, setup, parcel, seen_generation) = (None, None, None, None, Generation::default());
    Entry { generation, uid, run, kernel, setup, parcel, seen: Seen::Gone, seen_generation }
}

/// A refusal that names the step.
pub fn failed(step: &str) -> impl Fn(&dyn std::error::Error) -> Refusal {
    move |error| Refusal::Failed { step: step.to_owned(), error: in_full(error) }
}

/// A refusal that names the step and the path.
pub fn failed_at(step: &str, path: &Path) -> impl Fn(std::io::Error) -> Refusal {
    move |error| Refusal::Failed { step: format!("{step} {}", path.display()), error: error.to_string() }
}
