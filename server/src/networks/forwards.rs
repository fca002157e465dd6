//! Ports of the host that lead to guests: given once on a host, in one transaction, and then told to
//! the host, all that lead into the network at once.

use std::collections::BTreeSet;

use umbel_app::AppError;
use umbel_app::backend::Caller;
use umbel_app::shown::{ForwardDraft, ForwardShown};
use umbel_guest::network::FORWARD_PORTS;
use umbel_guest::quota::Kind;
use umbel_guest::{Attachment, FieldErrors, Forward, GuestRight};
use umbel_wire::agent::Refusal;

use super::view::forward_shown;
use super::{Networks, tell};
use crate::error::chain;
use crate::host::HostError;
use crate::quotas;
use crate::store::guests::guest_fetch;
use crate::store::networks::{Forwarded, forward_delete, forward_insert, forward_list};

/// Ports that one guest may have led to it.
const MOST: usize = 32;

impl Networks {
    pub async fn forward_add(&self, caller: &Caller, draft: ForwardDraft) -> Result<ForwardShown, AppError> {
        let parts = self.parts();
        let invalid = |field: &str, message: String| AppError::Invalid(FieldErrors::one(field, message));
        self.guests.allowed(caller, draft.guest, GuestRight::Forwards).await?;

        let mut tx = parts.db.begin().await?;
        let guest = guest_fetch(&mut tx, draft.guest).await?.ok_or_else(|| AppError::not_found("guest"))?;
        let (Some(to), Attachment::Bridge) = (guest.number, guest.spec.network) else {
            return Err(invalid("guest", "Only a guest that is plugged into the bridge can be reached.".into()));
        };
        let there = forward_list(&mut tx, parts.host).await?;
        if there.iter().filter(|forward| forward.guest == guest.id).count() >= MOST {
            return Err(invalid("guest", format!("{MOST} ports lead to {} already.", guest.spec.name)));
        }
        let taken: BTreeSet<u16> = there.iter().map(|forward| forward.host_port).collect();
        let host_port = match draft.host_port.or_else(|| FORWARD_PORTS.into_iter().find(|p| !taken.contains(p))) {
            Some(port) if taken.contains(&port) => {
                return Err(invalid("host_port", format!("The port {port} leads to another guest already.")));
            }
            Some(port) => port,
            None => return Err(invalid("host_port", "Every port that may be forwarded is taken.".into())),
        };
        let forward = Forward { host_port, to, guest_port: draft.guest_port };
        forward.check().map_err(|error| AppError::Invalid(error.into()))?;
        quotas::reserve_row(&mut tx, &guest, Kind::Ports).await?;
        forward_insert(&mut tx, parts.host, guest.id, host_port, draft.guest_port, parts.clock.now()).await?;
        let there = forward_list(&mut tx, parts.host).await?;
        tx.commit().await?;

        match tell::forwards(parts, guest.owner).await {
            // While the agent is away: it is told when it comes.
            Ok(()) => {}
            Err(error) if error.is_away() => {}
            Err(error) => {
                self.take_away(host_port).await?;
                if let Err(error) = tell::forwards(parts, guest.owner).await {
                    tracing::warn!(cause = chain(&error), "ports are not as they were");
                }
                return Err(match error {
                    HostError::Refused(Refusal::BadForward { reason, .. }) => {
                        invalid("host_port", format!("The port {host_port} can't be had on the host: {reason}."))
                    }
                    other => crate::guests::from_host(other),
                });
            }
        }
        parts.guest_changed(guest.id);
        let found = there.iter().find(|forward| forward.host_port == host_port);
        found.map(forward_shown).ok_or_else(|| AppError::not_found("forwarded port"))
    }

    /// Whether it was there.
    async fn take_away(&self, host_port: u16) -> Result<bool, AppError> {
        let mut tx = self.parts().db.begin().await?;
        let was_there = forward_delete(&mut tx, self.parts().host, host_port).await?;
        tx.commit().await?;
        Ok(was_there)
    }

    pub async fn forward_remove(&self, caller: &Caller, host_port: u16) -> Result<(), AppError> {
        let parts = self.parts();
        let missing = || AppError::not_found("forwarded port");
        let there = forward_list(&parts.db, parts.host).await?;
        let reach = self.guests.reach(caller).await?;
        let sees = |forward: &Forwarded| reach.sees(forward.owner, Some(forward.guest));
        let found = there.into_iter().find(|forward| forward.host_port == host_port && sees(forward));
        let forward = found.ok_or_else(missing)?;
        reach.to(forward.owner, Some(forward.guest)).may(GuestRight::Forwards)?;
        if !self.take_away(host_port).await? {
            return Err(missing());
        }
        parts.guest_changed(forward.guest);
        match tell::forwards(parts, forward.owner).await {
            Ok(()) => Ok(()),
            Err(error) if error.is_away() => Ok(()),
            Err(error) => Err(crate::guests::from_host(error)),
        }
    }
}
