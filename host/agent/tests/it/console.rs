//! A reader of a guest's console, over its shim's socket.

use std::fs::File;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use umbel_guest::GuestId;
use umbel_wire::agent::{Request, StartOrder};
use umbel_wire::frame;
use umbel_wire::ring::{Kept, RingReader};
use umbel_wire::shim::{Control, FromShim, ToShim, VERSION};

use crate::harness::{House, PATIENCE};

const PROMPT: &str = "root@web-1:~# ";

pub(crate) struct Console {
    stream: UnixStream,
    /// Everything that was read, and how far it was looked at.
    pub(crate) text: String,
    looked: usize,
    offset: u64,
}

impl Console {
    /// Reads from the first byte of the current run.
    pub(crate) fn of(house: &House, guest: GuestId) -> Self {
        let stream = UnixStream::connect(house.layout.shim_socket(guest)).expect("the shim listens");
        let mut console = Self { stream, text: String::new(), looked: 0, offset: 0 };
        console.say(Control::Hello { version: VERSION });
        // Once it answers it has begun its part of the ring.
        console.read(PATIENCE);
        console.offset = ring(house, guest).extent().expect("begun").boot;
        console.say(Control::Attach { from: Some(console.offset) });
        console
    }

    pub(crate) fn say(&mut self, control: Control) {
        let content = ToShim::Control(control).encode().expect("small");
        frame::write(&mut self.stream, &content).expect("heard");
    }

    pub(crate) fn type_in(&mut self, line: &str) {
        let content = ToShim::Input(format!("{line}\n").into_bytes()).encode().expect("small");
        frame::write(&mut self.stream, &content).expect("heard");
    }

    pub(crate) fn type_if_heard(&mut self, line: &str) {
        let content = ToShim::Input(format!("{line}\n").into_bytes()).encode().expect("small");
        let _ = frame::write(&mut self.stream, &content);
    }

    /// Reads whatever comes until the shim hangs up, and counts its bytes. What was missed is no matter.
    pub(crate) fn follow(mut self, heard: &AtomicU64) {
        self.stream.set_read_timeout(None).expect("set");
        while let Ok(content) = frame::read(&mut self.stream) {
            if let FromShim::Chunk { offset, bytes } = FromShim::decode(&content).expect("a message") {
                let count = bytes.len() as u64;
                heard.fetch_add(count, Ordering::Relaxed);
                self.say_if_heard(Control::Ack { offset: offset + count });
            }
        }
    }

    /// Boots a guest to its prompt. On a busy machine the distribution's kernel was seen to panic before
    /// it, twice in a few hundred boots and for a reason that is not known: that is said, and the guest
    /// is started again.
    pub(crate) fn boot(house: &House, start: &StartOrder) -> Self {
        for _ in 0..3 {
            house.done(&Request::Start(start.clone())).expect("started");
            let mut console = Self::of(house, start.guest);
            if console.comes_to(PROMPT, "Kernel panic") {
                return console;
            }
            eprintln!("the kernel panicked by itself: {}", console.text);
            house.ended(start.guest);
        }
        panic!("three kernels panicked");
    }

    /// Whether the one or the other comes first.
    fn comes_to(&mut self, words: &str, others: &str) -> bool {
        let until = Instant::now() + PATIENCE;
        loop {
            if self.text[self.looked..].contains(words) {
                self.until(words);
                return true;
            }
            if self.text[self.looked..].contains(others) {
                return false;
            }
            let left = until.saturating_duration_since(Instant::now());
            assert!(!left.is_zero() && self.read(left), "no {words:?} in:\n{}", self.text);
        }
    }

    /// Reads on until these words come, and gives what came before them since the last call.
    pub(crate) fn until(&mut self, words: &str) -> String {
        let until = Instant::now() + PATIENCE;
        loop {
            if let Some(at) = self.text[self.looked..].find(words) {
                let before = self.text[self.looked..self.looked + at].to_owned();
                self.looked += at + words.len();
                return before;
            }
            let left = until.saturating_duration_since(Instant::now());
            assert!(!left.is_zero() && self.read(left), "no {words:?} in:\n{}", self.text);
        }
    }

    /// Reads for so long, or to the end.
    pub(crate) fn read_for(&mut self, time: Duration) {
        let until = Instant::now() + time;
        while let left = until.saturating_duration_since(Instant::now())
            && !left.is_zero()
            && self.read(left)
        {}
    }

    fn read(&mut self, patience: Duration) -> bool {
        self.stream.set_read_timeout(Some(patience)).expect("set");
        let Ok(content) = frame::read(&mut self.stream) else { return false };
        match FromShim::decode(&content).expect("a message") {
            FromShim::Chunk { offset, bytes } => {
                assert_eq!(offset, self.offset, "a byte was lost or doubled");
                self.offset += bytes.len() as u64;
                // What a guest of these tests writes is ASCII; a cut character would be none.
                self.text.push_str(&String::from_utf8_lossy(&bytes));
                self.say_if_heard(Control::Ack { offset: self.offset });
            }
            FromShim::Gap { from, to } => panic!("a gap from {from} to {to} in a short history"),
            FromShim::Word(_) | FromShim::CaughtUp { .. } => {}
        }
        true
    }

    /// The shim may be gone already, with its last bytes on their way.
    fn say_if_heard(&mut self, control: Control) {
        let content = ToShim::Control(control).encode().expect("small");
        let _ = frame::write(&mut self.stream, &content);
    }
}

/// All that is kept, without any shim.
pub(crate) fn text_of(house: &House, guest: GuestId) -> String {
    let reader = ring(house, guest);
    let (mut at, mut text) = (0, Vec::new());
    loop {
        match reader.read(at, 1 << 20).expect("readable") {
            Kept::Bytes { bytes, .. } => {
                at += bytes.len() as u64;
                text.extend(bytes);
            }
            Kept::Gap { to, .. } => at = to,
            Kept::End | Kept::Beyond { .. } => break,
        }
    }
    String::from_utf8_lossy(&text).into_owned()
}

fn ring(house: &House, guest: GuestId) -> RingReader {
    RingReader::new(File::open(house.layout.ring(guest)).expect("kept"))
}

/// The numbers that a counting loop has written, in order.
pub(crate) fn numbers(text: &str) -> Vec<u64> {
    text.lines().filter_map(|line| line.trim_end().strip_prefix("n=")?.parse().ok()).collect()
}

pub(crate) const COUNT: &str = "i=0; while :; do echo n=$i; i=$((i+1)); sleep 0.03; done";
