//! Create: everything that can be known is checked, all at once; then guest and operation are written
//! in one transaction. Nothing was done on the host when this answers.

use umbel_app::AppError;
use umbel_app::backend::Caller;
use umbel_app::shown::{Created, OperationKind};
use umbel_guest::{FieldErrors, Generation, GuestDraft, GuestId, GuestName, GuestSpec, Memory, Seen, Wanted};
use umbel_wire::agent::{HostFacts, ImageFacts, KernelFacts};
use uuid::Uuid;

use super::{Guests, from_host, requester};
use crate::store::guests::{Guest, guest_insert};

impl Guests {
    pub async fn create(&self, caller: &Caller, draft: GuestDraft) -> Result<Created, AppError> {
        let spec = GuestSpec::check(&draft).map_err(AppError::Invalid)?;
        let host = &self.parts.link.host;
        let (facts, images, kernels) =
            tokio::try_join!(host.facts(), host.images(), host.kernels()).map_err(from_host)?;
        check(&spec, &facts, &images, &kernels).map_err(AppError::Invalid)?;
        let guest = Guest {
            id: GuestId(Uuid::now_v7()),
            host: self.parts.host,
            owner: caller.account.id,
            owner_name: caller.account.name.clone(),
            spec,
            disk_ready: false,
            wanted: Wanted::Stopped,
            generation: Generation { epoch: self.parts.epoch, number: 1 },
            seen: Seen::Gone,
            seen_generation: Generation::default(),
            failures: 0,
            next_try_at: None,
            kill_at: None,
            waiting: None,
            created_at: self.parts.clock.now(),
        };
        let mut tx = self.parts.db.begin().await?;
        if let Err(error) = guest_insert(&mut tx, &guest).await {
            return Err(name_taken(error, &guest.spec.name));
        }
        let operation = self.operations.insert(&mut tx, OperationKind::GuestCreate, &guest, &requester(caller)).await?;
        tx.commit().await?;
        self.parts.operation_changed(operation, Some(guest.id));
        self.operations.spawn(operation);
        Ok(Created { guest: guest.id, operation })
    }
}

/// What only the host knows; every wrong field is named at once.
fn check(
    spec: &GuestSpec,
    facts: &HostFacts,
    images: &[ImageFacts],
    kernels: &[KernelFacts],
) -> Result<(), FieldErrors> {
    let mut wrong = FieldErrors::default();
    if !images.iter().any(|image| image.id == spec.image) {
        wrong.0.push(umbel_guest::FieldError::new("image", format!("There is no image {}.", spec.image)));
    }
    if !kernels.iter().any(|kernel| kernel.id == spec.kernel) {
        wrong.0.push(umbel_guest::FieldError::new("kernel", format!("There is no kernel {}.", spec.kernel)));
    }
    wrong.take(memory(spec.memory, facts.memory_total_mib));
    // A copy-on-write child begins empty; only a plain disk takes its place at once.
    if spec.disk_kind == umbel_guest::DiskKind::Plain && u64::from(spec.disk.mib()) > facts.disk_free_mib {
        let message = format!("The host has {} MiB of disk left.", facts.disk_free_mib);
        wrong.0.push(umbel_guest::FieldError::new("disk_mib", message));
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong) }
}

pub(super) fn memory(memory: Memory, total_mib: u32) -> Result<(), umbel_guest::FieldError> {
    if memory.mib() <= total_mib {
        return Ok(());
    }
    Err(umbel_guest::FieldError::new("memory_mib", format!("The host has {total_mib} MiB of memory in all.")))
}

pub(super) fn name_taken(error: crate::store::StoreError, name: &GuestName) -> AppError {
    if error.is_duplicate() {
        return AppError::Invalid(FieldErrors::one("name", format!("You have a guest named {name} already.")));
    }
    error.into()
}
