//! Things that a made-up panel knows.

use umbel_app::backend::{Caller, Came, Expects};
use umbel_app::proof::Proof;
use umbel_app::shown::{AccountShown, AccountState, Choice, Etag, GuestShown, ImageChoice, KernelChoice, Role};
use umbel_guest::{
    Access, AccountId, Attachment, Boot, Clock, DiskKind, DiskSize, Generation, GuestId, ImageKind, KernelFeatures,
    KernelMode, Limits, Mac, Memory, Note, Relation, RestartPolicy, Seen, Wanted,
};
use uuid::Uuid;

pub(crate) fn caller(role: Role) -> Caller {
    let account = AccountShown {
        id: AccountId(Uuid::from_u128(1)),
        name: "ada".into(),
        role,
        state: AccountState::Active,
        expires_at: None,
        created_at: 0,
        last_sign_in_at: None,
        second_factor: false,
        linked: false,
    };
    Caller {
        account,
        session: "hash".into(),
        came: Came::default(),
        proof: Proof::OfProgram,
        rights: 0,
        expects: Expects::Anything,
        bound: None,
    }
}

pub(crate) fn guest(name: &str, wanted: Wanted, seen: Seen) -> GuestShown {
    let id = GuestId(Uuid::from_u128(7));
    GuestShown {
        id,
        name: name.parse().expect("a name"),
        note: Note::default(),
        owner: AccountId(Uuid::from_u128(1)),
        owner_name: "ada".into(),
        access: Access { role: Role::User, relation: Relation::Owner },
        image: "tiny-1".parse().expect("an image"),
        kernel: "debian-6.1.176".parse().expect("a kernel"),
        memory: Memory::DEFAULT,
        disk: DiskSize::DEFAULT,
        disk_kind: DiskKind::Cow,
        restart_policy: RestartPolicy::Never,
        autostart: true,
        mode: KernelMode::Strict,
        clock: Clock::Real,
        network: Attachment::None,
        limits: Limits::default(),
        address: None,
        mac: Mac::of(id).to_string(),
        boot: Boot::Normal,
        wanted,
        seen,
        generation: Generation::FIRST,
        waiting: None,
        created_at: 0,
        etag: Etag("5e".into()),
        operation: None,
        said: Vec::new(),
        setup: None,
    }
}

pub(super) fn image(id: &str, title: &str, description: &str, kind: ImageKind) -> ImageChoice {
    ImageChoice {
        id: id.parse().expect("an image"),
        title: title.into(),
        description: description.into(),
        kind,
        sizes: vec![DiskSize::DEFAULT],
        suggested_memory: Memory::DEFAULT,
        deprecated: None,
    }
}

/// The distribution's: no fast mode.
pub(super) fn kernel_choice() -> KernelChoice {
    fn choices<T: Copy>(all: &[T], why: impl Fn(T) -> Option<&'static str>) -> Vec<Choice<T>> {
        all.iter().map(|&value| Choice { value, refused: why(value).map(str::to_owned) }).collect()
    }

    let no_fast = |mode| (mode == KernelMode::Fast).then_some("This kernel has no fast mode. Choose strict.");
    KernelChoice {
        id: "debian-6.1.176".parse().expect("a kernel"),
        version: "6.1.176".into(),
        origin: "the distribution's package".into(),
        is_default: true,
        refused: None,
        features: KernelFeatures { modes: vec![KernelMode::Strict], ..KernelFeatures::default() },
        modes: choices(KernelMode::ALL, no_fast),
        clocks: choices(Clock::ALL, |_| None),
        networks: choices(Attachment::ALL, |_| None),
    }
}
