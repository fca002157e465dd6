//! Create: everything that can be known is checked, all at once; then guest and operation are written
//! in one transaction. Nothing was done on the host when this answers.

use umbel_app::AppError;
use umbel_app::backend::Caller;
use umbel_app::shown::{Created, OperationKind};
use umbel_guest::ImageId;
use umbel_guest::quota::{Kind, held};
use umbel_guest::setup::Checked;
use umbel_guest::size::in_words;
use umbel_guest::{
    Attachment, Boot, DiskKind, FieldError, FieldErrors, Generation, GroupId, GuestDraft, GuestId, GuestName,
    GuestSpec, ImageKind, KernelId, Memory, PanelRight, Seen, Wanted,
};
use umbel_wire::agent::{HostFacts, ImageFacts, KernelFacts, Profile};
use uuid::Uuid;

use super::setup::setup;
use super::{Guests, from_host, requester};
use crate::accounts::Owner;
use crate::error::chain;
use crate::images::images_seen;
use crate::kernels::choice::Offer;
use crate::kernels::{allows, settings};
use crate::networks;
use crate::operations::Params;
use crate::store::accounts::account_fetch;
use crate::store::guests::{Guest, guest_insert};
use crate::store::images::{ImageState, image_fetch};
use crate::store::kernels::kernel_list;
use crate::store::meta::HostId;
use crate::store::quotas::host_promised_disk;
use crate::store::{On, StoreError, Tx};
use crate::uploads::FREE_PERCENT;

/// What the host said of kernels, with what people decided about them: enough for an [`Offer`].
#[derive(Debug)]
pub(super) struct Kernels {
    pub(super) facts: Vec<KernelFacts>,
    retired: Vec<KernelId>,
    may_choose: bool,
    profile: Profile,
}

impl Kernels {
    pub(super) fn offer(&self) -> Offer<'_> {
        Offer { kernels: &self.facts, retired: &self.retired, may_choose: self.may_choose, profile: self.profile }
    }
}

impl Guests {
    /// Without a kernel in the draft, it is the default one.
    pub async fn create(&self, caller: &Caller, draft: GuestDraft) -> Result<Created, AppError> {
        caller.may(PanelRight::CreateGuests)?;
        let group = draft.group;
        let looked = self.look(caller, draft, true).await?;
        self.make(caller, Whose::OfGroup(group), looked, OperationKind::GuestCreate, &Params::default()).await
    }

    /// What it is told lies with the agent before there is a row, so that its operation finds it there whatever
    /// happens to the panel.
    pub(super) async fn make(
        &self,
        caller: &Caller,
        whose: Whose,
        mut looked: Looked,
        kind: OperationKind,
        params: &Params,
    ) -> Result<Created, AppError> {
        let (guest, generation) = (looked.guest, looked.generation);
        let Some(checked) = looked.setup.take() else { return self.keep(caller, whose, looked, kind, params).await };
        let setup = setup(looked.spec.name.clone(), checked).await?;
        self.parts.link.host.setup_put(guest, generation, setup).await.map_err(from_host)?;
        let made = self.keep(caller, whose, looked, kind, params).await;
        if made.is_err()
            && let Err(error) = self.parts.link.host.purge(guest, generation).await
        {
            // An agent that begins anew looks for those that never came.
            tracing::warn!(%guest, cause = chain(&error), "what a guest was to be told stays with the agent");
        }
        made
    }

    async fn keep(
        &self,
        caller: &Caller,
        whose: Whose,
        looked: Looked,
        kind: OperationKind,
        params: &Params,
    ) -> Result<Created, AppError> {
        let mut tx = self.parts.db.begin().await?;
        let owner = match whose {
            Whose::OfGroup(group) => Owner::of(&mut tx, caller, group).await?,
            Whose::Of(owner) => owner,
        };
        let created = self.insert(&mut tx, caller, owner, looked, kind, params).await?;
        tx.commit().await?;
        self.begun(created);
        Ok(created)
    }

    /// The draft as a spec that this host can have; every wrong field is named at once. An adopted root
    /// is of no image.
    pub(super) async fn look(
        &self,
        caller: &Caller,
        mut draft: GuestDraft,
        of_image: bool,
    ) -> Result<Looked, AppError> {
        let host = &self.parts.link.host;
        let facts = host.facts().await.map_err(from_host)?;
        let (images, _) = images_seen(&self.parts, caller).await?;
        let kernels = self.kernels(caller, facts.profile).await?;
        let offer = kernels.offer();
        if draft.kernel.is_empty()
            && let Some(default) = offer.default_kernel()
        {
            draft.kernel = default.id.to_string();
        }
        let spec = match GuestSpec::check(&draft) {
            Ok(spec) => spec,
            Err(mut wrong) => {
                wrong.take_all(self.setup_checked(caller, &draft.setup, "").await?);
                return Err(AppError::Invalid(wrong));
            }
        };
        let mut wrong = FieldErrors::default();
        if of_image {
            wrong.take_all(check(&spec, &facts, &images));
            wrong.take(readable(&spec, &images, &kernels.facts));
        }
        wrong.take_all(offer.check(&spec, None));
        wrong.take(memory(spec.memory, facts.memory_total_mib));
        let image = images.iter().find(|image| image.id == spec.image);
        if !draft.setup.is_empty() && image.is_some_and(|image| image.kind == ImageKind::HostTree) {
            wrong.0.push(FieldError::new("user", "The host's own files are read-only: nobody can be made there."));
        }
        let user = image.map_or("", |image| image.default_user.as_str());
        let setup = wrong.take_all(self.setup_checked(caller, &draft.setup, user).await?).flatten();
        let disk_most_mib = self.disk_promisable_mib(&facts);
        let guest = GuestId(Uuid::now_v7());
        let generation = Generation { epoch: self.parts.epoch, number: 1 };
        let looked = Looked { guest, generation, spec, setup, disk_most_mib };
        if wrong.is_empty() { Ok(looked) } else { Err(AppError::Invalid(wrong)) }
    }

    /// What kernels there are for the caller.
    pub(super) async fn kernels(&self, caller: &Caller, profile: Profile) -> Result<Kernels, AppError> {
        let facts = self.parts.link.host.kernels().await.map_err(from_host)?;
        let said = kernel_list(&self.parts.db, self.parts.host).await?;
        Ok(Kernels {
            facts,
            retired: said.into_iter().filter(|said| said.retired).map(|said| said.id).collect(),
            may_choose: allows(settings(&self.parts.db).await?.choice, caller),
            profile,
        })
    }

    /// What disks of all guests, volumes among them, may come to.
    pub(crate) fn disk_promisable_mib(&self, facts: &HostFacts) -> u64 {
        facts.disk_total_mib.saturating_mul(self.parts.disk_percent.into()) / 100
    }

    /// Guest and operation, with a place in its owner's network where it is plugged in.
    pub(super) async fn insert(
        &self,
        tx: &mut Tx,
        caller: &Caller,
        owner: Owner,
        Looked { guest, generation, spec, setup: _, disk_most_mib }: Looked,
        kind: OperationKind,
        params: &Params,
    ) -> Result<Created, AppError> {
        // Asked again inside the transaction: its account may have gone, or been suspended, a moment ago.
        let account = account_fetch(&mut *tx, caller.account.id).await?;
        if !account.is_some_and(|account| account.state(self.parts.clock.now()).lets_in()) {
            return Err(AppError::NotSignedIn);
        }
        offered(&mut *tx, self.parts.host, &spec.image).await?;
        let number = match spec.network {
            Attachment::None => None,
            Attachment::Bridge | Attachment::Switch => {
                let place = networks::place(&mut *tx, &self.parts, owner.id).await?;
                Some(place.map_err(|error| AppError::Invalid(error.into()))?)
            }
        };
        let guest = Guest {
            id: guest,
            host: self.parts.host,
            owner: owner.id,
            owner_name: owner.name,
            network: None,
            spec,
            number,
            boot: Boot::Normal,
            limits_heard: true,
            disk_ready: false,
            wanted: Wanted::Stopped,
            generation,
            seen: Seen::Gone,
            seen_generation: Generation::default(),
            failures: 0,
            next_try_at: None,
            kill_at: None,
            waiting: None,
            created_at: self.parts.clock.now(),
        };
        // The operation first: with it everything is reserved that the guest will hold, or refused.
        let operation = self.operations.insert_with(&mut *tx, kind, &guest, &requester(caller), params).await?;
        if let Err(error) = guest_insert(tx, &guest).await {
            return Err(name_taken(error, &guest.spec.name));
        }
        room_for_disk(tx, &guest, disk_most_mib).await?;
        Ok(Created { guest: guest.id, operation })
    }

    /// After the commit.
    pub(super) fn begun(&self, created: Created) {
        self.parts.operation_changed(created.operation, Some(created.guest));
        self.operations.spawn(created.operation);
    }
}

/// Asked in the transaction that gives it to a guest: what is being taken away, nobody gets any more.
pub(super) async fn offered(on: impl Into<On<'_>>, host: HostId, image: &ImageId) -> Result<(), AppError> {
    let said = image_fetch(on, host, image).await?;
    if said.is_some_and(|said| said.state == ImageState::Going) {
        return Err(AppError::Invalid(FieldErrors::one("image", format!("There is no image {image}."))));
    }
    Ok(())
}

/// Whose a new guest is.
pub(super) enum Whose {
    /// A group's, or of whoever asks.
    OfGroup(Option<GroupId>),
    Of(Owner),
}

/// A spec that this host can have.
#[derive(Debug)]
pub(super) struct Looked {
    pub(super) guest: GuestId,
    pub(super) generation: Generation,
    pub(super) spec: GuestSpec,
    pub(super) setup: Option<Checked>,
    /// How much it may promise to disks of all guests together.
    pub(super) disk_most_mib: u64,
}

/// Asked once its disk is counted with all others: of several at once the last finds them all.
async fn room_for_disk(tx: &mut Tx, guest: &Guest, most_mib: u64) -> Result<(), AppError> {
    let own_mib = held(&guest.spec, false).of(Kind::Disk);
    let promised_mib = host_promised_disk(tx, guest.host).await?;
    if own_mib == 0 || promised_mib <= most_mib {
        return Ok(());
    }
    let left_mib = most_mib.saturating_sub(promised_mib - own_mib);
    let message = format!("The host can promise no more than {left_mib} MiB of disk to guests.");
    Err(AppError::Invalid(FieldErrors::one("disk_mib", message)))
}

/// What only the host knows of image and disk; every wrong field is named at once.
pub(super) fn check(spec: &GuestSpec, facts: &HostFacts, images: &[ImageFacts]) -> Result<(), FieldErrors> {
    let mut wrong = FieldErrors::default();
    let mut refuse = |field: &str, message: String| wrong.0.push(FieldError::new(field, message));
    match images.iter().find(|image| image.id == spec.image) {
        None => refuse("image", format!("There is no image {}.", spec.image)),
        Some(image) => {
            if let Some(why) = disk_refused(spec.disk_kind, image.kind) {
                refuse("disk_kind", why.to_owned());
            }
            if let Some(least) = image.sizes.first().filter(|_| !image.sizes.contains(&spec.disk))
                && image.kind == ImageKind::Disk
            {
                refuse("disk_mib", format!("A disk of it has at least {}.", in_words(least.mib())));
            }
        }
    }
    // A copy-on-write child begins empty; only a plain disk takes its place at once.
    if spec.disk_kind == DiskKind::Plain && u64::from(spec.disk.mib()) > facts.disk_free_mib {
        refuse("disk_mib", format!("The host has {} MiB of disk left.", facts.disk_free_mib));
    }
    if spec.disk_kind != DiskKind::Memory
        && let Err(error) = has_room(facts)
    {
        wrong.0.push(error);
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong) }
}

/// Whether the host's disk takes anything new.
pub(crate) fn has_room(facts: &HostFacts) -> Result<(), FieldError> {
    let left = facts.disk_free_mib.saturating_mul(100) / facts.disk_total_mib.max(1);
    if left >= FREE_PERCENT {
        return Ok(());
    }
    let message =
        format!("Less than {FREE_PERCENT} % of the host's disk is free: there are no new disks until there is room.");
    Err(FieldError::new("disk_mib", message))
}

/// Whether the kernel has what the image's file system needs.
pub(super) fn readable(spec: &GuestSpec, images: &[ImageFacts], kernels: &[KernelFacts]) -> Result<(), FieldError> {
    let image = images.iter().find(|image| image.id == spec.image);
    let kernel = kernels.iter().find(|kernel| kernel.id == spec.kernel);
    let (Some(has), Some(kernel)) = (image.and_then(|image| image.file_system.as_deref()), kernel) else {
        return Ok(());
    };
    // Its driver reads the older ones too (kernel: filesystems/ext4/overview.rst).
    let needs = if matches!(has, "ext2" | "ext3") { "ext4" } else { has };
    if kernel.features.file_systems.iter().any(|can| can == has || can == needs) {
        return Ok(());
    }
    Err(FieldError::new("kernel", format!("The kernel {} has no {has}, which the image is made of.", kernel.id)))
}

/// Why a root of that kind can't have such a disk.
fn disk_refused(disk: DiskKind, image: ImageKind) -> Option<&'static str> {
    match (disk, image) {
        (DiskKind::Memory, ImageKind::HostTree) | (DiskKind::Cow | DiskKind::Plain, ImageKind::Disk) => None,
        (DiskKind::Memory, ImageKind::Disk) => Some("Only the host's own files can do without a disk."),
        (_, ImageKind::HostTree) => Some("The host's own files are read-only: what is written lies in memory."),
    }
}

pub(super) fn memory(memory: Memory, total_mib: u32) -> Result<(), FieldError> {
    if memory.mib() <= total_mib {
        return Ok(());
    }
    Err(FieldError::new("memory_mib", format!("The host has {total_mib} MiB of memory in all.")))
}

pub(super) fn name_taken(error: StoreError, name: &GuestName) -> AppError {
    if error.is_duplicate() {
        return AppError::Invalid(FieldErrors::one("name", format!("There is a guest named {name} already.")));
    }
    error.into()
}
