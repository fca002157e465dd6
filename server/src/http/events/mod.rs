//! What has changed, as one caller is told it: of the things that they may see, and no others. [`tab`] says it to a
//! page over a WebSocket, [`crate::http::api::events`] to programs.

pub mod tab;

use std::collections::HashMap;
use std::time::Duration;

use umbel_app::AppError;
use umbel_app::backend::Caller;
use umbel_app::live::Moment;
use umbel_app::shown::Topic;
use umbel_guest::{AccountId, GuestId, PanelRight};
use uuid::Uuid;

use crate::events::{Listener, Told, When};
use crate::guests::Reach;
use crate::panel::Panel;
use crate::store::StoreError;
use crate::store::guests::guest_fetch;
use crate::store::operations::operation_fetch;

/// Whoever takes nothing for so long is gone.
pub(super) const PATIENCE: Duration = Duration::from_secs(45);
/// Of how many things owner and guest are remembered before it begins again.
const ABOUT_MOST: usize = 4096;

/// What one caller hears.
pub(super) struct Hearing {
    pub(super) listener: Listener,
    panel: Panel,
    caller: Caller,
    reach: Reach,
    /// Owner and guest of guests and operations that were told of; also after they are gone.
    about: HashMap<Uuid, (AccountId, Option<GuestId>)>,
}

impl Hearing {
    /// From now on, or from that moment on.
    pub(super) async fn begin(panel: &Panel, caller: Caller, since: Option<&Moment>) -> Result<Self, AppError> {
        let listener = match since {
            Some(moment) => panel.events.listen_since(moment),
            None => panel.events.listen(),
        };
        let reach = panel.guests.reach(&caller).await?;
        Ok(Self { listener, panel: panel.clone(), caller, reach, about: HashMap::new() })
    }

    /// What the caller is told of it, if anything.
    pub(super) async fn heard(&mut self, told: Told) -> Option<Topic> {
        let Told { topic, when, .. } = told;
        match topic {
            Topic::Host | Topic::Announcement => Some(topic),
            // Words were missed, one of changed rights perhaps among them.
            Topic::Everything => {
                self.refresh().await;
                Some(topic)
            }
            Topic::Rights(account) if account != self.caller.account.id => None,
            Topic::Rights(_) => (self.refresh().await || when == When::Before).then_some(Topic::Everything),
            Topic::People => self.caller.may(PanelRight::ManagePeople).ok().map(|()| topic),
            Topic::Guest(_) if self.caller.may(PanelRight::SeeAllGuests).is_ok() => Some(topic),
            Topic::Operation(_) if self.caller.may(PanelRight::SeeAllOperations).is_ok() => Some(topic),
            Topic::Guest(_) | Topic::Operation(_) => match self.about(topic).await {
                Ok(Some((owner, guest))) => self.reach.sees(owner, guest).then_some(topic),
                // It is gone, and whose it was is not known any more.
                Ok(None) => (when == When::Before).then_some(Topic::Everything),
                Err(error) => {
                    // Whoever asks again meets the same database.
                    tracing::warn!(%error, "an event's owner could not be looked up");
                    Some(Topic::Everything)
                }
            },
        }
    }

    /// Reads anew what the caller may do, and tells whether that has changed.
    async fn refresh(&mut self) -> bool {
        match self.read_again().await {
            // Gone or suspended: whoever watches the session ends this.
            Ok(None) => false,
            Ok(Some((caller, reach))) => {
                let changed = caller.rights != self.caller.rights;
                (self.caller, self.reach) = (caller, reach);
                changed
            }
            Err(error) => {
                tracing::warn!(%error, "what a listener may see could not be looked at");
                false
            }
        }
    }

    async fn read_again(&self) -> Result<Option<(Caller, Reach)>, AppError> {
        let Some(caller) = self.panel.accounts.again(&self.caller).await? else { return Ok(None) };
        let reach = self.panel.guests.reach(&caller).await?;
        Ok(Some((caller, reach)))
    }

    /// `None` of what was gone before it was ever told of.
    async fn about(&mut self, topic: Topic) -> Result<Option<(AccountId, Option<GuestId>)>, StoreError> {
        let db = &self.panel.store;
        let (id, about) = match topic {
            Topic::Guest(id) => (id.0, guest_fetch(db, id).await?.map(|guest| (guest.owner, Some(id)))),
            Topic::Operation(id) => match self.about.get(&id.0) {
                Some(about) => return Ok(Some(*about)),
                None => (id.0, operation_fetch(db, id).await?.map(|operation| (operation.owner, operation.guest))),
            },
            Topic::Host | Topic::Announcement | Topic::People | Topic::Rights(_) | Topic::Everything => {
                return Ok(None);
            }
        };
        if self.about.len() >= ABOUT_MOST {
            self.about.clear();
        }
        match about {
            Some(about) => {
                self.about.insert(id, about);
                Ok(Some(about))
            }
            None => Ok(self.about.remove(&id)),
        }
    }
}
