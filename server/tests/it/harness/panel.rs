//! Guests on a simulated host, with the tasks that the panel runs, on a fresh database.

use std::path::PathBuf;
use std::time::Duration;

use umbel_app::backend::{Caller, Came, Expects};
use umbel_app::proof::Proof;
use umbel_app::shown::{AccountShown, AccountState, OperationFilter, OperationShown, Role};
use umbel_guest::quota::{Kind, Said};
use umbel_guest::{AccountId, GuestDraft, GuestId, OperationId};
use umbel_server::clock::{Clock, HOUR, SECOND};
use umbel_server::events::Events;
use umbel_server::guests::{Guests, Running};
use umbel_server::host::Simulated;
use umbel_server::operations::Drill;
use umbel_server::parts::{Parts, Patience};
use umbel_server::quotas::books;
use umbel_server::store::accounts::{Account, Standing, account_insert};
use umbel_server::store::operation_pages::{Sought, operation_page};
use umbel_server::store::operations::Operation;
use umbel_server::store::quotas::quota_set_own;
use umbel_server::store::{Db, guests, images, kernels, networks};
use umbel_server::vault::Vault;
use umbel_server::vault::shelf::Where;
use umbel_server::vault::store::Place;
use umbel_wire::Layout;
use uuid::Uuid;

/// A panel without its http edge. Dropped, its tasks end, as if it was killed.
pub(crate) struct TestPanel {
    pub(crate) guests: Guests,
    pub(crate) host: Simulated,
    pub(crate) anna: Caller,
    _running: Running,
}

pub(crate) async fn account(db: &Db, name: &str, role: Role) -> Caller {
    let account = Account {
        id: AccountId(Uuid::now_v7()),
        name: name.parse().expect("a name"),
        role,
        standing: Standing::Active,
        expires_at: None,
        must_change_password: false,
        created_at: 1,
        last_sign_in_at: None,
        second_factor: false,
        linked: false,
        rights: 0,
    };
    account_insert(db, &account, "hash").await.expect("a new account");
    let account = AccountShown {
        id: account.id,
        name: name.into(),
        role,
        state: AccountState::Active,
        expires_at: None,
        created_at: 1,
        last_sign_in_at: None,
        second_factor: false,
        linked: false,
    };
    Caller {
        account,
        session: "s".into(),
        came: Came::default(),
        proof: Proof::OfProgram,
        rights: 0,
        expects: Expects::Anything,
        bound: None,
    }
}

/// For crowds that the quota of a user has no room for.
pub(crate) async fn lift_limits(db: &Db, who: &Caller) {
    for kind in Kind::ALL {
        quota_set_own(db, who.account.id, kind, Some(Said::NoLimit)).await.expect("a write");
    }
}

/// The newest operations first.
pub(crate) async fn operations(db: &Db) -> Vec<Operation> {
    operation_page(db, &Sought::default(), 200).await.expect("a page")
}

/// Operations about a guest.
pub(crate) fn about(guest: GuestId) -> OperationFilter {
    OperationFilter { guest: guest.to_string(), ..OperationFilter::default() }
}

pub(crate) fn draft(name: &str) -> GuestDraft {
    GuestDraft {
        name: name.into(),
        image: "tiny-5".into(),
        kernel: "debian-6.1".into(),
        memory_mib: 64,
        disk_mib: 256,
        ..GuestDraft::default()
    }
}

impl TestPanel {
    /// With the real clock, little patience, and its tasks running.
    pub(crate) async fn start(db: &Db) -> Self {
        let anna = account(db, "anna", Role::User).await;
        Self::again(db, Simulated::new(Clock::System), anna, Drill::default()).await
    }

    /// The same with a place for rings and shims' sockets; and one for backups of guests, if `backups` is there.
    pub(crate) async fn start_in(db: &Db, layout: Option<Layout>) -> Self {
        let anna = account(db, "anna", Role::User).await;
        let backups = layout.as_ref().map(|layout| layout.data().join("backups")).filter(|place| place.is_dir());
        Self::keeping(db, Simulated::new(Clock::System), anna, Drill::default(), layout, backups).await
    }

    /// Another life of the panel on the same database and host.
    pub(crate) async fn again(db: &Db, host: Simulated, anna: Caller, drill: Drill) -> Self {
        Self::begin(db, host, anna, drill, None).await
    }

    pub(crate) async fn begin(db: &Db, host: Simulated, anna: Caller, drill: Drill, layout: Option<Layout>) -> Self {
        Self::keeping(db, host, anna, drill, layout, None).await
    }

    /// The same with a place for backups of guests.
    pub(crate) async fn keeping(
        db: &Db,
        host: Simulated,
        anna: Caller,
        drill: Drill,
        layout: Option<Layout>,
        backups: Option<PathBuf>,
    ) -> Self {
        let patience = Patience { shut_down: SECOND / 5, boot: 2 * SECOND, undelete: HOUR };
        let host_of = std::sync::Arc::new(host.clone());
        if let Some(layout) = &layout {
            host.share_uploads(layout.clone());
        }
        let parts = Parts::new(db.clone(), Events::default(), host_of, Clock::System, patience, layout);
        let mut parts = parts.await.expect("an open database");
        parts.vault = backups.map(|place| {
            let (at, key) = (Where::Directory(place.join("vault")), place.join("backup.key"));
            Vault::new(Place { at, key, owner: parts.host.to_string() })
        });
        let mut guests = Guests::new(parts);
        guests.operations = guests.operations.with_drill(drill);
        let running = guests.run().await.expect("an open database");
        let panel = Self { guests, host, anna, _running: running };
        panel
            .eventually("the agent is heard or away", async |panel| {
                panel.guests.parts.link.heard().is_here() || panel.host.is_away()
            })
            .await;
        panel
    }

    pub(crate) async fn eventually(&self, what: &str, done: impl AsyncFn(&Self) -> bool) {
        for _ in 0..400 {
            if done(self).await {
                return;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        let list = operations(&self.guests.parts.db).await;
        panic!("not within 10 s: {what}; {:?}; {list:#?}", guests::guest_list(&self.guests.parts.db).await);
    }

    /// Waits until the operation is over.
    pub(crate) async fn over(&self, id: OperationId) -> OperationShown {
        self.eventually("the operation is over", async |panel| {
            panel.guests.operation_fetch(&panel.anna, id).await.expect("ours").state.is_over()
        })
        .await;
        self.guests.operation_fetch(&self.anna, id).await.expect("ours")
    }

    pub(crate) async fn row(&self, guest: GuestId) -> Option<guests::Guest> {
        guests::guest_fetch(&self.guests.parts.db, guest).await.expect("a read")
    }

    pub(crate) fn volumes(&self) -> umbel_server::volumes::Volumes {
        umbel_server::volumes::Volumes::new(self.guests.clone())
    }

    pub(crate) fn networks(&self) -> umbel_server::networks::Networks {
        umbel_server::networks::Networks::new(self.guests.clone())
    }

    pub(crate) fn uploads(&self) -> umbel_server::uploads::Uploads {
        umbel_server::uploads::Uploads::new(self.guests.parts.clone())
    }

    pub(crate) fn images(&self) -> umbel_server::images::Images {
        umbel_server::images::Images::new(self.guests.clone(), self.uploads())
    }

    pub(crate) fn kernels(&self) -> umbel_server::kernels::Kernels {
        umbel_server::kernels::Kernels::new(self.guests.clone(), self.uploads())
    }

    /// A guest that runs.
    pub(crate) async fn made(&self, name: &str) -> GuestId {
        let made = self.guests.create(&self.anna, draft(name)).await.expect("a good draft");
        self.over(made.operation).await;
        made.guest
    }

    /// Everything about guests that is left in database and host, operations and numbers of
    /// generations apart.
    pub(crate) async fn dump(&self) -> String {
        let rows = guests::guest_list(&self.guests.parts.db).await.expect("a list");
        let rows: Vec<String> = rows
            .iter()
            .map(|g| {
                format!("{} {:?} disk_ready={} {:?} alive={}", g.id, g.spec, g.disk_ready, g.wanted, g.seen.is_alive())
            })
            .collect();
        let (db, host) = (&self.guests.parts.db, self.guests.parts.host);
        let wrong = books::wrong(db).await.expect("a read");
        assert_eq!(wrong, Vec::<String>::new(), "reservations are what exists");
        let networks = networks::network_list(db, host).await.expect("a list").len();
        let kernels = kernels::kernel_list(db, host).await.expect("a list").len();
        let images = images::image_list(db, host).await.expect("a list");
        format!("{}\n{}networks {networks} kernels {kernels} images {images:?}", rows.join("\n"), self.host.dump())
    }
}
