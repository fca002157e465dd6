//! Sessions, and tokens alike, that somebody holds a connection with, and word of their end and of changed rights:
//! pushed when this panel did it, asked for every [`LOOK`] since another panel or `umbel admin` may have.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use umbel_app::backend::Caller;
use umbel_app::shown::Topic;
use umbel_guest::AccountId;

use crate::clock::{Clock, DAY, HOUR};
use crate::error::chain;
use crate::events::Events;
use crate::store::Db;
use crate::store::StoreError;
use crate::store::accounts::account_purge_waiting;
use crate::store::idempotency::idempotency_purge;
use crate::store::invitations::invitation_purge;
use crate::store::sessions::{session_list_live, session_purge};
use crate::store::tokens::token_list_live;

/// How often the database is asked for sessions that have ended elsewhere.
const LOOK: Duration = Duration::from_millis(700);
/// How often expired sessions are forgotten, in µs.
const PURGE: i64 = HOUR;
/// µs for which an invitation that is over is still told of.
const INVITATION: i64 = 30 * DAY;
/// µs for which an account that somebody made waits for an administrator.
const WAITING: i64 = 30 * DAY;

#[derive(Debug)]
struct Watched {
    over: CancellationToken,
    watchers: usize,
    account: AccountId,
    /// As the watchers know it; the oldest of them.
    rights: i64,
}

/// Watched sessions by their hash. Clones share them.
#[derive(Clone, Debug, Default)]
pub(super) struct Live {
    watched: Arc<Mutex<HashMap<String, Watched>>>,
}

/// Stops watching when it is dropped.
struct Watch {
    live: Live,
    session: String,
    over: CancellationToken,
}

impl Live {
    fn watched(&self) -> MutexGuard<'_, HashMap<String, Watched>> {
        // Nothing in here is left half done by a panic.
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Watches from now on, and not only once it is polled.
    pub(super) fn over(&self, caller: &Caller) -> impl Future<Output = ()> + Send + 'static + use<> {
        let mut watched = self.watched();
        let (session, account, rights) = (caller.session.clone(), caller.account.id, caller.rights);
        let new = || Watched { over: CancellationToken::new(), watchers: 0, account, rights };
        let entry = watched.entry(session.clone()).or_insert_with(new);
        entry.watchers += 1;
        entry.rights = entry.rights.min(rights);
        let watch = Watch { live: self.clone(), session, over: entry.over.clone() };
        async move { watch.over.cancelled().await }
    }

    /// Tells everybody who watches one of them.
    pub(super) fn end<'a>(&self, sessions: impl IntoIterator<Item = &'a str>) {
        let mut watched = self.watched();
        for session in sessions {
            if let Some(ended) = watched.remove(session) {
                ended.over.cancel();
            }
        }
    }

    /// Accounts of watched sessions whose rights are newer than their watchers know; they are told by
    /// whoever asks.
    fn outdated(&self, rights: &HashMap<String, i64>) -> HashSet<AccountId> {
        let mut accounts = HashSet::new();
        for (session, watched) in self.watched().iter_mut() {
            if let Some(&now) = rights.get(session).filter(|now| **now > watched.rights) {
                watched.rights = now;
                accounts.insert(watched.account);
            }
        }
        accounts
    }

    fn sessions(&self) -> Vec<String> {
        self.watched().keys().cloned().collect()
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let mut watched = self.live.watched();
        // One that has ended was taken out then; what stands there now is somebody else's.
        if !self.over.is_cancelled()
            && let Some(entry) = watched.get_mut(&self.session)
        {
            entry.watchers -= 1;
            if entry.watchers == 0 {
                watched.remove(&self.session);
            }
        }
    }
}

/// Looks and purges for as long as it is polled. A database that is away is asked again; meanwhile
/// nobody's connection is cut, since nobody can have been suspended in it.
pub(super) async fn keep(live: Live, db: Db, clock: Clock, events: Events) {
    let mut purge_at = i64::MIN;
    loop {
        if clock.now() >= purge_at {
            let purged = async {
                session_purge(&db, clock.now()).await?;
                invitation_purge(&db, clock.now() - INVITATION).await?;
                let waited = account_purge_waiting(&db, clock.now() - WAITING).await?;
                if waited > 0 {
                    tracing::info!(waited, "accounts that nobody approved were removed");
                    events.publish(Topic::People);
                }
                idempotency_purge(&db, clock.now() - DAY).await
            };
            match purged.await {
                Ok(_) => purge_at = clock.now() + PURGE,
                Err(error) => {
                    tracing::warn!(
                        cause = chain(&error),
                        "expired sessions, invitations, keys and waiting accounts were not purged"
                    )
                }
            }
        }
        // Taken before the database is asked: a session that is made meanwhile is no stranger to it.
        let held = live.sessions();
        if !held.is_empty() {
            match living(&db, clock.now()).await {
                Ok(list) => {
                    live.end(held.iter().filter(|session| !list.contains_key(*session)).map(String::as_str));
                    for account in live.outdated(&list) {
                        events.publish(Topic::Rights(account));
                    }
                }
                Err(error) => tracing::warn!(cause = chain(&error), "live sessions could not be looked at"),
            }
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Sessions and tokens that let somebody in, each with how often what its account may do has changed.
async fn living(db: &Db, now: i64) -> Result<HashMap<String, i64>, StoreError> {
    let mut living = session_list_live(db, now).await?;
    living.extend(token_list_live(db, now).await?);
    Ok(living.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use umbel_app::backend::{Came, Expects};
    use umbel_app::proof::Proof;
    use umbel_app::shown::{AccountShown, AccountState, Role};

    use super::*;

    fn caller(session: &str, rights: i64) -> Caller {
        let account = AccountShown {
            id: AccountId(uuid::Uuid::nil()),
            name: "anna".into(),
            role: Role::User,
            state: AccountState::Active,
            expires_at: None,
            created_at: 0,
            last_sign_in_at: None,
            second_factor: false,
            linked: false,
        };
        Caller {
            account,
            session: session.into(),
            came: Came::default(),
            proof: Proof::OfProgram,
            rights,
            expects: Expects::Anything,
            bound: None,
        }
    }

    #[tokio::test]
    async fn everybody_who_watches_a_session_learns_of_its_end() {
        let live = Live::default();
        let (one, two, other) = (live.over(&caller("a", 0)), live.over(&caller("a", 0)), live.over(&caller("b", 0)));
        live.end(["a", "unknown"]);
        one.await;
        two.await;
        assert!(futures::FutureExt::now_or_never(other).is_none(), "b goes on");
    }

    #[tokio::test]
    async fn the_oldest_watcher_is_told_of_changed_rights_once() {
        let live = Live::default();
        let _held = (live.over(&caller("a", 3)), live.over(&caller("a", 2)), live.over(&caller("b", 3)));
        let now: HashMap<String, i64> = ["a", "b"].map(|session| (session.to_owned(), 3)).into();
        assert_eq!(live.outdated(&now).len(), 1);
        assert!(live.outdated(&now).is_empty());
    }

    #[tokio::test]
    async fn whoever_stops_watching_leaves_nothing_behind() {
        let live = Live::default();
        let (one, two) = (live.over(&caller("a", 0)), live.over(&caller("a", 0)));
        drop(one);
        assert_eq!(live.sessions(), ["a"]);
        drop(two);
        assert!(live.sessions().is_empty());
    }
}
