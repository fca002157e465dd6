//! The audit around the port: what only reads goes through as it is, what changes anything goes through
//! [`Audit::change`](super::Audit::change). A new method doesn't compile before it stands here, and the
//! tests walk every route: one that changes something and leaves no row is found.

use async_trait::async_trait;
use umbel_app::AppError;
use umbel_app::backend::{Backend, Caller};
use umbel_app::shown::{
    AdoptShown, AnnouncementDraft, AnnouncementShown, AttachDraft, AuditAction, AuditFilter, AuditKind, AuditPage,
    CloneDraft, ConsoleTail, Created, FirstPassword, ForwardDraft, ForwardShown, GroupDraft, GroupRoll, GroupShown,
    GuestChange, GuestFilter, GuestForm, GuestPage, GuestShown, GuestsLeft, GuestsThen, HostShown, ImageChange,
    ImageDraft, ImageFilter, ImagePage, ImageShown, ImportDraft, ImportShown, InvitationDraft, InvitationShown,
    KernelChange, KernelDraft, KernelFilter, KernelPage, KernelSettings, KernelShown, KeyDraft, KeyShown, MemberDraft,
    MemoryInsideShown, MetricsShown, NetworkShown, NewInvitation, NewToken, NewWebhook, OperationFilter, OperationPage,
    OperationShown, OverviewShown, PersonFilter, PersonPage, PersonShown, PlanDraft, QuotaChange, QuotaShown,
    QuotaWish, QuotasShown, RebuildDraft, RegistrationSettings, Role, SessionShown, ShareDraft, ShareShown,
    SnapshotDraft, SnapshotTaken, SnapshotsShown, StrayShown, TokenDraft, TokenShown, UsageAsked, UsageShown,
    VolumeChange, VolumeDraft, VolumeShown, VolumesShown, WebhookDraft, WebhooksShown,
};
use umbel_guest::publish::Found;
use umbel_guest::{
    AccountId, Action, DeliveryId, GroupId, GuestDraft, GuestId, ImageId, InvitationId, KernelId, KeyId, OperationId,
    QuotaRequestId, SetupDraft, SnapshotId, Span, StrayName, SysRqKey, UploadId, VolumeId, WebhookId,
};

use super::What;
use super::what::{KNOWN, kernel, made, of_change, of_guest, of_image, of_import, upload, word};
use crate::backend::Bare;
use crate::outward::origin_of;
use crate::panel::Panel;

#[async_trait]
impl Backend for Panel {
    async fn overview(&self, caller: &Caller) -> Result<OverviewShown, AppError> {
        Bare(self).overview(caller).await
    }

    async fn host(&self, caller: &Caller) -> Result<HostShown, AppError> {
        Bare(self).host(caller).await
    }

    async fn guest_list(&self, caller: &Caller, filter: GuestFilter) -> Result<GuestPage, AppError> {
        Bare(self).guest_list(caller, filter).await
    }

    async fn guest_fetch(&self, caller: &Caller, guest: GuestId) -> Result<GuestShown, AppError> {
        Bare(self).guest_fetch(caller, guest).await
    }

    async fn guest_form(&self, caller: &Caller) -> Result<GuestForm, AppError> {
        Bare(self).guest_form(caller).await
    }

    async fn guest_create(&self, caller: &Caller, draft: GuestDraft) -> Result<Created, AppError> {
        let of_group = draft.group.map(|group| format!("group={group}")).unwrap_or_default();
        let what = What::new(AuditAction::GuestCreate, AuditKind::Guest).named(&draft.name).detail(&of_group);
        self.audit.create(caller, what, Bare(self).guest_create(caller, draft), made).await
    }

    async fn guest_change(&self, caller: &Caller, guest: GuestId, change: GuestChange) -> Result<GuestShown, AppError> {
        let what = self.guest(AuditAction::GuestChange, guest).await?.detail(&of_change(&change));
        self.audit.change(caller, what, Bare(self).guest_change(caller, guest, change)).await
    }

    async fn guest_act(
        &self,
        caller: &Caller,
        guest: GuestId,
        action: Action,
    ) -> Result<Option<OperationId>, AppError> {
        let what = self.guest(of_guest(action), guest).await?;
        self.audit.change(caller, what, Bare(self).guest_act(caller, guest, action)).await
    }

    async fn guest_console_tail(&self, caller: &Caller, guest: GuestId, lines: usize) -> Result<ConsoleTail, AppError> {
        Bare(self).guest_console_tail(caller, guest, lines).await
    }

    async fn guest_rebuild(&self, by: &Caller, guest: GuestId, draft: RebuildDraft) -> Result<OperationId, AppError> {
        let what = self.guest(AuditAction::GuestRebuild, guest).await?.detail(&draft.image);
        self.audit.change(by, what, Bare(self).guest_rebuild(by, guest, draft)).await
    }

    async fn guest_set_up(&self, caller: &Caller, guest: GuestId, draft: SetupDraft) -> Result<(), AppError> {
        let what = self.guest(AuditAction::GuestSetUp, guest).await?.detail(&draft.user);
        self.audit.change(caller, what, Bare(self).guest_set_up(caller, guest, draft)).await
    }

    async fn guest_sysrq(&self, caller: &Caller, guest: GuestId, key: SysRqKey) -> Result<(), AppError> {
        let what = self.guest(AuditAction::GuestSysrq, guest).await?.detail(&word(&key));
        self.audit.change(caller, what, Bare(self).guest_sysrq(caller, guest, key)).await
    }

    async fn guest_metrics(&self, caller: &Caller, guest: GuestId, span: Span) -> Result<MetricsShown, AppError> {
        Bare(self).guest_metrics(caller, guest, span).await
    }

    async fn guest_memory_inside(&self, caller: &Caller, guest: GuestId) -> Result<MemoryInsideShown, AppError> {
        Bare(self).guest_memory_inside(caller, guest).await
    }

    async fn example_create(&self, caller: &Caller) -> Result<Vec<Created>, AppError> {
        let what = What::new(AuditAction::ExampleCreate, AuditKind::Guest);
        let ids = |made: &Vec<Created>| Some(made.iter().map(|c| c.guest.to_string()).collect::<Vec<_>>().join(" "));
        self.audit.create(caller, what, Bare(self).example_create(caller), ids).await
    }

    async fn snapshot_list(&self, caller: &Caller, guest: GuestId) -> Result<SnapshotsShown, AppError> {
        Bare(self).snapshot_list(caller, guest).await
    }

    async fn snapshot_traces(&self, caller: &Caller, of: GuestId, id: SnapshotId) -> Result<Vec<Found>, AppError> {
        Bare(self).snapshot_traces(caller, of, id).await
    }

    async fn snapshot_take(
        &self,
        caller: &Caller,
        guest: GuestId,
        draft: SnapshotDraft,
    ) -> Result<SnapshotTaken, AppError> {
        let what = self.guest(AuditAction::SnapshotTake, guest).await?.detail(&draft.name);
        self.audit.change(caller, what, Bare(self).snapshot_take(caller, guest, draft)).await
    }

    async fn plan_set(&self, caller: &Caller, guest: GuestId, draft: PlanDraft) -> Result<(), AppError> {
        let words =
            draft.every.map_or_else(|| "none".to_owned(), |every| format!("{} keep={}", every.word(), draft.keep));
        let what = self.guest(AuditAction::SnapshotPlan, guest).await?.detail(&words);
        self.audit.change(caller, what, Bare(self).plan_set(caller, guest, draft)).await
    }

    async fn snapshot_clone(
        &self,
        caller: &Caller,
        guest: GuestId,
        snapshot: SnapshotId,
        draft: CloneDraft,
    ) -> Result<Created, AppError> {
        let of = self.guest(AuditAction::SnapshotClone, guest).await?.detail(&format!("{} {snapshot}", draft.name));
        self.audit.change(caller, of, Bare(self).snapshot_clone(caller, guest, snapshot, draft)).await
    }

    async fn snapshot_restore(
        &self,
        caller: &Caller,
        guest: GuestId,
        snapshot: SnapshotId,
    ) -> Result<OperationId, AppError> {
        let what = self.snapshot(AuditAction::SnapshotRestore, guest, snapshot).await?;
        self.audit.change(caller, what, Bare(self).snapshot_restore(caller, guest, snapshot)).await
    }

    async fn snapshot_remove(&self, caller: &Caller, guest: GuestId, snapshot: SnapshotId) -> Result<(), AppError> {
        let what = self.snapshot(AuditAction::SnapshotRemove, guest, snapshot).await?;
        self.audit.change(caller, what, Bare(self).snapshot_remove(caller, guest, snapshot)).await
    }

    async fn share_list(&self, caller: &Caller, guest: GuestId) -> Result<Vec<ShareShown>, AppError> {
        Bare(self).share_list(caller, guest).await
    }

    async fn guest_give(&self, caller: &Caller, guest: GuestId, to: String) -> Result<(), AppError> {
        let what = self.guest(AuditAction::GuestGive, guest).await?.detail(&to);
        self.audit.change(caller, what, Bare(self).guest_give(caller, guest, to)).await
    }

    async fn share_put(&self, caller: &Caller, guest: GuestId, draft: ShareDraft) -> Result<ShareShown, AppError> {
        let rights: Vec<&str> = draft.rights.iter().map(|right| right.word()).collect();
        let detail = format!("with {}: {}", draft.name, rights.join(" "));
        let what = self.guest(AuditAction::SharePut, guest).await?.detail(&detail);
        self.audit.change(caller, what, Bare(self).share_put(caller, guest, draft)).await
    }

    async fn share_remove(&self, caller: &Caller, guest: GuestId, account: AccountId) -> Result<(), AppError> {
        let name = self.account(AuditAction::ShareRemove, account).await?.name;
        let what = self.guest(AuditAction::ShareRemove, guest).await?.detail(&format!("with {name} {account}"));
        self.audit.change(caller, what, Bare(self).share_remove(caller, guest, account)).await
    }

    async fn host_metrics(&self, caller: &Caller, span: Span) -> Result<MetricsShown, AppError> {
        Bare(self).host_metrics(caller, span).await
    }

    async fn stray_list(&self, caller: &Caller) -> Result<Vec<StrayShown>, AppError> {
        Bare(self).stray_list(caller).await
    }

    async fn adopt_read(&self, caller: &Caller, command_line: String) -> Result<AdoptShown, AppError> {
        Bare(self).adopt_read(caller, command_line).await
    }

    async fn guest_adopt(&self, caller: &Caller, stray: StrayName, draft: GuestDraft) -> Result<Created, AppError> {
        let what = What::new(AuditAction::GuestAdopt, AuditKind::Guest).named(&draft.name).detail(stray.as_str());
        self.audit.create(caller, what, Bare(self).guest_adopt(caller, stray, draft), made).await
    }

    async fn network_list(&self, caller: &Caller) -> Result<Vec<NetworkShown>, AppError> {
        Bare(self).network_list(caller).await
    }

    async fn volume_list(&self, caller: &Caller) -> Result<VolumesShown, AppError> {
        Bare(self).volume_list(caller).await
    }

    async fn volume_fetch(&self, caller: &Caller, volume: VolumeId) -> Result<VolumeShown, AppError> {
        Bare(self).volume_fetch(caller, volume).await
    }

    async fn volume_create(&self, caller: &Caller, draft: VolumeDraft) -> Result<VolumeShown, AppError> {
        self.volume_created(caller, draft).await
    }

    async fn volume_change(
        &self,
        caller: &Caller,
        volume: VolumeId,
        change: VolumeChange,
    ) -> Result<VolumeShown, AppError> {
        self.volume_changed(caller, volume, change).await
    }

    async fn volume_remove(&self, caller: &Caller, volume: VolumeId) -> Result<(), AppError> {
        self.volume_removed(caller, volume).await
    }

    async fn volume_attach(
        &self,
        caller: &Caller,
        guest: GuestId,
        volume: VolumeId,
        draft: AttachDraft,
    ) -> Result<VolumeShown, AppError> {
        self.volume_attached(caller, guest, volume, draft).await
    }

    async fn volume_detach(&self, caller: &Caller, guest: GuestId, volume: VolumeId) -> Result<(), AppError> {
        self.volume_detached(caller, guest, volume).await
    }

    async fn forward_add(&self, caller: &Caller, draft: ForwardDraft) -> Result<ForwardShown, AppError> {
        let name = self.guest(AuditAction::ForwardAdd, draft.guest).await?.name;
        let what = What::new(AuditAction::ForwardAdd, AuditKind::Forward).named(&name);
        let what = what.detail(&format!("to port {} of guest {}", draft.guest_port, draft.guest));
        let port = |made: &ForwardShown| Some(made.host_port.to_string());
        self.audit.create(caller, what, Bare(self).forward_add(caller, draft), port).await
    }

    async fn forward_remove(&self, caller: &Caller, host_port: u16) -> Result<(), AppError> {
        let what = self.forward(AuditAction::ForwardRemove, host_port).await?;
        self.audit.change(caller, what, Bare(self).forward_remove(caller, host_port)).await
    }

    async fn image_list(&self, caller: &Caller, filter: ImageFilter) -> Result<ImagePage, AppError> {
        Bare(self).image_list(caller, filter).await
    }

    async fn image_import(&self, caller: &Caller, draft: ImageDraft) -> Result<OperationId, AppError> {
        self.audit.change(caller, of_import(&draft), Bare(self).image_import(caller, draft)).await
    }

    async fn image_fetch(&self, caller: &Caller, image: ImageId) -> Result<ImageShown, AppError> {
        Bare(self).image_fetch(caller, image).await
    }

    async fn image_change(&self, caller: &Caller, image: ImageId, change: ImageChange) -> Result<(), AppError> {
        let action = match change.deprecated {
            Some(true) => AuditAction::ImageDeprecate,
            Some(false) => AuditAction::ImageOffer,
            None => AuditAction::ImageChange,
        };
        let words = change.words();
        self.audit
            .change(caller, of_image(action, &image).detail(&words), Bare(self).image_change(caller, image, change))
            .await
    }

    async fn image_remove(&self, caller: &Caller, image: ImageId) -> Result<(), AppError> {
        let what = of_image(AuditAction::ImageRemove, &image);
        self.audit.change(caller, what, Bare(self).image_remove(caller, image)).await
    }

    async fn kernel_list(&self, caller: &Caller, filter: KernelFilter) -> Result<KernelPage, AppError> {
        Bare(self).kernel_list(caller, filter).await
    }

    async fn kernel_add(&self, caller: &Caller, draft: KernelDraft) -> Result<OperationId, AppError> {
        let what = What::new(AuditAction::KernelAdd, AuditKind::Kernel).of(&draft.name).named(&draft.name);
        let what = what.detail(&format!("upload {}", draft.upload));
        self.audit.change(caller, what, Bare(self).kernel_add(caller, draft)).await
    }

    async fn kernel_fetch(&self, caller: &Caller, id: KernelId) -> Result<KernelShown, AppError> {
        Bare(self).kernel_fetch(caller, id).await
    }

    async fn kernel_change(&self, caller: &Caller, id: KernelId, change: KernelChange) -> Result<(), AppError> {
        let action = match change.retired {
            Some(true) => AuditAction::KernelRetire,
            Some(false) => AuditAction::KernelOffer,
            None => AuditAction::KernelChange,
        };
        let words = if change.note.is_some() { "note" } else { "" };
        self.audit.change(caller, kernel(action, &id).detail(words), Bare(self).kernel_change(caller, id, change)).await
    }

    async fn kernel_settings(&self, caller: &Caller) -> Result<KernelSettings, AppError> {
        Bare(self).kernel_settings(caller).await
    }

    async fn kernel_remove(&self, caller: &Caller, id: KernelId) -> Result<(), AppError> {
        let what = kernel(AuditAction::KernelRemove, &id);
        self.audit.change(caller, what, Bare(self).kernel_remove(caller, id)).await
    }

    async fn kernel_set_settings(&self, caller: &Caller, settings: KernelSettings) -> Result<(), AppError> {
        let what = What::new(AuditAction::KernelSettings, AuditKind::Panel);
        let what = what.detail(&format!("choice={}, upload={}", settings.choice.word(), settings.upload.word()));
        self.audit.change(caller, what, Bare(self).kernel_set_settings(caller, settings)).await
    }

    async fn upload_begin(&self, caller: &Caller) -> Result<UploadId, AppError> {
        let what = What::new(AuditAction::UploadBegin, AuditKind::Upload);
        let id = |begun: &UploadId| Some(begun.to_string());
        self.audit.create(caller, what, Bare(self).upload_begin(caller), id).await
    }

    async fn upload_remove(&self, caller: &Caller, id: UploadId) -> Result<(), AppError> {
        let what = upload(AuditAction::UploadRemove, id);
        self.audit.change(caller, what, Bare(self).upload_remove(caller, id)).await
    }

    async fn operation_list(&self, caller: &Caller, filter: OperationFilter) -> Result<OperationPage, AppError> {
        Bare(self).operation_list(caller, filter).await
    }

    async fn operation_fetch(&self, caller: &Caller, operation: OperationId) -> Result<OperationShown, AppError> {
        Bare(self).operation_fetch(caller, operation).await
    }

    async fn operation_cancel(&self, caller: &Caller, operation: OperationId) -> Result<(), AppError> {
        let what = self.operation(AuditAction::OperationCancel, operation).await?;
        self.audit.change(caller, what, Bare(self).operation_cancel(caller, operation)).await
    }

    async fn account_fetch(&self, caller: &Caller, account: AccountId) -> Result<PersonShown, AppError> {
        Bare(self).account_fetch(caller, account).await
    }

    async fn account_list(&self, caller: &Caller, filter: PersonFilter) -> Result<PersonPage, AppError> {
        Bare(self).account_list(caller, filter).await
    }

    async fn account_create(&self, caller: &Caller, name: String, role: String) -> Result<FirstPassword, AppError> {
        let what = What::new(AuditAction::AccountCreate, AuditKind::Account).named(&name).detail(&role);
        let id = |first: &FirstPassword| Some(first.account.to_string());
        self.audit.create(caller, what, Bare(self).account_create(caller, name, role), id).await
    }

    async fn account_import(&self, caller: &Caller, draft: ImportDraft) -> Result<ImportShown, AppError> {
        if draft.only_check {
            return Bare(self).account_import(caller, draft).await;
        }
        let what = What::new(AuditAction::AccountImport, AuditKind::Account).detail(&draft.lines);
        self.audit.change(caller, what, Bare(self).account_import(caller, draft)).await
    }

    async fn account_set_role(&self, caller: &Caller, account: AccountId, role: String) -> Result<(), AppError> {
        let what = self.account(AuditAction::AccountSetRole, account).await?.detail(&role);
        self.audit.change(caller, what, Bare(self).account_set_role(caller, account, role)).await
    }

    async fn account_suspend(&self, caller: &Caller, account: AccountId, guests: GuestsThen) -> Result<(), AppError> {
        let words = match guests {
            GuestsThen::GoOn => "",
            GuestsThen::ShutDown => "and shut its guests down",
        };
        let what = self.account(AuditAction::AccountSuspend, account).await?.detail(words);
        self.audit.change(caller, what, Bare(self).account_suspend(caller, account, guests)).await
    }

    async fn account_reinstate(&self, caller: &Caller, account: AccountId) -> Result<(), AppError> {
        let what = self.account(AuditAction::AccountReinstate, account).await?;
        self.audit.change(caller, what, Bare(self).account_reinstate(caller, account)).await
    }

    async fn account_set_expiry(&self, caller: &Caller, account: AccountId, day: String) -> Result<(), AppError> {
        let what = self.account(AuditAction::AccountSetExpiry, account).await?.detail(&day);
        self.audit.change(caller, what, Bare(self).account_set_expiry(caller, account, day)).await
    }

    async fn account_remove(&self, caller: &Caller, account: AccountId, guests: GuestsLeft) -> Result<(), AppError> {
        let words = match &guests {
            GuestsLeft::None => String::new(),
            GuestsLeft::Delete => "with its guests".to_owned(),
            GuestsLeft::Give(to) => format!("its guests to {to}"),
        };
        let what = self.account(AuditAction::AccountRemove, account).await?.detail(&words);
        self.audit.change(caller, what, Bare(self).account_remove(caller, account, guests)).await
    }

    async fn account_reset_password(&self, caller: &Caller, account: AccountId) -> Result<FirstPassword, AppError> {
        let what = self.account(AuditAction::AccountResetPassword, account).await?;
        self.audit.change(caller, what, Bare(self).account_reset_password(caller, account)).await
    }

    async fn account_decide(&self, caller: &Caller, account: AccountId, approved: bool) -> Result<(), AppError> {
        let action = if approved { AuditAction::AccountApprove } else { AuditAction::AccountRefuse };
        let what = self.account(action, account).await?;
        self.audit.change(caller, what, Bare(self).account_decide(caller, account, approved)).await
    }

    async fn registration_fetch(&self, caller: &Caller) -> Result<RegistrationSettings, AppError> {
        Bare(self).registration_fetch(caller).await
    }

    async fn registration_set(&self, caller: &Caller, settings: RegistrationSettings) -> Result<(), AppError> {
        let before = self.accounts.registration().await?;
        let detail = format!("from {} to {}", before.word(), settings.registration.word());
        let what = What::new(AuditAction::RegistrationSettings, AuditKind::Panel).detail(&detail);
        self.audit.change(caller, what, Bare(self).registration_set(caller, settings)).await
    }

    async fn announcement_fetch(&self) -> Result<Option<AnnouncementShown>, AppError> {
        Bare(self).announcement_fetch().await
    }

    async fn announcement_set(&self, caller: &Caller, draft: AnnouncementDraft) -> Result<(), AppError> {
        let detail = format!("{}: {}", draft.level.word(), draft.text);
        let what = What::new(AuditAction::AnnouncementSet, AuditKind::Panel).detail(&detail);
        self.audit.change(caller, what, Bare(self).announcement_set(caller, draft)).await
    }

    async fn announcement_clear(&self, caller: &Caller) -> Result<(), AppError> {
        let what = What::new(AuditAction::AnnouncementClear, AuditKind::Panel);
        self.audit.change(caller, what, Bare(self).announcement_clear(caller)).await
    }

    async fn invitation_list(&self, caller: &Caller) -> Result<Vec<InvitationShown>, AppError> {
        Bare(self).invitation_list(caller).await
    }

    async fn invitation_create(&self, caller: &Caller, draft: InvitationDraft) -> Result<NewInvitation, AppError> {
        let role = if draft.role.is_empty() { Role::User.word() } else { &draft.role };
        let detail = format!("{role}, {} times, {} days", draft.uses, draft.days);
        let what = What::new(AuditAction::InvitationCreate, AuditKind::Invitation).named(&draft.note).detail(&detail);
        let id = |made: &NewInvitation| Some(made.id.to_string());
        self.audit.create(caller, what, Bare(self).invitation_create(caller, draft), id).await
    }

    async fn invitation_remove(&self, caller: &Caller, invitation: InvitationId) -> Result<(), AppError> {
        let what = What::new(AuditAction::InvitationRemove, AuditKind::Invitation).of(invitation);
        self.audit.change(caller, what, Bare(self).invitation_remove(caller, invitation)).await
    }

    async fn webhook_list(&self, caller: &Caller) -> Result<WebhooksShown, AppError> {
        Bare(self).webhook_list(caller).await
    }

    async fn webhook_create(&self, caller: &Caller, draft: WebhookDraft) -> Result<NewWebhook, AppError> {
        let detail = format!("{}: {}", origin_of(&draft.url), draft.events.join(", "));
        let what = What::new(AuditAction::WebhookCreate, AuditKind::Webhook).detail(&detail);
        let id = |new: &NewWebhook| Some(new.id.to_string());
        self.audit.create(caller, what, Bare(self).webhook_create(caller, draft), id).await
    }

    async fn webhook_remove(&self, caller: &Caller, webhook: WebhookId) -> Result<(), AppError> {
        let what = self.webhook(AuditAction::WebhookRemove, webhook).await?;
        self.audit.change(caller, what, Bare(self).webhook_remove(caller, webhook)).await
    }

    async fn webhook_test(&self, caller: &Caller, webhook: WebhookId) -> Result<(), AppError> {
        let what = self.webhook(AuditAction::WebhookTest, webhook).await?;
        self.audit.change(caller, what, Bare(self).webhook_test(caller, webhook)).await
    }

    async fn webhook_redeliver(&self, caller: &Caller, delivery: DeliveryId) -> Result<(), AppError> {
        let what = What::new(AuditAction::WebhookRedeliver, AuditKind::Webhook).detail(&format!("delivery {delivery}"));
        self.audit.change(caller, what, Bare(self).webhook_redeliver(caller, delivery)).await
    }

    async fn group_list(&self, caller: &Caller) -> Result<Vec<GroupShown>, AppError> {
        Bare(self).group_list(caller).await
    }

    async fn group_fetch(&self, caller: &Caller, group: GroupId) -> Result<GroupRoll, AppError> {
        Bare(self).group_fetch(caller, group).await
    }

    async fn group_create(&self, caller: &Caller, draft: GroupDraft) -> Result<GroupShown, AppError> {
        let what = What::new(AuditAction::GroupCreate, AuditKind::Group).named(&draft.name).detail(&draft.kind);
        let made = |group: &GroupShown| Some(group.id.to_string());
        self.audit.create(caller, what, Bare(self).group_create(caller, draft), made).await
    }

    async fn group_change(&self, caller: &Caller, group: GroupId, draft: GroupDraft) -> Result<(), AppError> {
        let detail = format!("name={} kind={}", draft.name, draft.kind);
        let what = self.group(AuditAction::GroupChange, group).await?.detail(&detail);
        self.audit.change(caller, what, Bare(self).group_change(caller, group, draft)).await
    }

    async fn group_remove(&self, caller: &Caller, group: GroupId) -> Result<(), AppError> {
        let what = self.group(AuditAction::GroupRemove, group).await?;
        self.audit.change(caller, what, Bare(self).group_remove(caller, group)).await
    }

    async fn member_put(&self, caller: &Caller, group: GroupId, draft: MemberDraft) -> Result<(), AppError> {
        let detail = format!("{} as {}", draft.name, draft.role);
        let what = self.group(AuditAction::MemberPut, group).await?.detail(&detail);
        self.audit.change(caller, what, Bare(self).member_put(caller, group, draft)).await
    }

    async fn member_remove(&self, caller: &Caller, group: GroupId, account: AccountId) -> Result<(), AppError> {
        let name = self.account(AuditAction::MemberRemove, account).await?.name;
        let what = self.group(AuditAction::MemberRemove, group).await?.detail(&format!("{name} {account}"));
        self.audit.change(caller, what, Bare(self).member_remove(caller, group, account)).await
    }

    async fn account_reset_second_factor(&self, caller: &Caller, account: AccountId) -> Result<(), AppError> {
        let what = self.account(AuditAction::AccountResetSecondFactor, account).await?;
        self.audit.change(caller, what, Bare(self).account_reset_second_factor(caller, account)).await
    }

    async fn audit_list(&self, caller: &Caller, filter: AuditFilter) -> Result<AuditPage, AppError> {
        Bare(self).audit_list(caller, filter).await
    }

    async fn quota_of_group(&self, caller: &Caller, group: GroupId) -> Result<QuotaShown, AppError> {
        Bare(self).quota_of_group(caller, group).await
    }

    async fn quota_mine(&self, caller: &Caller) -> Result<QuotaShown, AppError> {
        Bare(self).quota_mine(caller).await
    }

    async fn quota_list(&self, caller: &Caller) -> Result<QuotasShown, AppError> {
        Bare(self).quota_list(caller).await
    }

    async fn quota_set(&self, caller: &Caller, change: QuotaChange) -> Result<(), AppError> {
        let what = self.quota(&change).await?;
        self.audit.change(caller, what, Bare(self).quota_set(caller, change)).await
    }

    async fn quota_ask(&self, caller: &Caller, wish: QuotaWish) -> Result<QuotaRequestId, AppError> {
        let of_group = wish.group.map(|group| format!(" group={group}")).unwrap_or_default();
        let what = What::new(AuditAction::QuotaAsk, AuditKind::Quota)
            .detail(&format!("{}={}{of_group}", wish.kind, wish.wanted));
        let id = |request: &QuotaRequestId| Some(request.to_string());
        self.audit.create(caller, what, Bare(self).quota_ask(caller, wish), id).await
    }

    async fn quota_decide(&self, caller: &Caller, request: QuotaRequestId, granted: bool) -> Result<(), AppError> {
        let what = self.quota_request(request, granted).await?;
        self.audit.change(caller, what, Bare(self).quota_decide(caller, request, granted)).await
    }

    async fn usage_fetch(&self, caller: &Caller, asked: UsageAsked) -> Result<UsageShown, AppError> {
        Bare(self).usage_fetch(caller, asked).await
    }

    async fn session_list(&self, caller: &Caller) -> Result<Vec<SessionShown>, AppError> {
        Bare(self).session_list(caller).await
    }

    async fn session_end(&self, caller: &Caller, session: String) -> Result<(), AppError> {
        let known: String = session.chars().take(KNOWN).collect();
        let what = What::new(AuditAction::SessionEnd, AuditKind::Session).of(known);
        self.audit.change(caller, what, Bare(self).session_end(caller, session)).await
    }

    async fn key_list(&self, caller: &Caller) -> Result<Vec<KeyShown>, AppError> {
        Bare(self).key_list(caller).await
    }

    async fn key_add(&self, caller: &Caller, draft: KeyDraft) -> Result<KeyShown, AppError> {
        let what = What::new(AuditAction::KeyAdd, AuditKind::Key).named(&draft.name);
        let id = |made: &KeyShown| Some(made.id.to_string());
        self.audit.create(caller, what, Bare(self).key_add(caller, draft), id).await
    }

    async fn key_remove(&self, caller: &Caller, key: KeyId) -> Result<(), AppError> {
        let what = self.key(AuditAction::KeyRemove, caller, key).await?;
        self.audit.change(caller, what, Bare(self).key_remove(caller, key)).await
    }

    async fn token_list(&self, caller: &Caller) -> Result<Vec<TokenShown>, AppError> {
        Bare(self).token_list(caller).await
    }

    async fn token_create(&self, caller: &Caller, draft: TokenDraft) -> Result<NewToken, AppError> {
        let what = What::new(AuditAction::TokenCreate, AuditKind::Token).named(&draft.name);
        self.audit.change(caller, what, Bare(self).token_create(caller, draft)).await
    }

    async fn token_remove(&self, caller: &Caller, token: String) -> Result<(), AppError> {
        let what = self.token(AuditAction::TokenRemove, caller, &token).await?;
        self.audit.change(caller, what, Bare(self).token_remove(caller, token)).await
    }
}
