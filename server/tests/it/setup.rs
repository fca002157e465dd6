//! What guests are told once: checked, handed to the host, and kept nowhere here.

use umbel_app::AppError;
use umbel_app::shown::{KeyDraft, Role};
use umbel_guest::quota::{Kind, Said};
use umbel_guest::setup::Identity;
use umbel_guest::{Action, DiskKind, GuestDraft, GuestId, Setup, SetupDraft, SetupSeen};
use umbel_server::store::quotas::quota_set_own;
use umbel_wire::agent::Refusal;

use crate::backup::taken;
use crate::harness::db::both;
use crate::harness::edge::Edge;
use crate::harness::panel::{TestPanel, draft};

const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINRNnxlle6LQqFTuDPLtSYlitefryp0NO0K3AJ210Qog anna@laptop";
const OTHER: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ other";

/// For a host that takes whatever it is.
pub(crate) fn nothing() -> Setup {
    Setup {
        id: uuid::Uuid::nil(),
        name: "web".parse().expect("a name"),
        user: "root".parse().expect("a user"),
        password: None,
        keys: Vec::new(),
        user_data: String::new().parse().expect("nothing"),
        identity: Identity::Own,
    }
}

fn asked() -> SetupDraft {
    SetupDraft {
        user: "anna".into(),
        password: "correct horse".into(),
        account_keys: false,
        ssh_keys: KEY.into(),
        user_data: "#!/bin/sh\necho battery staple\n".into(),
    }
}

fn with(setup: SetupDraft) -> GuestDraft {
    GuestDraft { setup, ..draft("web") }
}

async fn seen(panel: &TestPanel, guest: GuestId) -> Option<SetupSeen> {
    panel.guests.fetch(&panel.anna, guest).await.expect("hers").setup
}

fn fields(error: AppError) -> Vec<String> {
    match error {
        AppError::Invalid(wrong) => wrong.0.into_iter().map(|error| error.field).collect(),
        other => panic!("{other:?}"),
    }
}

both! {
    async fn a_guest_is_told_once_and_the_panel_keeps_nothing_of_it(fresh) {
        let edge = Edge::start(&fresh.db).await;
        let (panel, anna) = (&edge.test, edge.signed_in("anna").await);
        let created = anna.guest_create(&with(asked())).await.expect("a good draft");
        panel.over(created.operation).await;
        let told = panel.host.setup(created.guest).expect("the host has it");
        assert_eq!((told.user.as_str(), told.keys.len(), told.name.as_str()), ("anna", 1, "web"));
        assert!(told.password.is_some_and(|hash| hash.as_str().starts_with("$6$")), "no password goes to the host");
        assert_eq!(seen(panel, created.guest).await, Some(SetupSeen::Waits));
        panel.host.say(created.guest, "umbel-setup: done");
        panel.eventually("it is done", async |panel| matches!(seen(panel, created.guest).await, Some(SetupSeen::Done { .. }))).await;
        assert!(panel.host.setup(created.guest).is_none());
        let directory = tempfile::tempdir().expect("a directory");
        let kept = taken(&fresh.db, directory.path()).await;
        assert!(kept.contains("web"), "it is all of it");
        for secret in ["horse", "staple", "$6$"] {
            assert!(!kept.contains(secret), "{secret} is kept");
        }
    }

    async fn every_wrong_field_is_named_and_nothing_stays_of_what_was_refused(fresh) {
        let panel = TestPanel::start(&fresh.db).await;
        let wrong = SetupDraft {
            user: "Anna".into(),
            password: "short".into(),
            account_keys: false,
            ssh_keys: "ssh-dss AAAA".into(),
            user_data: "reboot".into(),
        };
        let bad = GuestDraft { memory_mib: 1_000_000, ..with(wrong) };
        let refused = panel.guests.create(&panel.anna, bad).await.expect_err("all of it");
        assert_eq!(fields(refused), ["memory_mib", "user", "password", "ssh_keys", "user_data"]);
        let none = SetupDraft { account_keys: true, ..SetupDraft::default() };
        assert_eq!(fields(panel.guests.create(&panel.anna, with(none)).await.expect_err("she has none")), ["account_keys"]);
        let host = GuestDraft { image: "host".into(), disk_kind: DiskKind::Memory, ..with(asked()) };
        assert_eq!(fields(panel.guests.create(&panel.anna, host).await.expect_err("it is read-only")), ["user"]);

        panel.made("web").await;
        assert_eq!(fields(panel.guests.create(&panel.anna, with(asked())).await.expect_err("taken")), ["name"]);
        quota_set_own(&fresh.db, panel.anna.account.id, Kind::Guests, Some(Said::AtMost(1))).await.expect("a write");
        let more = GuestDraft { name: "db".into(), ..with(asked()) };
        assert!(panel.guests.create(&panel.anna, more.clone()).await.is_err(), "one is all she may have");
        panel.host.fail_next("setup_put", Refusal::NoDisk);
        assert!(panel.guests.create(&panel.anna, more).await.is_err(), "the host refuses");
        assert_eq!(panel.host.setups(), 0);
    }

    async fn one_that_is_off_is_told_anew(fresh) {
        let panel = TestPanel::start(&fresh.db).await;
        let guest = panel.made("web").await;
        let set_up = async |setup| panel.guests.set_up(&panel.anna, guest, setup).await;
        assert_eq!(set_up(asked()).await.expect_err("it runs").status(), 409);
        let kill = panel.guests.act(&panel.anna, guest, Action::Kill).await.expect("it runs").expect("an operation");
        panel.over(kill).await;
        assert_eq!(fields(set_up(SetupDraft::default()).await.expect_err("nothing is said")), ["user"]);
        set_up(asked()).await.expect("it is off");
        let first = panel.host.setup(guest).expect("the host has it").id;
        set_up(SetupDraft { user: String::new(), ..asked() }).await.expect("it is off");
        let told = panel.host.setup(guest).expect("the host has it");
        assert_eq!(told.user.as_str(), "root", "the image's own");
        assert_ne!(told.id, first, "cloud-init does it again");
        let purge = panel.guests.act(&panel.anna, guest, Action::Purge).await.expect("always").expect("an operation");
        panel.over(purge).await;
        assert_eq!(panel.host.setups(), 0);
    }

    async fn keys_of_an_account_are_let_in_where_that_is_ticked(fresh) {
        let edge = Edge::start(&fresh.db).await;
        let (panel, anna) = (&edge.test, edge.signed_in("anna").await);
        let added = anna.key_add(KEY).await.expect("a key");
        assert_eq!((added.name.as_str(), added.kind.as_str()), ("anna@laptop", "ssh-ed25519"));
        for (key, why) in [(KEY, "already"), (&KEY[..60], "whole"), ("ssh-rsa", "public key is a line")] {
            let refused = anna.key_add(key).await.expect_err("no good").to_string();
            assert!(refused.contains(why), "{refused}");
        }
        anna.key_add(OTHER).await.expect("a key");
        let root = crate::harness::panel::account(&fresh.db, "ruth", Role::User).await;
        assert!(panel.guests.form(&root).await.expect("a form").keys.is_empty(), "they are anna's");
        assert_eq!(panel.guests.form(&panel.anna).await.expect("a form").keys, ["anna@laptop", "other"]);

        let setup = SetupDraft { account_keys: true, ssh_keys: KEY.into(), ..SetupDraft::default() };
        let created = anna.guest_create(&with(setup)).await.expect("a good draft");
        let told = panel.host.setup(created.guest).expect("the host has it");
        assert_eq!(told.keys.iter().map(|key| key.as_str()).collect::<Vec<_>>(), [KEY, OTHER], "each once");
        anna.key_remove(added.id).await.expect("hers");
        assert_eq!(anna.key_list().await.expect("a list").len(), 1);
        assert_eq!(anna.key_remove(added.id).await.expect_err("gone").status().map(|s| s.as_u16()), Some(404));
        let many = (0..40).map(|number| KeyDraft { name: number.to_string(), key: key_of(number) });
        let mut refused = 0;
        for draft in many {
            refused += i32::from(edge.panel.accounts.key_add(&panel.anna, draft).await.is_err());
        }
        assert_eq!(refused, 9, "32 are all");
    }
}

/// One that is whole, whoever has its other half.
fn key_of(number: u8) -> String {
    use base64::Engine as _;
    let mut blob = b"\0\0\0\x0bssh-ed25519\0\0\0\x20".to_vec();
    blob.extend([number; 32]);
    format!("ssh-ed25519 {}", base64::engine::general_purpose::STANDARD.encode(blob))
}
