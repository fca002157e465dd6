//! What the host has, what was said about it, who uses it.

use std::collections::HashMap;

use umbel_app::AppError;
use umbel_app::backend::Caller;
use umbel_app::shown::{KernelChange, KernelDraft, KernelFilter, KernelPage, KernelShown, OperationKind, Topic};
use umbel_guest::{FieldError, FieldErrors, KernelId, KernelOrigin, Note, OperationId, PanelRight, UploadId};
use umbel_wire::agent::KernelFacts;

use super::{Kernels, allows, settings};
use crate::etag::etag_of;
use crate::guests::{from_host, requester};
use crate::operations::{About, Params};
use crate::pages::{self, PAGE_MOST};
use crate::store::guests::{Guest, guest_each};
use crate::store::kernels::{Kernel, kernel_delete, kernel_fetch, kernel_list, kernel_put};
use crate::store::operations::operation_is_about;

impl Kernels {
    /// The agent tells all that there are, however few are shown. Its `next` is where the kernels after these begin.
    pub async fn list(&self, caller: &Caller, filter: KernelFilter) -> Result<KernelPage, AppError> {
        let (after, limit) = sought(&filter).map_err(AppError::Invalid)?;
        let parts = self.parts();
        let mut facts = parts.link.host.kernels().await.map_err(from_host)?;
        facts.retain(|facts| after.as_ref().is_none_or(|after| facts.id > *after));
        facts.sort_unstable_by(|one, other| one.id.cmp(&other.id));
        let (facts, next) = pages::cut(facts, limit, |last| last.id.to_string());
        let settings = settings(&parts.db).await?;
        let rows = self.shown(caller, facts).await?;
        Ok(KernelPage { rows, next, settings, may_upload: allows(settings.upload, caller) })
    }

    /// With what was said about them, and who has them.
    async fn shown(&self, caller: &Caller, facts: Vec<KernelFacts>) -> Result<Vec<KernelShown>, AppError> {
        let parts = self.parts();
        let said = kernel_list(&parts.db, parts.host).await?;
        let mut users: HashMap<KernelId, Vec<String>> = HashMap::new();
        if caller.may(PanelRight::ManageKernels).is_ok() {
            let user = |guest: Guest| users.entry(guest.spec.kernel).or_default().push(guest.spec.name.to_string());
            guest_each(&parts.db, user).await?;
            users.values_mut().for_each(|names| names.sort_unstable());
        }
        let shown = |facts: KernelFacts| {
            let said = said.iter().find(|said| said.id == facts.id);
            KernelShown {
                used_by: users.remove(&facts.id).unwrap_or_default(),
                note: said.map(|said| said.note.clone()).unwrap_or_default(),
                retired: said.is_some_and(|said| said.retired),
                uploaded: facts.origin == KernelOrigin::Uploaded,
                origin: facts.origin.words().into(),
                id: facts.id,
                version: facts.version,
                sha256: facts.sha256,
                size_bytes: facts.size_bytes,
                features: facts.features,
                is_default: facts.is_default,
            }
        };
        Ok(facts.into_iter().map(shown).collect())
    }

    /// As an operation; the name must be free, since taking it back removes the kernel of that name.
    pub async fn add(&self, caller: &Caller, draft: KernelDraft) -> Result<OperationId, AppError> {
        let parts = self.parts();
        if !allows(settings(&parts.db).await?.upload, caller) {
            return Err(AppError::Forbidden { reason: "Only administrators put kernels in here.".into() });
        }
        let mut wrong = FieldErrors::default();
        let name = "A kernel's name is 1 to 64 of a–z, 0–9, - and ., for example mine-7.2.";
        let id = wrong.take(draft.name.trim().parse::<KernelId>().map_err(|_| FieldError::new("name", name)));
        let note = wrong.take(draft.note.parse::<Note>());
        let upload = draft.upload.parse::<UploadId>().ok().filter(|upload| self.uploads.is_there(caller, *upload));
        let upload = wrong.take(upload.ok_or_else(|| FieldError::new("upload", "Choose a file first.")));
        let (Some(id), Some(note), Some(upload)) = (id, note, upload) else { return Err(AppError::Invalid(wrong)) };
        let taken = || AppError::Invalid(FieldErrors::one("name", format!("There is a kernel {id} already.")));
        if parts.link.host.kernels().await.map_err(from_host)?.iter().any(|kernel| kernel.id == id) {
            return Err(taken());
        }
        let (operations, kind) = (&self.guests.operations, OperationKind::KernelAdd);
        let mut tx = parts.db.begin().await?;
        if operation_is_about(&mut tx, kind, id.as_str()).await? {
            return Err(taken());
        }
        let about = About { guest: None, name: id.to_string(), owner: caller.account.id };
        let params = Params { kernel: Some(id), upload: Some(upload), note: note.into(), ..Params::default() };
        let operation = operations.insert_about(&mut tx, kind, about, &requester(caller), &params).await?;
        tx.commit().await?;
        parts.operation_changed(operation, None);
        operations.spawn(operation);
        Ok(operation)
    }

    pub async fn fetch(&self, caller: &Caller, id: &KernelId) -> Result<KernelShown, AppError> {
        let facts = self.known(id).await?;
        self.shown(caller, vec![facts]).await?.pop().ok_or_else(|| AppError::not_found("kernel"))
    }

    pub async fn change(&self, caller: &Caller, id: KernelId, change: KernelChange) -> Result<(), AppError> {
        caller.may(PanelRight::ManageKernels)?;
        if change == KernelChange::default() {
            let message = "Nothing is to be changed. Say note, retired, or both.";
            return Err(AppError::Invalid(FieldErrors::one("body", message)));
        }
        let note = change.note.map(|note| note.parse::<Note>()).transpose();
        let note = note.map_err(|error| AppError::Invalid(error.into()))?;
        let parts = self.parts();
        self.known(&id).await?;
        let mut tx = parts.db.begin().await?;
        let said = kernel_fetch(&mut tx, parts.host, &id).await?;
        let mut said = said.unwrap_or(Kernel { id, note: String::new(), retired: false });
        caller.expected(&etag_of(&(&said.note, said.retired)))?;
        said.note = note.map_or(said.note, Note::into);
        said.retired = change.retired.unwrap_or(said.retired);
        kernel_put(&mut tx, parts.host, &said).await?;
        tx.commit().await?;
        parts.events.publish(Topic::Host);
        Ok(())
    }

    async fn known(&self, id: &KernelId) -> Result<KernelFacts, AppError> {
        let kernels = self.parts().link.host.kernels().await.map_err(from_host)?;
        kernels.into_iter().find(|kernel| kernel.id == *id).ok_or_else(|| AppError::not_found("kernel"))
    }

    /// Refused while any guest has it, running or not, deleted and not yet purged ones included.
    pub async fn remove(&self, caller: &Caller, id: KernelId) -> Result<(), AppError> {
        caller.may(PanelRight::ManageKernels)?;
        let parts = self.parts();
        let kernel = self.known(&id).await?;
        if kernel.origin != KernelOrigin::Uploaded {
            let message =
                format!("{id} is {}: it is removed where it came from. Retire it instead.", kernel.origin.words());
            return Err(AppError::Conflict { message });
        }
        let mut users = Vec::new();
        let user = |guest: Guest| {
            if guest.spec.kernel == id {
                users.push(format!("{} of {}", guest.spec.name, guest.owner_name));
            }
        };
        guest_each(&parts.db, user).await?;
        users.sort_unstable();
        if !users.is_empty() {
            let message = format!("{id} is in use by {}. Retire it, so that nobody new gets it.", users.join(", "));
            return Err(AppError::Conflict { message });
        }
        parts.link.host.kernel_remove(id.clone()).await.map_err(from_host)?;
        kernel_delete(&parts.db, parts.host, &id).await?;
        tracing::info!(kernel = %id, by = caller.account.name, "a kernel was removed");
        parts.events.publish(Topic::Host);
        Ok(())
    }
}

/// Behind which kernel the page begins, and how many it has, or all that is wrong with that.
fn sought(filter: &KernelFilter) -> Result<(Option<KernelId>, u32), FieldErrors> {
    let mut wrong = FieldErrors::default();
    let after = wrong.take(after(&filter.cursor));
    let limit = wrong.take(pages::limit(&filter.limit, PAGE_MOST));
    let (Some(after), Some(limit)) = (after, limit) else { return Err(wrong) };
    Ok((after, limit))
}

/// A kernel's id is its name too, so that it is the whole cursor.
fn after(cursor: &str) -> Result<Option<KernelId>, FieldError> {
    if cursor.is_empty() {
        return Ok(None);
    }
    cursor.parse().map(Some).map_err(|_| FieldError::new("cursor", "Not the next of a page."))
}
