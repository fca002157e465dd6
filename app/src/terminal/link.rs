//! The link between a socket and a terminal, as a pure state machine: events go in, orders come out.
//! No clock, no chance, no browser: time is milliseconds handed in, chance a number from 0 to 1.
//!
//! ```text
//!             ┌──────────── Retry ─────────────┐
//!             ▼                                │
//!   Connecting ── Opened ──▶ Open ── Lost ──▶ Waiting
//!             └──────── Lost ─────────────────▶┘      any ── Closed for good ──▶ Over
//! ```
//!
//! Bytes have absolute offsets (`umbel_guest::console`). `next` is the first byte that the terminal
//! has not been given; whatever comes below it is dropped, whatever comes above it without a word is
//! asked for again. So the terminal is given every byte once and in order, and what is no longer kept
//! is one marked gap.

use umbel_guest::console::{CHUNK, Closed, ConsoleState, FromReader, INPUT, ToReader};

use crate::live::backoff_ms;

/// Acknowledged at the latest after so many drawn bytes…
const ACK_BYTES: u64 = CHUNK as u64;
/// …or so many milliseconds.
const ACK_MS: f64 = 50.0;

/// What happens to the link.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    Opened,
    /// A binary message.
    Frame(Vec<u8>),
    /// The socket is gone.
    Lost {
        now: f64,
        chance: f64,
    },
    /// The time that [`Order::RetryIn`] asked for is over, or the guest has changed and it may be worth it now.
    Retry,
    /// The terminal has drawn everything before this offset.
    Drawn {
        offset: u64,
        now: f64,
    },
    /// The time that [`Order::AckIn`] asked for is over.
    AckDue {
        now: f64,
    },
    /// Keys, a paste, or the terminal's own answer to a query.
    Typed(Vec<u8>),
    /// What the terminal has room for.
    Resized {
        columns: u16,
        rows: u16,
    },
    TakeKeyboard,
    ReleaseKeyboard,
    CtrlAltDel,
}

/// What is to be done, in order.
#[derive(Clone, Debug, PartialEq)]
pub enum Order {
    /// Opens a socket; `from` resumes at that offset, without it everything kept is sent.
    Connect {
        from: Option<u64>,
    },
    /// Closes the socket without waiting for its `Lost`.
    Disconnect,
    Send(Vec<u8>),
    /// Gives bytes to the terminal; once drawn, `Drawn { offset: upto }` is due.
    Write {
        bytes: Vec<u8>,
        upto: u64,
    },
    /// Says in the terminal that so many bytes were skipped, and resets what a half-seen sequence may
    /// have left; once drawn, `Drawn { offset: upto }` is due.
    Skip {
        bytes: u64,
        upto: u64,
    },
    /// Empties the terminal: what comes next is another history.
    Clear,
    /// Makes the terminal as large as the guest believes it is.
    Size {
        columns: u16,
        rows: u16,
    },
    RetryIn {
        ms: u32,
    },
    AckIn {
        ms: u32,
    },
}

#[derive(Clone, Debug, PartialEq)]
pub enum Phase {
    Connecting,
    Open,
    /// Cut off since then (ms).
    Waiting {
        since: f64,
    },
    /// Ended by the server, for good.
    Over(Closed),
}

#[derive(Debug)]
pub struct Link {
    phase: Phase,
    /// The next byte that the terminal is to be given; `None` until the first has come.
    next: Option<u64>,
    /// The terminal has drawn everything before.
    drawn: u64,
    acked: u64,
    last_ack: f64,
    ack_asked: bool,
    /// Tries since the last frame.
    tries: u32,
    since: Option<f64>,
    state: Option<ConsoleState>,
    size: Option<(u16, u16)>,
    skipped: u64,
}

impl Default for Link {
    fn default() -> Self {
        Self {
            phase: Phase::Connecting,
            next: None,
            drawn: 0,
            acked: 0,
            last_ack: 0.0,
            ack_asked: false,
            tries: 0,
            since: None,
            state: None,
            size: None,
            skipped: 0,
        }
    }
}

impl Link {
    /// A new link and its first order.
    pub fn start() -> (Self, Vec<Order>) {
        (Self::default(), vec![Order::Connect { from: None }])
    }

    pub fn phase(&self) -> &Phase {
        &self.phase
    }

    /// What the server last said, whether or not it still holds.
    pub fn state(&self) -> Option<&ConsoleState> {
        self.state.as_ref()
    }

    /// Bytes that were not shown, all gaps together.
    pub fn skipped(&self) -> u64 {
        self.skipped
    }

    /// Whether keys reach the guest now.
    pub fn holds_keyboard(&self) -> bool {
        self.phase == Phase::Open && self.state.as_ref().is_some_and(|s| s.keyboard)
    }

    pub fn on(&mut self, event: Event) -> Vec<Order> {
        match event {
            Event::Opened => self.opened(),
            Event::Frame(frame) => self.frame(&frame),
            Event::Lost { now, chance } => self.lost(now, chance),
            Event::Retry => self.retry(),
            Event::Drawn { offset, now } => self.drawn(offset, now),
            Event::AckDue { now } => {
                self.ack_asked = false;
                self.ack(now)
            }
            Event::Typed(bytes) => self.typed(&bytes),
            Event::Resized { columns, rows } => {
                let changed = self.size.replace((columns, rows)) != Some((columns, rows));
                if changed { self.own_size() } else { Vec::new() }
            }
            Event::TakeKeyboard => self.say(&FromReader::TakeKeyboard),
            Event::ReleaseKeyboard => self.say(&FromReader::ReleaseKeyboard),
            Event::CtrlAltDel => self.say(&FromReader::CtrlAltDel),
        }
    }

    fn opened(&mut self) -> Vec<Order> {
        if matches!(self.phase, Phase::Connecting) {
            self.phase = Phase::Open;
            // A new connection knows nothing of what the old one acknowledged, and its rights may differ.
            self.state = None;
            self.acked = self.next.unwrap_or_default();
        }
        Vec::new()
    }

    fn frame(&mut self, frame: &[u8]) -> Vec<Order> {
        if self.phase != Phase::Open {
            return Vec::new();
        }
        match ToReader::decode(frame) {
            Ok(ToReader::Chunk { offset, bytes }) => {
                self.heard();
                self.chunk(offset, bytes)
            }
            Ok(ToReader::Gap { from, to }) => {
                self.heard();
                self.gap(from, to)
            }
            Ok(ToReader::State(state)) => {
                self.heard();
                self.told(state)
            }
            Ok(ToReader::Closed(why)) => self.closed(why),
            // A newer panel may say more than we understand; what we know has its own kinds.
            Err(_) => Vec::new(),
        }
    }

    /// Only a frame proves that a connection is any good, so only then is the pause short again.
    fn heard(&mut self) {
        self.tries = 0;
        self.since = None;
    }

    fn chunk(&mut self, offset: u64, mut bytes: Vec<u8>) -> Vec<Order> {
        if bytes.is_empty() {
            return Vec::new();
        }
        let next = *self.next.get_or_insert(offset);
        if offset > next {
            // A hole that nobody announced: ask for it rather than lose it.
            self.phase = Phase::Connecting;
            return vec![Order::Disconnect, Order::Connect { from: Some(next) }];
        }
        let known = usize::try_from(next - offset).unwrap_or(usize::MAX);
        if known >= bytes.len() {
            return Vec::new();
        }
        bytes.drain(..known);
        let end = next + bytes.len() as u64;
        self.next = Some(end);
        // Cut where replay ends, so that the terminal's answers to what is live are not dropped.
        let live_from = self.state.as_ref().map_or(u64::MAX, |s| s.live_from);
        if next < live_from && live_from < end {
            let cut = usize::try_from(live_from - next).unwrap_or(usize::MAX);
            let live = bytes.split_off(cut);
            return vec![Order::Write { bytes, upto: live_from }, Order::Write { bytes: live, upto: end }];
        }
        vec![Order::Write { bytes, upto: end }]
    }

    fn gap(&mut self, from: u64, to: u64) -> Vec<Order> {
        let next = *self.next.get_or_insert(from);
        if to <= next {
            return Vec::new();
        }
        if from > next {
            self.phase = Phase::Connecting;
            return vec![Order::Disconnect, Order::Connect { from: Some(next) }];
        }
        self.next = Some(to);
        self.skipped += to - next;
        vec![Order::Skip { bytes: to - next, upto: to }]
    }

    fn told(&mut self, state: ConsoleState) -> Vec<Order> {
        let had = self.state.as_ref().is_some_and(|s| s.keyboard);
        let (columns, rows, has) = (state.columns, state.rows, state.keyboard);
        self.state = Some(state);
        match (had, has) {
            (false, true) => self.own_size(),
            (_, false) if columns > 0 && rows > 0 => vec![Order::Size { columns, rows }],
            _ => Vec::new(),
        }
    }

    fn closed(&mut self, why: Closed) -> Vec<Order> {
        match why {
            Closed::RightsChanged | Closed::Purged => {
                self.phase = Phase::Over(why);
                vec![Order::Disconnect]
            }
            // Another history than ours, as after a restored backup: begin again.
            Closed::OffsetFromTheFuture { .. } => {
                self.phase = Phase::Connecting;
                self.next = None;
                self.drawn = 0;
                self.acked = 0;
                vec![Order::Disconnect, Order::Clear, Order::Connect { from: None }]
            }
            // The socket's own end follows and brings us back.
            Closed::Draining | Closed::BadFrame(_) => Vec::new(),
        }
    }

    fn lost(&mut self, now: f64, chance: f64) -> Vec<Order> {
        if matches!(self.phase, Phase::Over(_) | Phase::Waiting { .. }) {
            return Vec::new();
        }
        let since = *self.since.get_or_insert(now);
        self.phase = Phase::Waiting { since };
        let ms = backoff_ms(self.tries, chance);
        self.tries = self.tries.saturating_add(1);
        vec![Order::RetryIn { ms }]
    }

    fn retry(&mut self) -> Vec<Order> {
        if !matches!(self.phase, Phase::Waiting { .. }) {
            return Vec::new();
        }
        self.phase = Phase::Connecting;
        vec![Order::Connect { from: self.next }]
    }

    fn drawn(&mut self, offset: u64, now: f64) -> Vec<Order> {
        // A drawing of before a `Clear` may still come in.
        if offset > self.next.unwrap_or_default() {
            return Vec::new();
        }
        self.drawn = self.drawn.max(offset);
        if self.drawn <= self.acked {
            return Vec::new();
        }
        if self.drawn - self.acked >= ACK_BYTES || now - self.last_ack >= ACK_MS {
            return self.ack(now);
        }
        if std::mem::replace(&mut self.ack_asked, true) {
            return Vec::new();
        }
        vec![Order::AckIn { ms: 50 }]
    }

    fn ack(&mut self, now: f64) -> Vec<Order> {
        if self.drawn <= self.acked || self.phase != Phase::Open {
            return Vec::new();
        }
        self.acked = self.drawn;
        self.last_ack = now;
        vec![Order::Send(FromReader::Ack { offset: self.drawn }.encode())]
    }

    /// Without the keyboard nothing is typed; and what a terminal answers while it draws a replay was
    /// asked long ago, of another terminal.
    fn typed(&self, bytes: &[u8]) -> Vec<Order> {
        let live = self.state.as_ref().is_some_and(|s| self.drawn >= s.live_from);
        if !self.holds_keyboard() || !live {
            return Vec::new();
        }
        bytes.chunks(INPUT).map(|part| Order::Send(FromReader::Input(part.to_vec()).encode())).collect()
    }

    /// The holder's terminal has the size that there is room for, and the guest is told.
    fn own_size(&self) -> Vec<Order> {
        let Some((columns, rows)) = self.size.filter(|_| self.holds_keyboard()) else {
            return Vec::new();
        };
        vec![Order::Size { columns, rows }, Order::Send(FromReader::Resize { columns, rows }.encode())]
    }

    fn say(&self, what: &FromReader) -> Vec<Order> {
        if self.phase == Phase::Open { vec![Order::Send(what.encode())] } else { Vec::new() }
    }
}

#[cfg(test)]
#[path = "link_tests.rs"]
mod tests;
