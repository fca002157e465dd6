//! Which processor a guest's processes run on. A guest does one thing at a time: its kernel and its programs
//! are processes that hand over to one another at every system call and page fault, and over to another,
//! idle processor that takes several times as long. So they are kept on one, unless it is crowded: then
//! the host's scheduler may do as it likes, as it may while a guest hears a stream from the net: whoever sends it
//! is best beside the guest, and only the scheduler knows where that is. See
//! docs/decisions/one-processor-for-a-guest.md.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;
use umbel_guest::GuestId;

/// Of a processor, in thousandths: with several busy guests it is crowded above the one, and another is let
/// onto it up to the other.
const CROWDED: u32 = 750;
const ROOMY: u32 = 600;
/// A guest below that waits for nobody and nobody waits for it.
const BUSY: u32 = 50;
/// What a guest is taken for until it was measured: it boots.
const NEW: u32 = 500;
/// KiB/s into a guest from which on it hears a stream, and below which it doesn't any more.
const STREAM: u32 = 6 * 1024;
const TRICKLE: u32 = 1024;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    On(usize),
    Anywhere,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Seat {
    place: Place,
    /// Of a processor, in thousandths.
    load: u32,
    streams: bool,
}

/// What was seen of a guest that runs.
#[derive(Clone, Copy, Debug)]
pub struct Measured {
    /// Its first process.
    pub first: i32,
    /// Of a processor, in thousandths, and KiB/s that came in from the net; once they were measured.
    pub rates: Option<(u32, u32)>,
}

/// The processors that guests may run on, and which guest is where.
#[derive(Debug, Default)]
pub struct Processors {
    allowed: Vec<usize>,
    seats: Mutex<BTreeMap<GuestId, Seat>>,
}

impl Processors {
    /// Those of this process. With one there is nothing to choose.
    pub fn own() -> Self {
        let allowed = sched_getaffinity(Pid::from_raw(0)).map(|set| numbers(&set)).unwrap_or_default();
        Self { allowed: if allowed.len() > 1 { allowed } else { Vec::new() }, seats: Mutex::default() }
    }

    /// Nothing is chosen: guests run on all of them.
    pub fn unchosen() -> Self {
        Self::default()
    }

    /// For a guest that is about to start.
    pub fn choose(&self, guest: GuestId) -> Option<usize> {
        let mut seats = self.seats();
        seats.remove(&guest);
        let processor = emptiest(&tallies(&self.allowed, &seats))?;
        seats.insert(guest, Seat { place: Place::On(processor), load: NEW, streams: false });
        Some(processor)
    }

    /// Moves guests as their loads want it; these are all that run. `family` are the processes of one.
    pub fn settle(&self, running: &BTreeMap<GuestId, Measured>, family: impl Fn(GuestId) -> Vec<i32>) {
        if self.allowed.is_empty() {
            return;
        }
        let mut seats = self.seats();
        seats.retain(|guest, _| running.contains_key(guest));
        for (guest, measured) in running {
            // One that an earlier agent has started.
            let place = || place_of(measured.first);
            let seat = seats.entry(*guest).or_insert_with(|| Seat { place: place(), load: 0, streams: false });
            if let Some((load, heard)) = measured.rates {
                seat.load = load;
                seat.streams = heard >= if seat.streams { TRICKLE } else { STREAM };
            }
        }
        let before = seats.clone();
        settle(&self.allowed, &mut seats);
        let moved: Vec<_> = seats.iter().filter(|(guest, seat)| before[*guest].place != seat.place).collect();
        for (guest, seat) in moved {
            // Twice: what was forked while they were gone through has its parent's place of before.
            for pid in [family(*guest), family(*guest)].into_iter().flatten() {
                // ESRCH: it has just ended.
                let _ = sched_setaffinity(Pid::from_raw(pid), &self.set(seat.place));
            }
        }
    }

    fn set(&self, place: Place) -> CpuSet {
        let mut set = CpuSet::new();
        for processor in &self.allowed {
            if place == Place::Anywhere || place == Place::On(*processor) {
                // Came out of such a set.
                let _ = set.set(*processor);
            }
        }
        set
    }

    fn seats(&self) -> MutexGuard<'_, BTreeMap<GuestId, Seat>> {
        self.seats.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// This process, and whatever it will start, runs there only.
pub fn stay_on(processor: usize) -> nix::Result<()> {
    let mut set = CpuSet::new();
    set.set(processor)?;
    sched_setaffinity(Pid::from_raw(0), &set)
}

fn place_of(pid: i32) -> Place {
    match sched_getaffinity(Pid::from_raw(pid)).map(|set| numbers(&set)).as_deref() {
        Ok([one]) => Place::On(*one),
        _ => Place::Anywhere,
    }
}

fn numbers(set: &CpuSet) -> Vec<usize> {
    (0..CpuSet::count()).filter(|processor| set.is_set(*processor).unwrap_or_default()).collect()
}

/// What a processor has to do.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    load: u32,
    busy: u32,
    guests: u32,
}

impl Tally {
    fn with(self, load: u32) -> Self {
        Self {
            load: self.load.saturating_add(load),
            busy: self.busy + u32::from(load >= BUSY),
            guests: self.guests + 1,
        }
    }

    /// One that is busy alone may take all of it.
    fn exceeds(self, load: u32) -> bool {
        self.busy > 1 && self.load > load
    }
}

fn tallies(allowed: &[usize], seats: &BTreeMap<GuestId, Seat>) -> BTreeMap<usize, Tally> {
    let mut tallies: BTreeMap<usize, Tally> = allowed.iter().map(|processor| (*processor, Tally::default())).collect();
    for seat in seats.values() {
        if let Place::On(processor) = seat.place
            && let Some(tally) = tallies.get_mut(&processor)
        {
            *tally = tally.with(seat.load);
        }
    }
    tallies
}

/// Guests that do nothing are spread too: one day they will all be busy.
fn emptiest(tallies: &BTreeMap<usize, Tally>) -> Option<usize> {
    tallies.iter().min_by_key(|(_, tally)| (tally.load, tally.guests)).map(|(processor, _)| *processor)
}

fn settle(allowed: &[usize], seats: &mut BTreeMap<GuestId, Seat>) {
    seats.values_mut().filter(|seat| seat.streams).for_each(|seat| seat.place = Place::Anywhere);
    let crowded = tallies(allowed, seats).into_iter().filter(|(_, tally)| tally.exceeds(CROWDED));
    for processor in crowded.map(|(processor, _)| processor) {
        let mut here: Vec<_> = seats.values_mut().filter(|seat| seat.place == Place::On(processor)).collect();
        here.sort_by_key(|seat| seat.load);
        let mut tally = Tally::default();
        for seat in here {
            let with = tally.with(seat.load);
            if with.exceeds(CROWDED) { seat.place = Place::Anywhere } else { tally = with }
        }
    }
    let mut tallies = tallies(allowed, seats);
    let homeless = seats.values_mut().filter(|seat| seat.place == Place::Anywhere && !seat.streams);
    let mut homeless: Vec<_> = homeless.collect();
    homeless.sort_by_key(|seat| std::cmp::Reverse(seat.load));
    for seat in homeless {
        let Some(processor) = emptiest(&tallies) else { return };
        let with = tallies[&processor].with(seat.load);
        if !with.exceeds(ROOMY) {
            seat.place = Place::On(processor);
            tallies.insert(processor, with);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;

    fn seats(given: &[(Place, u32)]) -> BTreeMap<GuestId, Seat> {
        let guest = |number: usize| GuestId(Uuid::from_u128(number as u128));
        let seat = |(place, load): &(Place, u32)| Seat { place: *place, load: *load, streams: false };
        given.iter().enumerate().map(|(i, given)| (guest(i), seat(given))).collect()
    }

    fn settled(given: &[(Place, u32)]) -> Vec<Place> {
        let mut seats = seats(given);
        settle(&[0, 1], &mut seats);
        seats.values().map(|seat| seat.place).collect()
    }

    use Place::{Anywhere, On};

    #[test]
    fn two_busy_guests_have_a_processor_each() {
        assert_eq!(settled(&[(On(0), 480), (On(0), 480)]), [On(0), On(1)]);
        assert_eq!(settled(&[(On(0), 990), (On(0), 10)]), [On(0), On(0)], "one alone disturbs nobody");
    }

    #[test]
    fn where_there_is_no_room_the_scheduler_decides_until_there_is() {
        assert_eq!(settled(&[(On(0), 1000), (On(1), 500), (On(1), 490)]), [On(0), Anywhere, On(1)]);
        assert_eq!(settled(&[(On(0), 660), (Anywhere, 660), (On(1), 660)]), [On(0), Anywhere, On(1)]);
        assert_eq!(settled(&[(On(0), 1000), (Anywhere, 900), (On(1), 5)]), [On(0), On(1), On(1)]);
    }

    #[test]
    fn a_guest_that_hears_a_stream_goes_where_the_scheduler_wants_it_until_it_ends() {
        let processors = Processors { allowed: vec![0, 1], seats: Mutex::default() };
        let guest = GuestId(Uuid::nil());
        processors.choose(guest);
        let mut place = |heard| {
            // Nobody is moved: it has no process.
            processors.settle(&[(guest, Measured { first: 0, rates: Some((400, heard)) })].into(), |_| Vec::new());
            processors.seats()[&guest].place
        };
        assert_eq!([0, 6000, 7000, 2000, 500].map(&mut place), [On(0), On(0), Anywhere, Anywhere, On(0)]);
    }

    #[test]
    fn new_guests_are_spread() {
        let processors = Processors { allowed: vec![2, 5], seats: Mutex::default() };
        let chosen: Vec<_> = (0..4).map(|n| processors.choose(GuestId(Uuid::from_u128(n)))).collect();
        assert_eq!(chosen, [Some(2), Some(5), Some(2), Some(5)]);
        assert_eq!(Processors::unchosen().choose(GuestId(Uuid::nil())), None);
    }

    proptest! {
        /// Whatever was, nobody who is busy shares a crowded processor, and a second look moves nobody.
        #[test]
        fn nothing_is_left_to_do(given in prop::collection::vec((0..4usize, 0..1001u32), 0..12)) {
            let place = |n: usize| if n == 3 { Anywhere } else { On(n) };
            let given: Vec<_> = given.into_iter().map(|(n, load)| (place(n), load)).collect();
            let mut once = seats(&given);
            settle(&[0, 1, 2], &mut once);
            prop_assert!(tallies(&[0, 1, 2], &once).values().all(|tally| !tally.exceeds(CROWDED)));
            let mut twice = once.clone();
            settle(&[0, 1, 2], &mut twice);
            prop_assert_eq!(once, twice);
        }
    }
}
