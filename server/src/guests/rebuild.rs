//! A guest of another image: a newer version of its own, mostly. What was on its disk is put aside as by a reset; its
//! name, its place in the network and its volumes are as they were.

use umbel_app::AppError;
use umbel_app::backend::Caller;
use umbel_app::shown::{OperationKind, RebuildDraft};
use umbel_guest::{FieldError, FieldErrors, GuestId, GuestRight, GuestSpec, ImageId, OperationId};

use super::create::{check, readable};
use super::snapshots::has_disk;
use super::{Guests, from_host};
use crate::images::images_seen;
use crate::operations::Params;

impl Guests {
    /// Its disk becomes that image's, and the guest is started with it; the disk that it has now is kept for a while.
    pub async fn rebuild(&self, caller: &Caller, guest: GuestId, draft: RebuildDraft) -> Result<OperationId, AppError> {
        let found = self.allowed(caller, guest, GuestRight::Settings).await?;
        has_disk(&found)?;
        let unknown = || FieldError::new("image", format!("There is no image {}.", draft.image));
        let image = draft.image.trim().parse::<ImageId>().map_err(|_| AppError::Invalid(unknown().into()))?;
        let host = &self.parts.link.host;
        let facts = host.facts().await.map_err(from_host)?;
        let (images, _) = images_seen(&self.parts, caller).await?;
        let kernels = self.kernels(caller, facts.profile).await?;
        let spec = GuestSpec { image, ..found.spec };
        let mut wrong = FieldErrors::default();
        wrong.take_all(check(&spec, &facts, &images));
        wrong.take(readable(&spec, &images, &kernels.facts));
        if !wrong.is_empty() {
            // Nothing but the image is chosen here.
            return Err(AppError::Invalid(wrong).of_field(&["disk_kind", "disk_mib", "kernel"], "image"));
        }
        let params = Params { rebuild: Some(spec.image), ..Params::default() };
        self.swap(caller, guest, OperationKind::GuestReset, params).await
    }
}
