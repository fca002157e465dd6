//! Another guest out of a copy that is kept of one's disk: of the same owner, made of the same, with a name, a place in the
//! network, host keys and a machine id of its own.

use umbel_app::AppError;
use umbel_app::backend::Caller;
use umbel_app::shown::{CloneDraft, Created, OperationKind};
use umbel_guest::setup::Checked;
use umbel_guest::{FieldErrors, Generation, GuestId, GuestRight, GuestSpec, Note, PanelRight, SnapshotId};
use uuid::Uuid;

use super::create::{Looked, Whose, has_room};
use super::snapshots::kept;
use super::{Guests, from_host};
use crate::accounts::Owner;
use crate::operations::Params;

impl Guests {
    /// What is on a disk goes to whoever owns it, so only who may do all with the guest may do this.
    pub async fn snapshot_clone(
        &self,
        caller: &Caller,
        guest: GuestId,
        snapshot: SnapshotId,
        draft: CloneDraft,
    ) -> Result<Created, AppError> {
        caller.may(PanelRight::CreateGuests)?;
        let source = self.allowed(caller, guest, GuestRight::Delete).await?;
        let image = kept(&self.parts.db, guest, snapshot).await?.image;
        let mut wrong = FieldErrors::default();
        let name = wrong.take(draft.name.parse());
        let facts = self.parts.link.facts().await.map_err(from_host)?;
        wrong.take(has_room(&facts));
        let kernels = self.kernels(caller, facts.profile).await?;
        wrong.take_all(kernels.offer().check(&source.spec, Some(&source.spec.kernel)));
        let Some(name) = name.filter(|_| wrong.is_empty()) else { return Err(AppError::Invalid(wrong)) };
        let note: Note = format!("A copy of {}.", source.spec.name).parse().unwrap_or_default();
        let looked = Looked {
            guest: GuestId(Uuid::now_v7()),
            generation: Generation { epoch: self.parts.epoch, number: 1 },
            spec: GuestSpec { name, note, image, ..source.spec },
            setup: Some(Checked::of_copy()),
            disk_most_mib: self.disk_promisable_mib(&facts),
        };
        let owner = Owner { id: source.owner, name: source.owner_name };
        let params = Params { of: Some(guest), snapshot: Some(snapshot), ..Params::default() };
        self.make(caller, Whose::Of(owner), looked, OperationKind::GuestCreate, &params).await
    }
}
