//! A guest's console in this terminal: every byte is the guest's, but for the key that leaves it. A cut
//! connection goes on at the next byte.

use std::io::{self, IsTerminal as _, Write as _};
use std::process::ExitCode;

use rustix::termios::{OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr};
use tokio::io::AsyncReadExt as _;
use tokio::signal::unix::{SignalKind, signal};
use umbel_client::{Client, Console, Error, Heard};

use crate::error::Failure;
use crate::guests::find;

/// Ctrl-], as telnet(1) has it.
const LEAVE: u8 = 0x1d;
/// Of what was written before, so that there is something to see.
const BEFORE: u64 = 4096;
const INPUT: usize = 1024;

/// The terminal as it was, put back when this is dropped.
struct Raw(Termios);

impl Raw {
    fn enter() -> Result<Self, Failure> {
        let failed =
            |source: rustix::io::Errno| Failure::Terminal { what: "switching the terminal", source: source.into() };
        let before = tcgetattr(io::stdin()).map_err(failed)?;
        let mut raw = before.clone();
        raw.make_raw();
        tcsetattr(io::stdin(), OptionalActions::Now, &raw).map_err(failed)?;
        Ok(Self(before))
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        // Nobody is left to be told.
        let _ = tcsetattr(io::stdin(), OptionalActions::Now, &self.0);
    }
}

/// What is typed, told apart from what is meant for us.
#[derive(Debug, Default)]
struct Keys {
    asked: bool,
}

#[derive(Debug, PartialEq, Eq)]
enum Typed {
    Bytes(Vec<u8>),
    Leave,
}

impl Keys {
    /// Ctrl-] and then q leaves; Ctrl-] twice is one for the guest; before any other key it is nothing.
    fn on(&mut self, input: &[u8]) -> Typed {
        let mut bytes = Vec::with_capacity(input.len());
        for byte in input {
            match (std::mem::take(&mut self.asked), *byte) {
                (true, b'q' | b'Q') => return Typed::Leave,
                (false, LEAVE) => self.asked = true,
                (_, byte) => bytes.push(byte),
            }
        }
        Typed::Bytes(bytes)
    }
}

pub(crate) async fn run(panel: &Client, guest: &str, from: Option<u64>) -> Result<ExitCode, Failure> {
    let guest = find(panel, guest).await?;
    let console = match from {
        Some(from) => panel.console_from(guest.id, from).await?,
        None => panel.console_end(guest.id, BEFORE).await?,
    };
    eprintln!("The console of {}. Ctrl-] and then q leaves it.", guest.name);
    let raw = io::stdin().is_terminal().then(Raw::enter).transpose()?;
    let ended = converse(console).await;
    drop(raw);
    eprintln!();
    match ended {
        Ok(()) => Ok(ExitCode::SUCCESS),
        Err(Failure::Panel(Error::Closed(why))) => {
            eprintln!("umbelctl: the console was closed: {why:?}");
            Ok(ExitCode::SUCCESS)
        }
        Err(other) => Err(other),
    }
}

async fn converse(mut console: Console) -> Result<(), Failure> {
    let failed = |what| move |source| Failure::Terminal { what, source };
    let mut resized = signal(SignalKind::window_change()).map_err(failed("listening to the terminal's size"))?;
    let (mut stdin, mut keys, mut input) = (tokio::io::stdin(), Keys::default(), [0; INPUT]);
    console.take_keyboard().await?;
    fit(&mut console).await?;
    loop {
        tokio::select! {
            heard = console.next() => match heard? {
                Heard::Bytes { bytes, .. } => {
                    let mut stdout = io::stdout().lock();
                    stdout.write_all(&bytes)?;
                    stdout.flush()?;
                }
                Heard::Gap { from, to } => eprint!("\r\n[{} bytes are not kept any more]\r\n", to - from),
                Heard::State(_) => {}
            },
            read = stdin.read(&mut input) => match read.map_err(failed("reading the keyboard"))? {
                // A pipe that has ended.
                0 => return Ok(()),
                count => match keys.on(&input[..count]) {
                    Typed::Leave => return Ok(()),
                    Typed::Bytes(bytes) => console.type_bytes(&bytes).await?,
                },
            },
            _ = resized.recv() => fit(&mut console).await?,
        }
    }
}

/// The guest's terminal gets the size of ours.
async fn fit(console: &mut Console) -> Result<(), Failure> {
    if let Some((columns, rows)) = size() {
        console.resize(columns, rows).await?;
    }
    Ok(())
}

/// Columns and rows, where this is a terminal that has some.
fn size() -> Option<(u16, u16)> {
    let size = tcgetwinsize(io::stdout()).ok()?;
    (size.ws_col > 0 && size.ws_row > 0).then_some((size.ws_col, size.ws_row))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_key_is_ours_and_all_others_are_the_guests() {
        let mut keys = Keys::default();
        assert_eq!(keys.on(b"ls\x03\r"), Typed::Bytes(b"ls\x03\r".to_vec()));
        assert_eq!(keys.on(b"a\x1d\x1db"), Typed::Bytes(b"a\x1db".to_vec()));
        assert_eq!(keys.on(b"a\x1d"), Typed::Bytes(b"a".to_vec()));
        assert_eq!(keys.on(b"q"), Typed::Leave);
    }
}
