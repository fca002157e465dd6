//! One reader of one console, from its WebSocket's opening to its end.
//!
//! The reader's cursor is the offset of the byte that the browser gets next. It comes from the shim
//! while there is one and from the ring file while there is none; going from one to the other loses
//! and doubles nothing, because both count the same bytes. A shim that counts otherwise is left.

use std::time::Duration;

use axum::extract::ws::{Message, WebSocket};
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep_until, timeout};
use umbel_guest::console::{CHUNK, Closed, ConsoleState, FromReader, ToReader, WINDOW};
use umbel_guest::state::Badge;
use umbel_guest::{Denied, GuestId};
use umbel_wire::Layout;
use umbel_wire::ring::{Kept, RingReader};
use umbel_wire::shim::{Control, FromShim, ToShim, Word};

use super::hub::Attachment;
use super::kept::open_ring;
use super::shim::{ShimError, ShimStream};
use super::typist::Typist;

/// Why a reader ended of itself.
#[derive(Debug)]
pub enum ReaderEnd {
    /// The browser went away.
    Gone,
    /// The server closes, and says why.
    Closed(Closed),
}

/// What the reader is told while it reads.
#[derive(Debug)]
pub struct Told {
    pub badges: watch::Receiver<Badge>,
    pub typings: watch::Receiver<Result<(), Denied>>,
}

#[derive(Debug)]
pub struct Reader {
    /// `None` on a simulated host, whose guests say nothing.
    layout: Option<Layout>,
    guest: GuestId,
    attachment: Attachment,
    told: Told,
    typist: Option<Typist>,
    /// The size of this browser's window, and the one that the shim was told by us.
    size: Option<(u16, u16)>,
    size_told: Option<(u16, u16)>,
    cursor: u64,
    acked: u64,
    live_from: u64,
    source: Source,
}

#[derive(Debug)]
enum Source {
    Shim(Box<ShimStream>),
    /// No shim: what is kept is read from the file. Whether there is one is looked at again then, a
    /// little later each time that it was there and no good.
    File {
        look_at: Instant,
        pause: Duration,
    },
}

/// How soon a reader looks for a shim again, and how long it may pause after bad ones.
const LOOK_AGAIN: Duration = Duration::from_millis(100);
const LOOK_AGAIN_MOST: Duration = Duration::from_secs(5);
/// How often a silent connection is probed.
const PING: Duration = Duration::from_secs(20);
/// A browser that takes nothing, or answers no ping, for so long is gone.
const PATIENCE: Duration = Duration::from_secs(45);

impl Reader {
    /// `from` is where the browser wants to go on; `None` is the oldest byte kept. An offset that
    /// has not been written yet is refused with the end there is.
    pub fn new(
        layout: Option<Layout>,
        guest: GuestId,
        attachment: Attachment,
        told: Told,
        from: Option<u64>,
    ) -> Result<Self, Closed> {
        // A guest that never ran has no ring; its console begins at 0.
        let ring = layout.as_ref().and_then(|layout| open_ring(layout, guest));
        let extent = ring.and_then(|ring| ring.extent().ok());
        let (oldest, end) = extent.map_or((0, 0), |e| (e.oldest(), e.end));
        let cursor = from.unwrap_or(oldest);
        if cursor > end {
            return Err(Closed::OffsetFromTheFuture { end });
        }
        Ok(Self {
            layout,
            guest,
            attachment,
            told,
            typist: None,
            size: None,
            size_told: None,
            cursor,
            acked: cursor,
            live_from: end,
            source: Source::file(LOOK_AGAIN),
        })
    }

    /// Serves the reader until it goes, or the server has to close it. Dropping the future is safe.
    pub async fn run(&mut self, socket: &mut WebSocket) -> ReaderEnd {
        match self.serve(socket).await {
            Ok(never) => match never {},
            Err(end) => end,
        }
    }

    async fn serve(&mut self, socket: &mut WebSocket) -> Result<std::convert::Infallible, ReaderEnd> {
        let mut ping = interval_at(Instant::now() + PING, PING);
        ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut heard = Instant::now();
        self.tell_state(socket).await?;
        self.look_for_shim(socket).await?;
        loop {
            let alive = !matches!(*self.told.badges.borrow(), Badge::Stopped | Badge::Crashed | Badge::Deleted);
            let look_at = match self.source {
                Source::File { look_at, .. } if alive => Some(look_at),
                _ => None,
            };
            tokio::select! {
                said = socket.recv() => {
                    heard = Instant::now();
                    self.hear(socket, said).await?;
                }
                message = next_of(&mut self.source) => self.pass_on(socket, message).await?,
                () = self.attachment.changed() => {
                    self.settle_size().await;
                    self.tell_state(socket).await?;
                }
                Ok(()) = self.told.typings.changed() => {
                    let typing = *self.told.typings.borrow_and_update();
                    self.attachment.set_typing(typing);
                    if typing.is_err() {
                        // With what was typed ahead of the guest.
                        self.typist = None;
                    }
                }
                Ok(()) = self.told.badges.changed() => {
                    self.tell_state(socket).await?;
                    self.look_for_shim(socket).await?;
                }
                () = sleep_until(look_at.unwrap_or(heard)), if look_at.is_some() => self.look_for_shim(socket).await?,
                _ = ping.tick() => {
                    if heard.elapsed() > PATIENCE {
                        return Err(ReaderEnd::Gone);
                    }
                    send(socket, Message::Ping(Vec::new().into())).await?;
                }
            }
        }
    }

    async fn tell_state(&mut self, socket: &mut WebSocket) -> Result<(), ReaderEnd> {
        let badge = *self.told.badges.borrow_and_update();
        let holding = self.attachment.holding();
        let state = ConsoleState {
            badge,
            live_from: self.live_from,
            keyboard: holding.mine,
            keyboard_holder: holding.holder,
            typing_denied: holding.typing.err(),
            readers: holding.readers,
            columns: holding.columns,
            rows: holding.rows,
        };
        say(socket, &ToReader::State(state)).await
    }

    /// Something from the browser.
    async fn hear(
        &mut self,
        socket: &mut WebSocket,
        said: Option<Result<Message, axum::Error>>,
    ) -> Result<(), ReaderEnd> {
        let frame = match said {
            Some(Ok(Message::Binary(frame))) => frame,
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => return Ok(()),
            Some(Ok(Message::Text(_))) => return Err(bad_frame("a text frame; console frames are binary")),
            Some(Ok(Message::Close(_)) | Err(_)) | None => return Err(ReaderEnd::Gone),
        };
        match FromReader::decode(&frame).map_err(|error| bad_frame(&error.to_string()))? {
            FromReader::Ack { offset } => {
                self.acked = self.acked.max(offset.min(self.cursor));
                self.tell_shim(Control::Ack { offset: self.acked }).await;
                self.pump_file(socket).await?;
            }
            FromReader::TakeKeyboard => self.attachment.take_keyboard(),
            FromReader::ReleaseKeyboard => self.attachment.release_keyboard(),
            FromReader::Resize { columns, rows } => {
                self.size = Some((columns.clamp(1, 1000), rows.clamp(1, 1000)));
                self.settle_size().await;
            }
            FromReader::Input(bytes) => self.type_in(bytes),
            FromReader::CtrlAltDel => {
                if self.attachment.holding().mine {
                    self.tell_shim(Control::CtrlAltDel).await;
                }
            }
        }
        Ok(())
    }

    fn type_in(&mut self, bytes: Vec<u8>) {
        let (Some(layout), true) = (&self.layout, self.attachment.holding().mine) else { return };
        let typist = self.typist.get_or_insert_with(|| Typist::new(layout.clone(), self.guest));
        if !typist.type_in(bytes) {
            tracing::info!(guest = %self.guest, "a guest takes no input; what was typed is dropped");
        }
    }

    /// Something from the shim, or its end.
    async fn pass_on(&mut self, socket: &mut WebSocket, message: Result<FromShim, ShimError>) -> Result<(), ReaderEnd> {
        match message {
            Ok(FromShim::Chunk { offset, bytes }) if offset == self.cursor => {
                let Some(cursor) = offset.checked_add(bytes.len() as u64) else {
                    return self.leave_shim(socket, offset).await;
                };
                self.cursor = cursor;
                say(socket, &ToReader::Chunk { offset, bytes }).await
            }
            Ok(FromShim::Gap { from, to }) if from == self.cursor && to > from => {
                self.cursor = to;
                self.acked = to;
                say(socket, &ToReader::Gap { from, to }).await
            }
            Ok(FromShim::Chunk { offset, .. } | FromShim::Gap { from: offset, .. }) => {
                self.leave_shim(socket, offset).await
            }
            Ok(FromShim::Word(Word::Refused { what, reason })) => {
                tracing::info!(guest = %self.guest, what, reason, "a shim refused");
                Ok(())
            }
            Ok(FromShim::Word(_) | FromShim::CaughtUp { .. }) => Ok(()),
            Err(_) => {
                self.source = Source::file(LOOK_AGAIN);
                self.pump_file(socket).await
            }
        }
    }

    async fn leave_shim(&mut self, socket: &mut WebSocket, said: u64) -> Result<(), ReaderEnd> {
        let error = ShimError::OutOfOrder { said, expected: self.cursor };
        tracing::warn!(guest = %self.guest, %error, "a shim was left");
        self.source = Source::file(LOOK_AGAIN_MOST);
        self.pump_file(socket).await
    }

    async fn look_for_shim(&mut self, socket: &mut WebSocket) -> Result<(), ReaderEnd> {
        let (Some(layout), Source::File { pause, .. }) = (&self.layout, &self.source) else { return Ok(()) };
        let pause = *pause;
        match ShimStream::attach(layout, self.guest, self.cursor).await {
            Ok(shim) => {
                self.source = Source::Shim(Box::new(shim));
                self.size_told = None;
                self.settle_size().await;
                Ok(())
            }
            Err(error) => {
                let pause = match error {
                    ShimError::Connect(_) => LOOK_AGAIN,
                    _ => (pause * 2).min(LOOK_AGAIN_MOST),
                };
                self.source = Source::file(pause);
                self.pump_file(socket).await
            }
        }
    }

    /// The holder's size is the guest's; nobody's who has not told one.
    async fn settle_size(&mut self) {
        let Some((columns, rows)) = self.size else { return };
        if self.attachment.resize(columns, rows) {
            if self.size_told != self.size {
                self.size_told = self.size;
                self.tell_shim(Control::Resize { columns, rows }).await;
            }
        } else {
            // Another's size may be told meanwhile; ours is told again when the keyboard comes back.
            self.size_told = None;
        }
    }

    async fn tell_shim(&mut self, word: Control) {
        if let Source::Shim(shim) = &mut self.source
            && shim.send(&ToShim::Control(word)).await.is_err()
        {
            self.source = Source::file(LOOK_AGAIN);
        }
    }

    /// Sends what the file keeps, as far as the window allows.
    async fn pump_file(&mut self, socket: &mut WebSocket) -> Result<(), ReaderEnd> {
        let (Some(layout), Source::File { .. }) = (&self.layout, &self.source) else { return Ok(()) };
        let Some(ring) = open_ring(layout, self.guest) else { return Ok(()) };
        self.pump(socket, &ring).await
    }

    async fn pump(&mut self, socket: &mut WebSocket, ring: &RingReader) -> Result<(), ReaderEnd> {
        while self.cursor - self.acked < WINDOW {
            match ring.read(self.cursor, CHUNK) {
                Ok(Kept::Bytes { offset, bytes }) => {
                    self.cursor = offset + bytes.len() as u64;
                    say(socket, &ToReader::Chunk { offset, bytes }).await?;
                }
                Ok(Kept::Gap { from, to }) => {
                    self.cursor = to;
                    self.acked = to;
                    say(socket, &ToReader::Gap { from, to }).await?;
                }
                Ok(Kept::End) => return Ok(()),
                // Another ring than the one that was read so far: the browser has to begin again.
                Ok(Kept::Beyond { end }) => return Err(ReaderEnd::Closed(Closed::OffsetFromTheFuture { end })),
                Err(error) => {
                    tracing::debug!(guest = %self.guest, %error, "a console ring can't be read");
                    return Ok(());
                }
            }
        }
        Ok(())
    }
}

impl Source {
    fn file(pause: Duration) -> Self {
        Self::File { look_at: Instant::now() + pause, pause }
    }
}

async fn next_of(source: &mut Source) -> Result<FromShim, ShimError> {
    match source {
        Source::Shim(shim) => shim.next().await,
        Source::File { .. } => std::future::pending().await,
    }
}

fn bad_frame(why: &str) -> ReaderEnd {
    ReaderEnd::Closed(Closed::BadFrame(why.to_owned()))
}

async fn say(socket: &mut WebSocket, frame: &ToReader) -> Result<(), ReaderEnd> {
    send(socket, Message::Binary(frame.encode().into())).await
}

async fn send(socket: &mut WebSocket, message: Message) -> Result<(), ReaderEnd> {
    match timeout(PATIENCE, socket.send(message)).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) | Err(_) => Err(ReaderEnd::Gone),
    }
}
