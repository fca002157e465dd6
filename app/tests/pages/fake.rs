use async_trait::async_trait;
use umbel_app::AppError;
use umbel_app::backend::{Backend, Caller};
use umbel_app::shown::{
    AccountShown, AgentLink, ConsoleTail, Created, FirstPassword, GuestChange, GuestForm, GuestShown, HostShown,
    ImageShown, KernelShown, OperationShown, OverviewShown, Role, SessionShown, WallShown,
};
use umbel_guest::{
    AccountId, Action, DiskKind, DiskSize, Generation, GuestDraft, GuestId, Memory, Note, OperationId, RestartPolicy,
    Seen, Wanted,
};
use uuid::Uuid;

/// A panel that knows these things.
#[derive(Clone, Default)]
pub(crate) struct Fake {
    pub(crate) guests: Vec<GuestShown>,
    pub(crate) operations: Vec<OperationShown>,
    pub(crate) people: Vec<AccountShown>,
    pub(crate) sessions: Vec<SessionShown>,
    pub(crate) walls: Vec<WallShown>,
}

pub(crate) fn caller(role: Role) -> Caller {
    let account = AccountShown {
        id: AccountId(Uuid::from_u128(1)),
        name: "ada".into(),
        role,
        enabled: true,
        must_change_password: false,
        created_at: 0,
        last_sign_in_at: None,
        guests: 0,
    };
    Caller { account, session: "hash".into() }
}

pub(crate) fn guest(name: &str, wanted: Wanted, seen: Seen) -> GuestShown {
    GuestShown {
        id: GuestId(Uuid::from_u128(7)),
        name: name.parse().expect("a name"),
        note: Note::default(),
        owner: AccountId(Uuid::from_u128(1)),
        owner_name: "ada".into(),
        image: "tiny-1".parse().expect("an image"),
        kernel: "debian-6.1.176".parse().expect("a kernel"),
        memory: Memory::DEFAULT,
        disk: DiskSize::DEFAULT,
        disk_kind: DiskKind::Cow,
        restart_policy: RestartPolicy::Never,
        wanted,
        seen,
        generation: Generation::FIRST,
        waiting: None,
        created_at: 0,
        operation: None,
    }
}

impl Fake {
    fn machine(&self) -> HostShown {
        HostShown {
            agent: AgentLink::Here,
            profile: "hosting".into(),
            memory_total_mib: 4096,
            memory_available_mib: 2048,
            cores: 2,
            disk_total_mib: 10_240,
            disk_free_mib: 5120,
            walls: self.walls.clone(),
        }
    }
}

#[async_trait]
impl Backend for Fake {
    async fn overview(&self, _: &Caller) -> Result<OverviewShown, AppError> {
        Ok(OverviewShown { guests: self.guests.clone(), operations: self.operations.clone(), host: self.machine() })
    }

    async fn host(&self, _: &Caller) -> Result<HostShown, AppError> {
        Ok(self.machine())
    }

    async fn guest_list(&self, _: &Caller) -> Result<Vec<GuestShown>, AppError> {
        Ok(self.guests.clone())
    }

    async fn guest_fetch(&self, _: &Caller, guest: GuestId) -> Result<GuestShown, AppError> {
        self.guests.iter().find(|g| g.id == guest).cloned().ok_or_else(|| AppError::not_found("guest"))
    }

    async fn guest_form(&self, _: &Caller) -> Result<GuestForm, AppError> {
        Ok(GuestForm {
            suggested_name: "calm-fern".into(),
            images: vec![ImageShown {
                id: "tiny-1".parse().expect("an image"),
                title: "Tiny".into(),
                description: "busybox".into(),
                sizes: vec![DiskSize::DEFAULT],
                suggested_memory: Memory::DEFAULT,
            }],
            kernels: vec![KernelShown {
                id: "debian-6.1.176".parse().expect("a kernel"),
                version: "6.1.176".into(),
                origin: "Debian".into(),
            }],
            disks: DiskSize::ladder().collect(),
            memory_available_mib: 2048,
            disk_free_mib: 5120,
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

    async fn operation_list(&self, _: &Caller, guest: Option<GuestId>) -> Result<Vec<OperationShown>, AppError> {
        Ok(self.operations.iter().filter(|o| guest.is_none() || o.guest == guest).cloned().collect())
    }

    async fn operation_fetch(&self, _: &Caller, id: OperationId) -> Result<OperationShown, AppError> {
        self.operations.iter().find(|o| o.id == id).cloned().ok_or_else(|| AppError::not_found("operation"))
    }

    async fn operation_cancel(&self, _: &Caller, _: OperationId) -> Result<(), AppError> {
        Err(AppError::not_found("operation"))
    }

    async fn account_list(&self, caller: &Caller) -> Result<Vec<AccountShown>, AppError> {
        Ok(std::iter::once(&caller.account).chain(&self.people).cloned().collect())
    }

    async fn account_create(&self, _: &Caller, name: String, _: String) -> Result<FirstPassword, AppError> {
        Ok(FirstPassword { account: AccountId(Uuid::from_u128(9)), name, password: "fern-mild-otter-41".into() })
    }

    async fn account_set_enabled(&self, _: &Caller, _: AccountId, _: bool) -> Result<(), AppError> {
        Err(AppError::not_found("account"))
    }

    async fn account_reset_password(&self, _: &Caller, _: AccountId) -> Result<FirstPassword, AppError> {
        Err(AppError::not_found("account"))
    }

    async fn session_list(&self, _: &Caller) -> Result<Vec<SessionShown>, AppError> {
        Ok(self.sessions.clone())
    }

    async fn session_end(&self, _: &Caller, _: String) -> Result<(), AppError> {
        Err(AppError::not_found("session"))
    }
}
