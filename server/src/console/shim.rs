//! A connection to a shim, as a reader of its console has it. A shim holds a guest's terminal and
//! nothing that the panel trusts: what it says is checked, and it is never waited for without end.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::time::timeout;
use umbel_guest::GuestId;
use umbel_wire::Layout;
use umbel_wire::frame::{self, FrameError};
use umbel_wire::shim::{Control, FromShim, ToShim, VERSION, Word};

/// How long a shim may take to greet, or to take a word of a few bytes.
const PATIENCE: Duration = Duration::from_secs(2);
/// Room for a read; a frame that is longer makes its own.
const ROOM: usize = 64 * 1024;

/// Why there is no shim to talk to.
#[derive(Debug, thiserror::Error)]
pub(super) enum ShimError {
    #[error("connecting to the guest's shim")]
    Connect(#[source] io::Error),
    #[error("talking to the guest's shim")]
    Frame(#[from] FrameError),
    #[error("the guest's shim did not greet as one of that guest")]
    NoHello,
    #[error("the guest's shim takes nothing")]
    Stuck,
    #[error("the guest's shim told of offset {said} where {expected} comes next")]
    OutOfOrder { said: u64, expected: u64 },
}

/// A shim that has greeted. [`ShimStream::next`] may be cancelled at any time without losing a byte.
#[derive(Debug)]
pub(super) struct ShimStream {
    read: OwnedReadHalf,
    write: OwnedWriteHalf,
    /// Bytes of frames that aren't whole yet; never more than a frame and a read.
    buffer: Vec<u8>,
    taken: usize,
}

impl ShimStream {
    /// Connects and greets.
    pub(super) async fn greet(layout: &Layout, guest: GuestId) -> Result<Self, ShimError> {
        let connected = timeout(PATIENCE, UnixStream::connect(layout.shim_socket(guest))).await;
        let stream = connected.map_err(|_| ShimError::Stuck)?.map_err(ShimError::Connect)?;
        let (read, write) = stream.into_split();
        let mut shim = Self { read, write, buffer: Vec::with_capacity(ROOM), taken: 0 };
        shim.send(&ToShim::Control(Control::Hello { version: VERSION })).await?;
        match timeout(PATIENCE, shim.next()).await.map_err(|_| ShimError::NoHello)?? {
            FromShim::Word(Word::Hello { guest: said, .. }) if said == guest => Ok(shim),
            _ => Err(ShimError::NoHello),
        }
    }

    /// Connects, greets and reads on from `offset`.
    pub(super) async fn attach(layout: &Layout, guest: GuestId, offset: u64) -> Result<Self, ShimError> {
        let mut shim = Self::greet(layout, guest).await?;
        shim.send(&ToShim::Control(Control::Attach { from: Some(offset) })).await?;
        Ok(shim)
    }

    /// For words of a few bytes, which every shim that works takes at once.
    pub(super) async fn send(&mut self, message: &ToShim) -> Result<(), ShimError> {
        timeout(PATIENCE, self.send_all(message)).await.map_err(|_| ShimError::Stuck)?
    }

    /// Waits until the shim has taken it, for as long as the guest takes no input.
    pub(super) async fn send_all(&mut self, message: &ToShim) -> Result<(), ShimError> {
        let frame = frame::encode(&message.encode()?)?;
        Ok(self.write.write_all(&frame).await.map_err(FrameError::from)?)
    }

    pub(super) async fn next(&mut self) -> Result<FromShim, ShimError> {
        loop {
            if let Some((content, used)) = frame::decode(&self.buffer[self.taken..])? {
                let message = FromShim::decode(content)?;
                self.taken += used;
                return Ok(message);
            }
            self.buffer.drain(..self.taken);
            self.taken = 0;
            if self.read.read_buf(&mut self.buffer).await.map_err(FrameError::from)? == 0 {
                return Err(FrameError::Closed.into());
            }
        }
    }
}
