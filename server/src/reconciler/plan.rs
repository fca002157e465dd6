//! What to do next about one guest: pure. Called again with what its answer has changed, until it has
//! no answer.
//!
//! ```text
//! the host knows better          → See            (what is seen is written down)
//! seen has ended, this generation → Settle        (a new generation: stopped, or to be tried again)
//! wanted running, not alive      → Start | Wait   (room, the next try's time)
//! running, limits are news       → Limit
//! wanted otherwise, alive        → ShutDown, and when patience ends Kill
//! deleted, time is up, not alive → Purge
//! ```

use umbel_guest::{Exit, Generation, RestartPolicy, Seen, Wanted};
use umbel_wire::agent::GuestFacts;

use crate::clock::SECOND;
use crate::store::guests::Guest;

/// Running this long without a word means that earlier ends are forgotten.
pub const STEADY: i64 = 60 * SECOND;
/// The longest pause between two tries.
pub const LONGEST_PAUSE: i64 = 60 * SECOND;
/// Between two kills, and between two tries to purge.
pub const AGAIN: i64 = 5 * SECOND;
pub const PURGE_AGAIN: i64 = 60 * SECOND;

/// Memory that guests may still be given, in MiB.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    pub free_mib: u32,
}

impl Room {
    /// Memory is promised when a guest starts and touched later: what is promised to living guests
    /// counts as used, and so does what others on the machine really use. `percent` of the total may be
    /// promised.
    pub fn of(total_mib: u32, percent: u32, available_mib: u32, promised_mib: u64) -> Self {
        let promisable = u64::from(total_mib) * u64::from(percent) / 100;
        let unpromised = promisable.saturating_sub(promised_mib);
        Self { free_mib: u32::try_from(unpromised).unwrap_or(u32::MAX).min(available_mib) }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Write down what the host sees.
    See {
        seen: Seen,
        generation: Generation,
    },
    /// The guest ended by itself: what is wanted from now on, as a new generation.
    Settle {
        wanted: Wanted,
        failures: u32,
        next_try_at: Option<i64>,
    },
    /// It has run long enough for its earlier ends to be forgotten.
    Steady,
    Start,
    /// Its limits were changed since the host heard of them.
    Limit,
    /// It would be started if it could.
    Wait {
        why: String,
    },
    ShutDown {
        kill_at: i64,
    },
    Kill {
        again_at: i64,
    },
    Purge {
        again_at: i64,
    },
}

/// The host's last word about a guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sight<'a> {
    /// `None` where the host does not know the guest.
    pub facts: Option<&'a GuestFacts>,
    /// Whether it was asked for after the guest's last start was answered. If not, it may be of before.
    pub fresh: bool,
}

/// The next thing to do about a guest; never call this while the agent is away. `room` is `None` where
/// memory is not known.
pub fn next(guest: &Guest, sight: Sight<'_>, room: Option<Room>, now: i64, grace: i64) -> Option<Action> {
    if let Some(see) = see(guest, sight) {
        return Some(see);
    }
    if guest.seen.is_alive() {
        return alive(guest, now, grace);
    }
    match guest.wanted {
        Wanted::Running => {
            if let Seen::Ended { at, exit } = &guest.seen
                && guest.seen_generation >= guest.generation
            {
                return Some(settle(guest, *at, exit, now));
            }
            start(guest, room, now)
        }
        Wanted::Stopped => None,
        Wanted::Deleted { purge_at } if purge_at <= now && guest.next_try_at.is_none_or(|at| at <= now) => {
            Some(Action::Purge { again_at: now + PURGE_AGAIN })
        }
        Wanted::Deleted { .. } => None,
    }
}

/// When to look again though nothing happens: the earliest time that this guest waits for.
pub fn look_again_at(guest: &Guest, now: i64) -> Option<i64> {
    let alive = guest.seen.is_alive();
    let kill = guest.kill_at.filter(|_| alive && guest.wanted != Wanted::Running);
    let next_try = guest.next_try_at.filter(|_| !alive && guest.wanted == Wanted::Running);
    let purge = match guest.wanted {
        Wanted::Deleted { purge_at } if !alive => Some(purge_at.max(guest.next_try_at.unwrap_or(purge_at))),
        _ => None,
    };
    let steady = match guest.seen {
        Seen::Running { since } if guest.failures > 0 && guest.wanted == Wanted::Running => Some(since + STEADY),
        _ => None,
    };
    let room = guest.waiting.as_ref().filter(|_| next_try.is_none()).map(|_| now + 2 * SECOND);
    [kill, next_try, purge, steady, room].into_iter().flatten().min()
}

/// The host's word counts when it is about the start that is known here or a newer one; and when it
/// denies that start though it must know.
fn see(guest: &Guest, sight: Sight<'_>) -> Option<Action> {
    let denied = sight.fresh && guest.seen.is_alive();
    match sight.facts {
        Some(facts) if facts.generation >= guest.seen_generation || denied => {
            // An end is remembered when its process is forgotten.
            let forgotten = facts.seen == Seen::Gone && matches!(guest.seen, Seen::Ended { .. });
            let same = facts.seen == guest.seen && facts.generation == guest.seen_generation;
            (!same && !forgotten).then(|| Action::See { seen: facts.seen.clone(), generation: facts.generation })
        }
        None if denied => Some(Action::See { seen: Seen::Gone, generation: guest.seen_generation }),
        _ => None,
    }
}

fn alive(guest: &Guest, now: i64, grace: i64) -> Option<Action> {
    if !guest.limits_heard && !matches!(guest.seen, Seen::Stopping) {
        return Some(Action::Limit);
    }
    if guest.wanted == Wanted::Running {
        return match guest.seen {
            Seen::Running { since } if guest.failures > 0 && now - since >= STEADY => Some(Action::Steady),
            _ => None,
        };
    }
    match guest.kill_at {
        None => Some(Action::ShutDown { kill_at: now + grace }),
        Some(at) if at <= now => Some(Action::Kill { again_at: now + AGAIN }),
        Some(_) => None,
    }
}

fn start(guest: &Guest, room: Option<Room>, now: i64) -> Option<Action> {
    if !guest.disk_ready || guest.next_try_at.is_some_and(|at| at > now) {
        return None;
    }
    let needs = guest.spec.memory.mib();
    let why = match room {
        Some(room) if needs <= room.free_mib => return Some(Action::Start),
        Some(Room { free_mib }) => format!("Waiting for memory: it needs {needs} MiB, {free_mib} MiB are free."),
        None => "Waiting for the agent.".to_owned(),
    };
    (guest.waiting.as_ref() != Some(&why)).then_some(Action::Wait { why })
}

/// What an end that nobody here asked for means.
fn settle(guest: &Guest, at: i64, exit: &Exit, now: i64) -> Action {
    let failures = guest.failures.saturating_add(1);
    let stay = Action::Settle { wanted: Wanted::Stopped, failures: 0, next_try_at: None };
    let again = Action::Settle { wanted: Wanted::Running, failures, next_try_at: Some(at.min(now) + pause(failures)) };
    match (exit, guest.spec.restart_policy) {
        (Exit::PoweredOff, RestartPolicy::Always) => again,
        (Exit::PoweredOff, _) => stay,
        // A reboot is at once, unless the one before was a moment ago.
        (Exit::Rebooted, _) if guest.failures == 0 => {
            Action::Settle { wanted: Wanted::Running, failures, next_try_at: None }
        }
        // It ended with the host and is not to come back with it.
        (Exit::HostRestarted, _) if !guest.spec.autostart => stay,
        (Exit::HostRestarted, _) => {
            Action::Settle { wanted: Wanted::Running, failures: guest.failures, next_try_at: None }
        }
        // None of them is the guest's fault, so its policy is not asked.
        (Exit::Rebooted | Exit::Killed | Exit::ShimLost, _) => again,
        (
            Exit::Failed { .. } | Exit::Crashed { .. } | Exit::OutOfMemory | Exit::NotStarted { .. },
            RestartPolicy::Never,
        ) => stay,
        (Exit::Failed { .. } | Exit::Crashed { .. } | Exit::OutOfMemory | Exit::NotStarted { .. }, _) => again,
    }
}

/// 1, 2, 4 … 60 s.
pub fn pause(failures: u32) -> i64 {
    let doublings = failures.saturating_sub(1).min(6);
    (SECOND << doublings).min(LONGEST_PAUSE)
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
