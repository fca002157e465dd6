// The preview takes this file from elsewhere.
#[path = "fake_backups.rs"]
mod backups;
#[path = "fake_machine.rs"]
mod machine;
#[path = "made.rs"]
mod made;

use async_trait::async_trait;
use umbel_app::AppError;
use umbel_app::backend::{Backend, Caller};
use umbel_app::shown::{
    AccountQuotaShown, AccountUsed, AdoptShown, AnnouncementDraft, AnnouncementShown, AttachDraft, AuditFilter,
    AuditPage, AuditShown, BackupsShown, CheckShown, CloneDraft, ConsoleTail, Created, DayUsed, DeliveryShown,
    FilesShown, FirstPassword, ForwardDraft, ForwardShown, GroupChoice, GroupDraft, GroupRoll, GroupShown, GuestChange,
    GuestFilter, GuestForm, GuestPage, GuestShown, GuestsLeft, GuestsThen, HostShown, ImageChange, ImageDraft,
    ImageFilter, ImagePage, ImageShown, ImportDraft, ImportShown, InvitationDraft, InvitationShown, KernelChange,
    KernelDraft, KernelFilter, KernelPage, KernelSettings, KernelShown, KeyDraft, KeyShown, MemberDraft,
    MemoryInsideShown, MetricsShown, NetworkShown, NewInvitation, NewToken, NewWebhook, OpenState, OperationFilter,
    OperationPage, OperationShown, OverviewShown, PersonFilter, PersonPage, PersonShown, PlanDraft, QuotaChange,
    QuotaRequestShown, QuotaShown, QuotaWish, QuotasShown, RebuildDraft, Registration, RegistrationSettings, Role,
    RoleLimit, RoleQuotaShown, SessionShown, ShareDraft, ShareShown, SnapshotDraft, SnapshotTaken, SnapshotsShown,
    StorageShown, StrayShown, TokenDraft, TokenShown, UsageAsked, UsageShown, VolumeChange, VolumeDraft, VolumeShown,
    VolumesShown, WallShown, WebhookDraft, WebhookShown, WebhooksShown,
};
use umbel_guest::publish::Found;
use umbel_guest::quota::Kind;
use umbel_guest::state::Badge;
use umbel_guest::usage::Used;
use umbel_guest::{
    AccountId, Action, DeliveryId, DiskSize, GroupId, GroupRole, GuestDraft, GuestId, ImageId, ImageKind, InvitationId,
    KernelId, KeyId, OperationId, PanelRight, QuotaRequestId, Series, SetupDraft, SnapshotId, Span, StrayName,
    SysRqKey, UploadId, VolumeId, WebhookId,
};
use uuid::Uuid;

pub(crate) use made::{caller, guest};
use made::{image, kernel_choice};

/// A panel that knows these things.
#[derive(Clone, Default)]
pub(crate) struct Fake {
    pub(crate) guests: Vec<GuestShown>,
    pub(crate) operations: Vec<OperationShown>,
    pub(crate) people: Vec<PersonShown>,
    pub(crate) audit: Vec<AuditShown>,
    pub(crate) sessions: Vec<SessionShown>,
    pub(crate) keys: Vec<KeyShown>,
    pub(crate) tokens: Vec<TokenShown>,
    pub(crate) walls: Vec<WallShown>,
    pub(crate) checks: Vec<CheckShown>,
    pub(crate) networks: Vec<NetworkShown>,
    pub(crate) volumes: VolumesShown,
    pub(crate) images: Vec<ImageShown>,
    pub(crate) kernels: Vec<KernelShown>,
    pub(crate) shares: Vec<ShareShown>,
    pub(crate) snapshots: SnapshotsShown,
    pub(crate) traces: Vec<Found>,
    pub(crate) storage: StorageShown,
    pub(crate) backups: BackupsShown,
    pub(crate) opened: OpenState,
    pub(crate) files: FilesShown,
    pub(crate) groups: Vec<GroupRoll>,
    pub(crate) invitations: Vec<InvitationShown>,
    pub(crate) strays: Vec<StrayShown>,
    pub(crate) series: Option<Series>,
    pub(crate) agent_away_since: Option<i64>,
    /// Used and most of every kind; empty, there are no limits.
    pub(crate) quota: Option<(u64, u64)>,
    pub(crate) requests: Vec<QuotaRequestShown>,
    pub(crate) announcement: Option<AnnouncementShown>,
    pub(crate) webhooks: Vec<WebhookShown>,
    pub(crate) deliveries: Vec<DeliveryShown>,
}

#[async_trait]
impl Backend for Fake {
    async fn overview(&self, caller: &Caller) -> Result<OverviewShown, AppError> {
        let host = caller.may(PanelRight::SeeHost).is_ok().then(|| self.machine());
        let mut states: Vec<(Badge, u32)> = Vec::new();
        for badge in self.guests.iter().map(GuestShown::badge) {
            match states.iter_mut().find(|(known, _)| *known == badge) {
                Some((_, many)) => *many += 1,
                None => states.push((badge, 1)),
            }
        }
        let next = (self.guests.len() > 50).then(|| "web-50~".to_owned());
        let guests = GuestPage { rows: self.guests.iter().take(50).cloned().collect(), next };
        let operations = self.operations.clone();
        Ok(OverviewShown { guests, states, operations, agent: self.agent(), host })
    }

    async fn host(&self, caller: &Caller) -> Result<HostShown, AppError> {
        caller.may(PanelRight::SeeHost)?;
        Ok(self.machine())
    }

    async fn guest_list(&self, _: &Caller, filter: GuestFilter) -> Result<GuestPage, AppError> {
        let fits = |guest: &&GuestShown| guest.name.as_str().contains(&filter.q);
        let next = (filter.limit.is_empty() && self.guests.len() > 50).then(|| "web-50~".to_owned());
        Ok(GuestPage { rows: self.guests.iter().filter(fits).take(50).cloned().collect(), next })
    }

    async fn guest_fetch(&self, _: &Caller, guest: GuestId) -> Result<GuestShown, AppError> {
        self.guests.iter().find(|g| g.id == guest).cloned().ok_or_else(|| AppError::not_found("guest"))
    }

    async fn guest_form(&self, _: &Caller) -> Result<GuestForm, AppError> {
        let managed = self.groups.iter().map(|roll| &roll.group).filter(|group| group.role == Some(GroupRole::Manager));
        let choice =
            |group: &GroupShown| GroupChoice { id: group.id, name: group.name.clone(), quota: self.standings() };
        Ok(GuestForm {
            suggested_name: "calm-fern".into(),
            images: vec![
                image("tiny-1", "Tiny", "busybox, ready in a blink", ImageKind::Disk),
                image("host-1", "This host's files", "read-only; what is written lies in memory", ImageKind::HostTree),
            ],
            kernels: vec![kernel_choice()],
            disks: DiskSize::ladder().collect(),
            memory_available_mib: 2048,
            disk_free_mib: 5120,
            quota: self.standings(),
            groups: managed.map(choice).collect(),
            keys: self.keys.iter().map(|key| key.name.clone()).collect(),
        })
    }

    async fn guest_create(&self, _: &Caller, draft: GuestDraft) -> Result<Created, AppError> {
        umbel_guest::GuestSpec::check(&draft).map_err(AppError::Invalid)?;
        Err(AppError::Unavailable { message: "This panel makes no guests.".into() })
    }

    async fn guest_change(&self, caller: &Caller, guest: GuestId, _: GuestChange) -> Result<GuestShown, AppError> {
        self.guest_fetch(caller, guest).await
    }

    async fn guest_act(&self, _: &Caller, _: GuestId, _: Action) -> Result<Option<OperationId>, AppError> {
        Ok(None)
    }

    async fn guest_console_tail(&self, caller: &Caller, guest: GuestId, _: usize) -> Result<ConsoleTail, AppError> {
        self.guest_fetch(caller, guest).await?;
        Ok(ConsoleTail { end: 16, text: "Kernel panic <b>".into() })
    }

    async fn guest_rebuild(&self, _: &Caller, _: GuestId, _: RebuildDraft) -> Result<OperationId, AppError> {
        unreachable!("pages are only shown")
    }

    async fn guest_set_up(&self, _: &Caller, _: GuestId, _: SetupDraft) -> Result<(), AppError> {
        Ok(())
    }

    async fn guest_sysrq(&self, _: &Caller, _: GuestId, _: SysRqKey) -> Result<(), AppError> {
        Ok(())
    }

    async fn guest_metrics(&self, _: &Caller, _: GuestId, span: Span) -> Result<MetricsShown, AppError> {
        Ok(self.metrics(span))
    }

    async fn guest_memory_inside(&self, _: &Caller, _: GuestId) -> Result<MemoryInsideShown, AppError> {
        Ok(MemoryInsideShown { total_kib: 60_000, available_kib: 40_000 })
    }

    async fn example_create(&self, _: &Caller) -> Result<Vec<Created>, AppError> {
        Err(AppError::Unavailable { message: "This panel makes no guests.".into() })
    }

    async fn snapshot_list(&self, _: &Caller, _: GuestId) -> Result<SnapshotsShown, AppError> {
        Ok(self.snapshots.clone())
    }

    async fn snapshot_traces(&self, _: &Caller, _: GuestId, _: SnapshotId) -> Result<Vec<Found>, AppError> {
        Ok(self.traces.clone())
    }

    async fn snapshot_take(&self, _: &Caller, _: GuestId, _: SnapshotDraft) -> Result<SnapshotTaken, AppError> {
        Err(AppError::not_found("guest"))
    }

    async fn plan_set(&self, _: &Caller, _: GuestId, _: PlanDraft) -> Result<(), AppError> {
        Ok(())
    }

    async fn snapshot_clone(&self, _: &Caller, _: GuestId, _: SnapshotId, _: CloneDraft) -> Result<Created, AppError> {
        Err(AppError::not_found("snapshot"))
    }

    async fn snapshot_restore(&self, _: &Caller, _: GuestId, _: SnapshotId) -> Result<OperationId, AppError> {
        Err(AppError::not_found("snapshot"))
    }

    async fn snapshot_remove(&self, _: &Caller, _: GuestId, _: SnapshotId) -> Result<(), AppError> {
        Err(AppError::not_found("snapshot"))
    }

    async fn share_list(&self, _: &Caller, _: GuestId) -> Result<Vec<ShareShown>, AppError> {
        Ok(self.shares.clone())
    }

    async fn guest_give(&self, _: &Caller, _: GuestId, _: String) -> Result<(), AppError> {
        Ok(())
    }

    async fn share_put(&self, _: &Caller, _: GuestId, _: ShareDraft) -> Result<ShareShown, AppError> {
        Err(AppError::not_found("account"))
    }

    async fn share_remove(&self, _: &Caller, _: GuestId, _: AccountId) -> Result<(), AppError> {
        Err(AppError::not_found("share"))
    }

    async fn host_metrics(&self, caller: &Caller, span: Span) -> Result<MetricsShown, AppError> {
        caller.may(PanelRight::SeeHost)?;
        Ok(self.metrics(span))
    }

    async fn stray_list(&self, _: &Caller) -> Result<Vec<StrayShown>, AppError> {
        Ok(self.strays.clone())
    }

    async fn adopt_read(&self, _: &Caller, command_line: String) -> Result<AdoptShown, AppError> {
        let draft = GuestDraft { name: "web".into(), memory_mib: 128, ..GuestDraft::default() };
        let left_out = command_line.split_whitespace().map(|word| format!("{word}: it has no meaning here"));
        Ok(AdoptShown { draft, left_out: left_out.collect() })
    }

    async fn guest_adopt(&self, _: &Caller, _: StrayName, _: GuestDraft) -> Result<Created, AppError> {
        Err(AppError::Unavailable { message: "This panel makes no guests.".into() })
    }

    async fn network_list(&self, _: &Caller) -> Result<Vec<NetworkShown>, AppError> {
        Ok(self.networks.clone())
    }

    async fn volume_list(&self, _: &Caller) -> Result<VolumesShown, AppError> {
        Ok(self.volumes.clone())
    }

    async fn volume_fetch(&self, _: &Caller, id: VolumeId) -> Result<VolumeShown, AppError> {
        let found = self.volumes.volumes.iter().find(|volume| volume.id == id);
        found.cloned().ok_or_else(|| AppError::not_found("volume"))
    }

    async fn volume_create(&self, _: &Caller, _: VolumeDraft) -> Result<VolumeShown, AppError> {
        Err(AppError::Unavailable { message: "This panel makes no volumes.".into() })
    }

    async fn volume_change(&self, caller: &Caller, id: VolumeId, _: VolumeChange) -> Result<VolumeShown, AppError> {
        self.volume_fetch(caller, id).await
    }

    async fn volume_remove(&self, _: &Caller, _: VolumeId) -> Result<(), AppError> {
        Err(AppError::not_found("volume"))
    }

    async fn volume_attach(
        &self,
        caller: &Caller,
        _: GuestId,
        id: VolumeId,
        _: AttachDraft,
    ) -> Result<VolumeShown, AppError> {
        self.volume_fetch(caller, id).await
    }

    async fn volume_detach(&self, _: &Caller, _: GuestId, _: VolumeId) -> Result<(), AppError> {
        Err(AppError::not_found("volume"))
    }

    async fn forward_add(&self, _: &Caller, _: ForwardDraft) -> Result<ForwardShown, AppError> {
        Err(AppError::not_found("guest"))
    }

    async fn forward_remove(&self, _: &Caller, _: u16) -> Result<(), AppError> {
        Err(AppError::not_found("forwarded port"))
    }

    async fn image_list(&self, _: &Caller, _: ImageFilter) -> Result<ImagePage, AppError> {
        Ok(ImagePage { rows: self.images.clone(), next: None })
    }

    async fn image_import(&self, _: &Caller, _: ImageDraft) -> Result<OperationId, AppError> {
        Err(AppError::not_found("upload"))
    }

    async fn image_fetch(&self, _: &Caller, _: ImageId) -> Result<ImageShown, AppError> {
        self.images.first().cloned().ok_or_else(|| AppError::not_found("image"))
    }

    async fn image_remove(&self, _: &Caller, _: ImageId) -> Result<(), AppError> {
        Ok(())
    }

    async fn image_change(&self, _: &Caller, _: ImageId, _: ImageChange) -> Result<(), AppError> {
        Ok(())
    }

    async fn kernel_list(&self, _: &Caller, _: KernelFilter) -> Result<KernelPage, AppError> {
        let settings = KernelSettings { choice: Default::default(), upload: Default::default() };
        Ok(KernelPage { rows: self.kernels.clone(), next: None, settings, may_upload: true })
    }

    async fn kernel_add(&self, _: &Caller, _: KernelDraft) -> Result<OperationId, AppError> {
        Err(AppError::not_found("upload"))
    }

    async fn kernel_fetch(&self, _: &Caller, _: KernelId) -> Result<KernelShown, AppError> {
        Err(AppError::not_found("kernel"))
    }

    async fn kernel_change(&self, _: &Caller, _: KernelId, _: KernelChange) -> Result<(), AppError> {
        Ok(())
    }

    async fn kernel_settings(&self, _: &Caller) -> Result<KernelSettings, AppError> {
        Err(AppError::not_found("kernel"))
    }

    async fn kernel_remove(&self, _: &Caller, _: KernelId) -> Result<(), AppError> {
        Ok(())
    }

    async fn kernel_set_settings(&self, _: &Caller, _: KernelSettings) -> Result<(), AppError> {
        Ok(())
    }

    async fn upload_begin(&self, _: &Caller) -> Result<UploadId, AppError> {
        Ok(UploadId(Uuid::from_u128(11)))
    }

    async fn upload_remove(&self, _: &Caller, _: UploadId) -> Result<(), AppError> {
        Ok(())
    }

    async fn operation_list(&self, _: &Caller, filter: OperationFilter) -> Result<OperationPage, AppError> {
        let guest = filter.guest.parse().ok();
        let fits = |operation: &&OperationShown| guest.is_none() || operation.guest == guest;
        let next = (self.operations.len() > 50).then(|| "50~".to_owned());
        Ok(OperationPage { rows: self.operations.iter().filter(fits).take(50).cloned().collect(), next })
    }

    async fn operation_fetch(&self, _: &Caller, id: OperationId) -> Result<OperationShown, AppError> {
        self.operations.iter().find(|o| o.id == id).cloned().ok_or_else(|| AppError::not_found("operation"))
    }

    async fn operation_cancel(&self, _: &Caller, _: OperationId) -> Result<(), AppError> {
        Err(AppError::not_found("operation"))
    }

    async fn account_import(&self, _: &Caller, _: ImportDraft) -> Result<ImportShown, AppError> {
        Err(AppError::not_found("account"))
    }

    async fn account_fetch(&self, caller: &Caller, account: AccountId) -> Result<PersonShown, AppError> {
        let people = self.account_list(caller, PersonFilter::default()).await?.rows;
        let found = people.into_iter().find(|person| person.account.id == account);
        found.ok_or_else(|| AppError::not_found("account"))
    }

    async fn account_list(&self, caller: &Caller, filter: PersonFilter) -> Result<PersonPage, AppError> {
        let own = PersonShown { account: caller.account.clone(), guests: 0 };
        let fits = |person: &PersonShown| {
            let PersonShown { account, .. } = person;
            account.name.contains(&filter.name) && (filter.state.is_empty() || account.state.word() == filter.state)
        };
        let people: Vec<_> = std::iter::once(own).chain(self.people.iter().cloned()).filter(fits).collect();
        let next = (people.len() > 50).then(|| "bob-50~".to_owned());
        Ok(PersonPage { rows: people.into_iter().take(50).collect(), next })
    }

    async fn invitation_list(&self, _: &Caller) -> Result<Vec<InvitationShown>, AppError> {
        Ok(self.invitations.clone())
    }

    async fn invitation_create(&self, _: &Caller, _: InvitationDraft) -> Result<NewInvitation, AppError> {
        Err(AppError::not_found("group"))
    }

    async fn invitation_remove(&self, _: &Caller, _: InvitationId) -> Result<(), AppError> {
        Err(AppError::not_found("invitation"))
    }

    async fn group_list(&self, _: &Caller) -> Result<Vec<GroupShown>, AppError> {
        Ok(self.groups.iter().map(|roll| roll.group.clone()).collect())
    }

    async fn quota_of_group(&self, _: &Caller, _: GroupId) -> Result<QuotaShown, AppError> {
        Ok(QuotaShown { standings: self.standings(), requests: self.requests.clone() })
    }

    async fn group_fetch(&self, _: &Caller, group: GroupId) -> Result<GroupRoll, AppError> {
        self.groups.iter().find(|roll| roll.group.id == group).cloned().ok_or_else(|| AppError::not_found("group"))
    }

    async fn group_create(&self, _: &Caller, _: GroupDraft) -> Result<GroupShown, AppError> {
        Err(AppError::not_found("group"))
    }

    async fn group_change(&self, _: &Caller, _: GroupId, _: GroupDraft) -> Result<(), AppError> {
        Err(AppError::not_found("group"))
    }

    async fn group_remove(&self, _: &Caller, _: GroupId) -> Result<(), AppError> {
        Err(AppError::not_found("group"))
    }

    async fn member_put(&self, _: &Caller, _: GroupId, _: MemberDraft) -> Result<(), AppError> {
        Err(AppError::not_found("group"))
    }

    async fn member_remove(&self, _: &Caller, _: GroupId, _: AccountId) -> Result<(), AppError> {
        Err(AppError::not_found("group"))
    }

    async fn audit_list(&self, caller: &Caller, filter: AuditFilter) -> Result<AuditPage, AppError> {
        caller.may(PanelRight::ReadAudit)?;
        if filter.from == "never" {
            return Err(AppError::Invalid(umbel_guest::FieldErrors::one("from", "A day is written otherwise.")));
        }
        Ok(AuditPage { rows: self.audit.clone(), next: (!self.audit.is_empty()).then_some(7) })
    }

    async fn account_create(&self, _: &Caller, name: String, _: String) -> Result<FirstPassword, AppError> {
        Ok(FirstPassword { account: AccountId(Uuid::from_u128(9)), name, password: "fern-mild-otter-41".into() })
    }

    async fn account_set_role(&self, _: &Caller, _: AccountId, _: String) -> Result<(), AppError> {
        Err(AppError::not_found("account"))
    }

    async fn account_suspend(&self, _: &Caller, _: AccountId, _: GuestsThen) -> Result<(), AppError> {
        Err(AppError::not_found("account"))
    }

    async fn account_decide(&self, _: &Caller, _: AccountId, _: bool) -> Result<(), AppError> {
        Ok(())
    }

    async fn registration_fetch(&self, caller: &Caller) -> Result<RegistrationSettings, AppError> {
        caller.may(PanelRight::ManagePeople)?;
        Ok(RegistrationSettings { registration: Registration::Approval })
    }

    async fn registration_set(&self, _: &Caller, _: RegistrationSettings) -> Result<(), AppError> {
        Ok(())
    }

    async fn account_reinstate(&self, _: &Caller, _: AccountId) -> Result<(), AppError> {
        Err(AppError::not_found("account"))
    }

    async fn account_set_expiry(&self, _: &Caller, _: AccountId, _: String) -> Result<(), AppError> {
        Err(AppError::not_found("account"))
    }

    async fn account_remove(&self, _: &Caller, _: AccountId, _: GuestsLeft) -> Result<(), AppError> {
        Err(AppError::not_found("account"))
    }

    async fn account_reset_second_factor(&self, _: &Caller, _: AccountId) -> Result<(), AppError> {
        Ok(())
    }

    async fn account_reset_password(&self, _: &Caller, _: AccountId) -> Result<FirstPassword, AppError> {
        Err(AppError::not_found("account"))
    }

    async fn announcement_fetch(&self) -> Result<Option<AnnouncementShown>, AppError> {
        Ok(self.announcement.clone())
    }

    async fn announcement_set(&self, _: &Caller, _: AnnouncementDraft) -> Result<(), AppError> {
        Ok(())
    }

    async fn announcement_clear(&self, _: &Caller) -> Result<(), AppError> {
        Ok(())
    }

    async fn webhook_list(&self, caller: &Caller) -> Result<WebhooksShown, AppError> {
        caller.may(PanelRight::ManageWebhooks)?;
        Ok(WebhooksShown { webhooks: self.webhooks.clone(), deliveries: self.deliveries.clone() })
    }

    async fn webhook_create(&self, _: &Caller, draft: WebhookDraft) -> Result<NewWebhook, AppError> {
        Ok(NewWebhook { id: WebhookId(Uuid::from_u128(15)), url: draft.url, secret: Some("umbel_wh_1".into()) })
    }

    async fn webhook_remove(&self, _: &Caller, _: WebhookId) -> Result<(), AppError> {
        Ok(())
    }

    async fn webhook_test(&self, _: &Caller, _: WebhookId) -> Result<(), AppError> {
        Ok(())
    }

    async fn webhook_redeliver(&self, _: &Caller, _: DeliveryId) -> Result<(), AppError> {
        Ok(())
    }

    async fn usage_fetch(&self, caller: &Caller, _: UsageAsked) -> Result<UsageShown, AppError> {
        let used =
            Used { guest_s: 5400, memory_mib_s: 3600 * 512, disk_mib_s: 3600 * 4096, received: 3 << 30, sent: 1 << 29 };
        let days = (0..30).map(|day| DayUsed { day: 20_000 + day, used });
        let all = caller.may(PanelRight::ManageQuotas).is_ok();
        let accounts = all.then(|| AccountUsed { account: caller.account.id, name: "ada".into(), used });
        let of = (!all).then(|| caller.account.name.clone());
        Ok(UsageShown { of, days: days.collect(), accounts: accounts.into_iter().collect() })
    }

    async fn quota_mine(&self, _: &Caller) -> Result<QuotaShown, AppError> {
        Ok(QuotaShown { standings: self.standings(), requests: self.requests.clone() })
    }

    async fn quota_list(&self, caller: &Caller) -> Result<QuotasShown, AppError> {
        caller.may(PanelRight::ManageQuotas)?;
        let most = |kind| RoleLimit { kind, most: 10 };
        let limits = Kind::ALL.into_iter().map(most).collect();
        let account = AccountQuotaShown {
            account: AccountId(Uuid::from_u128(1)),
            name: "ada".into(),
            role: Role::User,
            standings: self.standings(),
        };
        let roles = vec![RoleQuotaShown { role: Role::User, limits }];
        Ok(QuotasShown {
            roles,
            accounts: vec![account],
            of_groups: Vec::new(),
            groups: Vec::new(),
            requests: self.requests.clone(),
        })
    }

    async fn quota_set(&self, _: &Caller, _: QuotaChange) -> Result<(), AppError> {
        Ok(())
    }

    async fn quota_ask(&self, _: &Caller, _: QuotaWish) -> Result<QuotaRequestId, AppError> {
        Ok(QuotaRequestId(Uuid::from_u128(12)))
    }

    async fn quota_decide(&self, _: &Caller, _: QuotaRequestId, _: bool) -> Result<(), AppError> {
        Ok(())
    }

    async fn session_list(&self, _: &Caller) -> Result<Vec<SessionShown>, AppError> {
        Ok(self.sessions.clone())
    }

    async fn session_end(&self, _: &Caller, _: String) -> Result<(), AppError> {
        Err(AppError::not_found("session"))
    }

    async fn key_list(&self, _: &Caller) -> Result<Vec<KeyShown>, AppError> {
        Ok(self.keys.clone())
    }

    async fn key_add(&self, _: &Caller, _: KeyDraft) -> Result<KeyShown, AppError> {
        Err(AppError::not_found("key"))
    }

    async fn key_remove(&self, _: &Caller, _: KeyId) -> Result<(), AppError> {
        Err(AppError::not_found("key"))
    }

    async fn token_list(&self, _: &Caller) -> Result<Vec<TokenShown>, AppError> {
        Ok(self.tokens.clone())
    }

    async fn token_create(&self, _: &Caller, draft: TokenDraft) -> Result<NewToken, AppError> {
        Ok(NewToken { id: "1".into(), name: draft.name, token: format!("umbel_{}", "0".repeat(64)) })
    }

    async fn token_remove(&self, _: &Caller, _: String) -> Result<(), AppError> {
        Err(AppError::not_found("token"))
    }
}
