//! A guest's console as a reader has it: bytes in order, each once, and typed gaps. A cut connection
//! is opened again at the next byte; what was read is acknowledged.
//!
//! [`follow`] decides what a frame means, purely; [`Console`] holds the socket.

mod follow;
mod log;

use std::time::Duration;

use futures::{SinkExt as _, StreamExt as _};
use tokio::time::{Instant, sleep, timeout_at};
use tokio_tungstenite::tungstenite::Message;
use umbel_guest::GuestId;
use umbel_guest::console::{Closed, ConsoleState, FromReader, INPUT};

use crate::client::{Client, Socket};
use crate::error::Error;
use follow::{Follow, Meaning};
pub use log::Log;

/// What a console says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// The first of them has this offset.
    Bytes { offset: u64, bytes: Vec<u8> },
    /// `from..to` is not kept any more, or we were too slow for it.
    Gap { from: u64, to: u64 },
    /// How the guest and the keyboard stand.
    State(ConsoleState),
}

/// How much [`Console::until`] keeps while it looks for a text that does not come.
const KEPT: usize = 1 << 20;
/// How much of it an error quotes.
const QUOTED: usize = 1000;

/// One reader of one console.
#[derive(Debug)]
pub struct Console {
    client: Client,
    guest: GuestId,
    socket: Option<Socket>,
    follow: Follow,
    /// Read, but not yet asked for: always what lies right before the next byte.
    unread: Vec<u8>,
    gaps: Vec<(u64, u64)>,
    resumed: u32,
    /// Since when nothing was heard because the connection is gone.
    lost: Option<Instant>,
    patience: Duration,
}

impl Client {
    /// Attaches at the oldest byte kept.
    pub async fn console(&self, guest: GuestId) -> Result<Console, Error> {
        Console::attach(self, guest, None).await
    }

    /// Attaches at an offset.
    pub async fn console_from(&self, guest: GuestId, from: u64) -> Result<Console, Error> {
        Console::attach(self, guest, Some(from)).await
    }

    /// Attaches so many bytes before what is written next.
    pub async fn console_end(&self, guest: GuestId, before: u64) -> Result<Console, Error> {
        // Who asks for what isn't written yet is told where the end is.
        let mut ahead = self.console_from(guest, u64::MAX).await?;
        loop {
            match ahead.next().await {
                Err(Error::Closed(Closed::OffsetFromTheFuture { end })) => {
                    return self.console_from(guest, end.saturating_sub(before)).await;
                }
                Err(other) => return Err(other),
                Ok(_) => {}
            }
        }
    }
}

impl Console {
    async fn attach(client: &Client, guest: GuestId, from: Option<u64>) -> Result<Self, Error> {
        let mut console = Self {
            client: client.clone(),
            guest,
            socket: None,
            follow: Follow::new(from),
            unread: Vec::new(),
            gaps: Vec::new(),
            resumed: 0,
            lost: None,
            patience: Duration::from_secs(10),
        };
        console.connect().await?;
        Ok(console)
    }

    /// How long a panel that is away is waited for; 10 s unless it is said.
    #[must_use]
    pub fn with_patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// Offset of the next byte that comes from the panel; 0 while nothing has come.
    pub fn offset(&self) -> u64 {
        self.follow.next().unwrap_or_default()
    }

    /// What was skipped, as `(from, to)`.
    pub fn gaps(&self) -> &[(u64, u64)] {
        &self.gaps
    }

    /// How often a cut connection was opened again.
    pub fn resumed(&self) -> u32 {
        self.resumed
    }

    /// What the panel last said about guest and keyboard.
    pub fn state(&self) -> Option<&ConsoleState> {
        self.follow.state()
    }

    /// The next thing that is heard. May be dropped at any time without losing a byte.
    pub async fn next(&mut self) -> Result<Heard, Error> {
        if !self.unread.is_empty() {
            let bytes = std::mem::take(&mut self.unread);
            return Ok(Heard::Bytes { offset: self.offset() - bytes.len() as u64, bytes });
        }
        self.read_on().await
    }

    /// Something new from the panel, past what is unread.
    async fn read_on(&mut self) -> Result<Heard, Error> {
        loop {
            let Some(frame) = self.frame().await? else {
                self.resume().await?;
                continue;
            };
            match self.follow.on(&frame).map_err(|bad| Error::Frame(bad.to_string()))? {
                Meaning::Heard(heard) => {
                    self.lost = None;
                    if let Heard::Gap { from, to } = heard {
                        self.gaps.push((from, to));
                    }
                    return Ok(heard);
                }
                Meaning::Nothing => {}
                Meaning::AskAgain => self.socket = None,
                Meaning::Over(why) => {
                    self.socket = None;
                    return Err(Error::Closed(why));
                }
            }
        }
    }

    /// Reads until `text` has come and returns all up to its end. What follows is kept for later.
    pub async fn until(&mut self, text: &str, patience: Duration) -> Result<String, Error> {
        let end = Instant::now() + patience;
        let wanted = text.as_bytes();
        let mut searched = 0;
        loop {
            let from = searched.min(self.unread.len());
            if let Some(at) = find(&self.unread[from..], wanted) {
                let rest = self.unread.split_off(from + at + wanted.len());
                let read = std::mem::replace(&mut self.unread, rest);
                return Ok(String::from_utf8_lossy(&read).into_owned());
            }
            searched = self.unread.len().saturating_sub(wanted.len().saturating_sub(1));
            match timeout_at(end, self.read_on()).await {
                Err(_) => return Err(self.never_came(text, patience)),
                Ok(Err(error)) => return Err(error),
                Ok(Ok(Heard::Bytes { bytes, .. })) => self.unread.extend_from_slice(&bytes),
                // What came before a gap does not go on behind it.
                Ok(Ok(Heard::Gap { .. })) => self.unread.clear(),
                Ok(Ok(Heard::State(_))) => {}
            }
            if self.unread.len() > 2 * KEPT {
                let gone = self.unread.len() - KEPT;
                self.unread.drain(..gone);
                searched = searched.saturating_sub(gone);
            }
        }
    }

    fn never_came(&self, text: &str, patience: Duration) -> Error {
        let tail = &self.unread[self.unread.len().saturating_sub(QUOTED)..];
        let tail = String::from_utf8_lossy(tail);
        Error::TimedOut { what: format!("{text:?} on the console; what it wrote last: {tail:?}"), patience }
    }

    /// Types; only the holder of the keyboard is heard.
    pub async fn type_bytes(&mut self, bytes: &[u8]) -> Result<(), Error> {
        for part in bytes.chunks(INPUT) {
            self.say(&FromReader::Input(part.to_vec())).await?;
        }
        Ok(())
    }

    /// Types a line and its end.
    pub async fn type_line(&mut self, line: &str) -> Result<(), Error> {
        self.type_bytes(format!("{line}\r").as_bytes()).await
    }

    pub async fn resize(&mut self, columns: u16, rows: u16) -> Result<(), Error> {
        self.say(&FromReader::Resize { columns, rows }).await
    }

    pub async fn take_keyboard(&mut self) -> Result<(), Error> {
        self.say(&FromReader::TakeKeyboard).await
    }

    pub async fn release_keyboard(&mut self) -> Result<(), Error> {
        self.say(&FromReader::ReleaseKeyboard).await
    }

    pub async fn ctrl_alt_del(&mut self) -> Result<(), Error> {
        self.say(&FromReader::CtrlAltDel).await
    }

    /// Drops the connection without a word, as a network does. [`Console::next`] opens another.
    pub fn cut(&mut self) {
        self.socket = None;
    }

    async fn connect(&mut self) -> Result<(), Error> {
        let from = self.follow.next().map(|next| format!("?from={next}")).unwrap_or_default();
        let path = format!("/api/v1/guests/{}/console{from}", self.guest);
        self.socket = Some(self.client.socket(&path).await?);
        self.follow.opened();
        Ok(())
    }

    /// A connection again, or the reason why there is none.
    async fn resume(&mut self) -> Result<(), Error> {
        let since = *self.lost.get_or_insert_with(Instant::now);
        let mut pause = Duration::from_millis(25);
        loop {
            match self.connect().await {
                Ok(()) => {
                    self.resumed += 1;
                    return Ok(());
                }
                Err(error) if !error.is_passing() => return Err(error),
                Err(error) if since.elapsed() > self.patience => {
                    let what = format!("the console's connection is back ({error})");
                    return Err(Error::TimedOut { what, patience: self.patience });
                }
                Err(_) => sleep(pause).await,
            }
            pause = (pause * 2).min(Duration::from_millis(500));
        }
    }

    /// The next binary message; `None` when the connection is gone.
    async fn frame(&mut self) -> Result<Option<Vec<u8>>, Error> {
        if self.lost.is_some_and(|since| since.elapsed() > self.patience) {
            let what = "a word of a console that opens and closes again".to_owned();
            return Err(Error::TimedOut { what, patience: self.patience });
        }
        if let Some(offset) = self.follow.ack() {
            // A failure shows itself when we read.
            let _ = self.say(&FromReader::Ack { offset }).await;
        }
        let Some(socket) = self.socket.as_mut() else { return Ok(None) };
        loop {
            match socket.next().await {
                Some(Ok(Message::Binary(frame))) => return Ok(Some(frame.to_vec())),
                Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {}
                Some(Ok(Message::Text(_))) => return Err(Error::Frame("a text frame on a console".into())),
                Some(Ok(Message::Close(_)) | Err(_)) | None => {
                    self.socket = None;
                    return Ok(None);
                }
            }
        }
    }

    async fn say(&mut self, what: &FromReader) -> Result<(), Error> {
        if self.socket.is_none() {
            self.resume().await?;
        }
        let cut = Error::Cut { what: "something was said to the console" };
        let Some(socket) = self.socket.as_mut() else { return Err(cut) };
        if socket.send(Message::Binary(what.encode().into())).await.is_err() {
            self.socket = None;
            return Err(cut);
        }
        Ok(())
    }
}

/// Where `wanted` begins. An empty text is everywhere.
fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    if wanted.is_empty() {
        return Some(0);
    }
    bytes.windows(wanted.len()).position(|window| window == wanted)
}
