//! A function per request. Each may be repeated; each leaves nothing half done.

use std::fs;
use std::io;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use umbel_guest::{Attachment, Generation, GuestId, ImageId, KernelId, Seen};
use umbel_wire::agent::{ImageFacts, Profile, Refusal, Reply, Request, StartOrder, StopHow, VERSION};
use umbel_wire::frame;
use umbel_wire::launch::{Filters, RootDisk, ShimOrder};
use umbel_wire::shim::{Control, ShimState, Word};

use crate::disk::whole::Make;
use crate::kernels::Kernel;
use crate::launch::Start;
use crate::ledger::{Entry, Run};
use crate::policy::{StartMeans, check_generation, check_purge, check_start};
use crate::shim::Shim;
use crate::state::{State, failed, failed_at, new_entry};
use crate::tree::Tree;
use crate::walls::WallName;
use crate::{
    control, disk, doctor, host, image, in_full, launch, limits, metrics, network, parcel, process, recipe, setup,
    storage, strays, tree, volume, watch,
};

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
        Request::Storage {} => Ok(Reply::Storage(storage::facts(state))),
        Request::Walls {} => Ok(Reply::Walls { walls: host::walls(state) }),
        Request::Kernels {} => Ok(Reply::Kernels { kernels: state.kernels.all() }),
        Request::Images {} => Ok(Reply::Images { images: images(state) }),
        Request::ImagePrepare { image } => image_prepare(state, &image).map(Reply::Image),
        Request::ImageImport { image, upload, said } => image::import(state, &image, upload, said).map(done),
        Request::ImageMaking { image } => Ok(Reply::Making { percent: state.making.percent(&image) }),
        Request::ImageStop { image } => {
            state.making.stop(&image);
            Ok(Reply::Done)
        }
        Request::ImagePublish { image, of, logins, said } => {
            image::publish(state, &image, &of, logins, said).map(|found| Reply::Traces { found })
        }
        Request::RecipeBuild { upload, recipe } => recipe::begin(state, upload, &recipe).map(|()| Reply::Listens),
        Request::RecipeSeen { upload, from, wait_ms } => {
            recipe::seen(state, upload, from, Duration::from_millis(wait_ms.into())).map(Reply::Built)
        }
        Request::RecipeEnd { upload } => recipe::end(state, upload).map(done),
        Request::FilesRead(asked) => image::read_files(state, &asked).map(done),
        Request::SnapshotTraces { of } => image::traces(state, &of).map(|found| Reply::Traces { found }),
        Request::ImageRemove { image } => image::take_away(&state.layout, &image).map(done),
        Request::DiskCreate { guest, generation, image, size, kind } => {
            let make = |uid| disk::create(state, guest, uid, &image, size, kind);
            in_turn(state, guest, || disk_make(state, guest, generation, make)).map(done)
        }
        Request::DiskAdopt { guest, generation, stray } => {
            let make = |uid| strays::adopt(state, guest, uid, &stray);
            in_turn(state, guest, || disk_make(state, guest, generation, make)).map(done)
        }
        Request::SetupPut { guest, generation, setup } => {
            in_turn(state, guest, || setup::put(state, guest, generation, &setup)).map(done)
        }
        Request::Disk { guest } => disk::snapshot::disk_facts(state, guest).map(Reply::Disk),
        Request::DiskSwap { guest, generation, keep, with } => {
            in_turn(state, guest, || disk::snapshot::swap(state, guest, generation, keep, &with)).map(Reply::Snapshot)
        }
        Request::DiskSwapBack { guest, generation, keep, with } => {
            in_turn(state, guest, || disk::snapshot::swap_back(state, guest, generation, keep, &with)).map(done)
        }
        Request::SnapshotTake { guest, generation, snapshot } => {
            in_turn(state, guest, || disk::snapshot::take(state, guest, generation, snapshot)).map(Reply::Snapshot)
        }
        Request::DiskCopy { guest, generation, of, snapshot } => {
            // A guest's own is another request's; and nobody waits for its turn twice.
            if of == guest {
                return Err(Refusal::UnknownSnapshot { snapshot });
            }
            let make = |uid| disk::snapshot::copy_to(state, of, snapshot, guest, uid);
            // The new guest's turn first, whose id nobody else knows: no two wait for one another.
            in_turn(state, guest, || in_turn(state, of, || disk_make(state, guest, generation, make))).map(done)
        }
        // What is kept is never written to: nobody has to wait for it.
        Request::SnapshotLend { guest, snapshot, upload, image, size, kind } => {
            disk::whole::lend(state, guest, snapshot, upload, &Make { image: &image, size, kind }).map(done)
        }
        Request::DiskUpload { guest, generation, upload, image, size, kind } => {
            let make = |uid| disk::whole::make(state, guest, uid, upload, &Make { image: &image, size, kind });
            in_turn(state, guest, || disk_make(state, guest, generation, make)).map(done)
        }
        Request::SnapshotRemove { guest, snapshot } => {
            in_turn(state, guest, || disk::snapshot::remove(state, guest, snapshot)).map(done)
        }
        Request::VolumeCreate { volume, size } => volume::create(state, volume, size).map(done),
        Request::VolumeGrow { volume, size } => volume::grow(state, volume, size).map(done),
        Request::VolumeRemove { volume } => volume::remove(state, volume).map(done),
        Request::Volumes {} => volume::all(state).map(|volumes| Reply::Volumes { volumes }),
        Request::VolumeAttach { guest, generation, at } => {
            in_turn(state, guest, || volume::attach(state, guest, generation, &at)).map(done)
        }
        Request::VolumeDetach { guest, generation, volume } => {
            in_turn(state, guest, || volume::detach(state, guest, generation, volume)).map(done)
        }
        Request::Parcel(order) => in_turn(state, order.guest, || parcel::act(state, order)),
        Request::Start(order) => in_turn(state, order.guest, || start(state, &order)).map(done),
        Request::Stop { guest, generation, how } => stop(state, guest, generation, how).map(done),
        Request::Purge { guest, generation } => in_turn(state, guest, || purge(state, guest, generation)).map(done),
        Request::Inventory { .. } => Ok(Reply::Inventory(state.inventory())),
        Request::NetworkEnsure { network } => state.networks.ensure(network).map(Reply::Network),
        Request::Networks {} => Ok(Reply::Networks { networks: state.networks.all() }),
        Request::Traffic {} => Ok(Reply::Traffic { moved: state.networks.moved().into_iter().collect() }),
        Request::NetworkForwards { network, forwards } => state.networks.forward(network, forwards).map(done),
        Request::NetworkRemove { network } => state.networks.remove(network).map(done),
        Request::Strays {} => Ok(Reply::Strays { strays: strays::all(state) }),
        Request::Pause { guest, generation, paused } => {
            in_turn(state, guest, || control::pause(state, guest, generation, paused)).map(done)
        }
        Request::SysRq { guest, generation, key } => {
            in_turn(state, guest, || control::sys_rq(state, guest, generation, key)).map(done)
        }
        Request::Limit { guest, generation, limits } => {
            in_turn(state, guest, || limits::limit(state, guest, generation, &limits)).map(done)
        }
        Request::Metrics { guest, span } => metrics::series(state, guest, span).map(Reply::Series),
        Request::MemoryInside { guest } => control::memory_inside(state, guest).map(Reply::MemoryInside),
        Request::KernelAdd { kernel, upload } => state.kernels.add(&kernel, upload).map(done),
        Request::KernelRemove { kernel } => kernel_remove(state, &kernel).map(done),
    }
}

fn images(state: &State) -> Vec<ImageFacts> {
    let tree = state.tree.as_ref().and_then(|_| tree::facts(&state.kernels.all()));
    image::all(&state.layout).into_iter().chain(tree).collect()
}

/// Of the host's own files nothing has to be made that isn't there.
fn image_prepare(state: &State, image: &ImageId) -> Result<ImageFacts, Refusal> {
    if *image != tree::image() {
        return image::prepare(&state.layout, image);
    }
    let unknown = || Refusal::UnknownImage { image: image.clone() };
    images(state).into_iter().find(|facts| facts.id == *image).ok_or_else(unknown)
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

fn disk_make(
    state: &State,
    guest: GuestId,
    generation: Generation,
    make: impl FnOnce(u32) -> Result<(), Refusal>,
) -> Result<(), Refusal> {
    let heard = state.entry(guest);
    check_generation(heard.as_ref().map(|e| e.generation), generation)?;
    // A disk that a kernel has mounted is written to by nobody else.
    if heard.as_ref().is_some_and(|entry| entry.seen.is_alive()) {
        return Err(Refusal::StillRunning);
    }
    disk::check_unused(state, guest)?;
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
            let entry = Entry { setup: setup::seen(state, guest), ..new_entry(generation, uid) };
            state.put(guest, entry).map_err(ledger)?;
            uid
        }
    };
    let made = make(uid);
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
    let used = state.kernels.use_one();
    let kernel = state.kernels.find(&order.kernel)?;
    let attachment = order.card.map_or(Attachment::None, |card| card.attachment);
    kernel
        .features
        .check(order.mode, order.clock, attachment)
        .map_err(|errors| Refusal::BadKernel { kernel: order.kernel.clone(), reason: errors.to_string() })?;
    // What an earlier run may have left would have its disk.
    if let Some(cgroup) = state.cgroup(guest) {
        cgroup.end_all().map_err(|e| failed("ending what an earlier run left")(&e))?;
    }
    let root_disk = disk::check(state, guest, &order.image, order.disk, order.disk_kind)?;
    let tree = state.tree.clone().filter(|_| matches!(root_disk, RootDisk::Tree { .. }));
    if tree.is_some() && !kernel.features.hostfs {
        let reason = "it can't have the host's files as its root: it was built without hostfs".to_owned();
        return Err(Refusal::BadKernel { kernel: order.kernel.clone(), reason });
    }
    host::check_memory(order.memory)?;

    let starting = Entry {
        generation: order.generation,
        seen: Seen::Starting,
        seen_generation: order.generation,
        run: None,
        kernel: Some(order.kernel.clone()),
        ..before.clone()
    };
    let ledger = |e: crate::ledger::LedgerError| failed("writing the ledger")(&e);
    limits::prepare(state, guest, &order.limits)?;
    let launched = state.put(guest, starting.clone()).map_err(ledger).and_then(|()| {
        // From here on the ledger says that it is in use.
        drop(used);
        bring_up(state, order, before.uid, kernel, root_disk, tree)
    });
    match launched {
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
            launch::take_away(state, guest).unwrap_or_else(|error| {
                tracing::error!(%guest, cause = in_full(&error), "a failed start left something behind");
            });
            state.put(guest, Entry { generation: order.generation, ..before }).map_err(ledger)?;
            Err(refusal)
        }
    }
}

/// What is made for it is taken away by the caller if this fails.
fn bring_up(
    state: &State,
    order: &StartOrder,
    uid: u32,
    kernel: Kernel,
    root_disk: RootDisk,
    tree: Option<Tree>,
) -> Result<Run, Refusal> {
    let filters = filters(state)?;
    let setup = setup::hand_over(state, order.guest, uid)?;
    let (card, plug) = network::start::plug(state, order, uid, &kernel)?;
    let volumes = volume::hold_all(state, order.guest, (uid, plug.group), &order.volumes)?;
    let order = ShimOrder {
        guest: order.guest,
        generation: order.generation,
        name: order.name.clone(),
        kernel: kernel.file,
        preload: state.preload.clone(),
        memory: order.memory,
        mode: order.mode,
        clock: order.clock,
        boot: order.boot,
        root_disk,
        setup,
        volumes: Some(volumes),
        card,
        work: state.layout.work(order.guest),
        filters,
    };
    launch::launch(state, &Start { order, uid, plug, kernel_libraries: kernel.libraries, tree })
}

/// Walls that the shim raises. Landlock is asked for where the host has it; a host that can't filter system
/// calls starts nobody, unless that was switched off or guests are one's own.
pub fn filters(state: &State) -> Result<Filters, Refusal> {
    let landlock = state.without.keeps(WallName::Landlock) && doctor::landlock_abi().is_ok();
    let seccomp = match (state.without.keeps(WallName::Seccomp), doctor::check_seccomp(), state.profile()) {
        (false, ..) | (true, Err(_), Profile::Personal) => false,
        (true, Ok(()), _) => true,
        (true, Err(reason), Profile::Hosting) => {
            return Err(Refusal::Wall { wall: WallName::Seccomp.to_string(), reason });
        }
    };
    Ok(Filters { landlock, seccomp })
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
    let mut shim = Shim::greet(state, guest).map_err(|e| at(&e))?;
    let mut asked = false;
    loop {
        let word = match shim.hear() {
            Ok(word) => word,
            // It went while it was asked: that is an answer.
            Err(frame::FrameError::Closed) if asked => return Ok(()),
            Err(error) => return Err(at(&error)),
        };
        match word {
            Word::State(ShimState::Ended { .. }) if asked => return Ok(()),
            Word::State(ShimState::Ended { .. }) => return Err(Refusal::NotRunning),
            Word::State(ShimState::Alive { phase: umbel_guest::Phase::Stopping, .. }) if asked => return Ok(()),
            Word::State(ShimState::Alive { phase: umbel_guest::Phase::Paused, .. }) if !asked => {
                return Err(Refusal::IsPaused);
            }
            Word::State(ShimState::Alive { phase, .. }) if !asked => {
                shim.say(Control::CtrlAltDel).map_err(|e| at(&e))?;
                asked = true;
                // Asked once more while it is at it: there is no new state to wait for.
                if phase == umbel_guest::Phase::Stopping {
                    return Ok(());
                }
            }
            Word::Refused { what, reason } => return Err(Refusal::Failed { step: what, error: reason }),
            _ => {}
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
    let asked = Shim::greet(state, guest).and_then(|mut shim| {
        shim.say(Control::Kill)?;
        Ok(shim)
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

fn kernel_remove(state: &State, kernel: &KernelId) -> Result<(), Refusal> {
    let runs = |entry: &Entry| entry.seen.is_alive() && entry.kernel.as_ref() == Some(kernel);
    state.kernels.remove(kernel, || state.entries().iter().any(|(_, entry)| runs(entry)))
}

fn purge(state: &State, guest: GuestId, generation: Generation) -> Result<(), Refusal> {
    if let Some(entry) = state.entry(guest) {
        check_generation(Some(entry.generation), generation)?;
        check_purge(&entry.seen)?;
    }
    launch::take_away(state, guest).map_err(|e| failed("removing what a run left")(&e))?;
    state.networks.forget(guest).map_err(|e| failed("forgetting its traffic")(&e))?;
    let directory = state.layout.guest(guest);
    match fs::remove_dir_all(&directory) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(failed("removing the guest's directory")(&error));
        }
        _ => {}
    }
    let setup = state.setup(guest);
    setup::remove(&setup).map_err(failed_at("removing what it was to be told", &setup))?;
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
