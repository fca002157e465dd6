//! From what is there to what is wanted, in steps that a person reads before they are done. Pure.

use std::fmt;

use serde::Serialize;
use umbel_client::{Guest, GuestChange, Share};
use umbel_guest::{AccountId, Action, GuestId, GuestRight, Shares, Wanted};

use super::file::{State, Wish};

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "step")]
pub(crate) enum Step {
    /// It runs when it is made.
    Create {
        name: String,
    },
    Change {
        name: String,
        guest: GuestId,
        /// As it was when the plan was made.
        etag: String,
        change: Box<GuestChange>,
        words: String,
    },
    Act {
        name: String,
        guest: Target,
        action: Action,
    },
    Share {
        name: String,
        guest: Target,
        with: String,
        rights: Vec<GuestRight>,
    },
    Unshare {
        name: String,
        guest: GuestId,
        with: String,
        account: AccountId,
    },
}

/// A guest that is there, or the one that an earlier step makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Target {
    There(GuestId),
    Made,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Create { name } => write!(f, "+ {name}: make it and start it"),
            Self::Change { name, words, .. } => write!(f, "~ {name}: {words}"),
            Self::Act { name, action: Action::Delete, .. } => write!(f, "- {name}: delete it, undoable for a while"),
            Self::Act { name, action, .. } => write!(f, "> {name}: {}", action.word().to_lowercase()),
            Self::Share { name, with, rights, .. } => {
                let words: Vec<&str> = rights.iter().map(|right| right.word()).collect();
                write!(f, "~ {name}: share it with {with} ({})", words.join(", "))
            }
            Self::Unshare { name, with, .. } => write!(f, "~ {name}: share it with {with} no more"),
        }
    }
}

/// Whether a guest that runs may be shut down and started again where a change needs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Restart {
    Allowed,
    Refused,
}

/// What is to be done for one guest; `have` with what it is shared for, if it is there.
pub(crate) fn plan(wish: &Wish, have: Option<(&Guest, &[Share])>, restart: Restart) -> Result<Vec<Step>, String> {
    let Some((guest, shares)) = have else { return Ok(make(wish)) };
    let name = wish.name.clone();
    let act = |action| Step::Act { name: name.clone(), guest: Target::There(guest.id), action };
    let deleted = matches!(guest.wanted, Wanted::Deleted { .. });
    if wish.state == Some(State::Absent) {
        return Ok(if deleted { Vec::new() } else { vec![act(Action::Delete)] });
    }
    fixed(wish, guest)?;
    let mut steps = Vec::new();
    if deleted {
        steps.push(act(Action::Undelete));
    }
    let runs = guest.wanted == Wanted::Running;
    let shall_run = wish.state.map_or(runs, |state| state == State::Running);
    let mut stopped = !runs;
    if let Some((change, words)) = changes(wish, guest) {
        if needs_stop(&change) && runs {
            if shall_run && restart == Restart::Refused {
                return Err(format!(
                    "{name}: {words}: only while it is stopped; --restart shuts it down and starts it again"
                ));
            }
            steps.push(act(Action::ShutDown));
            stopped = true;
        }
        let (id, etag) = (guest.id, guest.etag.clone());
        steps.push(Step::Change { name: name.clone(), guest: id, etag, change: Box::new(change), words });
    }
    match (stopped, shall_run) {
        (true, true) => steps.push(act(Action::Start)),
        (false, false) => steps.push(act(Action::ShutDown)),
        _ => {}
    }
    steps.extend(sharing(wish, Target::There(guest.id), shares));
    Ok(steps)
}

fn make(wish: &Wish) -> Vec<Step> {
    if wish.state == Some(State::Absent) {
        return Vec::new();
    }
    let name = wish.name.clone();
    let mut steps = vec![Step::Create { name: name.clone() }];
    if wish.state == Some(State::Stopped) {
        steps.push(Step::Act { name, guest: Target::Made, action: Action::ShutDown });
    }
    steps.extend(sharing(wish, Target::Made, &[]));
    steps
}

/// What is made once and stays.
fn fixed(wish: &Wish, guest: &Guest) -> Result<(), String> {
    let same = |field: &str, is: String, wanted: Option<String>| match wanted {
        Some(wanted) if wanted != is => {
            Err(format!("{}: {field} is {is} and can't be changed to {wanted}: make another guest", wish.name))
        }
        _ => Ok(()),
    };
    same("image", guest.image.to_string(), wish.image.clone())?;
    same("disk_mib", guest.disk.mib().to_string(), wish.disk_mib.map(|mib| mib.to_string()))
}

/// What differs, and in words.
fn changes(wish: &Wish, guest: &Guest) -> Option<(GuestChange, String)> {
    let mut words = Vec::new();
    let change = GuestChange {
        name: None,
        note: differs(&mut words, "note", guest.note.to_string(), &wish.note),
        kernel: differs(&mut words, "kernel", guest.kernel.to_string(), &wish.kernel),
        memory_mib: differs(&mut words, "memory_mib", guest.memory.mib(), &wish.memory_mib),
        restart_policy: differs(&mut words, "restart_policy", guest.restart_policy, &wish.restart_policy),
        autostart: differs(&mut words, "autostart", guest.autostart, &wish.autostart),
        mode: differs(&mut words, "mode", guest.mode, &wish.mode),
        clock: differs(&mut words, "clock", guest.clock, &wish.clock),
        network: differs(&mut words, "network", guest.network, &wish.network),
        limits: differs(&mut words, "limits", guest.limits, &wish.limits),
    };
    (!words.is_empty()).then(|| (change, words.join(", ")))
}

fn differs<T: PartialEq + Clone + Serialize>(
    words: &mut Vec<String>,
    field: &str,
    is: T,
    wanted: &Option<T>,
) -> Option<T> {
    let wanted = wanted.clone().filter(|wanted| *wanted != is)?;
    let said = |value: &T| serde_json::to_string(value).unwrap_or_default();
    words.push(format!("{field} {} → {}", said(&is), said(&wanted)));
    Some(wanted)
}

/// As the panel has it: name, note, autostart and limits change at any time, the rest of a stopped guest.
fn needs_stop(change: &GuestChange) -> bool {
    let GuestChange { kernel, memory_mib, restart_policy, mode, clock, network, .. } = change;
    kernel.is_some()
        || memory_mib.is_some()
        || restart_policy.is_some()
        || mode.is_some()
        || clock.is_some()
        || network.is_some()
}

fn sharing(wish: &Wish, guest: Target, have: &[Share]) -> Vec<Step> {
    let Some(wanted) = &wish.shares else { return Vec::new() };
    let given = |name: &str| have.iter().find(|share| share.name == name).map(|share| share.rights);
    let put = wanted.iter().filter(|(with, rights)| given(with) != Shares::of(rights.iter().copied()).ok());
    let put = put.map(|(with, rights)| Step::Share {
        name: wish.name.clone(),
        guest,
        with: with.clone(),
        rights: rights.clone(),
    });
    let Target::There(id) = guest else { return put.collect() };
    let gone = have.iter().filter(|share| !wanted.contains_key(&share.name)).map(|share| Step::Unshare {
        name: wish.name.clone(),
        guest: id,
        with: share.name.clone(),
        account: share.account,
    });
    put.chain(gone).collect()
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
