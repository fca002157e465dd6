//! What the agent's programs beside `serve` do: end every guest, and take off the host what this
//! instance named on it.

use std::fs;
use std::io;
use std::panic::resume_unwind;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use nix::unistd::{Gid, Uid};
use umbel_guest::GuestId;
use umbel_wire::Layout;

use crate::cgroup::CgroupError;
use crate::ledger::Run;
use crate::network::NetworkError;
use crate::serve::{self, ServeError};
use crate::state::{OpenError, PanelIds, State, Walls};
use crate::walls::Without;
use crate::{launch, recipe, request, watch, workshop};

/// Guests whose ends are waited for beside one another: an end takes some tenths of a second and hardly
/// any processor.
const AT_ONCE: usize = 16;

#[derive(Debug, thiserror::Error)]
pub enum CleanError {
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error(transparent)]
    Serve(#[from] ServeError),
    #[error("{0} guests could not be ended")]
    Guests(usize),
    #[error(transparent)]
    TakeAway(#[from] launch::TakeAwayError),
    #[error(transparent)]
    Cgroup(#[from] CgroupError),
    #[error(transparent)]
    Network(#[from] NetworkError),
    #[error("removing {path}")]
    Remove { path: PathBuf, source: io::Error },
}

/// Kills every guest. An agent that serves notices by itself; where none does, nothing is left on the
/// host but the claim on uids.
pub fn stop_guests(layout: &Layout) -> Result<(), CleanError> {
    match serve::lock(layout, Duration::ZERO) {
        Ok(_alone) => {
            let state = open(layout)?;
            end_guests(&state)?;
            tidy(&state)
        }
        Err(ServeError::Taken { .. }) => end_guests(&open(layout)?),
        Err(error) => Err(error.into()),
    }
}

/// The same, and gives the uids back. Refused while an agent serves. Data stays.
pub fn clean(layout: &Layout) -> Result<(), CleanError> {
    let _alone = serve::lock(layout, Duration::ZERO)?;
    let state = open(layout)?;
    end_guests(&state)?;
    tidy(&state)?;
    if let Walls::Hosting { range, .. } = &state.walls {
        range.release(layout.data());
    }
    Ok(())
}

fn end_guests(state: &State) -> Result<(), CleanError> {
    let entries = state.entries();
    let alive: Vec<_> = entries.iter().filter_map(|(guest, entry)| Some((*guest, entry.run.as_ref()?))).collect();
    let is_stuck = |(guest, run): &&(GuestId, &Run)| {
        let ended = request::end_run(state, *guest, run);
        ended.inspect_err(|refusal| eprintln!("umbel-agent: guest {guest}: {refusal}")).is_err()
    };
    let stuck = thread::scope(|scope| {
        let parts = alive.chunks(alive.len().div_ceil(AT_ONCE).max(1));
        let ends: Vec<_> = parts.map(|part| scope.spawn(|| part.iter().filter(is_stuck).count())).collect();
        ends.into_iter().map(|end| end.join().unwrap_or_else(|panic| resume_unwind(panic))).sum::<usize>()
    });
    println!("{} guests ended", alive.len() - stuck);
    if stuck == 0 { Ok(()) } else { Err(CleanError::Guests(stuck)) }
}

/// Removes cgroups, sockets and directories of an instance whose guests have ended.
fn tidy(state: &State) -> Result<(), CleanError> {
    // First, so that no guest is unplugged for itself: each would be a new filter for all others.
    state.networks.take_down()?;
    workshop::recover(state);
    recipe::recover(state);
    for (guest, entry) in state.entries() {
        match &entry.run {
            Some(run) => watch::conclude(state, guest, run),
            None => launch::take_away(state, guest)?,
        }
    }
    if let Walls::Hosting { cgroups: Ok(cgroups), .. } = &state.walls {
        for cgroup in cgroups.existing() {
            cgroup.end_all()?;
            cgroup.remove()?;
        }
        cgroups.remove()?;
    }
    let run = state.layout.run();
    match fs::remove_dir_all(run) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => {
            return Err(CleanError::Remove { path: run.to_owned(), source });
        }
        _ => {}
    }
    // Another instance may live in the directory above.
    let _ = run.parent().map(fs::remove_dir);
    Ok(())
}

fn open(layout: &Layout) -> Result<State, CleanError> {
    let panel = PanelIds { uid: Uid::effective(), gid: Gid::effective() };
    let without = Without::default();
    Ok(State::open(layout.clone(), panel, serve::walls(layout, &without)?, without, Vec::new())?)
}
