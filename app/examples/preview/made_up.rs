//! A panel with a guest in every state, operations and people.

use std::time::{SystemTime, UNIX_EPOCH};

use umbel_app::shown::{
    AccountShown, AccountState, AnnouncementLevel, AnnouncementShown, AuditShown, DeliveryShown, DeliveryState,
    GroupRoll, GroupShown, GuestShown, InvitationShown, InvitedInto, InvitedLimit, KeyShown, LogLine, MemberShown,
    OpenState, OperationKind, OperationShown, OperationState, PersonShown, QuotaRequestShown, QuotaRequestState, Role,
    SaidShown, Scope, SessionShown, StepShown, StepState, TokenShown, WebhookEvent, WebhookShown,
};
use umbel_guest::quota::{Kind, Said};
use umbel_guest::{
    AccountId, Attachment, DeliveryId, DiskSize, Exit, GroupId, GroupKind, GroupRole, GuestId, InvitationId,
    KernelMode, KeyId, Memory, OperationId, QuotaRequestId, Seen, Until, Wanted, WebhookId,
};
use uuid::Uuid;

use crate::fake::{Fake, guest};
use crate::hardware;

const MINUTE: i64 = 60_000_000;
pub(crate) const HOUR: i64 = 60 * MINUTE;

pub(crate) const BOOTED: &str = "\
[    0.000000] Linux version 6.1.176 (debian-kernel@lists.debian.org) (gcc 12.2.0)
[    0.000000] Kernel command line: mem=64M ubd0=root.cow,base.img root=/dev/ubda ro con=null con0=fd:3,fd:4
[    0.000000] Memory: 51416K/65536K available (6094K kernel code, 1242K rwdata, 1880K rodata, 220K init)
[    0.240000] EXT4-fs (ubda): mounted filesystem with ordered data mode. Quota mode: none.
[    0.260000] Run /sbin/init as init process

\x1b[1;32mWelcome to web-1\x1b[0m, a Tiny guest. Type \x1b[1mpoweroff\x1b[0m to end it.

web-1:~# uname -r
6.1.176
web-1:~# ls --color / 
\x1b[1;34mbin\x1b[0m   \x1b[1;34mdev\x1b[0m   \x1b[1;34metc\x1b[0m   \x1b[1;36minit\x1b[0m  \x1b[1;34mproc\x1b[0m  \x1b[1;34mroot\x1b[0m  \x1b[1;34msys\x1b[0m   \x1b[1;34mtmp\x1b[0m   \x1b[1;34musr\x1b[0m
web-1:~# ";

pub(crate) fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| i64::try_from(d.as_micros()).unwrap_or(i64::MAX))
}

fn operation(
    number: u128,
    kind: OperationKind,
    of: &GuestShown,
    state: OperationState,
    steps: &[(&str, StepState)],
) -> OperationShown {
    let begun = now() - i64::try_from(number).unwrap_or_default() * 7 * MINUTE;
    let line = |at, text: &str| LogLine { at, text: text.into() };
    OperationShown {
        id: OperationId(Uuid::from_u128(0x0190_b6f0_0000_7000_8000_0000_0000_0000 + number)),
        kind,
        guest: Some(of.id),
        guest_name: of.name.to_string(),
        requester: "ada".into(),
        ended_at: state.is_over().then_some(begun + 900_000),
        can_cancel: !state.is_over(),
        state,
        steps: steps.iter().map(|(name, state)| StepShown { name: (*name).into(), state: *state }).collect(),
        log: vec![line(begun, "asked for by ada"), line(begun + 200_000, "the disk is a child of tiny-1 at 256 MiB")],
        created_at: begun,
    }
}

fn named(number: u128, name: &str, wanted: Wanted, seen: Seen) -> GuestShown {
    let id = GuestId(Uuid::from_u128(0x0190_b6f0_1111_7000_8000_0000_0000_0000 + number));
    GuestShown { id, created_at: now() - 50 * HOUR, ..guest(name, wanted, seen) }
}

fn person(number: u128, name: &str, role: Role, state: AccountState) -> PersonShown {
    let account = AccountShown {
        id: AccountId(Uuid::from_u128(number)),
        name: name.into(),
        role,
        state,
        expires_at: None,
        created_at: now() - 300 * HOUR,
        last_sign_in_at: (!matches!(state, AccountState::FirstPassword | AccountState::Waiting))
            .then(|| now() - 20 * HOUR),
        second_factor: number.is_multiple_of(2),
        linked: number.is_multiple_of(3),
    };
    PersonShown { account, guests: 3 }
}

fn until(end: i64, person: PersonShown) -> PersonShown {
    PersonShown { account: AccountShown { expires_at: Some(end), ..person.account }, ..person }
}

fn group(number: u128, name: &str, kind: GroupKind, people: &[(&str, GroupRole)]) -> GroupRoll {
    let id = GroupId(Uuid::from_u128(number));
    let member = |(i, (name, role)): (usize, &(&str, GroupRole))| MemberShown {
        account: AccountId(Uuid::from_u128(50 + i as u128)),
        name: (*name).into(),
        role: *role,
        since: now() - 90 * HOUR,
        guests: 2,
    };
    let people: Vec<_> = people.iter().enumerate().map(member).collect();
    let (name, members) = (name.parse().expect("a name"), people.len().try_into().unwrap_or_default());
    GroupRoll { group: GroupShown { id, name, kind, created_at: now() - 100 * HOUR, members, role: None }, people }
}

fn invitation(
    number: u128,
    note: &str,
    group: Option<(u128, &str)>,
    uses: u32,
    used: u32,
    days: i64,
) -> InvitationShown {
    InvitationShown {
        id: InvitationId(Uuid::from_u128(number)),
        note: note.into(),
        role: Role::User,
        group: group.map(|(number, name)| InvitedInto {
            id: GroupId(Uuid::from_u128(number)),
            name: name.parse().expect("a name"),
            role: GroupRole::Member,
        }),
        limits: vec![InvitedLimit { kind: Kind::Guests, limit: Said::AtMost(3) }],
        uses,
        used,
        by: "ada".into(),
        created_at: now() - 30 * HOUR,
        expires_at: now() + days * 24 * HOUR,
        over: used >= uses,
    }
}

pub(crate) fn panel() -> Fake {
    use StepState::{Done, Failed, Running, Undone, Waiting};

    let since = now() - 3 * HOUR;
    let crashed = Seen::Ended { at: now() - 20 * MINUTE, exit: Exit::Crashed { signal: 6 } };
    let off = Seen::Ended { at: now() - 70 * MINUTE, exit: Exit::PoweredOff };
    let mut web = named(1, "web-1", Wanted::Running, Seen::Running { since });
    web.note = "The shop's front.\nAsk Bob before it is restarted.".parse().unwrap_or_default();
    web.kernel = "umbel-7.2.13".parse().expect("an id");
    (web.mode, web.network) = (KernelMode::Fast, Attachment::Bridge);
    web.address = Some(std::net::Ipv4Addr::new(10, 77, 3, 2));
    let said = |minutes: i64, text: &str, missed| SaidShown { at: now() - minutes * MINUTE, text: text.into(), missed };
    web.said = vec![said(178, "nightly backup: done, 3 files <b>changed</b>", 0), said(12, "certificate renewed", 4)];
    let mut paused =
        named(8, "frozen", Wanted::Running, Seen::Paused { since: now() - 4 * MINUTE, until: Until::Asked });
    paused.network = Attachment::Switch;
    let mut starting = named(2, "lab-07", Wanted::Running, Seen::Starting);
    let stopping = named(3, "mail", Wanted::Stopped, Seen::Stopping);
    let stopped = named(4, "build-box-with-a-long-name", Wanted::Stopped, off);
    let broken = named(5, "db-old", Wanted::Stopped, crashed);
    let deleted = named(6, "scratch", Wanted::Deleted { purge_at: now() + 41 * MINUTE }, Seen::Gone);
    let mut waiting = named(7, "big", Wanted::Running, Seen::Gone);
    waiting.waiting = Some("Waiting for memory: 4 GiB wanted, 2 GiB free.".into());
    (waiting.memory, waiting.disk) = sizes(4096, 16_384);
    let create = [("Reserve the name", Done), ("Make the disk", Done), ("Start", Running)];
    let under_way = operation(1, OperationKind::GuestCreate, &starting, OperationState::Running, &create);
    starting.operation = Some(under_way.clone());
    let failed = OperationState::Failed { reason: "The disk is full: 0 of 256 MiB could be written.".into() };
    let operations = vec![
        under_way,
        operation(
            2,
            OperationKind::GuestShutDown,
            &stopping,
            OperationState::Running,
            &[("Ask the guest", Running), ("Wait for its end", Waiting)],
        ),
        operation(
            3,
            OperationKind::GuestCreate,
            &deleted,
            failed,
            &[("Reserve the name", Undone), ("Make the disk", Failed), ("Start", Waiting)],
        ),
        operation(4, OperationKind::GuestStart, &web, OperationState::Done, &[("Start", Done)]),
        operation(
            5,
            OperationKind::GuestDelete,
            &deleted,
            OperationState::Cancelled,
            &[("Stop", Done), ("Keep for an hour", Undone)],
        ),
    ];
    let session = |number: u8, agent: &str, current| SessionShown {
        id: format!("hash{number}"),
        created_at: now() - i64::from(number) * 26 * HOUR,
        last_seen_at: now() - i64::from(number) * 2 * HOUR,
        address: format!("10.20.0.{number}"),
        user_agent: agent.into(),
        current,
    };
    let guests = vec![web, paused, starting, waiting, stopping, stopped, broken, deleted];
    Fake {
        networks: hardware::networks(&guests),
        volumes: hardware::volumes(&guests),
        images: hardware::images(),
        kernels: hardware::kernels(),
        checks: hardware::checks(),
        series: Some(hardware::series()),
        strays: hardware::strays(),
        shares: Vec::new(),
        snapshots: hardware::snapshots(),
        traces: hardware::traces(),
        storage: hardware::storage(),
        backups: hardware::backups(),
        opened: OpenState::Open,
        files: hardware::files(),
        invitations: vec![
            invitation(1, "Networks 2026, second half", Some((9, "Networks 2026")), 30, 12, 7),
            invitation(2, "Dora of the print shop", None, 1, 1, 3),
        ],
        groups: vec![
            group(
                9,
                "Networks 2026",
                GroupKind::Class,
                &[("theo", GroupRole::Manager), ("bob", GroupRole::Member), ("carol", GroupRole::Member)],
            ),
            group(10, "Shop", GroupKind::Tenant, &[]),
        ],
        guests,
        operations,
        people: vec![
            person(2, "bob", Role::User, AccountState::Active),
            person(3, "carol", Role::User, AccountState::FirstPassword),
            person(4, "mallory", Role::User, AccountState::Suspended),
            until(now() + 900 * HOUR, person(5, "dora", Role::Teacher, AccountState::Active)),
            until(now() - 9 * HOUR, person(6, "erin", Role::User, AccountState::Expired)),
            person(7, "frank", Role::User, AccountState::Leaving),
            person(8, "gina", Role::User, AccountState::Waiting),
        ],
        audit: audit(),
        keys: vec![KeyShown {
            id: KeyId(Uuid::from_u128(71)),
            name: "ada@laptop".into(),
            kind: "ssh-ed25519".into(),
            fingerprint: "SHA256:bfw5nAHX+v9046vqkNX2sst6YdXHcqiyz/IV01tdZZQ".into(),
            created_at: now() - 60 * HOUR,
        }],
        tokens: vec![TokenShown {
            group: None,
            group_name: None,
            id: "0a".into(),
            name: "backup of the web guests".into(),
            scopes: vec![Scope::Read, Scope::Power],
            created_at: now() - 9 * 24 * HOUR,
            expires_at: now() + 81 * 24 * HOUR,
            last_used_at: Some(now() - HOUR),
        }],
        sessions: vec![
            session(
                0,
                "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36",
                true,
            ),
            session(
                1,
                "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1",
                false,
            ),
        ],
        walls: hardware::walls(),
        agent_away_since: None,
        quota: Some((40, 512)),
        webhooks: vec![WebhookShown {
            id: WebhookId(Uuid::from_u128(70)),
            url: "https://alerts.example/hooks/umbel".into(),
            events: vec![WebhookEvent::GuestCrashed, WebhookEvent::HostDiskShort, WebhookEvent::SignInsFailing],
            created_at: now() - 30 * 24 * HOUR,
            gone_at: None,
        }],
        deliveries: [
            ("guest_crashed", DeliveryState::Waiting, 3, "answered 503 Service Unavailable"),
            ("host_disk_short", DeliveryState::Delivered, 1, "204 No Content"),
            ("test", DeliveryState::GivenUp, 9, "10.0.0.7 is in no public network"),
        ]
        .map(|(event, state, tries, answer)| DeliveryShown {
            id: DeliveryId(Uuid::from_u128(80 + u128::from(tries))),
            webhook: WebhookId(Uuid::from_u128(70)),
            url: "https://alerts.example/hooks/umbel".into(),
            event: event.into(),
            state,
            tries,
            next_try_at: now() + 5 * MINUTE,
            answer: answer.into(),
            created_at: now() - HOUR,
        })
        .to_vec(),
        announcement: Some(AnnouncementShown {
            text: "The machine is restarted on Friday at 18:00. Guests are shut down before and start again after."
                .into(),
            level: AnnouncementLevel::Warning,
            until: Some(now() + 4 * HOUR),
        }),
        requests: vec![QuotaRequestShown {
            id: QuotaRequestId(Uuid::from_u128(60)),
            account: AccountId(Uuid::from_u128(2)),
            account_name: "bob".into(),
            kind: Kind::Memory,
            wanted: 8192,
            why: "Thirty sandboxes for the class on Monday".into(),
            state: QuotaRequestState::Open,
            created_at: now() - 2 * HOUR,
        }],
    }
}

fn audit() -> Vec<AuditShown> {
    let row = |number: i64, name: &str, action: &str, object: [&str; 2], end: [&str; 2], from: [&str; 2]| AuditShown {
        number,
        at: now() - (20 - number) * 7 * MINUTE,
        name: name.into(),
        action: action.into(),
        kind: object[0].into(),
        object_name: object[1].into(),
        outcome: end[0].into(),
        reason: end[1].into(),
        via: from[0].into(),
        address: from[1].into(),
        ..AuditShown::default()
    };
    let page = ["page", "10.20.0.7"];
    vec![
        row(17, "", "audit_trim", ["audit", ""], ["allowed", ""], ["panel", ""]),
        row(16, "ada", "guest_delete", ["guest", "scratch"], ["allowed", ""], page),
        row(15, "mallory", "sign_in", ["session", ""], ["refused", "form: Name or password is wrong."], page),
        row(
            14,
            "bob",
            "console_open",
            ["guest", "web-1"],
            ["refused", "There is no such guest."],
            ["api", "2001:db8::17"],
        ),
        row(
            13,
            "ada",
            "guest_change",
            ["guest", "build-box-with-a-long-name"],
            ["unknown", "Its end was not seen."],
            page,
        ),
        row(12, "root", "account_reset_password", ["account", "carol"], ["allowed", ""], ["command_line", ""]),
    ]
}

fn sizes(memory: u32, disk: u32) -> (Memory, DiskSize) {
    (Memory::from_mib(memory).unwrap_or(Memory::DEFAULT), DiskSize::from_mib(disk).unwrap_or(DiskSize::DEFAULT))
}
