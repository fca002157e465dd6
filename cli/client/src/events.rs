use futures::StreamExt as _;
use tokio_tungstenite::tungstenite::Message;

use crate::answers::Event;
use crate::client::{Client, Socket};
use crate::error::Error;

impl Client {
    /// What changes from now on. It does not come back of its own after a cut: whoever shows things
    /// asks for them again anyway.
    pub async fn events(&self) -> Result<Events, Error> {
        Ok(Events { socket: self.socket("/events").await? })
    }
}

/// The panel's word about changes, a frame each.
#[derive(Debug)]
pub struct Events {
    socket: Socket,
}

impl Events {
    /// The next change. [`Error::Cut`] when the panel is gone or has ended us.
    pub async fn next(&mut self) -> Result<Event, Error> {
        loop {
            match self.socket.next().await {
                Some(Ok(Message::Text(text))) => {
                    return serde_json::from_str(&text)
                        .map_err(|source| Error::Content { what: "/events".into(), source });
                }
                Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {}
                Some(Ok(Message::Binary(_))) => return Err(Error::Frame("a binary frame among events".into())),
                Some(Ok(Message::Close(_)) | Err(_)) | None => return Err(Error::Cut { what: "waiting for an event" }),
            }
        }
    }
}
