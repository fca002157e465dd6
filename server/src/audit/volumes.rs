//! Changes of volumes, each with its row: what [`backend`](super::backend) has no room for.

use umbel_app::AppError;
use umbel_app::backend::{Backend, Caller};
use umbel_app::shown::{AttachDraft, AuditAction, AuditKind, VolumeChange, VolumeDraft, VolumeShown};
use umbel_guest::{GuestId, VolumeId};

use super::What;
use crate::backend::Bare;
use crate::panel::Panel;
use crate::store::volumes::volume_fetch;

impl Panel {
    async fn volume(&self, action: AuditAction, volume: VolumeId) -> Result<What, AppError> {
        let found = volume_fetch(&self.store, volume).await?;
        let name = found.map(|volume| volume.name).unwrap_or_default();
        Ok(What::new(action, AuditKind::Volume).of(volume).named(&name))
    }

    /// Of a volume, with its guest.
    async fn volume_of(&self, action: AuditAction, volume: VolumeId, guest: GuestId) -> Result<What, AppError> {
        let guest_name = self.guest(action, guest).await?.name;
        Ok(self.volume(action, volume).await?.detail(format!("{guest_name} {guest}").trim()))
    }

    pub(super) async fn volume_created(&self, caller: &Caller, draft: VolumeDraft) -> Result<VolumeShown, AppError> {
        let of_group = draft.group.map(|group| format!(" group={group}")).unwrap_or_default();
        let what = What::new(AuditAction::VolumeCreate, AuditKind::Volume).named(&draft.name);
        let what = what.detail(&format!("size_mib={}{of_group}", draft.size_mib));
        let id = |made: &VolumeShown| Some(made.id.to_string());
        self.audit.create(caller, what, Bare(self).volume_create(caller, draft), id).await
    }

    pub(super) async fn volume_changed(
        &self,
        caller: &Caller,
        volume: VolumeId,
        change: VolumeChange,
    ) -> Result<VolumeShown, AppError> {
        let what = self.volume(AuditAction::VolumeGrow, volume).await?.detail(&format!("size_mib={}", change.size_mib));
        self.audit.change(caller, what, Bare(self).volume_change(caller, volume, change)).await
    }

    pub(super) async fn volume_removed(&self, caller: &Caller, volume: VolumeId) -> Result<(), AppError> {
        let what = self.volume(AuditAction::VolumeRemove, volume).await?;
        self.audit.change(caller, what, Bare(self).volume_remove(caller, volume)).await
    }

    pub(super) async fn volume_attached(
        &self,
        caller: &Caller,
        guest: GuestId,
        volume: VolumeId,
        draft: AttachDraft,
    ) -> Result<VolumeShown, AppError> {
        let what = self.volume_of(AuditAction::VolumeAttach, volume, guest).await?;
        let detail = format!("{} {}", what.detail, draft.access.word());
        self.audit.change(caller, what.detail(&detail), Bare(self).volume_attach(caller, guest, volume, draft)).await
    }

    pub(super) async fn volume_detached(
        &self,
        caller: &Caller,
        guest: GuestId,
        volume: VolumeId,
    ) -> Result<(), AppError> {
        let what = self.volume_of(AuditAction::VolumeDetach, volume, guest).await?;
        self.audit.change(caller, what, Bare(self).volume_detach(caller, guest, volume)).await
    }
}
