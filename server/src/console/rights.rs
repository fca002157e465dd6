//! Whether a reader may go on reading, asked again whenever something about its guest has changed.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};
use umbel_app::AppError;
use umbel_app::backend::Caller;
use umbel_app::shown::Topic;
use umbel_guest::GuestId;
use umbel_guest::console::Closed;
use umbel_guest::state::Badge;

use crate::events::Listener;
use crate::panel::Panel;
use crate::store::guests::guest_fetch;

/// Another panel on the same database changes things without a word to us.
const SHARED: Duration = Duration::from_secs(1);
/// Alone, every change is told; this is for what nobody thought of.
const ALONE: Duration = Duration::from_secs(30);

/// Tells `badges` how the guest stands; ends when the caller may not see it any more, with the reason.
pub async fn watch(
    panel: &Panel,
    caller: &Caller,
    guest: GuestId,
    mut listener: Listener,
    badges: &watch::Sender<Badge>,
) -> Closed {
    let mut again = interval(if panel.store.is_shared() { SHARED } else { ALONE });
    again.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            topic = listener.next() => match topic {
                Some(Topic::Guest(id)) if id == guest => {}
                Some(Topic::Everything) => {}
                Some(_) => continue,
                None => return Closed::Draining,
            },
            _ = again.tick() => {}
        }
        match panel.guests.visible(caller, guest).await {
            Ok(row) => {
                let badge = Badge::of(&row.wanted, &row.seen);
                badges.send_if_modified(|old| std::mem::replace(old, badge) != badge);
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
