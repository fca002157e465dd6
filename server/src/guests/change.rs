//! Name, note, autostart and limits at any time; whatever a start depends on of a stopped guest.

use umbel_app::AppError;
use umbel_app::backend::Caller;
use umbel_app::shown::{GuestChange, GuestShown};
use umbel_guest::{Action, Attachment, FieldError, FieldErrors, GuestId, GuestRight, GuestSpec, KernelId, Memory};

use super::create::Kernels;
use super::{Guests, create, from_host};
use crate::error::chain;
use crate::etag::etag_of;
use crate::networks::{self, tell};
use crate::quotas;
use crate::store::guests::{Guest, Updated, guest_fetch, guest_update};

impl Guests {
    pub async fn change(&self, caller: &Caller, id: GuestId, change: GuestChange) -> Result<GuestShown, AppError> {
        self.allowed(caller, id, GuestRight::Settings).await?;
        let mut wrong = FieldErrors::default();
        let name = change.name.as_deref().and_then(|text| wrong.take(text.parse()));
        let note = change.note.as_deref().and_then(|text| wrong.take(text.parse()));
        let memory = change.memory_mib.and_then(|mib| wrong.take(Memory::from_mib(mib)));
        let limits = change.limits.and_then(|limits| wrong.take_all(limits.check()));
        let kernel = change.kernel.as_deref().and_then(|text| {
            wrong.take(text.parse::<KernelId>().map_err(|_| FieldError::new("kernel", "Choose a kernel.")))
        });
        if let Some(memory) = memory {
            let facts = self.parts.link.facts().await.map_err(from_host)?;
            wrong.take(create::memory(memory, facts.memory_total_mib));
        }
        let (mode, clock, network) = (change.mode, change.clock, change.network);
        // Asked before the transaction, which nobody should wait for.
        let kernels = if kernel.is_some() || mode.is_some() || clock.is_some() || network.is_some() {
            let facts = self.parts.link.facts().await.map_err(from_host)?;
            Some(self.kernels(caller, facts.profile).await?)
        } else {
            None
        };
        if !wrong.is_empty() {
            return Err(AppError::Invalid(wrong));
        }

        let mut tx = self.parts.db.begin().await?;
        let found = guest_fetch(&mut tx, id).await?;
        let mut guest = found.ok_or_else(|| AppError::not_found("guest"))?;
        let before = guest.clone();
        caller.expected(&etag_of(&before.spec))?;
        let spec = &mut guest.spec;
        spec.name = name.unwrap_or(spec.name.clone());
        spec.note = note.unwrap_or(spec.note.clone());
        spec.memory = memory.unwrap_or(spec.memory);
        spec.kernel = kernel.unwrap_or(spec.kernel.clone());
        spec.restart_policy = change.restart_policy.unwrap_or(spec.restart_policy);
        spec.autostart = change.autostart.unwrap_or(spec.autostart);
        spec.mode = mode.unwrap_or(spec.mode);
        spec.clock = clock.unwrap_or(spec.clock);
        spec.network = network.unwrap_or(spec.network);
        spec.limits = limits.unwrap_or(spec.limits);
        self.allow(&guest, &before, kernels.as_ref())?;
        if boots(&guest.spec) != boots(&before.spec) {
            // A name alone is no new order: the guest that runs is the one that is wanted.
            guest.generation = self.parts.after(before.generation);
        }
        if guest.spec.limits != before.spec.limits {
            // The reconciler tells the host at once, and again until it has heard.
            guest.limits_heard = false;
        }
        if guest.spec.network != Attachment::None && guest.number.is_none() {
            let place = networks::place(&mut tx, &self.parts, guest.owner).await?;
            guest.number = Some(place.map_err(|error| AppError::Invalid(error.into()))?);
        }
        quotas::reserve(&mut tx, &guest).await?;
        match guest_update(&mut tx, &guest, before.generation).await {
            Ok(Updated::Yes) => {}
            Ok(Updated::Changed | Updated::NotFound) => return Err(AppError::not_found("guest")),
            Err(error) => return Err(create::name_taken(error, &guest.spec.name)),
        }
        tx.commit().await?;
        self.parts.guest_changed(id);
        if guest.spec.network != before.spec.network
            && let Err(error) = tell::forwards(&self.parts, guest.owner).await
        {
            // Told again when the agent comes.
            tracing::warn!(guest = %id, cause = chain(&error), "the host does not know its ports yet");
        }
        self.fetch(caller, id).await
    }

    /// What may change in the state that the guest is in, and what its kernel can do.
    fn allow(&self, guest: &Guest, before: &Guest, kernels: Option<&Kernels>) -> Result<(), AppError> {
        let allow = |action: Action| {
            let refused = action.check(&guest.wanted, &guest.seen);
            refused.map_err(|why| AppError::Conflict { message: why.to_string() })
        };
        let (new, old) = (&guest.spec, &before.spec);
        if (&new.name, &new.note) != (&old.name, &old.note) {
            allow(Action::Rename)?;
        }
        if (new.limits, new.autostart) != (old.limits, old.autostart) {
            allow(Action::Limit)?;
        }
        if boots(new) != boots(old) {
            allow(Action::Change)?;
        }
        let kernel = |spec: &GuestSpec| (spec.kernel.clone(), spec.mode, spec.clock, spec.network);
        match kernels {
            Some(kernels) if kernel(new) != kernel(old) => {
                kernels.offer().check(new, Some(&old.kernel)).map_err(AppError::Invalid)
            }
            _ => Ok(()),
        }
    }
}

/// All that the next start depends on.
fn boots(spec: &GuestSpec) -> impl PartialEq + use<> {
    let GuestSpec { memory, restart_policy, mode, clock, network, .. } = *spec;
    (memory, spec.kernel.clone(), restart_policy, mode, clock, network)
}
