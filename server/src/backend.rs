//! The panel behind the port that pages and REST use: a line per method into the nouns. They meet it with
//! the audit around it, in `audit/backend.rs`.

use std::ops::Deref;

use async_trait::async_trait;
use umbel_app::backend::{Backend, Caller};
use umbel_app::shown::{
    AdoptShown, AnnouncementDraft, AnnouncementShown, AttachDraft, AuditFilter, AuditPage, CloneDraft, ConsoleTail,
    Created, FirstPassword, ForwardDraft, ForwardShown, GroupDraft, GroupRoll, GroupShown, GuestChange, GuestFilter,
    GuestForm, GuestPage, GuestShown, GuestsLeft, GuestsThen, HostShown, ImageChange, ImageDraft, ImageFilter,
    ImagePage, ImageShown, ImportDraft, ImportShown, InvitationDraft, InvitationShown, KernelChange, KernelDraft,
    KernelFilter, KernelPage, KernelSettings, KernelShown, KeyDraft, KeyShown, MemberDraft, MemoryInsideShown,
    MetricsShown, NetworkShown, NewInvitation, NewToken, NewWebhook, OperationFilter, OperationPage, OperationShown,
    OverviewShown, PersonFilter, PersonPage, PersonShown, PlanDraft, QuotaChange, QuotaShown, QuotaWish, QuotasShown,
    RebuildDraft, RegistrationSettings, SessionShown, ShareDraft, ShareShown, SnapshotDraft, SnapshotTaken,
    SnapshotsShown, StrayShown, TokenDraft, TokenShown, UsageAsked, UsageShown, VolumeChange, VolumeDraft, VolumeShown,
    VolumesShown, WebhookDraft, WebhooksShown,
};
use umbel_app::{AppError, paths};
use umbel_guest::publish::Found;
use umbel_guest::{
    AccountId, Action, DeliveryId, GroupId, GuestDraft, GuestId, ImageId, InvitationId, KernelId, KeyId, OperationId,
    QuotaRequestId, SetupDraft, SnapshotId, Span, StrayName, SysRqKey, UploadId, VolumeId, WebhookId,
};

use crate::accounts::invitations::Invited;
use crate::kernels::settings;
use crate::panel::Panel;

/// Nothing that is done through it leaves a row: for the audit alone.
#[derive(Debug)]
pub(crate) struct Bare<'a>(pub(crate) &'a Panel);

impl Deref for Bare<'_> {
    type Target = Panel;

    fn deref(&self) -> &Panel {
        self.0
    }
}

#[async_trait]
impl Backend for Bare<'_> {
    async fn overview(&self, caller: &Caller) -> Result<OverviewShown, AppError> {
        self.guests.overview(caller).await
    }

    async fn host(&self, caller: &Caller) -> Result<HostShown, AppError> {
        self.guests.host(caller).await
    }

    async fn guest_list(&self, caller: &Caller, filter: GuestFilter) -> Result<GuestPage, AppError> {
        self.guests.list(caller, filter).await
    }

    async fn guest_fetch(&self, caller: &Caller, guest: GuestId) -> Result<GuestShown, AppError> {
        self.guests.fetch(caller, guest).await
    }

    async fn guest_form(&self, caller: &Caller) -> Result<GuestForm, AppError> {
        self.guests.form(caller).await
    }

    async fn guest_create(&self, caller: &Caller, draft: GuestDraft) -> Result<Created, AppError> {
        self.guests.create(caller, draft).await
    }

    async fn guest_change(&self, caller: &Caller, guest: GuestId, change: GuestChange) -> Result<GuestShown, AppError> {
        self.guests.change(caller, guest, change).await
    }

    async fn guest_act(
        &self,
        caller: &Caller,
        guest: GuestId,
        action: Action,
    ) -> Result<Option<OperationId>, AppError> {
        self.guests.act(caller, guest, action).await
    }

    async fn guest_console_tail(&self, caller: &Caller, guest: GuestId, lines: usize) -> Result<ConsoleTail, AppError> {
        self.guests.console_tail(caller, guest, lines).await
    }

    async fn guest_rebuild(&self, by: &Caller, guest: GuestId, draft: RebuildDraft) -> Result<OperationId, AppError> {
        self.guests.rebuild(by, guest, draft).await
    }

    async fn guest_set_up(&self, caller: &Caller, guest: GuestId, draft: SetupDraft) -> Result<(), AppError> {
        self.guests.set_up(caller, guest, draft).await
    }

    async fn guest_sysrq(&self, caller: &Caller, guest: GuestId, key: SysRqKey) -> Result<(), AppError> {
        self.guests.sysrq(caller, guest, key).await
    }

    async fn guest_metrics(&self, caller: &Caller, guest: GuestId, span: Span) -> Result<MetricsShown, AppError> {
        self.guests.metrics(caller, guest, span).await
    }

    async fn guest_memory_inside(&self, caller: &Caller, guest: GuestId) -> Result<MemoryInsideShown, AppError> {
        self.guests.memory_inside(caller, guest).await
    }

    async fn example_create(&self, caller: &Caller) -> Result<Vec<Created>, AppError> {
        self.guests.example_create(caller).await
    }

    async fn snapshot_list(&self, caller: &Caller, guest: GuestId) -> Result<SnapshotsShown, AppError> {
        self.guests.snapshot_list(caller, guest).await
    }

    async fn snapshot_traces(
        &self,
        caller: &Caller,
        guest: GuestId,
        snapshot: SnapshotId,
    ) -> Result<Vec<Found>, AppError> {
        self.guests.snapshot_traces(caller, guest, snapshot).await
    }

    async fn snapshot_take(
        &self,
        caller: &Caller,
        guest: GuestId,
        draft: SnapshotDraft,
    ) -> Result<SnapshotTaken, AppError> {
        self.guests.snapshot_take(caller, guest, draft).await
    }

    async fn plan_set(&self, caller: &Caller, guest: GuestId, draft: PlanDraft) -> Result<(), AppError> {
        self.guests.plan_set(caller, guest, draft).await
    }

    async fn snapshot_clone(
        &self,
        caller: &Caller,
        guest: GuestId,
        snapshot: SnapshotId,
        draft: CloneDraft,
    ) -> Result<Created, AppError> {
        self.guests.snapshot_clone(caller, guest, snapshot, draft).await
    }

    async fn snapshot_restore(
        &self,
        caller: &Caller,
        guest: GuestId,
        snapshot: SnapshotId,
    ) -> Result<OperationId, AppError> {
        self.guests.snapshot_restore(caller, guest, snapshot).await
    }

    async fn snapshot_remove(&self, caller: &Caller, guest: GuestId, snapshot: SnapshotId) -> Result<(), AppError> {
        self.guests.snapshot_remove(caller, guest, snapshot).await
    }

    async fn share_list(&self, caller: &Caller, guest: GuestId) -> Result<Vec<ShareShown>, AppError> {
        self.guests.share_list(caller, guest).await
    }

    async fn guest_give(&self, caller: &Caller, guest: GuestId, to: String) -> Result<(), AppError> {
        self.guests.owner_set(caller, guest, &to).await
    }

    async fn share_put(&self, caller: &Caller, guest: GuestId, draft: ShareDraft) -> Result<ShareShown, AppError> {
        self.guests.share_put(caller, guest, draft).await
    }

    async fn share_remove(&self, caller: &Caller, guest: GuestId, account: AccountId) -> Result<(), AppError> {
        self.guests.share_remove(caller, guest, account).await
    }

    async fn host_metrics(&self, caller: &Caller, span: Span) -> Result<MetricsShown, AppError> {
        self.guests.host_metrics(caller, span).await
    }

    async fn stray_list(&self, caller: &Caller) -> Result<Vec<StrayShown>, AppError> {
        self.guests.stray_list(caller).await
    }

    async fn adopt_read(&self, caller: &Caller, command_line: String) -> Result<AdoptShown, AppError> {
        self.guests.adopt_read(caller, command_line).await
    }

    async fn guest_adopt(&self, caller: &Caller, stray: StrayName, draft: GuestDraft) -> Result<Created, AppError> {
        self.guests.adopt(caller, stray, draft).await
    }

    async fn network_list(&self, caller: &Caller) -> Result<Vec<NetworkShown>, AppError> {
        self.networks.list(caller).await
    }

    async fn volume_list(&self, caller: &Caller) -> Result<VolumesShown, AppError> {
        self.volumes.list(caller).await
    }

    async fn volume_fetch(&self, caller: &Caller, volume: VolumeId) -> Result<VolumeShown, AppError> {
        self.volumes.fetch(caller, volume).await
    }

    async fn volume_create(&self, caller: &Caller, draft: VolumeDraft) -> Result<VolumeShown, AppError> {
        self.volumes.create(caller, draft).await
    }

    async fn volume_change(
        &self,
        caller: &Caller,
        volume: VolumeId,
        change: VolumeChange,
    ) -> Result<VolumeShown, AppError> {
        self.volumes.change(caller, volume, change).await
    }

    async fn volume_remove(&self, caller: &Caller, volume: VolumeId) -> Result<(), AppError> {
        self.volumes.remove(caller, volume).await
    }

    async fn volume_attach(
        &self,
        caller: &Caller,
        guest: GuestId,
        volume: VolumeId,
        draft: AttachDraft,
    ) -> Result<VolumeShown, AppError> {
        self.volumes.attach(caller, guest, volume, draft).await
    }

    async fn volume_detach(&self, caller: &Caller, guest: GuestId, volume: VolumeId) -> Result<(), AppError> {
        self.volumes.detach(caller, guest, volume).await
    }

    async fn forward_add(&self, caller: &Caller, draft: ForwardDraft) -> Result<ForwardShown, AppError> {
        self.networks.forward_add(caller, draft).await
    }

    async fn forward_remove(&self, caller: &Caller, host_port: u16) -> Result<(), AppError> {
        self.networks.forward_remove(caller, host_port).await
    }

    async fn image_list(&self, caller: &Caller, filter: ImageFilter) -> Result<ImagePage, AppError> {
        self.images.list(caller, filter).await
    }

    async fn image_import(&self, caller: &Caller, draft: ImageDraft) -> Result<OperationId, AppError> {
        self.images.import(caller, draft).await
    }

    async fn image_fetch(&self, caller: &Caller, image: ImageId) -> Result<ImageShown, AppError> {
        self.images.fetch(caller, &image).await
    }

    async fn image_change(&self, caller: &Caller, image: ImageId, change: ImageChange) -> Result<(), AppError> {
        self.images.change(caller, image, change).await
    }

    async fn image_remove(&self, caller: &Caller, image: ImageId) -> Result<(), AppError> {
        self.images.remove(caller, image).await
    }

    async fn kernel_list(&self, caller: &Caller, filter: KernelFilter) -> Result<KernelPage, AppError> {
        self.kernels.list(caller, filter).await
    }

    async fn kernel_add(&self, caller: &Caller, draft: KernelDraft) -> Result<OperationId, AppError> {
        self.kernels.add(caller, draft).await
    }

    async fn kernel_fetch(&self, caller: &Caller, kernel: KernelId) -> Result<KernelShown, AppError> {
        self.kernels.fetch(caller, &kernel).await
    }

    async fn kernel_change(&self, caller: &Caller, kernel: KernelId, change: KernelChange) -> Result<(), AppError> {
        self.kernels.change(caller, kernel, change).await
    }

    async fn kernel_settings(&self, _: &Caller) -> Result<KernelSettings, AppError> {
        Ok(settings(&self.store).await?)
    }

    async fn kernel_remove(&self, caller: &Caller, kernel: KernelId) -> Result<(), AppError> {
        self.kernels.remove(caller, kernel).await
    }

    async fn kernel_set_settings(&self, caller: &Caller, settings: KernelSettings) -> Result<(), AppError> {
        self.kernels.set_settings(caller, settings).await
    }

    async fn upload_begin(&self, caller: &Caller) -> Result<UploadId, AppError> {
        self.uploads.begin(caller).await
    }

    async fn upload_remove(&self, caller: &Caller, upload: UploadId) -> Result<(), AppError> {
        self.uploads.remove(caller, upload).await
    }

    async fn operation_list(&self, caller: &Caller, filter: OperationFilter) -> Result<OperationPage, AppError> {
        self.guests.operation_list(caller, filter).await
    }

    async fn operation_fetch(&self, caller: &Caller, operation: OperationId) -> Result<OperationShown, AppError> {
        self.guests.operation_fetch(caller, operation).await
    }

    async fn operation_cancel(&self, caller: &Caller, operation: OperationId) -> Result<(), AppError> {
        self.guests.operation_cancel(caller, operation).await
    }

    async fn account_fetch(&self, caller: &Caller, account: AccountId) -> Result<PersonShown, AppError> {
        self.accounts.people_fetch(caller, account).await
    }

    async fn account_list(&self, caller: &Caller, filter: PersonFilter) -> Result<PersonPage, AppError> {
        self.accounts.people_list(caller, filter).await
    }

    async fn account_create(&self, caller: &Caller, name: String, role: String) -> Result<FirstPassword, AppError> {
        self.accounts.people_create(caller, name, role).await
    }

    async fn account_import(&self, caller: &Caller, draft: ImportDraft) -> Result<ImportShown, AppError> {
        self.accounts.people_import(caller, draft).await
    }

    async fn account_set_role(&self, caller: &Caller, account: AccountId, role: String) -> Result<(), AppError> {
        self.accounts.people_set_role(caller, account, role).await
    }

    async fn account_suspend(&self, caller: &Caller, account: AccountId, guests: GuestsThen) -> Result<(), AppError> {
        self.accounts.people_suspend(caller, account, guests).await?;
        match guests {
            GuestsThen::GoOn => Ok(()),
            GuestsThen::ShutDown => self.guests.shut_down_of(caller, account).await,
        }
    }

    async fn account_reinstate(&self, caller: &Caller, account: AccountId) -> Result<(), AppError> {
        self.accounts.people_reinstate(caller, account).await
    }

    async fn account_set_expiry(&self, caller: &Caller, account: AccountId, day: String) -> Result<(), AppError> {
        self.accounts.people_set_expiry(caller, account, &day).await
    }

    async fn account_remove(&self, caller: &Caller, account: AccountId, guests: GuestsLeft) -> Result<(), AppError> {
        self.guests.owner_remove(&self.accounts, caller, account, guests).await
    }

    async fn account_reset_password(&self, caller: &Caller, account: AccountId) -> Result<FirstPassword, AppError> {
        self.accounts.people_reset_password(caller, account).await
    }

    async fn account_decide(&self, caller: &Caller, account: AccountId, approved: bool) -> Result<(), AppError> {
        self.accounts.people_decide(caller, account, approved).await
    }

    async fn registration_fetch(&self, caller: &Caller) -> Result<RegistrationSettings, AppError> {
        self.accounts.registration_settings(caller).await
    }

    async fn registration_set(&self, caller: &Caller, settings: RegistrationSettings) -> Result<(), AppError> {
        self.accounts.registration_set(caller, settings).await
    }

    async fn announcement_fetch(&self) -> Result<Option<AnnouncementShown>, AppError> {
        self.announcements.fetch().await
    }

    async fn announcement_set(&self, caller: &Caller, draft: AnnouncementDraft) -> Result<(), AppError> {
        self.announcements.set(caller, draft).await
    }

    async fn announcement_clear(&self, caller: &Caller) -> Result<(), AppError> {
        self.announcements.clear(caller).await
    }

    async fn invitation_list(&self, caller: &Caller) -> Result<Vec<InvitationShown>, AppError> {
        self.accounts.invitation_list(caller).await
    }

    async fn invitation_create(&self, caller: &Caller, draft: InvitationDraft) -> Result<NewInvitation, AppError> {
        let Invited { id, token, uses, expires_at } = self.accounts.invitation_create(caller, draft).await?;
        let link = format!("{}{}?token={token}", self.origins.shown(), paths::INVITATION);
        Ok(NewInvitation { id, link, uses, expires_at })
    }

    async fn invitation_remove(&self, caller: &Caller, invitation: InvitationId) -> Result<(), AppError> {
        self.accounts.invitation_remove(caller, invitation).await
    }

    async fn webhook_list(&self, caller: &Caller) -> Result<WebhooksShown, AppError> {
        self.webhooks.list(caller).await
    }

    async fn webhook_create(&self, caller: &Caller, draft: WebhookDraft) -> Result<NewWebhook, AppError> {
        self.webhooks.create(caller, draft).await
    }

    async fn webhook_remove(&self, caller: &Caller, webhook: WebhookId) -> Result<(), AppError> {
        self.webhooks.remove(caller, webhook).await
    }

    async fn webhook_test(&self, caller: &Caller, webhook: WebhookId) -> Result<(), AppError> {
        self.webhooks.test(caller, webhook).await
    }

    async fn webhook_redeliver(&self, caller: &Caller, delivery: DeliveryId) -> Result<(), AppError> {
        self.webhooks.redeliver(caller, delivery).await
    }

    async fn group_list(&self, caller: &Caller) -> Result<Vec<GroupShown>, AppError> {
        self.accounts.group_list(caller).await
    }

    async fn group_fetch(&self, caller: &Caller, group: GroupId) -> Result<GroupRoll, AppError> {
        self.accounts.group_fetch(caller, group).await
    }

    async fn group_create(&self, caller: &Caller, draft: GroupDraft) -> Result<GroupShown, AppError> {
        self.accounts.group_create(caller, draft).await
    }

    async fn group_change(&self, caller: &Caller, group: GroupId, draft: GroupDraft) -> Result<(), AppError> {
        self.accounts.group_change(caller, group, draft).await
    }

    async fn group_remove(&self, caller: &Caller, group: GroupId) -> Result<(), AppError> {
        self.accounts.group_remove(caller, group).await
    }

    async fn member_put(&self, caller: &Caller, group: GroupId, draft: MemberDraft) -> Result<(), AppError> {
        self.accounts.member_put(caller, group, draft).await
    }

    async fn member_remove(&self, caller: &Caller, group: GroupId, account: AccountId) -> Result<(), AppError> {
        self.accounts.member_remove(caller, group, account).await
    }

    async fn account_reset_second_factor(&self, caller: &Caller, account: AccountId) -> Result<(), AppError> {
        self.accounts.people_reset_second_factor(caller, account).await
    }

    async fn audit_list(&self, caller: &Caller, filter: AuditFilter) -> Result<AuditPage, AppError> {
        self.audit.list(caller, filter).await
    }

    async fn quota_of_group(&self, caller: &Caller, group: GroupId) -> Result<QuotaShown, AppError> {
        self.quotas.of_group(caller, group).await
    }

    async fn quota_mine(&self, caller: &Caller) -> Result<QuotaShown, AppError> {
        self.quotas.mine(caller).await
    }

    async fn quota_list(&self, caller: &Caller) -> Result<QuotasShown, AppError> {
        self.quotas.list(caller).await
    }

    async fn quota_set(&self, caller: &Caller, change: QuotaChange) -> Result<(), AppError> {
        self.quotas.set(caller, change).await
    }

    async fn quota_ask(&self, caller: &Caller, ask: QuotaWish) -> Result<QuotaRequestId, AppError> {
        self.quotas.ask(caller, ask).await
    }

    async fn quota_decide(&self, caller: &Caller, request: QuotaRequestId, granted: bool) -> Result<(), AppError> {
        self.quotas.decide(caller, request, granted).await
    }

    async fn usage_fetch(&self, caller: &Caller, asked: UsageAsked) -> Result<UsageShown, AppError> {
        self.quotas.usage(caller, asked).await
    }

    async fn session_list(&self, caller: &Caller) -> Result<Vec<SessionShown>, AppError> {
        self.accounts.session_list(caller).await
    }

    async fn session_end(&self, caller: &Caller, session: String) -> Result<(), AppError> {
        self.accounts.session_end(caller, session).await
    }

    async fn key_list(&self, caller: &Caller) -> Result<Vec<KeyShown>, AppError> {
        self.accounts.key_list(caller).await
    }

    async fn key_add(&self, caller: &Caller, draft: KeyDraft) -> Result<KeyShown, AppError> {
        self.accounts.key_add(caller, draft).await
    }

    async fn key_remove(&self, caller: &Caller, key: KeyId) -> Result<(), AppError> {
        self.accounts.key_remove(caller, key).await
    }

    async fn token_list(&self, caller: &Caller) -> Result<Vec<TokenShown>, AppError> {
        self.accounts.token_list(caller).await
    }

    async fn token_create(&self, caller: &Caller, draft: TokenDraft) -> Result<NewToken, AppError> {
        self.accounts.token_create(caller, draft).await
    }

    async fn token_remove(&self, caller: &Caller, token: String) -> Result<(), AppError> {
        self.accounts.token_remove(caller, token).await
    }
}
