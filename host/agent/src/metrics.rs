//! What is measured of guests: one thread looks at all of them every 5 s and writes into a ring file of
//! each and one of all together. A guest is asked nothing, so one that is idle stays idle.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry::{Occupied, Vacant};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use umbel_guest::{GuestId, Sample, Series, Span};
use umbel_wire::agent::{Moved, Refusal};

use crate::ledger::Run;
use crate::processors::Measured;
use crate::state::{State, failed};
use crate::{in_full, now};

mod counters;
mod ring;

use counters::{Counters, Processes, Sources};
use ring::{Ring, sum, tick};

/// Of a guest, or of all of them together.
pub fn series(state: &State, guest: Option<GuestId>, span: Span) -> Result<Series, Refusal> {
    Ring::series(&path(state, guest), span, now()).map_err(|e| failed("reading what was measured")(&e))
}

fn path(state: &State, guest: Option<GuestId>) -> PathBuf {
    guest.map_or_else(|| state.layout.ledger().join("metrics"), |guest| state.layout.guest(guest).join("metrics"))
}

/// Measures for as long as the process lives.
pub fn measure(state: Arc<State>) -> io::Result<()> {
    std::thread::Builder::new().name("metrics".into()).spawn(move || {
        let mut meter = Meter::default();
        loop {
            let step = i64::from(Span::Hour.step_s()) * 1_000_000;
            let left = u64::try_from(step - now().rem_euclid(step)).unwrap_or_default();
            std::thread::sleep(Duration::from_micros(left));
            meter.measure(&state, tick(Span::Hour, now()), Instant::now());
        }
    })?;
    Ok(())
}

/// Files that stay open, and the counters of the last look.
#[derive(Debug, Default)]
struct Meter {
    guests: BTreeMap<GuestId, Watched>,
    all: Option<Ring>,
}

/// What is read once for all guests.
#[derive(Debug)]
struct Round {
    at: Instant,
    processes: Option<Processes>,
    traffic: BTreeMap<GuestId, Moved>,
}

#[derive(Debug)]
struct Watched {
    run: Run,
    ring: Ring,
    sources: Option<Sources>,
    last: (Instant, Counters),
}

impl Meter {
    fn measure(&mut self, state: &State, tick: u64, at: Instant) {
        let runs: BTreeMap<GuestId, Run> =
            state.entries().into_iter().filter_map(|(guest, entry)| Some((guest, entry.run?))).collect();
        // Of an earlier run, or none: files of its cgroup are no more.
        self.guests.retain(|guest, watched| runs.get(guest) == Some(&watched.run));
        let processes = runs.keys().any(|guest| state.cgroup(*guest).is_none()).then(Processes::look);
        let round = Round { at, processes, traffic: state.networks.traffic() };
        let (mut samples, mut running) = (Vec::new(), BTreeMap::new());
        for (guest, run) in &runs {
            match self.look(state, *guest, run, &round) {
                Ok(Some((ring, sample))) => {
                    samples.push(sample);
                    let rates = Some((sample.cpu_permille, sample.net_in_kib_s));
                    running.insert(*guest, Measured { first: run.pid, rates });
                    write(ring, tick, &sample, *guest);
                }
                Ok(None) => {
                    running.insert(*guest, Measured { first: run.pid, rates: None });
                }
                Err(error) => tracing::error!(%guest, cause = in_full(&error), "a guest can't be measured"),
            }
        }
        state.processors.settle(&running, |guest| match (state.cgroup(guest), runs.get(&guest)) {
            (Some(cgroup), _) => cgroup.pids(),
            (None, Some(run)) => Processes::look().members(run.pid),
            (None, None) => Vec::new(),
        });
        if self.all.is_none() {
            self.all = Ring::open(&path(state, None)).ok();
        }
        if let Some(all) = &self.all {
            write(all, tick, &sum(samples.into_iter()), "all");
        }
    }

    /// The first look at a run says nothing yet.
    fn look(&mut self, state: &State, guest: GuestId, run: &Run, round: &Round) -> io::Result<Option<(&Ring, Sample)>> {
        let read = |sources: &Option<Sources>| match (sources, &round.processes) {
            (Some(sources), _) => sources.read(),
            (None, Some(processes)) => processes.family(run.pid),
            (None, None) => Counters::default(),
        };
        let traffic = round.traffic.get(&guest).copied();
        let watched = match self.guests.entry(guest) {
            Occupied(found) => found.into_mut(),
            Vacant(place) => {
                let ring = Ring::open(&path(state, Some(guest)))?;
                let sources = state.cgroup(guest).map(|cgroup| Sources::of(&cgroup));
                let last = (round.at, read(&sources).with_traffic(traffic.unwrap_or_default()));
                place.insert(Watched { run: run.clone(), ring, sources, last });
                return Ok(None);
            }
        };
        // A card whose counters can't be read just now has moved nothing, rather than all at the next look.
        let last = Moved { received: watched.last.1.net_in, sent: watched.last.1.net_out };
        let counters = read(&watched.sources).with_traffic(traffic.unwrap_or(last));
        let (then, before) = std::mem::replace(&mut watched.last, (round.at, counters));
        let elapsed = u64::try_from(round.at.saturating_duration_since(then).as_nanos()).unwrap_or(u64::MAX);
        Ok(Some((&watched.ring, counters.since(&before, elapsed))))
    }
}

/// And the minute, where one is over.
fn write(ring: &Ring, tick: u64, sample: &Sample, whose: impl std::fmt::Display) {
    let each = u64::from(Span::Day.step_s() / Span::Hour.step_s());
    let written = ring.write(Span::Hour, tick, sample).and_then(|()| {
        let minute = tick / each;
        match tick.is_multiple_of(each).then(|| ring.minute(minute)).transpose()?.flatten() {
            Some(mean) => ring.write(Span::Day, minute, &mean),
            None => Ok(()),
        }
    });
    if let Err(error) = written {
        tracing::error!(%whose, cause = in_full(&error), "what was measured can't be written down");
    }
}
