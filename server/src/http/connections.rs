//! Connections that stay open: WebSockets of pages and consoles, streams of events. Each holds a descriptor or
//! three, so they are counted, all together and those of one account.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use umbel_app::AppError;
use umbel_guest::AccountId;

/// At once.
const MOST: usize = 1024;
/// Of one account: a wall of consoles, and programs beside it.
const MOST_OF_ONE: usize = 128;

/// Clones count the same ones.
#[derive(Clone, Debug)]
pub struct Connections {
    free: Arc<Semaphore>,
    of: Arc<Mutex<HashMap<AccountId, usize>>>,
}

/// One that is open for as long as this lives.
#[derive(Debug)]
pub struct Connection {
    account: AccountId,
    all: Connections,
    _slot: OwnedSemaphorePermit,
}

impl Default for Connections {
    fn default() -> Self {
        Self { free: Arc::new(Semaphore::new(MOST)), of: Arc::default() }
    }
}

impl Connections {
    pub fn open(&self, account: AccountId) -> Result<Connection, AppError> {
        let full = |message: String| AppError::Unavailable { message };
        let slot = self
            .free
            .clone()
            .try_acquire_owned()
            .map_err(|_| full("Too many pages are open. Close some, or try again in a moment.".into()))?;
        let mut of = self.of();
        let open = of.entry(account).or_default();
        if *open >= MOST_OF_ONE {
            let message =
                format!("Your account has {MOST_OF_ONE} pages, consoles and event streams open. Close some first.");
            return Err(full(message));
        }
        *open += 1;
        Ok(Connection { account, all: self.clone(), _slot: slot })
    }

    pub fn opened(&self) -> usize {
        MOST.saturating_sub(self.free.available_permits())
    }

    /// Until none is open.
    pub async fn over(&self) {
        let _ = self.free.acquire_many(u32::try_from(MOST).unwrap_or(u32::MAX)).await;
    }

    fn of(&self) -> MutexGuard<'_, HashMap<AccountId, usize>> {
        // Nothing in here is left half done by a panic.
        self.of.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        let mut of = self.all.of();
        if let Some(open) = of.get_mut(&self.account) {
            *open -= 1;
            if *open == 0 {
                of.remove(&self.account);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn one_account_leaves_room_for_the_others() {
        let connections = Connections::default();
        let account = |number| AccountId(Uuid::from_u128(number));
        let open: Vec<Connection> = (0..MOST_OF_ONE).map(|_| connections.open(account(1)).expect("room")).collect();
        assert_eq!(connections.open(account(1)).expect_err("enough").status(), 503);
        assert_eq!(connections.opened(), MOST_OF_ONE, "a refusal takes none");
        drop(connections.open(account(2)).expect("another's"));
        drop(open);
        assert_eq!(connections.opened(), 0);
        assert!(connections.of().is_empty());
        drop(connections.open(account(1)).expect("room again"));
    }

    #[test]
    fn all_together_are_no_more_than_fit() {
        let connections = Connections::default();
        let open: Vec<Connection> =
            (0..MOST as u128).map(|i| connections.open(AccountId(Uuid::from_u128(i / 8))).expect("room")).collect();
        assert_eq!(connections.open(AccountId(Uuid::from_u128(9999))).expect_err("full").status(), 503);
        drop(open);
    }
}
