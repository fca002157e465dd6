//! A guest's console: over a WebSocket as it comes, or as a text of what is kept.

use axum::body::Body;
use axum::extract::State;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{Message, WebSocketUpgrade};
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::http::{HeaderName, HeaderValue};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use tokio::sync::watch;
use tokio::time::{Duration, timeout};
use umbel_app::AppError;
use umbel_app::backend::Caller;
use umbel_app::shown::{AuditAction, AuditKind};
use umbel_guest::console::{Closed, INPUT, ToReader};
use umbel_guest::state::Badge;
use umbel_guest::{Access, FieldErrors, GuestId, GuestRight};
use utoipa::IntoParams;

use super::api::{Path, Query};
use super::attachment::disposition;
use super::caller::SignedIn;
use super::error::{Problem, ProblemDetails};
use super::events::tab::{RESTARTING, close, not_a_socket};
use crate::audit::What;
use crate::console::{LogError, Piece, Reader, ReaderEnd, Standing, Told, log, watch};
use crate::error::internal;
use crate::panel::Panel;
use crate::store::guests::Guest;

/// Larger messages are cut off unread; smaller ones that are too large still get a word.
const MESSAGE_MOST: usize = 4 * INPUT;
/// RFC 6455, section 7.4.1: the end of a stay, and a message that is not allowed.
const NORMAL: u16 = 1000;
const POLICY: u16 = 1008;

const FROM: HeaderName = HeaderName::from_static("x-umbel-from");
const END: HeaderName = HeaderName::from_static("x-umbel-end");
const GAP: HeaderName = HeaderName::from_static("x-umbel-gap");

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct From {
    /// Where to go on: an offset in all that the console ever said.
    pub from: Option<u64>,
}

/// Opens a guest's console: a WebSocket whose frames docs/decisions explain.
#[utoipa::path(
    get,
    path = "/guests/{guest}/console",
    tag = "consoles",
    responses(
        (status = 101, description = "A WebSocket of binary frames."),
        (
            status = 426,
            description = "Only a WebSocket is answered here.",
            content_type = "application/problem+json",
            body = ProblemDetails,
        ),
    ),
)]
pub async fn open(
    State(panel): State<Panel>,
    SignedIn(caller): SignedIn,
    Path(guest): Path<GuestId>,
    Query(query): Query<From>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Problem> {
    // Before the rights are looked at: nothing is missed in between.
    let over = panel.accounts.session_over(&caller);
    let listener = panel.events.listen();
    let found = panel.guests.found(&caller, guest).await.and_then(|(row, access)| {
        access.may(GuestRight::ReadConsole)?;
        Ok((row, access))
    });
    let ((row, access), upgrade) = match (found, upgrade) {
        (found, Ok(upgrade)) => (audited(&panel, &caller, guest, found).await?, upgrade),
        (Ok(_), Err(rejection)) => return Ok(not_a_socket(&rejection)),
        (Err(error), Err(_)) => return Err(error.into()),
    };
    let connection = panel.connections.open(caller.account.id)?;
    let may_type = access.may(GuestRight::TypeConsole);
    let (badge, badges) = watch::channel(Badge::of(&row.wanted, &row.seen));
    let (typing, typings) = watch::channel(may_type);
    let standing = Standing { badge, typing };
    Ok(upgrade.max_message_size(MESSAGE_MOST).on_upgrade(async move |mut socket| {
        let attachment = panel.consoles.attach(guest, &caller.account.name, may_type);
        let told = Told { badges, typings };
        let end = match Reader::new(panel.layout.clone(), guest, attachment, told, query.from) {
            Err(closed) => ReaderEnd::Closed(closed),
            Ok(mut reader) => tokio::select! {
                end = reader.run(&mut socket) => end,
                closed = watch(&panel, caller, guest, listener, &standing) => ReaderEnd::Closed(closed),
                () = over => ReaderEnd::Closed(Closed::RightsChanged),
                () = panel.drain.cancelled() => ReaderEnd::Closed(Closed::Draining),
            },
        };
        if let ReaderEnd::Closed(closed) = end {
            let code = match &closed {
                Closed::BadFrame(_) => POLICY,
                Closed::Draining => RESTARTING,
                Closed::RightsChanged | Closed::Purged | Closed::OffsetFromTheFuture { .. } => NORMAL,
            };
            let frame = Message::Binary(ToReader::Closed(closed).encode().into());
            // One that takes nothing is not waited for.
            let _ = timeout(Duration::from_secs(1), socket.send(frame)).await;
            close(&mut socket, code).await;
        }
        drop(connection);
    }))
}

/// A console is opened, or refused to somebody who asked for a WebSocket; either leaves its row.
async fn audited(
    panel: &Panel,
    caller: &Caller,
    guest: GuestId,
    found: Result<(Guest, Access), AppError>,
) -> Result<(Guest, Access), AppError> {
    let name = found.as_ref().map(|(row, _)| row.spec.name.to_string()).unwrap_or_default();
    let what = What::new(AuditAction::ConsoleOpen, AuditKind::Guest).of(guest).named(&name);
    panel.audit.note(caller, what, &found.as_ref().map(drop).map_err(Clone::clone)).await?;
    found
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct Since {
    /// From this offset on.
    pub since: Option<u64>,
    /// `1` for a file to keep.
    #[serde(default)]
    #[param(maximum = 255)]
    pub download: u8,
}

/// The text of a console from `since` on, as it is.
///
/// Where it lies is in `X-Umbel-From`, `X-Umbel-End` and, for each
/// stretch that is not kept any more, `X-Umbel-Gap: from-to`; a file to keep says that in its text.
#[utoipa::path(
    get,
    path = "/guests/{guest}/console/log",
    tag = "consoles",
    responses((
        status = 200,
        description = "Bytes as the guest wrote them.",
        content_type = "text/plain",
        body = String,
        headers(
            ("x-umbel-from" = u64, description = "Offset of the first byte."),
            ("x-umbel-end" = u64, description = "Offset after the last byte."),
            ("x-umbel-gap" = String, description = "`from-to`, once for each stretch that is not kept any more."),
        ),
    )),
)]
pub async fn text(
    State(panel): State<Panel>,
    SignedIn(caller): SignedIn,
    Path(guest): Path<GuestId>,
    Query(query): Query<Since>,
) -> Result<Response, Problem> {
    let row = panel.guests.allowed(&caller, guest, GuestRight::ReadConsole).await?;
    let download = query.download != 0;
    let kept = match panel.layout.clone() {
        Some(layout) => {
            let read = tokio::task::spawn_blocking(move || log(&layout, guest, query.since));
            read.await.map_err(|error| internal(&error))?
        }
        None => match query.since {
            Some(since @ 1..) => Err(LogError::FromTheFuture { since, end: 0 }),
            _ => Ok(crate::console::Log::default()),
        },
    };
    let kept = match kept {
        Ok(kept) => kept,
        Err(LogError::FromTheFuture { since, end }) => {
            let error = LogError::FromTheFuture { since, end };
            let mut response =
                Problem(AppError::Invalid(FieldErrors::one("since", format!("{error}.")))).into_response();
            response.headers_mut().insert(END, end.into());
            return Ok(response);
        }
        Err(error) => return Err(internal(&error).into()),
    };

    let from = kept.pieces.iter().find_map(|piece| match piece {
        Piece::Bytes { offset, .. } => Some(*offset),
        Piece::Gap { .. } => None,
    });
    let (mut body, mut gaps) = (Vec::new(), Vec::new());
    for piece in kept.pieces {
        match piece {
            Piece::Bytes { bytes, .. } => body.extend(bytes),
            Piece::Gap { from, to } => {
                if download {
                    body.extend(format!("\n[{} bytes are not kept any more]\n", to - from).into_bytes());
                }
                gaps.push(format!("{from}-{to}"));
            }
        }
    }
    let mut response = Body::from(body).into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert(FROM, from.unwrap_or(kept.end).into());
    headers.insert(END, kept.end.into());
    for gap in gaps {
        if let Ok(gap) = HeaderValue::from_str(&gap) {
            headers.append(GAP, gap);
        }
    }
    if download {
        headers.insert(CONTENT_DISPOSITION, disposition(&format!("{}-console.log", row.spec.name)));
    }
    Ok(response)
}
