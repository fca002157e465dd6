//! What changes, as server-sent events. A cut connection is opened again after the last one that was heard, so
//! nothing is missed: what the panel doesn't know any more comes as [`Topic::Everything`].

use std::pin::Pin;
use std::time::Duration;

use futures::{Stream, StreamExt as _};
use reqwest::{Method, StatusCode};
use sse_stream::{Sse, SseByteStream};
use tokio::time::{Instant, sleep, timeout};

use crate::answers::{Event, Topic};
use crate::client::Client;
use crate::error::Error;

const PATH: &str = "/events";
/// The panel says something at least every 15 s.
const SILENCE: Duration = Duration::from_secs(45);
/// Longer than any panel runs: the stream has no end of its own.
const UNENDING: Duration = Duration::from_secs(100 * 365 * 86_400);

type Line = Pin<Box<dyn Stream<Item = Result<Sse, sse_stream::Error>> + Send>>;

impl Client {
    /// What changes from now on, of the things that we may see; or from after the event with that id on.
    pub async fn events(&self, after: Option<&str>) -> Result<Events, Error> {
        let mut events = Events {
            client: self.clone(),
            line: None,
            last: after.map(str::to_owned),
            lost: None,
            patience: Duration::from_secs(10),
        };
        events.connect().await?;
        // Its first word is the id of now: without it nobody could go on after a cut.
        while events.last.is_none() {
            events.word().await?;
        }
        Ok(events)
    }
}

/// The panel's word about changes.
pub struct Events {
    client: Client,
    line: Option<Line>,
    last: Option<String>,
    /// Since when nothing was heard because the connection is gone.
    lost: Option<Instant>,
    patience: Duration,
}

impl std::fmt::Debug for Events {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Events").field("last", &self.last).finish_non_exhaustive()
    }
}

impl Events {
    /// How long a panel that is away is waited for; 10 s unless it is said.
    #[must_use]
    pub fn with_patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// The id of what was heard last, for [`Client::events`].
    pub fn last(&self) -> Option<&str> {
        self.last.as_deref()
    }

    /// Drops the connection without a word, as a network does. [`Events::next`] opens another.
    pub fn cut(&mut self) {
        self.line = None;
    }

    /// The next change. May be dropped at any time without losing one.
    pub async fn next(&mut self) -> Result<Event, Error> {
        loop {
            if let Some(topic) = self.word().await? {
                return Ok(Event { id: self.last.clone().unwrap_or_default(), topic });
            }
        }
    }

    /// The next thing that the panel says, which may be no more than that it is there.
    async fn word(&mut self) -> Result<Option<Topic>, Error> {
        let Some(line) = &mut self.line else {
            self.resume().await?;
            return Ok(None);
        };
        let Ok(Some(Ok(said))) = timeout(SILENCE, line.next()).await else {
            self.line = None;
            return Ok(None);
        };
        self.lost = None;
        let topic = said.data.as_deref().map(serde_json::from_str).transpose();
        let topic = topic.map_err(|source| Error::Content { what: PATH.into(), source })?;
        self.last = said.id.or_else(|| self.last.take());
        Ok(topic)
    }

    async fn connect(&mut self) -> Result<(), Error> {
        let asked = self.client.api(Method::GET, PATH).patient(UNENDING);
        let asked = match &self.last {
            Some(last) => asked.header("last-event-id", last),
            None => asked,
        };
        let answer = asked.done().await?;
        if answer.status() != StatusCode::OK {
            return Err(Error::Cut { what: "opening the events" });
        }
        self.line = Some(Box::pin(SseByteStream::new(answer.bytes_stream())));
        Ok(())
    }

    /// A connection again, or the reason why there is none.
    async fn resume(&mut self) -> Result<(), Error> {
        let since = *self.lost.get_or_insert_with(Instant::now);
        let mut pause = Duration::from_millis(100);
        loop {
            match self.connect().await {
                Ok(()) => return Ok(()),
                Err(error) if !error.is_passing() => return Err(error),
                Err(error) if since.elapsed() > self.patience => {
                    let what = format!("the line of events is back ({error})");
                    return Err(Error::TimedOut { what, patience: self.patience });
                }
                Err(_) => sleep(pause).await,
            }
            pause = (pause * 2).min(Duration::from_secs(2));
        }
    }
}
