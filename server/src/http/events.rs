//! The one WebSocket of a tab: what has changed of the things that the caller may see.

use std::collections::HashMap;
use std::time::Duration;

use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade};
use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::response::Response;
use tokio::time::{Instant, interval_at, timeout};
use umbel_app::AppError;
use umbel_app::backend::Caller;
use umbel_app::live::{MOMENT, Moment};
use umbel_app::shown::{LiveEvent, Topic};
use umbel_guest::{AccountId, PanelRight};
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
/// How many owners are remembered before it begins again.
const OWNERS_MOST: usize = 4096;

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
    upgrade.max_message_size(FRAME_MOST).on_upgrade(async move |mut socket| {
        let tab = Tab { owners: HashMap::new(), number: 0, panel: panel.clone(), caller };
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
    use axum::response::IntoResponse as _;
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
    number: u64,
    /// Of guests and operations that were told of; also after they are gone.
    owners: HashMap<Uuid, AccountId>,
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
            Topic::Host => Some(topic),
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
            Topic::Guest(_) | Topic::Operation(_) => match self.owner(topic).await {
                Ok(owner) => owner.filter(|owner| Reach::of(&self.caller).sees(*owner)).map(|_| topic),
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
        match self.panel.accounts.again(&self.caller).await {
            Ok(Some(fresh)) => {
                let changed = fresh.rights != self.caller.rights;
                self.caller = fresh;
                changed
            }
            // Gone or disabled: whoever watches the session ends this.
            Ok(None) => false,
            Err(error) => {
                tracing::warn!(%error, "what a tab's caller may do could not be looked at");
                false
            }
        }
    }

    /// `None` of what was gone before it was ever told of.
    async fn owner(&mut self, topic: Topic) -> Result<Option<AccountId>, StoreError> {
        let db = &self.panel.store;
        let (id, owner) = match topic {
            Topic::Guest(id) => (id.0, guest_fetch(db, id).await?.map(|guest| guest.owner)),
            Topic::Operation(id) => match self.owners.get(&id.0) {
                Some(owner) => return Ok(Some(*owner)),
                None => (id.0, operation_fetch(db, id).await?.map(|operation| operation.owner)),
            },
            Topic::Host | Topic::People | Topic::Rights(_) | Topic::Everything => return Ok(None),
        };
        if self.owners.len() >= OWNERS_MOST {
            self.owners.clear();
        }
        match owner {
            Some(owner) => {
                self.owners.insert(id, owner);
                Ok(Some(owner))
            }
            None => Ok(self.owners.remove(&id)),
        }
    }
}

async fn send(socket: &mut WebSocket, message: Message) -> Option<()> {
    timeout(PATIENCE, socket.send(message)).await.ok()?.ok()
}
