//! What is asked of a running guest through its shim, besides its end: pause, SysRq, its own word on
//! its memory. Shims of version 1 are still about: they are watched and ended like any, and refuse
//! this by name.

use umbel_guest::{Generation, GuestId, ParcelId, Phase, SysRqKey, VolumeAccess};
use umbel_wire::agent::{MemoryInside, Refusal};
use umbel_wire::launch::VolumeDisk;
use umbel_wire::shim::{Control, IN_USE, ShimState, Word};

use crate::host::free_mib;
use crate::policy::check_generation;
use crate::shim::Shim;
use crate::state::{State, failed};

/// The first version of shims that hears what is asked here, the first that knows of volumes, and of parcels.
const SINCE: u32 = 2;
const VOLUMES_SINCE: u32 = 3;
const PARCELS_SINCE: u32 = 4;
/// A shim that says more than so many other words instead of an answer won't give one.
const WORDS: usize = 64;

/// Repeating it does no harm. To be called in the guest's turn.
pub fn pause(state: &State, guest: GuestId, generation: Generation, paused: bool) -> Result<(), Refusal> {
    check_heard(state, guest, generation)?;
    // Whoever holds it lets it go on.
    if state.held_note(guest).exists() {
        return Err(Refusal::DiskFull { free_mib: free_mib(state.layout.data())? });
    }
    set_paused(state, guest, paused)
}

/// The same, whoever asks for it.
pub fn set_paused(state: &State, guest: GuestId, paused: bool) -> Result<(), Refusal> {
    let (control, step, wished) = if paused {
        (Control::Pause, "pausing the guest", Phase::Paused)
    } else {
        (Control::Resume, "letting the guest go on", Phase::Running)
    };
    let answer = ask(connect(state, guest, step)?, step, control, |word| match word {
        Word::State(ShimState::Alive { phase, .. }) if phase == wished => Some(Ok(())),
        Word::State(ShimState::Ended { .. }) => Some(Err(Refusal::NotRunning)),
        _ => None,
    });
    answer.flatten()
}

/// To be called in the guest's turn.
pub fn sys_rq(state: &State, guest: GuestId, generation: Generation, key: SysRqKey) -> Result<(), Refusal> {
    check_heard(state, guest, generation)?;
    let step = "pressing SysRq";
    ask(connect(state, guest, step)?, step, Control::SysRq { key }, done)
}

pub fn memory_inside(state: &State, guest: GuestId) -> Result<MemoryInside, Refusal> {
    if !state.entry(guest).is_some_and(|entry| entry.seen.is_alive()) {
        return Err(Refusal::NotRunning);
    }
    let step = "asking the guest for its memory";
    ask(connect(state, guest, step)?, step, Control::MemoryInside, |word| match word {
        Word::Memory(memory) => Some(memory),
        _ => None,
    })
}

/// Gives a kernel a volume that lies at its place.
pub fn volume_add(state: &State, guest: GuestId, disk: VolumeDisk) -> Result<(), Refusal> {
    let step = "giving the volume to the guest's kernel";
    ask(connect(state, guest, step)?, step, Control::VolumeAdd { disk }, done)
}

/// Takes it from the kernel, if nothing in the guest has it open.
pub fn volume_take(state: &State, guest: GuestId, disk: VolumeDisk) -> Result<(), Refusal> {
    let step = "taking the volume from the guest's kernel";
    let taken = ask(connect(state, guest, step)?, step, Control::VolumeTake { slot: disk.slot }, done);
    taken.map_err(|refusal| match refusal {
        Refusal::Failed { error, .. } if error == IN_USE => Refusal::VolumeInUse { volume: disk.volume, reason: error },
        other => other,
    })
}

/// Gives a kernel the disk that a file is on.
pub fn parcel_add(state: &State, guest: GuestId, parcel: ParcelId, access: VolumeAccess) -> Result<(), Refusal> {
    let step = "giving the file's disk to the guest's kernel";
    ask(connect(state, guest, step)?, step, Control::ParcelAdd { parcel, access }, done)
}

/// Takes it from the kernel, if nothing in the guest has it open.
pub fn parcel_take(state: &State, guest: GuestId) -> Result<(), Refusal> {
    let step = "taking the file's disk from the guest's kernel";
    let taken = ask(connect(state, guest, step)?, step, Control::ParcelTake, done);
    taken.map_err(|refusal| match refusal {
        Refusal::Failed { error, .. } if error == IN_USE => Refusal::ParcelOpen,
        other => other,
    })
}

fn done(word: Word) -> Option<()> {
    matches!(word, Word::Done { .. }).then_some(())
}

fn since(control: &Control) -> u32 {
    match control {
        Control::VolumeAdd { .. } | Control::VolumeTake { .. } => VOLUMES_SINCE,
        Control::ParcelAdd { .. } | Control::ParcelTake => PARCELS_SINCE,
        _ => SINCE,
    }
}

pub(crate) fn check_heard(state: &State, guest: GuestId, generation: Generation) -> Result<(), Refusal> {
    let entry = state.entry(guest).ok_or(Refusal::NotRunning)?;
    check_generation(Some(entry.generation), generation)?;
    if !entry.seen.is_alive() {
        return Err(Refusal::NotRunning);
    }
    state.heard(guest, generation).map_err(|e| failed("writing the ledger")(&e))
}

fn connect(state: &State, guest: GuestId, step: &str) -> Result<Shim, Refusal> {
    Shim::greet(state, guest).map_err(|e| failed(step)(&e))
}

/// Says it once the shim has told its version and state, and waits for what `answer` takes for one.
fn ask<T>(
    mut shim: Shim,
    step: &str,
    control: Control,
    mut answer: impl FnMut(Word) -> Option<T>,
) -> Result<T, Refusal> {
    let at = failed(step);
    let mut asked = false;
    for _ in 0..WORDS {
        match shim.hear().map_err(|e| at(&e))? {
            Word::Hello { version, .. } if version < since(&control) => {
                let what = "the guest was started by an older Umbel; it can after its next start".into();
                return Err(Refusal::NotHere { what });
            }
            // What it was before we asked is no answer.
            Word::State(_) if !asked => {
                shim.say(control.clone()).map_err(|e| at(&e))?;
                asked = true;
            }
            Word::Refused { reason, .. } if asked => {
                return Err(Refusal::Failed { step: step.to_owned(), error: reason });
            }
            word if asked => {
                if let Some(answer) = answer(word) {
                    return Ok(answer);
                }
            }
            _ => {}
        }
    }
    Err(Refusal::Failed { step: step.to_owned(), error: "its shim says other things".into() })
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream;

    use umbel_guest::GuestId;
    use umbel_wire::frame;
    use umbel_wire::shim::FromShim;

    use super::*;

    fn shim_that_says(words: Vec<Word>) -> Shim {
        let (ours, theirs) = UnixStream::pair().expect("a pair");
        let mut theirs = theirs;
        for word in words {
            frame::write(&mut theirs, &FromShim::Word(word).encode().expect("small")).expect("room");
        }
        // Kept open: a shim that says nothing more is there nevertheless.
        std::mem::forget(theirs);
        Shim::over(ours).expect("fine")
    }

    fn hello(version: u32) -> Word {
        let guest: GuestId = "0190a000-0000-7000-8000-000000000001".parse().expect("an id");
        Word::Hello { version, guest, generation: Generation::FIRST }
    }

    fn running() -> Word {
        Word::State(ShimState::Alive { phase: Phase::Running, since: 0 })
    }

    #[test]
    fn an_older_shim_is_not_asked_what_it_does_not_know() {
        let old = shim_that_says(vec![hello(1), running()]);
        let refused = ask(old, "pausing", Control::Pause, |_| Some(())).expect_err("it can't");
        assert!(matches!(refused, Refusal::NotHere { .. }), "{refused}");
    }

    #[test]
    fn the_state_before_is_no_answer_and_a_talker_is_left() {
        let paused = || Word::State(ShimState::Alive { phase: Phase::Paused, since: 1 });
        let is_state = |word| matches!(word, Word::State(_)).then_some(word);
        let shim = shim_that_says(vec![hello(2), running(), paused()]);
        assert_eq!(ask(shim, "pausing", Control::Pause, is_state), Ok(paused()));
        let shim = shim_that_says([hello(2), running()].into_iter().chain((0..200).map(|_| hello(2))).collect());
        assert!(ask(shim, "pausing", Control::Pause, is_state).is_err());
    }
}
