//! How the agent learns what becomes of a guest: a connection to its shim tells every change, a pidfd
//! tells the end, the note in the console ring tells how it ended. Shims outlive the agent and are
//! found again by pid, start time and boot.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::net::UnixStream;
use umbel_guest::{Exit, GuestId, Phase, Seen, Until};
use umbel_wire::agent::Said;
use umbel_wire::frame;
use umbel_wire::ring::RingReader;
use umbel_wire::shim::{Control, FromShim, ShimState, ToShim, VERSION, Word};

use crate::launch::{noted, take_away};
use crate::ledger::{Entry, Run};
use crate::process::{self, boot_id};
use crate::state::State;
use crate::{in_full, now};

/// Between two connections to a shim that closed one.
const AGAIN: Duration = Duration::from_millis(200);
/// Between two tries to put a guest on a switch.
const LATER: Duration = Duration::from_secs(2);
/// How long a shim that has ended is listened to at most: what it said lies there already.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// What the host's kernel takes to count a kill that it has announced.
const COUNTED: Duration = Duration::from_millis(20);

/// Follows a run to its end, in the background.
pub fn follow(state: &Arc<State>, guest: GuestId, run: Run) {
    let state = Arc::clone(state);
    match process::open(&run) {
        Some(pidfd) => drop(tokio::spawn(watch(state, guest, run, pidfd))),
        None => drop(tokio::task::spawn_blocking(move || conclude(&state, guest, &run))),
    }
}

/// Finds the runs of an earlier agent again, before anybody is heard.
pub fn recover(state: &Arc<State>) {
    for (guest, entry) in state.entries() {
        if let Some(run) = run_of(state, guest, &entry) {
            follow(state, guest, run);
        } else if entry.seen.is_alive() {
            // The agent was killed before its launcher had a shim.
            clean_up(state, guest);
            let reason = "the agent ended while the guest was being started".into();
            state.ended(guest, None, Exit::NotStarted { reason });
        }
    }
}

fn run_of(state: &State, guest: GuestId, entry: &Entry) -> Option<Run> {
    if entry.run.is_some() || !entry.seen.is_alive() {
        return entry.run.clone();
    }
    let run = noted(state, guest, entry.seen_generation)?;
    let entry = Entry { run: Some(run.clone()), ..entry.clone() };
    if let Err(error) = state.put(guest, entry) {
        tracing::error!(%guest, cause = in_full(&error), "a run that was found could not be written down");
    }
    Some(run)
}

async fn watch(state: Arc<State>, guest: GuestId, run: Run, pidfd: OwnedFd) {
    match pidfd.try_clone().and_then(|shim| Ok((readable(pidfd)?, shim))) {
        Ok((pidfd, shim)) => {
            let ended = AtomicBool::new(false);
            let mut listening = pin!(listen(&state, guest, &run, &ended));
            tokio::select! {
                // Readable once the process has ended (pidfd_open(2)).
                _ = pidfd.readable() => {}
                () = &mut listening => {}
                () = starved(&state, guest) => {}
                () = stay_on_a_switch(&state, guest, &run, Arc::new(shim)) => {}
            }
            // Its last words may lie in the connection yet, which has an end now.
            ended.store(true, Ordering::Relaxed);
            let _ = tokio::time::timeout(LAST_WORDS, listening).await;
        }
        Err(error) => tracing::error!(%guest, cause = in_full(&error), "a guest can't be watched"),
    }
    let done = tokio::task::spawn_blocking(move || conclude(&state, guest, &run)).await;
    if let Err(error) = done {
        tracing::error!(%guest, cause = in_full(&error), "a guest's end could not be told");
    }
}

#[expect(unsafe_code, reason = "registering a descriptor with the runtime")]
fn readable(pidfd: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    // SAFETY: the AsyncFd owns the descriptor, which stays the same until it is dropped.
    let registered = unsafe { AsyncFd::register_with_interest(pidfd, Interest::READABLE) };
    registered.map_err(|error| error.into_parts().1)
}

/// Comes back when the guest has run out of memory and was ended whole: the host's kernel kills one
/// process, and a guest that has lost one is wedged. Which end that was is asked of the cgroup.
async fn starved(state: &Arc<State>, guest: GuestId) {
    let Some(cgroup) = state.cgroup(guest) else { return std::future::pending().await };
    let events = match cgroup.oom_events().map(|events| events.map(readable).transpose()) {
        Ok(Ok(Some(events))) => events,
        Ok(Ok(None)) => return std::future::pending().await,
        Ok(Err(error)) | Err(error) => {
            tracing::error!(%guest, cause = in_full(&error), "a guest's memory can't be watched");
            return std::future::pending().await;
        }
    };
    // What happened while no agent was there is told by the count alone.
    while cgroup.oom_kills() == 0 {
        let Ok(mut ready) = events.readable().await else { return std::future::pending().await };
        let mut count = [0; 8];
        // The event comes before the kill: the next look may be too early, and the next event is read then.
        let _ = rustix::io::read(events.get_ref(), &mut count);
        ready.clear_ready();
        tokio::time::sleep(COUNTED).await;
    }
    tracing::warn!(%guest, "a guest ran out of memory and is ended");
    let ended = tokio::task::spawn_blocking(move || cgroup.end_all()).await;
    if let Ok(Err(error)) = ended {
        tracing::error!(%guest, cause = in_full(&error), "a guest that ran out of memory does not end");
    }
}

/// Puts a guest whose switch has ended on the next one, again and again. Never comes back.
async fn stay_on_a_switch(state: &Arc<State>, guest: GuestId, run: &Run, shim: Arc<OwnedFd>) {
    let mut told = false;
    loop {
        let (networks_of, shim) = (Arc::clone(state), Arc::clone(&shim));
        let joined = tokio::task::spawn_blocking(move || networks_of.networks.on_a_switch(guest, &shim)).await;
        match joined.map(|joined| joined.map(|switch| switch.map(readable).transpose())) {
            Ok(Ok(Ok(None))) => return std::future::pending().await,
            Ok(Ok(Ok(Some(switch)))) => {
                told = false;
                // Readable once the process has ended (pidfd_open(2)).
                let _ = switch.readable().await;
                // One that ends again and again shall not be all that we do.
                tokio::time::sleep(AGAIN).await;
                continue;
            }
            Ok(Ok(Err(error))) => tracing::error!(%guest, cause = in_full(&error), "a switch can't be watched"),
            Ok(Err(error)) if !told => {
                tracing::error!(%guest, cause = in_full(&error), "a guest is cut off from its network");
                let text = format!(
                    "Umbel: the guest is cut off from its network until it is started again: {}",
                    in_full(&error)
                );
                state.said(guest, run, &Said { at: now(), text, missed: 0 });
                told = true;
            }
            Ok(Err(_)) => {}
            Err(error) => tracing::error!(%guest, cause = in_full(&error), "putting a guest on its switch"),
        }
        tokio::time::sleep(LATER).await;
    }
}

/// Passes on what the shim says, to the last word that it said before it ended.
async fn listen(state: &State, guest: GuestId, run: &Run, ended: &AtomicBool) {
    loop {
        if let Err(error) = hear(state, guest, run).await {
            tracing::debug!(%guest, cause = in_full(&error), "a shim is not heard");
        }
        if ended.load(Ordering::Relaxed) {
            return;
        }
        tokio::time::sleep(AGAIN).await;
    }
}

async fn hear(state: &State, guest: GuestId, run: &Run) -> Result<(), frame::FrameError> {
    let mut stream = UnixStream::connect(state.layout.shim_socket(guest)).await?;
    let hello = ToShim::Control(Control::Hello { version: VERSION });
    frame::aio::write(&mut stream, &hello.encode()?).await?;
    loop {
        match FromShim::decode(&frame::aio::read(&mut stream).await?)? {
            FromShim::Word(Word::State(ShimState::Alive { phase, since })) => {
                state.saw(guest, run, seen(phase, since, || state.held_note(guest).exists()));
            }
            FromShim::Word(Word::Said(said)) => state.said(guest, run, &said),
            _ => {}
        }
    }
}

fn seen(phase: Phase, since: i64, is_held: impl Fn() -> bool) -> Seen {
    match phase {
        Phase::Booting => Seen::Starting,
        Phase::Running => Seen::Running { since },
        Phase::Paused => Seen::Paused { since, until: if is_held() { Until::Room } else { Until::Asked } },
        Phase::Stopping => Seen::Stopping,
    }
}

/// The shim is gone. Ends whatever it left, takes the guest's things off the host and says how it
/// ended.
pub fn conclude(state: &State, guest: GuestId, run: &Run) {
    let turn = state.turn(guest);
    let _turn = turn.lock().unwrap_or_else(PoisonError::into_inner);
    if state.entry(guest).is_none_or(|entry| entry.run.as_ref() != Some(run)) {
        return;
    }
    process::reap(run.pid);
    // Whatever its last word was: it came of that.
    let starved = state.cgroup(guest).is_some_and(|cgroup| cgroup.oom_kills() > 0);
    clean_up(state, guest);
    if starved {
        return state.ended(guest, Some((now(), Exit::OutOfMemory)), Exit::OutOfMemory);
    }
    let rebooted = boot_id().is_ok_and(|id| id != run.boot_id);
    let otherwise = if rebooted { Exit::HostRestarted } else { Exit::ShimLost };
    state.ended(guest, last_word(state, guest, run), otherwise);
}

fn clean_up(state: &State, guest: GuestId) {
    if let Err(error) = take_away(state, guest) {
        tracing::error!(%guest, cause = in_full(&error), "something of a guest stays on the host");
    }
}

/// What the ring says of the end of exactly this run. The ring is the guest's word too, so a time
/// from the future is not believed.
fn last_word(state: &State, guest: GuestId, run: &Run) -> Option<(i64, Exit)> {
    let read = |file: File| RingReader::new(file).note().map_err(io::Error::other);
    let note = File::open(state.layout.ring(guest)).and_then(read);
    match note.unwrap_or_default()? {
        umbel_wire::ring::RunNote { generation, state: ShimState::Ended { at, exit } }
            if generation == run.generation =>
        {
            Some((at.min(now()), exit))
        }
        _ => None,
    }
}
