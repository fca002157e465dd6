//! What pages may ask of the panel: the only port. REST handlers and server functions are both thin
//! over it, so a page, the API and the command line can do the same things and obey the same rules.
//!
//! Whatever is not the caller's is [`AppError::NotFound`], never `Forbidden`: a stranger can't tell
//! what exists.

mod backups;
mod files;
mod parcels;
mod storage;

use std::net::IpAddr;
use std::sync::Arc;

use async_trait::async_trait;
use leptos::prelude::use_context;
use umbel_guest::publish::Found;
use umbel_guest::{
    AccountId, Action, DeliveryId, GroupId, GuestDraft, GuestId, ImageId, InvitationId, KernelId, KeyId, OperationId,
    PanelRight, QuotaRequestId, Right, Role, SetupDraft, SnapshotId, Span, StrayName, SysRqKey, UploadId, VolumeId,
    WebhookId, allowed,
};

pub use self::backups::Backups;
pub use self::files::Files;
pub use self::parcels::Parcels;
pub use self::storage::Storage;
use crate::error::AppError;
use crate::proof::Proof;
use crate::shown::{
    AccountShown, AdoptShown, AnnouncementDraft, AnnouncementShown, AttachDraft, AuditAction, AuditFilter, AuditPage,
    AuditVia, CloneDraft, ConsoleTail, Created, Etag, FirstPassword, ForwardDraft, ForwardShown, GroupDraft, GroupRoll,
    GroupShown, GuestChange, GuestFilter, GuestForm, GuestPage, GuestShown, GuestsLeft, GuestsThen, HostShown,
    ImageChange, ImageDraft, ImageFilter, ImagePage, ImageShown, ImportDraft, ImportShown, InvitationDraft,
    InvitationShown, KernelChange, KernelDraft, KernelFilter, KernelPage, KernelSettings, KernelShown, KeyDraft,
    KeyShown, MemberDraft, MemoryInsideShown, MetricsShown, NetworkShown, NewInvitation, NewToken, NewWebhook,
    OperationFilter, OperationPage, OperationShown, OverviewShown, PersonFilter, PersonPage, PersonShown, PlanDraft,
    QuotaChange, QuotaShown, QuotaWish, QuotasShown, RebuildDraft, RegistrationSettings, SessionShown, ShareDraft,
    ShareShown, SnapshotDraft, SnapshotTaken, SnapshotsShown, StrayShown, TokenDraft, TokenShown, UsageAsked,
    UsageShown, VolumeChange, VolumeDraft, VolumeShown, VolumesShown, WebhookDraft, WebhooksShown,
};

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    pub account: AccountShown,
    /// The hash of the session that the request came with, as in [`SessionShown::id`].
    pub session: String,
    pub came: Came,
    pub proof: Proof,
    /// Grows with every change of what the account may do.
    pub rights: i64,
    pub expects: Expects,
    /// A token's, which is good for that group's guests and nothing else of what the account may do.
    pub bound: Option<GroupId>,
}

impl Caller {
    pub fn may(&self, right: PanelRight) -> Result<(), AppError> {
        match self.bound {
            Some(_) if right != PanelRight::CreateGuests => {
                Err(AppError::Forbidden { reason: "This token is good for one group's guests only.".into() })
            }
            _ => Ok(allowed(self.account.role, Right::Panel(right))?),
        }
    }

    /// What they are for on guests.
    pub fn role(&self) -> Role {
        if self.bound.is_some() { Role::User } else { self.account.role }
    }

    /// Whose guests, networks and operations are theirs to see, besides what reaches them by others: their own, or the
    /// group's.
    pub fn looks_as(&self) -> AccountId {
        self.bound.map_or(self.account.id, GroupId::as_owner)
    }

    /// Refused where the action takes a fresher proof of who they are.
    pub fn proved(&self, action: AuditAction, now: i64) -> Result<(), AppError> {
        self.proof.is_enough(action, self.account.role, now)
    }

    /// Asked in the transaction that changes a thing whose tag is `now`.
    pub fn expected(&self, now: &Etag) -> Result<(), AppError> {
        match &self.expects {
            Expects::Anything => Ok(()),
            Expects::OneOf(seen) if seen.contains(now) => Ok(()),
            Expects::OneOf(_) => Err(AppError::Changed),
        }
    }
}

/// What somebody has seen of the thing that they change, if they said so (RFC 9110, section 13.1.1). Only what takes
/// it is asked with it: the edge sees to that.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Expects {
    #[default]
    Anything,
    OneOf(Vec<Etag>),
}

/// From where somebody asks, for the audit; nothing is decided by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Came {
    pub via: AuditVia,
    pub address: Option<IpAddr>,
}

/// Nobody outside asks.
impl Default for Came {
    fn default() -> Self {
        Self { via: AuditVia::Panel, address: None }
    }
}

#[async_trait]
pub trait Backend: Backups + Files + Parcels + Storage {
    async fn overview(&self, caller: &Caller) -> Result<OverviewShown, AppError>;
    /// For administrators.
    async fn host(&self, caller: &Caller) -> Result<HostShown, AppError>;

    /// A page at a time.
    async fn guest_list(&self, caller: &Caller, filter: GuestFilter) -> Result<GuestPage, AppError>;
    async fn guest_fetch(&self, caller: &Caller, guest: GuestId) -> Result<GuestShown, AppError>;
    async fn guest_form(&self, caller: &Caller) -> Result<GuestForm, AppError>;
    async fn guest_create(&self, caller: &Caller, draft: GuestDraft) -> Result<Created, AppError>;
    /// Name, note, autostart and limits may change at any time, the rest of a stopped guest.
    async fn guest_change(&self, caller: &Caller, guest: GuestId, change: GuestChange) -> Result<GuestShown, AppError>;
    /// Start, shut down, kill, restart, pause, resume, start into a shell, reset, delete, undelete, purge. `None`
    /// where it was done at once.
    async fn guest_act(&self, caller: &Caller, guest: GuestId, action: Action)
    -> Result<Option<OperationId>, AppError>;
    /// The last `lines` lines of its console, as plain text.
    async fn guest_console_tail(&self, caller: &Caller, guest: GuestId, lines: usize) -> Result<ConsoleTail, AppError>;

    /// What a guest that is off is told at its next start.
    /// Another image's disk, and started with it; what it had is kept for a while.
    async fn guest_rebuild(&self, by: &Caller, guest: GuestId, draft: RebuildDraft) -> Result<OperationId, AppError>;
    async fn guest_set_up(&self, caller: &Caller, guest: GuestId, draft: SetupDraft) -> Result<(), AppError>;
    /// Presses a key of the magic SysRq; what it answers stands on the console.
    async fn guest_sysrq(&self, caller: &Caller, guest: GuestId, key: SysRqKey) -> Result<(), AppError>;
    async fn guest_metrics(&self, caller: &Caller, guest: GuestId, span: Span) -> Result<MetricsShown, AppError>;
    /// Wakes the guest's kernel, so it is asked only while somebody looks.
    async fn guest_memory_inside(&self, caller: &Caller, guest: GuestId) -> Result<MemoryInsideShown, AppError>;
    /// The classic example: two guests, C1 and C2, of the host's own files on one switch.
    async fn example_create(&self, caller: &Caller) -> Result<Vec<Created>, AppError>;

    /// For its owner and administrators, as what follows.
    async fn share_list(&self, caller: &Caller, guest: GuestId) -> Result<Vec<ShareShown>, AppError>;
    /// Gives exactly these rights, whatever that account had on the guest before.
    async fn share_put(&self, caller: &Caller, guest: GuestId, draft: ShareDraft) -> Result<ShareShown, AppError>;
    /// With what its disk takes now.
    async fn snapshot_list(&self, caller: &Caller, guest: GuestId) -> Result<SnapshotsShown, AppError>;
    /// What of it would not be in an image that is made of it.
    async fn snapshot_traces(&self, caller: &Caller, of: GuestId, id: SnapshotId) -> Result<Vec<Found>, AppError>;
    async fn snapshot_take(
        &self,
        caller: &Caller,
        guest: GuestId,
        draft: SnapshotDraft,
    ) -> Result<SnapshotTaken, AppError>;
    /// The guest is started with it; the disk that it had is kept for a while.
    /// How often a copy is taken by itself.
    async fn plan_set(&self, caller: &Caller, guest: GuestId, draft: PlanDraft) -> Result<(), AppError>;
    /// Another guest, of the same owner, with its disk.
    async fn snapshot_clone(
        &self,
        caller: &Caller,
        guest: GuestId,
        snapshot: SnapshotId,
        draft: CloneDraft,
    ) -> Result<Created, AppError>;
    async fn snapshot_restore(
        &self,
        caller: &Caller,
        guest: GuestId,
        snapshot: SnapshotId,
    ) -> Result<OperationId, AppError>;
    /// For good.
    async fn snapshot_remove(&self, caller: &Caller, guest: GuestId, snapshot: SnapshotId) -> Result<(), AppError>;
    /// Gives it to an account, or to a group with an @ before its name.
    async fn guest_give(&self, caller: &Caller, guest: GuestId, to: String) -> Result<(), AppError>;
    /// One's own share may always be given back.
    async fn share_remove(&self, caller: &Caller, guest: GuestId, account: AccountId) -> Result<(), AppError>;

    /// Of all guests together; for administrators.
    async fn host_metrics(&self, caller: &Caller, span: Span) -> Result<MetricsShown, AppError>;
    /// Root images that lie ready for adoption; for administrators.
    async fn stray_list(&self, caller: &Caller) -> Result<Vec<StrayShown>, AppError>;
    /// What the command line of a kernel that was run by hand means here.
    async fn adopt_read(&self, caller: &Caller, command_line: String) -> Result<AdoptShown, AppError>;
    /// The draft's image and size of disk are the stray's own to say.
    async fn guest_adopt(&self, caller: &Caller, stray: StrayName, draft: GuestDraft) -> Result<Created, AppError>;

    /// One's own; all of them for whoever may see them.
    async fn network_list(&self, caller: &Caller) -> Result<Vec<NetworkShown>, AppError>;
    async fn forward_add(&self, caller: &Caller, draft: ForwardDraft) -> Result<ForwardShown, AppError>;
    async fn forward_remove(&self, caller: &Caller, host_port: u16) -> Result<(), AppError>;

    /// One's own and those of one's groups; all of them for whoever may see everybody's guests.
    async fn volume_list(&self, caller: &Caller) -> Result<VolumesShown, AppError>;
    async fn volume_fetch(&self, caller: &Caller, volume: VolumeId) -> Result<VolumeShown, AppError>;
    /// Empty.
    async fn volume_create(&self, caller: &Caller, draft: VolumeDraft) -> Result<VolumeShown, AppError>;
    /// Larger, while no guest that runs has it.
    async fn volume_change(
        &self,
        caller: &Caller,
        volume: VolumeId,
        change: VolumeChange,
    ) -> Result<VolumeShown, AppError>;
    /// For good, while no guest has it.
    async fn volume_remove(&self, caller: &Caller, volume: VolumeId) -> Result<(), AppError>;
    /// At once where the guest runs.
    async fn volume_attach(
        &self,
        caller: &Caller,
        guest: GuestId,
        volume: VolumeId,
        draft: AttachDraft,
    ) -> Result<VolumeShown, AppError>;
    async fn volume_detach(&self, caller: &Caller, guest: GuestId, volume: VolumeId) -> Result<(), AppError>;

    async fn image_list(&self, caller: &Caller, filter: ImageFilter) -> Result<ImagePage, AppError>;
    /// Of what was uploaded, as an operation.
    async fn image_import(&self, caller: &Caller, draft: ImageDraft) -> Result<OperationId, AppError>;
    async fn image_fetch(&self, caller: &Caller, image: ImageId) -> Result<ImageShown, AppError>;
    async fn image_change(&self, caller: &Caller, image: ImageId, change: ImageChange) -> Result<(), AppError>;
    /// One that was put in and that nobody has.
    async fn image_remove(&self, caller: &Caller, image: ImageId) -> Result<(), AppError>;
    async fn kernel_list(&self, caller: &Caller, filter: KernelFilter) -> Result<KernelPage, AppError>;
    /// Takes over what was uploaded.
    async fn kernel_add(&self, caller: &Caller, draft: KernelDraft) -> Result<OperationId, AppError>;
    async fn kernel_fetch(&self, caller: &Caller, kernel: KernelId) -> Result<KernelShown, AppError>;
    async fn kernel_change(&self, caller: &Caller, kernel: KernelId, change: KernelChange) -> Result<(), AppError>;
    async fn kernel_settings(&self, caller: &Caller) -> Result<KernelSettings, AppError>;
    /// Refused while any guest has it, running or not.
    async fn kernel_remove(&self, caller: &Caller, kernel: KernelId) -> Result<(), AppError>;
    async fn kernel_set_settings(&self, caller: &Caller, settings: KernelSettings) -> Result<(), AppError>;
    /// A place for the files of a kernel, for a while.
    async fn upload_begin(&self, caller: &Caller) -> Result<UploadId, AppError>;
    async fn upload_remove(&self, caller: &Caller, upload: UploadId) -> Result<(), AppError>;

    async fn operation_list(&self, caller: &Caller, filter: OperationFilter) -> Result<OperationPage, AppError>;
    async fn operation_fetch(&self, caller: &Caller, operation: OperationId) -> Result<OperationShown, AppError>;
    async fn operation_cancel(&self, caller: &Caller, operation: OperationId) -> Result<(), AppError>;

    async fn account_fetch(&self, caller: &Caller, account: AccountId) -> Result<PersonShown, AppError>;
    async fn account_list(&self, caller: &Caller, filter: PersonFilter) -> Result<PersonPage, AppError>;
    /// With a first password that must be changed.
    async fn account_create(&self, caller: &Caller, name: String, role: String) -> Result<FirstPassword, AppError>;
    /// All accounts of the lines, or none.
    async fn account_import(&self, caller: &Caller, draft: ImportDraft) -> Result<ImportShown, AppError>;
    /// What is open follows at once. Not one's own, and one administrator stays.
    async fn account_set_role(&self, caller: &Caller, account: AccountId, role: String) -> Result<(), AppError>;
    /// Ends the account's sessions and open consoles; everything else of it stays.
    async fn account_suspend(&self, caller: &Caller, account: AccountId, guests: GuestsThen) -> Result<(), AppError>;
    async fn account_reinstate(&self, caller: &Caller, account: AccountId) -> Result<(), AppError>;
    /// The last day on which it lets anybody in, as `2027-07-31`; empty, it has none.
    async fn account_set_expiry(&self, caller: &Caller, account: AccountId, day: String) -> Result<(), AppError>;
    async fn account_remove(&self, caller: &Caller, account: AccountId, guests: GuestsLeft) -> Result<(), AppError>;
    /// A new first password; ends the account's sessions.
    async fn account_reset_password(&self, caller: &Caller, account: AccountId) -> Result<FirstPassword, AppError>;

    /// Lets an account in that waits for approval, or deletes it.
    async fn account_decide(&self, caller: &Caller, account: AccountId, approved: bool) -> Result<(), AppError>;
    /// Whether people make accounts of their own; for administrators, as changing it is.
    async fn registration_fetch(&self, caller: &Caller) -> Result<RegistrationSettings, AppError>;
    async fn registration_set(&self, caller: &Caller, settings: RegistrationSettings) -> Result<(), AppError>;

    /// What every page shows; for everybody, also for who isn't in.
    async fn announcement_fetch(&self) -> Result<Option<AnnouncementShown>, AppError>;
    /// In place of what was announced before; for administrators, as taking it back is.
    async fn announcement_set(&self, caller: &Caller, draft: AnnouncementDraft) -> Result<(), AppError>;
    async fn announcement_clear(&self, caller: &Caller) -> Result<(), AppError>;
    /// All of them for administrators, for others those that they are in.
    /// Those that one may take back: all of them for administrators, for others those into groups of theirs.
    async fn invitation_list(&self, caller: &Caller) -> Result<Vec<InvitationShown>, AppError>;
    async fn invitation_create(&self, caller: &Caller, draft: InvitationDraft) -> Result<NewInvitation, AppError>;
    async fn invitation_remove(&self, caller: &Caller, invitation: InvitationId) -> Result<(), AppError>;
    async fn group_list(&self, caller: &Caller) -> Result<Vec<GroupShown>, AppError>;
    async fn group_fetch(&self, caller: &Caller, group: GroupId) -> Result<GroupRoll, AppError>;
    /// For administrators, as what follows.
    async fn group_create(&self, caller: &Caller, draft: GroupDraft) -> Result<GroupShown, AppError>;
    async fn group_change(&self, caller: &Caller, group: GroupId, draft: GroupDraft) -> Result<(), AppError>;
    async fn group_remove(&self, caller: &Caller, group: GroupId) -> Result<(), AppError>;
    /// Is that in the group from now on, whatever it was before.
    async fn member_put(&self, caller: &Caller, group: GroupId, draft: MemberDraft) -> Result<(), AppError>;
    async fn member_remove(&self, caller: &Caller, group: GroupId, account: AccountId) -> Result<(), AppError>;
    /// For who has lost it; ends the account's sessions.
    async fn account_reset_second_factor(&self, caller: &Caller, account: AccountId) -> Result<(), AppError>;

    /// Where events are sent; for administrators, as what follows.
    async fn webhook_list(&self, caller: &Caller) -> Result<WebhooksShown, AppError>;
    /// What signs its events is told this once.
    async fn webhook_create(&self, caller: &Caller, draft: WebhookDraft) -> Result<NewWebhook, AppError>;
    async fn webhook_remove(&self, caller: &Caller, webhook: WebhookId) -> Result<(), AppError>;
    /// Sends it an event that nobody else gets.
    async fn webhook_test(&self, caller: &Caller, webhook: WebhookId) -> Result<(), AppError>;
    /// Sends the same once more, whatever became of it.
    async fn webhook_redeliver(&self, caller: &Caller, delivery: DeliveryId) -> Result<(), AppError>;

    /// Who did what, the newest first; for administrators. Nothing changes a row.
    async fn audit_list(&self, caller: &Caller, filter: AuditFilter) -> Result<AuditPage, AppError>;

    /// A group's quota, with wishes for more of it; for whoever is in it.
    async fn quota_of_group(&self, caller: &Caller, group: GroupId) -> Result<QuotaShown, AppError>;
    /// One's own quota, with one's wishes for more.
    async fn quota_mine(&self, caller: &Caller) -> Result<QuotaShown, AppError>;
    /// Everybody's; for administrators, as setting a limit and deciding about a wish are.
    async fn quota_list(&self, caller: &Caller) -> Result<QuotasShown, AppError>;
    async fn quota_set(&self, caller: &Caller, change: QuotaChange) -> Result<(), AppError>;
    /// A wish for a higher limit of one's own, or of a group that one manages.
    async fn quota_ask(&self, caller: &Caller, ask: QuotaWish) -> Result<QuotaRequestId, AppError>;
    /// Granted, what was wished for becomes the account's own limit.
    async fn quota_decide(&self, caller: &Caller, request: QuotaRequestId, granted: bool) -> Result<(), AppError>;

    /// One's own use day by day; for whoever manages quotas, everybody's and each account's.
    async fn usage_fetch(&self, caller: &Caller, asked: UsageAsked) -> Result<UsageShown, AppError>;

    async fn session_list(&self, caller: &Caller) -> Result<Vec<SessionShown>, AppError>;
    async fn session_end(&self, caller: &Caller, session: String) -> Result<(), AppError>;

    /// One's own public keys, the oldest first.
    async fn key_list(&self, caller: &Caller) -> Result<Vec<KeyShown>, AppError>;
    async fn key_add(&self, caller: &Caller, draft: KeyDraft) -> Result<KeyShown, AppError>;
    /// It stays where it was let in.
    async fn key_remove(&self, caller: &Caller, key: KeyId) -> Result<(), AppError>;
    /// One's own tokens, the newest first.
    async fn token_list(&self, caller: &Caller) -> Result<Vec<TokenShown>, AppError>;
    /// The token itself is told this once.
    async fn token_create(&self, caller: &Caller, draft: TokenDraft) -> Result<NewToken, AppError>;
    /// Ends at once whatever came in with it.
    async fn token_remove(&self, caller: &Caller, token: String) -> Result<(), AppError>;
}

/// The panel, out of the context that the server put it into.
pub fn backend() -> Result<Arc<dyn Backend>, AppError> {
    use_context().ok_or_else(|| AppError::Internal { reference: "no backend in context".into() })
}

/// Who asks, out of the context. `NotSignedIn` where the request came without a session.
pub fn caller() -> Result<Caller, AppError> {
    use_context::<Option<Caller>>().flatten().ok_or(AppError::NotSignedIn)
}
