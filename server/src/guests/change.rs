//! Name and note at any time; memory, kernel and restart policy of a stopped guest.

use umbel_app::AppError;
use umbel_app::backend::Caller;
use umbel_app::shown::{GuestChange, GuestShown};
use umbel_guest::{Action, FieldError, FieldErrors, GuestId, Memory};

use super::{Guests, create, from_host};
use crate::store::guests::{Updated, guest_fetch, guest_update};

impl Guests {
    pub async fn change(&self, caller: &Caller, id: GuestId, change: GuestChange) -> Result<GuestShown, AppError> {
        self.visible(caller, id).await?;
        let mut wrong = FieldErrors::default();
        let name = change.name.as_deref().and_then(|text| wrong.take(text.parse()));
        let note = change.note.as_deref().and_then(|text| wrong.take(text.parse()));
        let memory = change.memory_mib.and_then(|mib| wrong.take(Memory::from_mib(mib)));
        let kernel = change
            .kernel
            .as_deref()
            .and_then(|text| wrong.take(text.parse().map_err(|_| FieldError::new("kernel", "Choose a kernel."))));
        if let Some(memory) = memory {
            let facts = self.parts.link.facts().await.map_err(from_host)?;
            wrong.take(create::memory(memory, facts.memory_total_mib));
        }
        if let Some(kernel) = &kernel
            && !self.parts.link.host.kernels().await.map_err(from_host)?.iter().any(|known| known.id == *kernel)
        {
            wrong.0.push(FieldError::new("kernel", format!("There is no kernel {kernel}.")));
        }
        if !wrong.is_empty() {
            return Err(AppError::Invalid(wrong));
        }

        let mut tx = self.parts.db.begin().await?;
        let found = guest_fetch(&mut tx, id).await?;
        let mut guest = found.ok_or_else(|| AppError::not_found("guest"))?;
        let before = guest.clone();
        guest.spec.name = name.unwrap_or(guest.spec.name);
        guest.spec.note = note.unwrap_or(guest.spec.note);
        guest.spec.memory = memory.unwrap_or(guest.spec.memory);
        guest.spec.kernel = kernel.unwrap_or(guest.spec.kernel);
        guest.spec.restart_policy = change.restart_policy.unwrap_or(guest.spec.restart_policy);
        let conflict = |e: umbel_guest::Refused| AppError::Conflict { message: e.to_string() };
        if (&guest.spec.name, &guest.spec.note) != (&before.spec.name, &before.spec.note) {
            Action::Rename.check(&guest.wanted, &guest.seen).map_err(conflict)?;
        }
        let boots = |spec: &umbel_guest::GuestSpec| (spec.memory, spec.kernel.clone(), spec.restart_policy);
        if boots(&guest.spec) != boots(&before.spec) {
            Action::Change.check(&guest.wanted, &guest.seen).map_err(conflict)?;
            // A name alone is no new order: the guest that runs is the one that is wanted.
            guest.generation = self.parts.after(before.generation);
        }
        match guest_update(&mut tx, &guest, before.generation).await {
            Ok(Updated::Yes) => {}
            Ok(Updated::Changed | Updated::NotFound) => return Err(AppError::not_found("guest")),
            Err(error) => return Err(create::name_taken(error, &guest.spec.name)),
        }
        tx.commit().await?;
        self.parts.guest_changed(id);
        self.fetch(caller, id).await
    }
}
