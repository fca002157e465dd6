//! The one WebSocket of a tab: what has changed of the things that the caller may see.

use std::collections::HashMap;
use std::time::Duration;

use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade};
use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use tokio::time::{Instant, interval_at, timeout};
use umbel_app::AppError;
use umbel_app::backend::Caller;
use umbel_app::live::{MOMENT, Moment};
use umbel_app::shown::{LiveEvent, Topic};
use umbel_guest::{AccountId, GuestId, PanelRight};
use uuid::Uuid;

use super::caller::SignedIn;
use super::error::{Problem, problem};
use crate::events::Listener;
use crate::guests::Reach;
use crate::panel::Panel;
use crate::store::StoreError;
use crate::store::guests::guest_fetch;
use crate::store::operations::operation_fetch;

/// The session is over (4000 to 4999 are an application's own, RFC 6455, section 7.4.2).
pub const SIGNED_OUT: u16 = 4401;
/// The panel restarts: come again (IANA's registry of close codes).
pub const RESTARTING: u16 = 1012;
/// What comes from a tab is nothing, so a frame is small.
const FRAME_MOST: usize = 1024;
const PING: Duration = Duration::from_secs(20);
/// A tab that takes nothing for so long, or answers no ping, is gone.
const PATIENCE: Duration = Duration::from_secs(45);
/// Of how many things owner and guest are remembered before it begins again.
const ABOUT_MOST: usize = 4096;

pub async fn open(
    State(panel): State<Panel>,
    SignedIn(caller): SignedIn,
    RawQuery(query): RawQuery,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Response {
    let (upgrade, slot) = match (upgrade, panel.sockets.clone().try_acquire_owned()) {
        (Ok(upgrade), Ok(slot)) => (upgrade, slot),
        (Err(rejection), _) => return not_a_socket(&rejection),
        (_, Err(_)) => return full(),
    };
    // Whoever watches sessions looks at this one again now, so nothing is missed since it was read.
    let over = panel.accounts.session_over(&caller);
    let listener = match query.as_deref().and_then(|query| query.strip_prefix(MOMENT)?.strip_prefix('=')) {
        Some(made) => panel.events.listen_since(&Moment(made.to_owned())),
        None => panel.events.listen(),
    };
    let reach = match panel.guests.reach(&caller).await {
        Ok(reach) => reach,
        Err(error) => return Problem(error.into()).into_response(),
    };
    upgrade.max_message_size(FRAME_MOST).on_upgrade(async move |mut socket| {
        let tab = Tab { about: HashMap::new(), number: 0, panel: panel.clone(), caller, reach };
        let code = tokio::select! {
            code = tab.tell(&mut socket, listener) => code,
            () = over => Some(SIGNED_OUT),
            () = panel.drain.cancelled() => Some(RESTARTING),
        };
        if let Some(code) = code {
            close(&mut socket, code).await;
        }
        drop(slot);
    })
}

/// A request that does not ask for a WebSocket.
pub fn not_a_socket(rejection: &WebSocketUpgradeRejection) -> Response {
    let text = format!("Only a WebSocket is answered here. {}", rejection.body_text());
    problem(StatusCode::UPGRADE_REQUIRED, text, &[])
}

pub fn full() -> Response {
    let message = "Too many pages are open. Close some, or try again in a moment.".to_owned();
    Problem(AppError::Unavailable { message }).into_response()
}

/// Says why, and waits a moment for it to be heard.
pub async fn close(socket: &mut WebSocket, code: u16) {
    let frame = CloseFrame { code, reason: "".into() };
    let said = async {
        if socket.send(Message::Close(Some(frame))).await.is_ok() {
            while let Some(Ok(_)) = socket.recv().await {}
        }
    };
    let _ = timeout(Duration::from_secs(1), said).await;
}

struct Tab {
    panel: Panel,
    caller: Caller,
    reach: Reach,
    number: u64,
    /// Owner and guest of guests and operations that were told of; also after they are gone.
    about: HashMap<Uuid, (AccountId, Option<GuestId>)>,
}

impl Tab {
    /// Until the tab goes, or has to: then with the code that says why.
    async fn tell(mut self, socket: &mut WebSocket, mut listener: Listener) -> Option<u16> {
        let mut ping = interval_at(Instant::now() + PING, PING);
        let mut heard = Instant::now();
        loop {
            tokio::select! {
                topic = listener.next() => match topic {
                    Some(topic) => if let Some(topic) = self.heard(topic).await {
                        self.number += 1;
                        let event = LiveEvent { number: self.number, topic };
                        let Ok(text) = serde_json::to_string(&event) else { return None };
                        send(socket, Message::Text(text.into())).await?;
                    },
                    None => return Some(RESTARTING),
                },
                said = socket.recv() => match said {
                    Some(Ok(Message::Close(_)) | Err(_)) | None => return None,
                    Some(Ok(_)) => heard = Instant::now(),
                },
                _ = ping.tick() => {
                    if heard.elapsed() > PATIENCE {
                        return None;
                    }
                    send(socket, Message::Ping(Vec::new().into())).await?;
                }
            }
        }
    }

    /// What this tab is told of it, if anything.
    async fn heard(&mut self, topic: Topic) -> Option<Topic> {
        match topic {
            Topic::Host | Topic::Announcement => Some(topic),
            // Words were missed, one of changed rights perhaps among them.
            Topic::Everything => {
                self.refresh().await;
                Some(topic)
            }
            Topic::Rights(account) if account == self.caller.account.id && self.refresh().await => {
                Some(Topic::Everything)
            }
            Topic::Rights(_) => None,
            Topic::People => self.caller.may(PanelRight::ManagePeople).ok().map(|()| topic),
            Topic::Guest(_) if self.caller.may(PanelRight::SeeAllGuests).is_ok() => Some(topic),
            Topic::Operation(_) if self.caller.may(PanelRight::SeeAllOperations).is_ok() => Some(topic),
            Topic::Guest(_) | Topic::Operation(_) => match self.about(topic).await {
                Ok(about) => about.filter(|(owner, guest)| self.reach.sees(*owner, *guest)).map(|_| topic),
                Err(error) => {
                    // The page asks again and meets the same database.
                    tracing::warn!(%error, "an event's owner could not be looked up");
                    None
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
                tracing::warn!(%error, "what a tab's caller may do could not be looked at");
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

async fn send(socket: &mut WebSocket, message: Message) -> Option<()> {
    timeout(PATIENCE, socket.send(message)).await.ok()?.ok()
}
