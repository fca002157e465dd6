//! The one WebSocket of a tab.

use std::time::Duration;

use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade};
use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use tokio::time::{Instant, interval_at, timeout};
use umbel_app::live::{MOMENT, Moment};
use umbel_app::shown::LiveEvent;

use super::{Hearing, PATIENCE};
use crate::http::caller::SignedIn;
use crate::http::error::{Problem, problem};
use crate::panel::Panel;

/// The session is over (4000 to 4999 are an application's own, RFC 6455, section 7.4.2).
pub const SIGNED_OUT: u16 = 4401;
/// The panel restarts: come again (IANA's registry of close codes).
pub const RESTARTING: u16 = 1012;
/// What comes from a tab is nothing, so a frame is small.
const FRAME_MOST: usize = 1024;
const PING: Duration = Duration::from_secs(20);

pub async fn open(
    State(panel): State<Panel>,
    SignedIn(caller): SignedIn,
    RawQuery(query): RawQuery,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Response {
    let upgrade = match upgrade {
        Ok(upgrade) => upgrade,
        Err(rejection) => return not_a_socket(&rejection),
    };
    let connection = match panel.connections.open(caller.account.id) {
        Ok(connection) => connection,
        Err(full) => return Problem(full).into_response(),
    };
    // Whoever watches sessions looks at this one again now, so nothing is missed since it was read.
    let over = panel.accounts.session_over(&caller);
    let made = query.as_deref().and_then(|query| query.strip_prefix(MOMENT)?.strip_prefix('='));
    let made = made.map(|made| Moment(made.to_owned()));
    let hearing = match Hearing::begin(&panel, caller, made.as_ref()).await {
        Ok(hearing) => hearing,
        Err(error) => return Problem(error).into_response(),
    };
    upgrade.max_message_size(FRAME_MOST).on_upgrade(async move |mut socket| {
        let code = tokio::select! {
            code = tell(&mut socket, hearing) => code,
            () = over => Some(SIGNED_OUT),
            () = panel.drain.cancelled() => Some(RESTARTING),
        };
        if let Some(code) = code {
            close(&mut socket, code).await;
        }
        drop(connection);
    })
}

/// A request that does not ask for a WebSocket.
pub fn not_a_socket(rejection: &WebSocketUpgradeRejection) -> Response {
    let text = format!("Only a WebSocket is answered here. {}", rejection.body_text());
    problem(StatusCode::UPGRADE_REQUIRED, text, &[])
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

/// Until the tab goes, or has to: then with the code that says why.
async fn tell(socket: &mut WebSocket, mut hearing: Hearing) -> Option<u16> {
    let mut ping = interval_at(Instant::now() + PING, PING);
    let mut heard = Instant::now();
    let mut number = 0;
    loop {
        tokio::select! {
            told = hearing.listener.next() => if let Some(topic) = hearing.heard(told).await {
                number += 1;
                let Ok(text) = serde_json::to_string(&LiveEvent { number, topic }) else { return None };
                send(socket, Message::Text(text.into())).await?;
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

async fn send(socket: &mut WebSocket, message: Message) -> Option<()> {
    timeout(PATIENCE, socket.send(message)).await.ok()?.ok()
}
