//! A function per request. Each may be repeated; each leaves nothing half done.

use std::fs;
use std::io::{self, Read};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use umbel_guest::{DiskKind, DiskSize, Generation, GuestId, ImageId, Seen};
use umbel_wire::agent::{Refusal, Reply, Request, StartOrder, StopHow, VERSION};
use umbel_wire::frame;
use umbel_wire::launch::ShimOrder;
use umbel_wire::shim::{self, Control, FromShim, ShimState, ToShim, Word};

use crate::ledger::{Entry, Run};
use crate::policy::{StartMeans, check_generation, check_purge, check_start};
use crate::state::{State, failed, new_entry};
use crate::{disk, host, image, launch, process, watch};

/// How long a shim may take to answer.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long it may take to end its guest before that is done without it.
const LAST_WORDS: Duration = Duration::from_millis(700);
/// How long a killed guest may take to be gone altogether.
const GONE: Duration = Duration::from_secs(8);

pub async fn answer(state: &Arc<State>, request: Request) -> Reply {
    if let Request::Inventory { after, wait_ms } = request {
        let inventory = state.inventory_after(after, Duration::from_millis(wait_ms.into())).await;
        return Reply::Inventory(inventory);
    }
    let state = Arc::clone(state);
    let done = tokio::task::spawn_blocking(move || act(&state, request)).await;
    let reply = done.unwrap_or_else(|error| Err(failed("carrying out the request")(&error)));
    reply.unwrap_or_else(|refusal| {
        tracing::warn!(%refusal, "refused");
        Reply::Refused(refusal)
    })
}

fn act(state: &Arc<State>, request: Request) -> Result<Reply, Refusal> {
    let done = |()| Reply::Done;
    match request {
        Request::Hello { version } => hello(state, version),
        Request::Host {} => host::facts(state).map(Reply::Host),
        Request::Kernels {} => Ok(Reply::Kernels { kernels: state.kernels.all() }),
        Request::Images {} => Ok(Reply::Images { images: image::all(&state.layout) }),
        Request::ImagePrepare { image } => image::prepare(&state.layout, &image).map(Reply::Image),
        Request::DiskCreate { guest, generation, image, size, kind } => {
            in_turn(state, guest, || disk_create(state, guest, generation, &image, size, kind)).map(done)
        }
        Request::Start(order) => in_turn(state, order.guest, || start(state, &order)).map(done),
        Request::Stop { guest, generation, how } => stop(state, guest, generation, how).map(done),
        Request::Purge { guest, generation } => in_turn(state, guest, || purge(state, guest, generation)).map(done),
        Request::Inventory { .. } => Ok(Reply::Inventory(state.inventory())),
    }
}

fn hello(state: &State, asked: u32) -> Result<Reply, Refusal> {
    if asked != VERSION {
        return Err(Refusal::Version { have: VERSION, asked });
    }
    let instance = state.layout.instance().clone();
    Ok(Reply::Hello { version: VERSION, instance, profile: state.profile() })
}

fn in_turn<T>(state: &State, guest: GuestId, act: impl FnOnce() -> T) -> T {
    let turn = state.turn(guest);
    let _turn = turn.lock().unwrap_or_else(PoisonError::into_inner);
    act()
}

fn disk_create(
    state: &State,
    guest: GuestId,
    generation: Generation,
    image: &ImageId,
    size: DiskSize,
    kind: DiskKind,
) -> Result<(), Refusal> {
    let heard = state.entry(guest);
    check_generation(heard.as_ref().map(|e| e.generation), generation)?;
    let ledger = |e: crate::ledger::LedgerError| failed("writing the ledger")(&e);
    let is_new = heard.is_none();
    // Written down first: a uid that owns a file must not be given to another guest.
    let uid = match heard {
        Some(entry) => {
            state.heard(guest, generation).map_err(ledger)?;
            entry.uid
        }
        None => {
            let uid = state.free_uid()?;
            state.put(guest, new_entry(generation, uid)).map_err(ledger)?;
            uid
        }
    };
    let made = disk::create(state, guest, uid, image, size, kind);
    if made.is_err() && is_new {
        state.forget(guest).map_err(ledger)?;
    }
    made.inspect(|()| state.changed())
}

fn start(state: &Arc<State>, order: &StartOrder) -> Result<(), Refusal> {
    let guest = order.guest;
    let before = state.entry(guest).filter(|_| state.layout.disk(guest).exists()).ok_or(Refusal::NoDisk)?;
    check_generation(Some(before.generation), order.generation)?;
    if check_start(&before.seen, before.seen_generation, order.generation)? == StartMeans::Nothing {
        return Ok(());
    }
    let kernel = state.kernels.path(&order.kernel)?;
    let root_disk = disk::check(state, guest, &order.image, order.disk, order.disk_kind)?;
    host::check_memory(order.memory)?;

    let starting = Entry {
        generation: order.generation,
        seen: Seen::Starting,
        seen_generation: order.generation,
        run: None,
        ..before.clone()
    };
    let ledger = |e: crate::ledger::LedgerError| failed("writing the ledger")(&e);
    state.put(guest, starting.clone()).map_err(ledger)?;
    let shim_order = ShimOrder {
        guest,
        generation: order.generation,
        name: order.name.clone(),
        kernel,
        memory: order.memory,
        root_disk,
        work: state.layout.work(guest),
    };
    match launch::launch(state, &shim_order, before.uid) {
        Ok(run) => {
            // Followed even if it can't be written down: the note of the launcher leads to it as well.
            let written = state.put(guest, Entry { run: Some(run.clone()), ..starting });
            watch::follow(state, guest, run);
            written.map_err(ledger)?;
            // Only a help of a start that is over now.
            let _ = fs::remove_file(state.launch_note(guest));
            tracing::info!(%guest, generation = %order.generation, "started");
            Ok(())
        }
        Err(refusal) => {
            state.put(guest, Entry { generation: order.generation, ..before }).map_err(ledger)?;
            Err(refusal)
        }
    }
}

fn stop(state: &State, guest: GuestId, generation: Generation, how: StopHow) -> Result<(), Refusal> {
    let run = in_turn(state, guest, || {
        let entry = state.entry(guest).ok_or(Refusal::NotRunning)?;
        check_generation(Some(entry.generation), generation)?;
        if !entry.seen.is_alive() {
            return Err(Refusal::NotRunning);
        }
        state.heard(guest, generation).map_err(|e| failed("writing the ledger")(&e))?;
        entry.run.ok_or(Refusal::NotRunning)
    })?;
    match how {
        StopHow::ShutDown => shut_down(state, guest),
        StopHow::Kill => kill(state, guest, &run),
    }
}

fn shut_down(state: &State, guest: GuestId) -> Result<(), Refusal> {
    let at = failed("asking the shim to press Ctrl-Alt-Del");
    let mut stream = greet(state, guest).map_err(|e| at(&e))?;
    let mut asked = false;
    loop {
        let word = match hear(&mut stream) {
            Ok(word) => word,
            // It went while it was asked: that is an answer.
            Err(frame::FrameError::Closed) if asked => return Ok(()),
            Err(error) => return Err(at(&error)),
        };
        match word {
            Word::State(ShimState::Ended { .. }) if asked => return Ok(()),
            Word::State(ShimState::Ended { .. }) => return Err(Refusal::NotRunning),
            Word::State(ShimState::Alive { phase: umbel_guest::Phase::Stopping, .. }) if asked => return Ok(()),
            Word::State(ShimState::Alive { phase, .. }) if !asked => {
                say(&mut stream, Control::CtrlAltDel).map_err(|e| at(&e))?;
                asked = true;
                // Asked once more while it is at it: there is no new state to wait for.
                if phase == umbel_guest::Phase::Stopping {
                    return Ok(());
                }
            }
            Word::Refused { what, reason } => return Err(Refusal::Failed { step: what, error: reason }),
            Word::State(_) | Word::Hello { .. } => {}
        }
    }
}

/// Through the shim, so that the end is noted; without it when it doesn't answer. Comes back when no
/// process of the guest is left and the inventory says so.
fn kill(state: &State, guest: GuestId, run: &Run) -> Result<(), Refusal> {
    state.kill_asked(guest);
    let still_there = || state.entry(guest).is_some_and(|entry| entry.run.as_ref() == Some(run));
    if ask_to_end(state, guest, run) && soon(GONE, || !still_there()) {
        return Ok(());
    }
    in_turn(state, guest, || if still_there() { force_end(state, guest, run) } else { Ok(()) })?;
    if soon(GONE, || !still_there()) { Ok(()) } else { Err(Refusal::StillRunning) }
}

/// The same where nobody watches the run.
pub fn end_run(state: &State, guest: GuestId, run: &Run) -> Result<(), Refusal> {
    state.kill_asked(guest);
    if ask_to_end(state, guest, run) { Ok(()) } else { force_end(state, guest, run) }
}

fn ask_to_end(state: &State, guest: GuestId, run: &Run) -> bool {
    let asked = greet(state, guest).and_then(|mut stream| {
        say(&mut stream, Control::Kill)?;
        Ok(stream)
    });
    asked.is_ok() && soon(LAST_WORDS, || process::open(run).is_none())
}

fn force_end(state: &State, guest: GuestId, run: &Run) -> Result<(), Refusal> {
    if let Some(pidfd) = process::open(run) {
        // As pid 1 of its namespace it takes everything with it. ESRCH: it has just ended.
        let _ = rustix::process::pidfd_send_signal(&pidfd, rustix::process::Signal::KILL);
    }
    let at = failed("ending the guest's processes");
    match state.cgroup(guest) {
        Some(cgroup) => cgroup.end_all().map_err(|e| at(&e)),
        None if soon(GONE, || process::open(run).is_none()) => Ok(()),
        None => Err(Refusal::StillRunning),
    }
}

fn purge(state: &State, guest: GuestId, generation: Generation) -> Result<(), Refusal> {
    if let Some(entry) = state.entry(guest) {
        check_generation(Some(entry.generation), generation)?;
        check_purge(&entry.seen)?;
    }
    launch::take_away(state, guest).map_err(|e| failed("removing what a run left")(&e))?;
    let directory = state.layout.guest(guest);
    match fs::remove_dir_all(&directory) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(failed("removing the guest's directory")(&error));
        }
        _ => {}
    }
    state.forget(guest).map_err(|e| failed("writing the ledger")(&e))
}

fn soon(patience: Duration, done: impl Fn() -> bool) -> bool {
    let until = Instant::now() + patience;
    while !done() {
        if Instant::now() > until {
            return false;
        }
        std::thread::sleep(Duration::from_millis(3));
    }
    true
}

fn greet(state: &State, guest: GuestId) -> Result<UnixStream, frame::FrameError> {
    let mut stream = UnixStream::connect(state.layout.shim_socket(guest))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    say(&mut stream, Control::Hello { version: shim::VERSION })?;
    Ok(stream)
}

fn say(stream: &mut UnixStream, control: Control) -> Result<(), frame::FrameError> {
    frame::write(stream, &ToShim::Control(control).encode()?)
}

fn hear(stream: &mut impl Read) -> Result<Word, frame::FrameError> {
    loop {
        if let FromShim::Word(word) = FromShim::decode(&frame::read(stream)?)? {
            return Ok(word);
        }
    }
}
