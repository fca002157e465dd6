//! Does what [`super::plan`] says. Every answer of the host ends up in the guest's row.

use umbel_guest::{Boot, Exit, Generation, Seen};
use umbel_wire::agent::{Card, Refusal, StartOrder, StopHow, VolumeAt};

use super::plan::Action;
use crate::error::chain;
use crate::host::HostError;
use crate::networks::tell::{self, TellError};
use crate::operations::Operations;
use crate::parts::Parts;
use crate::store::StoreError;
use crate::store::guests::Guest;
use crate::volumes;
use crate::webhooks;

/// How a start went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Started {
    Yes,
    /// Not now; it may be tried again as it is.
    NotNow(String),
    /// Not like this.
    Refused(String),
}

/// The row after an action of the plan that only writes: pure, shared with the plan's tests.
pub fn written(guest: &mut Guest, action: &Action, after: Generation) {
    match action {
        Action::See { seen, generation } => {
            guest.seen = seen.clone();
            guest.seen_generation = *generation;
            if !seen.is_alive() {
                guest.kill_at = None;
            }
        }
        Action::Settle { wanted, failures, next_try_at } => {
            guest.wanted = *wanted;
            guest.failures = *failures;
            guest.next_try_at = *next_try_at;
            guest.waiting = None;
            guest.kill_at = None;
            guest.generation = after;
        }
        Action::Steady => guest.failures = 0,
        Action::Wait { why } => guest.waiting = Some(why.clone()),
        Action::ShutDown { kill_at: at } | Action::Kill { again_at: at } => guest.kill_at = Some(*at),
        Action::Purge { again_at } => guest.next_try_at = Some(*again_at),
        Action::Limit => guest.limits_heard = true,
        Action::Start => {}
    }
}

/// The row after a start was tried: pure.
pub fn started(guest: &mut Guest, how: Started, now: i64) {
    match how {
        Started::Yes => {
            guest.seen = Seen::Starting;
            guest.seen_generation = guest.generation;
            guest.waiting = None;
            guest.next_try_at = None;
            guest.kill_at = None;
            guest.boot = Boot::Normal;
            guest.limits_heard = true;
        }
        Started::NotNow(why) => guest.waiting = Some(why),
        Started::Refused(reason) => {
            guest.seen = Seen::Ended { at: now, exit: Exit::NotStarted { reason } };
            guest.seen_generation = guest.generation;
            guest.waiting = None;
            guest.boot = Boot::Normal;
        }
    }
}

/// `guest` is the row that the plan was made for: where it has changed since, nothing is written, and
/// the next pass sees the newer one. Gives whether there may be more to do for it at once.
pub async fn carry_out(
    parts: &Parts,
    operations: &Operations,
    guest: &Guest,
    action: Action,
) -> Result<bool, StoreError> {
    match &action {
        Action::See { .. } | Action::Settle { .. } | Action::Steady | Action::Wait { .. } => {
            if let Action::Settle { wanted, .. } = &action {
                tracing::info!(guest = %guest.id, seen = ?guest.seen, ?wanted, "a guest ended by itself");
                // Before it is settled: a panel that ends in between settles it in its next life, and the same is
                // told once.
                webhooks::guest_ended(parts, guest).await;
            }
            write(parts, guest, |row, after| written(row, &action, after)).await
        }
        Action::Start => {
            let how = match start(parts, guest).await {
                Ok(()) => Started::Yes,
                Err(TellError::Store(error)) => return Err(error),
                Err(TellError::Host(error)) => match not_started(&error) {
                    Some(how) => how,
                    None => return Ok(false),
                },
            };
            let now = parts.clock.now();
            let going_on = how == Started::Yes || matches!(how, Started::Refused(_));
            tracing::info!(guest = %guest.id, generation = %guest.generation, ?how, "start");
            Ok(write(parts, guest, |row, _| started(row, how, now)).await? && going_on)
        }
        Action::Limit => match parts.link.host.limit(guest.id, guest.generation, guest.spec.limits).await {
            Err(error) if error.is_away() => Ok(false),
            done => {
                // What the host can't change while it runs, or has no process for, its next start tells.
                if let Err(error) = done {
                    tracing::warn!(guest = %guest.id, cause = chain(&error), "limits come with the next start");
                }
                write(parts, guest, |row, after| written(row, &action, after)).await
            }
        },
        Action::ShutDown { .. } => stop(parts, guest, StopHow::ShutDown, &action).await,
        Action::Kill { .. } => stop(parts, guest, StopHow::Kill, &action).await,
        Action::Purge { .. } => {
            if write(parts, guest, |row, after| written(row, &action, after)).await? {
                operations.purge_due(guest).await?;
            }
            Ok(false)
        }
    }
}

/// Its network first, which may have gone with the host.
async fn start(parts: &Parts, guest: &Guest) -> Result<(), TellError> {
    let card = tell::card(parts, guest).await?;
    let order = order(guest, card, volumes::of_guest(parts, guest).await?);
    let done = parts.link.host.start(order).await;
    if let Err(HostError::Refused(Refusal::UnknownNetwork { network })) = &done {
        parts.link.network_forget(*network);
    }
    Ok(done?)
}

async fn stop(parts: &Parts, guest: &Guest, how: StopHow, action: &Action) -> Result<bool, StoreError> {
    match parts.link.host.stop(guest.id, guest.generation, how).await {
        Ok(()) => tracing::info!(guest = %guest.id, generation = %guest.generation, ?how, "stop"),
        Err(error) if error.is_away() => return Ok(false),
        // A guest that can't be asked is killed when patience ends; one that is gone is seen as such.
        Err(error) => tracing::warn!(guest = %guest.id, ?how, cause = chain(&error), "stop"),
    }
    write(parts, guest, |row, after| written(row, action, after)).await?;
    Ok(false)
}

async fn write(
    parts: &Parts,
    planned: &Guest,
    change: impl FnOnce(&mut Guest, Generation) + Send,
) -> Result<bool, StoreError> {
    let mut same = false;
    parts
        .guest_edit(planned.id, |row| {
            same = row == planned;
            if same {
                let after = parts.after(row.generation.max(row.seen_generation));
                change(row, after);
            }
        })
        .await?;
    Ok(same)
}

fn order(guest: &Guest, card: Option<Card>, volumes: Vec<VolumeAt>) -> StartOrder {
    StartOrder {
        guest: guest.id,
        generation: guest.generation,
        name: guest.spec.name.clone(),
        kernel: guest.spec.kernel.clone(),
        image: guest.spec.image.clone(),
        disk: guest.spec.disk,
        disk_kind: guest.spec.disk_kind,
        memory: guest.spec.memory,
        mode: guest.spec.mode,
        clock: guest.spec.clock,
        boot: guest.boot,
        limits: guest.spec.limits,
        card,
        volumes,
    }
}

/// `None` where nothing was learned: the agent is away, or the inventory will tell.
fn not_started(error: &HostError) -> Option<Started> {
    match error {
        HostError::Away(_) => None,
        HostError::Refused(Refusal::StillRunning) => None,
        HostError::Refused(Refusal::NoMemory { wanted_mib, available_mib }) => Some(Started::NotNow(format!(
            "Waiting for memory: it needs {wanted_mib} MiB, {available_mib} MiB are free."
        ))),
        HostError::Refused(Refusal::UnknownNetwork { .. }) => Some(Started::NotNow("Waiting for its network.".into())),
        HostError::Refused(Refusal::Stale { asked, have }) => Some(Started::NotNow(format!(
            "The agent has newer orders ({have}) than this panel's ({asked}). Was a backup restored?"
        ))),
        other => Some(Started::Refused(other.to_string())),
    }
}
