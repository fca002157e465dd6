//! What has changed, told to programs as server-sent events (HTML standard, section 9.2).

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::State;
use axum::http::header::CACHE_CONTROL;
use axum::http::{HeaderMap, HeaderName};
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse as _, Response};
use tokio::sync::mpsc::{Sender, channel};
use tokio::time::{Instant, interval_at, timeout};
use tokio_stream::wrappers::ReceiverStream;
use umbel_app::live::Moment;
use umbel_app::shown::Topic;

use crate::http::caller::SignedIn;
use crate::http::error::Problem;
use crate::http::events::{Hearing, PATIENCE};
use crate::panel::Panel;

/// The id of the event that was heard last (HTML standard, section 9.2.4).
const LAST: &str = "last-event-id";
const UNBUFFERED: HeaderName = HeaderName::from_static("x-accel-buffering");
/// A comment now and then, so that proxies keep the line and a client that is gone is noticed.
const PULSE: Duration = Duration::from_secs(15);
/// After so long a client may come again.
const RETRY: Duration = Duration::from_secs(1);

type Line = Sender<Result<Event, Infallible>>;

/// What has changed, of the things that the caller may see, as server-sent events.
///
/// The stream begins with the id of now and says no more until something changes. The data of an event is a topic
/// as JSON; ask for the thing to know what it is like now. `{"topic": "guest", "id": "…"}` and `operation` alike
/// name one thing, also when it is gone; `people`, `host` and `announcement` have no id. After `everything`
/// anything may have changed. Whoever comes back with the id of the last event in `Last-Event-ID` hears what was
/// told since, each thing once, or `everything` where that is not known any more. It ends when the sign-in or the
/// token ends, and when the panel restarts.
#[utoipa::path(
    get,
    path = "/events",
    params(("Last-Event-ID" = Option<String>, Header, description = "To go on after that event.")),
    responses((
        status = 200,
        description = "Events, until the connection ends.",
        content_type = "text/event-stream",
        body = String,
    )),
)]
pub async fn stream(
    State(panel): State<Panel>,
    SignedIn(caller): SignedIn,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let connection = panel.connections.open(caller.account.id)?;
    // Whoever watches sessions looks at this one again now, so nothing is missed since it was read.
    let over = panel.accounts.session_over(&caller);
    // One that can't be read is of no panel's making, and begins with `everything` like one that is too old.
    let last = headers.get(LAST).map(|last| Moment(last.to_str().unwrap_or_default().to_owned()));
    let hearing = Hearing::begin(&panel, caller, last.as_ref()).await?;
    let (line, events) = channel(1);
    // A task, and not a stream that is asked: one that nobody reads would never learn that it is over.
    tokio::spawn(async move {
        tokio::select! {
            _ = tell(&line, hearing) => {}
            () = line.closed() => {}
            () = over => {}
            () = panel.drain.cancelled() => {}
        }
        drop(connection);
    });
    // nginx would keep events back until there are many.
    let headers = [(CACHE_CONTROL, "no-store"), (UNBUFFERED, "no")];
    Ok((headers, Sse::new(ReceiverStream::new(events))).into_response())
}

/// Until nobody takes it any more.
async fn tell(line: &Line, mut hearing: Hearing) -> Option<()> {
    send(line, Event::default().retry(RETRY).id(hearing.listener.moment().0)).await?;
    let mut pulse = interval_at(Instant::now() + PULSE, PULSE);
    loop {
        let event = tokio::select! {
            told = hearing.listener.next() => match hearing.heard(told).await {
                Some(topic) => event(&topic, hearing.listener.moment())?,
                None => continue,
            },
            _ = pulse.tick() => Event::default().comment(""),
        };
        send(line, event).await?;
    }
}

fn event(topic: &Topic, moment: Moment) -> Option<Event> {
    Event::default().id(moment.0).json_data(topic).ok()
}

async fn send(line: &Line, event: Event) -> Option<()> {
    timeout(PATIENCE, line.send(Ok(event))).await.ok()?.ok()
}
