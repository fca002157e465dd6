//! A short conversation with a guest's shim. What it answers is the guest's word.

use std::os::unix::net::UnixStream;
use std::time::Duration;

use umbel_guest::GuestId;
use umbel_wire::frame::{self, FrameError};
use umbel_wire::shim::{Control, FromShim, ToShim, VERSION, Word};

use crate::state::State;

/// How long a shim may take to answer: longer than it waits for its guest.
const PATIENCE: Duration = Duration::from_secs(5);

#[derive(Debug)]
pub struct Shim {
    stream: UnixStream,
}

impl Shim {
    pub fn greet(state: &State, guest: GuestId) -> Result<Self, FrameError> {
        Self::over(UnixStream::connect(state.layout.shim_socket(guest))?)
    }

    pub fn over(stream: UnixStream) -> Result<Self, FrameError> {
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let mut shim = Self { stream };
        shim.say(Control::Hello { version: VERSION })?;
        Ok(shim)
    }

    pub fn say(&mut self, control: Control) -> Result<(), FrameError> {
        frame::write(&mut self.stream, &ToShim::Control(control).encode()?)
    }

    pub fn hear(&mut self) -> Result<Word, FrameError> {
        loop {
            if let FromShim::Word(word) = FromShim::decode(&frame::read(&mut self.stream)?)? {
                return Ok(word);
            }
        }
    }
}
