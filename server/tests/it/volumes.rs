//! Volumes: made, counted, given to guests and taken from them, larger, removed; and what becomes of them when the agent
//! is away or the panel ends.

use umbel_app::AppError;
use umbel_app::backend::{Backend as _, Caller};
use umbel_app::shown::{
    AttachDraft, GroupDraft, GuestsLeft, MemberDraft, Role, VolumeChange, VolumeDraft, VolumeShown,
};
use umbel_client::Console;
use umbel_guest::quota::{Kind, Said};
use umbel_guest::{AccountId, Action, DiskSize, GuestDraft, GuestId, Slot, VolumeAccess, VolumeId, VolumeState};
use umbel_server::operations::Drill;
use umbel_server::quotas::books;
use umbel_server::store::Db;
use umbel_server::store::accounts::account_fetch;
use umbel_server::store::quotas::{quota_of, quota_set_own};
use umbel_server::store::volumes::{volume_fetch, volume_list_of, volume_set_state};
use umbel_wire::agent::{Refusal, VolumeAt};
use uuid::Uuid;

use crate::harness::db::both;
use crate::harness::edge::Edge;
use crate::harness::panel::{TestPanel, account};
use crate::real_host::{Machine, TAKES, first_life, killed_and_back};

const WRITE: AttachDraft = AttachDraft { access: VolumeAccess::ReadWrite };
const READ: AttachDraft = AttachDraft { access: VolumeAccess::ReadOnly };

fn named(name: &str, size_mib: u32) -> VolumeDraft {
    VolumeDraft { name: name.into(), size_mib, group: None }
}

async fn made(panel: &TestPanel, name: &str) -> VolumeId {
    let made = panel.volumes().create(&panel.anna, named(name, 64)).await.expect("there is room");
    assert_eq!((made.state, made.name.as_str(), made.size_mib), (VolumeState::Kept, name, 64));
    made.id
}

async fn shown(panel: &TestPanel, volume: VolumeId) -> VolumeShown {
    panel.volumes().fetch(&panel.anna, volume).await.expect("hers")
}

/// Disk of an account's quota, with books that fit.
async fn used(db: &Db, owner: AccountId) -> u64 {
    assert_eq!(books::wrong(db).await.expect("a read"), Vec::<String>::new());
    let standings = quota_of(db, owner).await.expect("a read");
    standings.into_iter().find(|standing| standing.kind == Kind::Disk).expect("every kind").used
}

async fn off(panel: &TestPanel, guest: GuestId) {
    let kill = panel.guests.act(&panel.anna, guest, Action::Kill).await.expect("it runs").expect("an operation");
    panel.over(kill).await;
}

async fn start(panel: &TestPanel, guest: GuestId) {
    let start = panel.guests.act(&panel.anna, guest, Action::Start).await.expect("it is off").expect("an operation");
    panel.over(start).await;
}

fn said<T: std::fmt::Debug>(done: Result<T, AppError>) -> String {
    match done {
        Err(error @ (AppError::Conflict { .. } | AppError::Invalid(_))) => format!("{error:?}"),
        other => panic!("{other:?}"),
    }
}

fn is_missing<T: std::fmt::Debug>(done: Result<T, AppError>) -> bool {
    matches!(done, Err(AppError::NotFound { .. }))
}

/// What the guest has on the host, by its device's letter.
fn held(panel: &TestPanel, guest: GuestId) -> Vec<(char, VolumeId)> {
    panel.host.volumes_of(guest).iter().map(|at| (at.slot.letter(), at.volume)).collect()
}

both! {
    async fn a_volume_is_counted_from_before_it_is_made_until_it_is_gone(fresh) {
        let panel = TestPanel::start(&fresh.db).await;
        let (anna, volumes) = (panel.anna.account.id, panel.volumes());
        quota_set_own(&fresh.db, anna, Kind::Disk, Some(Said::AtMost(200))).await.expect("a write");
        let data = made(&panel, "data").await;
        assert_eq!((used(&fresh.db, anna).await, panel.host.volume(data)), (64, Some(64 << 20)));
        assert!(said(volumes.create(&panel.anna, named("data", 64)).await).contains("data already"));
        assert!(said(volumes.create(&panel.anna, named("more", 256)).await).contains("quota"));
        for (name, mib, field) in [("", 64, "name"), ("a\u{7}", 64, "name"), ("x", 65, "size_mib"), ("x", 0, "size_mib")] {
            match volumes.create(&panel.anna, named(name, mib)).await {
                Err(AppError::Invalid(wrong)) => assert!(wrong.of(field).next().is_some(), "{wrong:?}"),
                other => panic!("{other:?}"),
            }
        }
        // What the host refuses was never there.
        panel.host.fail_next("volume_create", Refusal::DiskFull { free_mib: 1 });
        assert!(said(volumes.create(&panel.anna, named("full", 64)).await).contains("full"));
        assert_eq!((used(&fresh.db, anna).await, volume_list_of(&fresh.db, anna).await.expect("a list").len()), (64, 1));

        let grow = |size_mib| volumes.change(&panel.anna, data, VolumeChange { size_mib });
        assert_eq!(grow(128).await.expect("there is room").size_mib, 128);
        assert_eq!((used(&fresh.db, anna).await, panel.host.volume(data)), (128, Some(128 << 20)));
        assert!(said(grow(64).await).contains("never becomes smaller"));
        assert!(said(grow(256).await).contains("quota"));
        panel.host.fail_next("volume_grow", Refusal::DiskFull { free_mib: 1 });
        quota_set_own(&fresh.db, anna, Kind::Disk, None).await.expect("a write");
        assert!(said(grow(256).await).contains("full"));
        assert_eq!((used(&fresh.db, anna).await, shown(&panel, data).await.size_mib), (128, 128));

        volumes.remove(&panel.anna, data).await.expect("hers");
        assert_eq!((used(&fresh.db, anna).await, panel.host.volume(data)), (0, None));
        assert!(is_missing(volumes.remove(&panel.anna, data).await));
        books::wrong(&fresh.db).await.expect("a read");
        umbel_server::quotas::put_right(&fresh.db).await.expect("a write");
        assert_eq!(used(&fresh.db, anna).await, 0);
    }

    async fn books_that_are_written_anew_have_volumes_in_them(fresh) {
        let panel = TestPanel::start(&fresh.db).await;
        made(&panel, "data").await;
        let forget = umbel_server::store::query::sql("test", "DELETE FROM quota_totals");
        forget.run(&fresh.db).await.expect("a write");
        assert!(!books::wrong(&fresh.db).await.expect("a read").is_empty());
        umbel_server::quotas::put_right(&fresh.db).await.expect("a write");
        assert_eq!(used(&fresh.db, panel.anna.account.id).await, 64);
    }

    async fn one_guest_writes_or_many_read_and_what_runs_has_it_at_once(fresh) {
        let panel = TestPanel::start(&fresh.db).await;
        let volumes = panel.volumes();
        let (web, db) = (panel.made("web").await, panel.made("db").await);
        let (data, more) = (made(&panel, "data").await, made(&panel, "more").await);
        let anna = &panel.anna;
        for _ in 0..2 {
            let there = volumes.attach(anna, web, data, WRITE).await.expect("nobody has it");
            let [attached] = &there.attached[..] else { panic!("{there:?}") };
            assert_eq!((attached.device.as_str(), attached.is_there), ("/dev/ubdc", true));
        }
        volumes.attach(anna, web, more, READ).await.expect("another one");
        assert_eq!(held(&panel, web), [('c', data), ('d', more)]);
        for draft in [WRITE, READ] {
            assert!(said(volumes.attach(anna, db, data, draft).await).contains("web writes to it"));
        }
        assert!(said(volumes.attach(anna, web, data, READ).await).contains("Detach it first"));
        assert!(said(volumes.change(anna, data, VolumeChange { size_mib: 128 }).await).contains("runs and has it"));
        assert!(said(volumes.remove(anna, data).await).contains("Detach it first"));

        // Mounted, it stays.
        let in_use = Refusal::VolumeInUse { volume: data, reason: "it is in use in the guest".into() };
        panel.host.fail_next("volume_detach", in_use.clone());
        assert!(said(volumes.detach(anna, web, data).await).contains("in use in the guest"));
        assert_eq!(shown(&panel, data).await.attached.len(), 1);
        volumes.detach(anna, web, data).await.expect("hers");
        assert!(is_missing(volumes.detach(anna, web, data).await));
        assert_eq!(held(&panel, web), [('d', more)]);

        // What the host refuses is not attached.
        panel.host.fail_next("volume_attach", in_use);
        assert!(said(volumes.attach(anna, db, data, WRITE).await).contains("in use"));
        assert!(shown(&panel, data).await.attached.is_empty());
        for guest in [web, db] {
            volumes.attach(anna, guest, data, READ).await.expect("they only read");
        }
        assert_eq!(held(&panel, web), [('d', more), ('c', data)], "at the first free place");
        assert!(said(volumes.attach(anna, db, more, WRITE).await).contains("web read it"));

        // Off: a row, and the next start has it.
        off(&panel, db).await;
        assert!(!shown(&panel, data).await.attached.iter().any(|at| at.guest == db && at.is_there));
        let third = made(&panel, "third").await;
        volumes.attach(anna, db, third, WRITE).await.expect("it is off");
        start(&panel, db).await;
        assert_eq!(held(&panel, db), [('c', data), ('d', third)]);
        assert_eq!(panel.host.volumes_of(db)[1], VolumeAt {
            volume: third, slot: Slot::D, access: VolumeAccess::ReadWrite, size: DiskSize::from_mib(64).expect("a size")
        });
        let purge = panel.guests.act(anna, db, Action::Purge).await.expect("always").expect("an operation");
        panel.over(purge).await;
        assert!(shown(&panel, third).await.attached.is_empty());
        volumes.remove(anna, third).await.expect("nobody has it");
    }

    async fn a_guest_has_room_for_six(fresh) {
        let panel = TestPanel::start(&fresh.db).await;
        let web = panel.made("web").await;
        for number in 0..6 {
            let volume = made(&panel, &format!("data {number}")).await;
            panel.volumes().attach(&panel.anna, web, volume, WRITE).await.expect("a place is free");
        }
        let seventh = made(&panel, "data 6").await;
        assert!(said(panel.volumes().attach(&panel.anna, web, seventh, WRITE).await).contains("room for no more"));
        assert_eq!(held(&panel, web).iter().map(|(letter, _)| *letter).collect::<String>(), "cdefgh");
    }

    async fn whatever_was_cut_off_is_brought_about_later(fresh) {
        let panel = TestPanel::start(&fresh.db).await;
        let (volumes, anna) = (panel.volumes(), panel.anna.clone());
        let web = panel.made("web").await;
        let (data, other) = (made(&panel, "data").await, made(&panel, "other").await);

        // A panel that ended before the host was told, each time.
        volume_set_state(&fresh.db, other, VolumeState::Going).await.expect("a write");
        volumes.look_after().await.expect("a read");
        assert_eq!((volume_fetch(&fresh.db, other).await.expect("a read"), panel.host.volume(other)), (None, None));
        volume_set_state(&fresh.db, data, VolumeState::Coming).await.expect("a write");
        assert!(said(volumes.attach(&anna, web, data, WRITE).await).contains("not made yet"));
        volumes.look_after().await.expect("a read");
        assert_eq!(shown(&panel, data).await.state, VolumeState::Kept);

        // Attached while the agent is away: the row says so, and the guest has it when the agent comes.
        panel.host.set_away(true);
        let there = volumes.attach(&anna, web, data, WRITE).await.expect("it is told later");
        assert!(!there.attached[0].is_there);
        volumes.look_after().await.expect("a read");
        assert!(matches!(volumes.detach(&anna, web, data).await, Err(AppError::Unavailable { .. })));
        panel.host.set_away(false);
        volumes.look_after().await.expect("a read");
        assert_eq!(held(&panel, web), [('c', data)]);

        // What somebody has without a row is taken back, and what was lost is given again.
        let stray = VolumeId(Uuid::now_v7());
        panel.host.put_volume(stray, DiskSize::DEFAULT);
        panel.host.edit_volumes(web, |held| held[0].volume = stray);
        volumes.look_after().await.expect("a read");
        assert_eq!(held(&panel, web), [('c', data)]);

        // Removed while the agent is away: gone when it comes.
        volumes.detach(&anna, web, data).await.expect("hers");
        panel.host.set_away(true);
        volumes.remove(&anna, data).await.expect("hers");
        assert_eq!(shown(&panel, data).await.state, VolumeState::Going);
        panel.host.set_away(false);
        volumes.look_after().await.expect("a read");
        assert_eq!((volume_fetch(&fresh.db, data).await.expect("a read"), panel.host.volume(data)), (None, None));

        // A file that no row is about: an administrator sees it, and can remove it.
        let root = account(&fresh.db, "root", Role::Administrator).await;
        assert!(volumes.list(&anna).await.expect("hers").strays.is_empty());
        assert!(is_missing(volumes.remove(&anna, stray).await));
        assert_eq!(volumes.list(&root).await.expect("all").strays.iter().map(|s| s.id).collect::<Vec<_>>(), [stray]);
        volumes.remove(&root, stray).await.expect("nobody's");
        assert!(is_missing(volumes.remove(&root, stray).await));
        assert_eq!(panel.host.volume(stray), None);
    }

    async fn another_life_of_the_panel_goes_on_from_the_rows(fresh) {
        let panel = TestPanel::start(&fresh.db).await;
        let web = panel.made("web").await;
        let data = made(&panel, "data").await;
        panel.volumes().attach(&panel.anna, web, data, WRITE).await.expect("hers");
        let (host, anna) = (panel.host.clone(), panel.anna.clone());
        drop(panel);
        // The guest ended meanwhile, and was started by hand without it.
        host.edit_volumes(web, Vec::clear);
        let panel = TestPanel::again(&fresh.db, host, anna, Drill::default()).await;
        panel.volumes().look_after().await.expect("a read");
        assert_eq!(held(&panel, web), [('c', data)]);
    }

    async fn what_is_anothers_is_not_even_there(fresh) {
        let panel = TestPanel::start(&fresh.db).await;
        let (volumes, anna) = (panel.volumes(), panel.anna.clone());
        let (web, data) = (panel.made("web").await, made(&panel, "data").await);
        let berta = account(&fresh.db, "berta", Role::User).await;
        let hers = volumes.create(&berta, named("data", 64)).await.expect("names are each owner's").id;
        assert!(is_missing(volumes.fetch(&berta, data).await) && is_missing(volumes.remove(&berta, data).await));
        assert!(is_missing(volumes.attach(&berta, web, hers, READ).await), "the guest");
        assert!(is_missing(volumes.attach(&anna, web, hers, READ).await), "the volume");
        assert!(is_missing(volumes.change(&berta, data, VolumeChange { size_mib: 128 }).await));
        assert_eq!(volumes.list(&berta).await.expect("hers").volumes.iter().map(|v| v.id).collect::<Vec<_>>(), [hers]);
        // Whoever may do all can't mix owners either.
        let root = account(&fresh.db, "root", Role::Administrator).await;
        assert!(said(volumes.attach(&root, web, hers, READ).await).contains("berta's"));
        let oda = account(&fresh.db, "oda", Role::Operator).await;
        assert_eq!(volumes.list(&oda).await.expect("all").volumes.len(), 2);
        assert!(matches!(volumes.remove(&oda, data).await, Err(AppError::Forbidden { .. })));
    }

    async fn volumes_stay_with_their_owner_or_go_with_it(fresh) {
        let edge = Edge::start(&fresh.db).await;
        let panel = &edge.test;
        let (anna, root): (&Caller, &Caller) = (&panel.anna, &edge.root);
        let (web, data) = (panel.made("web").await, made(panel, "data").await);
        panel.volumes().attach(anna, web, data, WRITE).await.expect("hers");
        off(panel, web).await;
        let carla = account(&fresh.db, "carla", Role::User).await;
        let given = edge.panel.guest_give(root, web, "carla".into()).await;
        assert!(said(given).contains("Detach them first"));
        let kept = edge.panel.account_remove(root, anna.account.id, GuestsLeft::None).await;
        assert!(said(kept).contains("anna has a guest"));

        // All of it goes to somebody, and what was attached stays so.
        panel.volumes().create(&carla, named("data", 64)).await.expect("hers");
        let clash = edge.panel.account_remove(root, anna.account.id, GuestsLeft::Give("carla".into())).await;
        assert!(said(clash).contains("a volume data already"));
        let hers = volume_list_of(&fresh.db, carla.account.id).await.expect("a list")[0].id;
        panel.volumes().remove(&carla, hers).await.expect("hers");
        edge.panel.account_remove(root, anna.account.id, GuestsLeft::Give("carla".into())).await.expect("possible");
        let there = panel.volumes().fetch(&carla, data).await.expect("hers now");
        assert_eq!((there.owner, there.attached.len()), (carla.account.id, 1));
        assert_eq!(used(&fresh.db, carla.account.id).await, 64 + 256);

        // And with its owner it goes for good.
        edge.panel.account_remove(root, carla.account.id, GuestsLeft::Delete).await.expect("possible");
        panel
            .eventually("the volume and then the account are gone", async |panel| {
                panel.volumes().look_after().await.expect("a read");
                account_fetch(&fresh.db, carla.account.id).await.expect("a read").is_none()
            })
            .await;
        assert_eq!((volume_fetch(&fresh.db, data).await.expect("a read"), panel.host.volume(data)), (None, None));
        assert_eq!(books::wrong(&fresh.db).await.expect("a read"), Vec::<String>::new());
    }

    async fn a_group_has_volumes_that_its_managers_give_to_its_guests(fresh) {
        let edge = Edge::start(&fresh.db).await;
        let (panel, root) = (&edge.panel, &edge.root);
        let group = panel.group_create(root, GroupDraft { name: "Shop".into(), kind: "team".into() }).await;
        let group = group.expect("a new group").id;
        let (mia, max) =
            (account(&fresh.db, "mia", Role::User).await, account(&fresh.db, "max", Role::User).await);
        for (name, role) in [("mia", "manager"), ("max", "member")] {
            let draft = MemberDraft { name: name.into(), role: role.into() };
            panel.member_put(root, group, draft).await.expect("there is such an account");
        }
        let draft = VolumeDraft { group: Some(group), ..named("shared", 64) };
        assert!(matches!(panel.volume_create(&max, draft.clone()).await, Err(AppError::Invalid(_))));
        let made = panel.volume_create(&mia, draft).await.expect("hers to make");
        assert_eq!((made.owner, used(&fresh.db, group.as_owner()).await), (group.as_owner(), 64));
        assert!(panel.volume_fetch(&max, made.id).await.is_ok(), "its members see it");
        assert!(matches!(panel.volume_remove(&max, made.id).await, Err(AppError::Forbidden { .. })));
        assert!(said(panel.group_remove(root, group).await).contains("shared"));
        panel.volume_remove(&mia, made.id).await.expect("hers to remove");
        panel.group_remove(root, group).await.expect("nothing is its own");
    }
}

/// Through the panel, the agent, the shim and a real kernel.
#[tokio::test(flavor = "multi_thread")]
async fn a_real_guest_is_given_a_volume_while_it_runs_although_the_panel_is_killed() {
    let machine = Machine::start();
    let (panel, client) = first_life(&machine).await;
    let form = client.guest_form_ready(TAKES).await.expect("an image is made");
    let guest =
        client.guest_create(&GuestDraft { disk_mib: 64, ..form.suggested() }).await.expect("a good draft").guest;
    let volume = client.volume_create("data", 64, None).await.expect("there is room").id;
    let mut console = client.console_from(guest, 0).await.expect("it comes");
    console.until("# ", TAKES).await.expect("a prompt");
    let there = client.volume_attach(guest, volume, VolumeAccess::ReadWrite).await.expect("nobody has it");
    assert!(there.attached[0].is_there, "{there:?}");
    let said = async |console: &mut Console, line: &str| {
        console.type_line(&format!("{line}; echo e\"\"nd=$?")).await.expect("ours is the keyboard");
        console.until("end=0", TAKES).await.expect("it does that")
    };
    said(&mut console, "mke2fs /dev/ubdc && mount /dev/ubdc /mnt && echo carried >/mnt/file && sync").await;
    let held = client.volume_detach(guest, volume).await.expect_err("it is mounted");
    assert!(held.to_string().contains("unmount it"), "{held}");
    drop(console);

    let (panel, client) = killed_and_back(&machine, panel).await;
    // What was said before is not an answer.
    let end = client.console_log(guest, 0).await.expect("it is kept").end;
    let mut console = client.console_from(guest, end).await.expect("it runs");
    console.take_keyboard().await.expect("ours");
    said(&mut console, "cat /mnt/file && umount /mnt").await;
    client.volume_detach(guest, volume).await.expect("it is unmounted");
    assert!(client.volume_fetch(volume).await.expect("there").attached.is_empty());
    client.volume_attach(guest, volume, VolumeAccess::ReadOnly).await.expect("nobody has it");
    drop(console);
    // The next start has it as well.
    let end = client.console_log(guest, 0).await.expect("it is kept").end;
    let restart = client.guest_act(guest, Action::Restart).await.expect("it runs").expect("an operation");
    client.operation_over(restart, TAKES).await.expect("it is over");
    let mut console = client.console_from(guest, end).await.expect("it comes");
    console.until("# ", TAKES).await.expect("a prompt");
    console.take_keyboard().await.expect("ours");
    said(&mut console, "mount -o ro /dev/ubdc /mnt && grep carried /mnt/file").await;
    drop(console);
    let purge = client.guest_act(guest, Action::Purge).await.expect("always").expect("an operation");
    client.operation_over(purge, TAKES).await.expect("it is over");
    client.volume_remove(volume).await.expect("nobody has it");
    assert_eq!(machine.dump(), Vec::<String>::new());
    drop(panel);
}
