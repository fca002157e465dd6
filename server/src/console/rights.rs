//! Whether a reader may go on reading, and whether it may type: asked again whenever something about its guest
//! or about the rights of its caller has changed.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};
use umbel_app::AppError;
use umbel_app::backend::Caller;
use umbel_app::shown::Topic;
use umbel_guest::console::Closed;
use umbel_guest::state::Badge;
use umbel_guest::{Denied, GuestId, GuestRight};

use crate::events::Listener;
use crate::panel::Panel;
use crate::store::guests::guest_fetch;

/// Another panel on the same database changes things without a word to us.
const SHARED: Duration = Duration::from_secs(1);
/// Alone, every change is told; this is for what nobody thought of.
const ALONE: Duration = Duration::from_secs(30);

/// What a reader is told as it changes.
#[derive(Debug)]
pub struct Standing {
    /// How the guest stands.
    pub badge: watch::Sender<Badge>,
    /// Whether this reader may type.
    pub typing: watch::Sender<Result<(), Denied>>,
}

/// Tells how things stand; ends when the caller may not read any more, with the reason.
pub async fn watch(
    panel: &Panel,
    mut caller: Caller,
    guest: GuestId,
    mut listener: Listener,
    standing: &Standing,
) -> Closed {
    let mut again = interval(if panel.store.is_shared() { SHARED } else { ALONE });
    again.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            told = listener.next() => match told.topic {
                Topic::Guest(id) if id == guest => {}
                Topic::Rights(account) if account == caller.account.id => {}
                Topic::Everything => {}
                _ => continue,
            },
            _ = again.tick() => {}
        }
        let found = match panel.accounts.again(&caller).await {
            Ok(Some(fresh)) => {
                caller = fresh;
                panel.guests.found(&caller, guest).await
            }
            Ok(None) => return Closed::RightsChanged,
            Err(error) => Err(error),
        };
        match found {
            Ok((_, access)) if access.may(GuestRight::ReadConsole).is_err() => return Closed::RightsChanged,
            Ok((row, access)) => {
                let (badge, typing) = (Badge::of(&row.wanted, &row.seen), access.may(GuestRight::TypeConsole));
                standing.badge.send_if_modified(|old| std::mem::replace(old, badge) != badge);
                standing.typing.send_if_modified(|old| std::mem::replace(old, typing) != typing);
            }
            Err(AppError::NotFound { .. }) => {
                let gone = matches!(guest_fetch(&panel.store, guest).await, Ok(None));
                return if gone { Closed::Purged } else { Closed::RightsChanged };
            }
            // The database is away for a moment; rights are what they were.
            Err(error) => tracing::warn!(%error, %guest, "a reader's rights could not be looked at"),
        }
    }
}
