//! Sessions, and tokens alike, that somebody holds a connection with, and word of their end: pushed when this panel ends
//! one, asked for every [`LOOK`] since another panel or `umbel admin` may have.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::clock::{Clock, HOUR};
use crate::error::chain;
use crate::store::Db;
use crate::store::StoreError;
use crate::store::sessions::{session_list_live, session_purge};
use crate::store::tokens::token_list_live;

/// How often the database is asked for sessions that have ended elsewhere.
const LOOK: Duration = Duration::from_millis(700);
/// How often expired sessions are forgotten, in µs.
const PURGE: i64 = HOUR;

#[derive(Debug)]
struct Watched {
    over: CancellationToken,
    watchers: usize,
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
    pub(super) fn over(&self, session: &str) -> impl Future<Output = ()> + Send + 'static + use<> {
        let mut watched = self.watched();
        let entry = watched
            .entry(session.to_owned())
            .or_insert_with(|| Watched { over: CancellationToken::new(), watchers: 0 });
        entry.watchers += 1;
        let watch = Watch { live: self.clone(), session: session.to_owned(), over: entry.over.clone() };
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
/// nobody's connection is cut, since nobody can have been disabled in it.
pub(super) async fn keep(live: Live, db: Db, clock: Clock) {
    let mut purge_at = i64::MIN;
    loop {
        if clock.now() >= purge_at {
            match session_purge(&db, clock.now()).await {
                Ok(_) => purge_at = clock.now() + PURGE,
                Err(error) => tracing::warn!(cause = chain(&error), "expired sessions were not purged"),
            }
        }
        // Taken before the database is asked: a session that is made meanwhile is no stranger to it.
        let held = live.sessions();
        if !held.is_empty() {
            match living(&db, clock.now()).await {
                Ok(list) => {
                    live.end(held.iter().filter(|session| !list.contains(*session)).map(String::as_str));
                }
                Err(error) => tracing::warn!(cause = chain(&error), "live sessions could not be looked at"),
            }
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Sessions and tokens that let somebody in.
async fn living(db: &Db, now: i64) -> Result<HashSet<String>, StoreError> {
    let mut living = session_list_live(db, now).await?;
    living.extend(token_list_live(db, now).await?);
    Ok(living.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn everybody_who_watches_a_session_learns_of_its_end() {
        let live = Live::default();
        let (one, two, other) = (live.over("a"), live.over("a"), live.over("b"));
        live.end(["a", "unknown"]);
        one.await;
        two.await;
        assert!(futures::FutureExt::now_or_never(other).is_none(), "b goes on");
    }

    #[tokio::test]
    async fn whoever_stops_watching_leaves_nothing_behind() {
        let live = Live::default();
        let (one, two) = (live.over("a"), live.over("a"));
        drop(one);
        assert_eq!(live.sessions(), ["a"]);
        drop(two);
        assert!(live.sessions().is_empty());
    }
}
