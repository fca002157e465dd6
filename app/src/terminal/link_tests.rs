use proptest::prelude::*;
use umbel_guest::state::Badge;

use super::*;

fn state(keyboard: bool, live_from: u64) -> ToReader {
    ToReader::State(ConsoleState {
        badge: Badge::Running,
        live_from,
        keyboard,
        keyboard_holder: None,
        typing_denied: None,
        readers: 1,
        columns: 80,
        rows: 24,
    })
}

fn hear(link: &mut Link, frame: &ToReader) -> Vec<Order> {
    link.on(Event::Frame(frame.encode()))
}

fn open() -> Link {
    let (mut link, orders) = Link::start();
    assert_eq!(orders, vec![Order::Connect { from: None }]);
    link.on(Event::Opened);
    link
}

fn chunk(offset: u64, bytes: &[u8]) -> ToReader {
    ToReader::Chunk { offset, bytes: bytes.to_vec() }
}

#[test]
fn a_reader_that_was_cut_off_resumes_at_its_byte() {
    let mut link = open();
    hear(&mut link, &chunk(0, b"hello"));
    assert_eq!(link.on(Event::Lost { now: 0.0, chance: 1.0 }), vec![Order::RetryIn { ms: 250 }]);
    assert_eq!(link.on(Event::Retry), vec![Order::Connect { from: Some(5) }]);
    link.on(Event::Opened);
    let orders = hear(&mut link, &chunk(3, b"lo world"));
    assert_eq!(orders, vec![Order::Write { bytes: b" world".to_vec(), upto: 11 }]);
}

#[test]
fn a_hole_that_nobody_announced_is_asked_for() {
    let mut link = open();
    hear(&mut link, &chunk(0, b"ab"));
    assert_eq!(hear(&mut link, &chunk(5, b"f")), vec![Order::Disconnect, Order::Connect { from: Some(2) }]);
}

#[test]
fn a_gap_is_said_once() {
    let mut link = open();
    hear(&mut link, &chunk(0, b"ab"));
    assert_eq!(hear(&mut link, &ToReader::Gap { from: 2, to: 10 }), vec![Order::Skip { bytes: 8, upto: 10 }]);
    assert_eq!(hear(&mut link, &ToReader::Gap { from: 2, to: 10 }), vec![]);
    assert_eq!(link.skipped(), 8);
    assert_eq!(hear(&mut link, &chunk(10, b"k")), vec![Order::Write { bytes: b"k".to_vec(), upto: 11 }]);
}

#[test]
fn a_replayed_query_is_never_answered_into_the_guest() {
    let mut link = open();
    hear(&mut link, &state(true, 6));
    // The replay holds a question for the device attributes; live bytes follow in the same chunk.
    let orders = hear(&mut link, &chunk(0, b"ab\x1b[c#live"));
    assert_eq!(
        orders,
        vec![
            Order::Write { bytes: b"ab\x1b[c#".to_vec(), upto: 6 },
            Order::Write { bytes: b"live".to_vec(), upto: 10 }
        ]
    );
    assert_eq!(link.on(Event::Typed(b"\x1b[?1;2c".to_vec())), vec![], "the answer to the replay");
    link.on(Event::Drawn { offset: 6, now: 0.0 });
    assert_eq!(link.on(Event::Typed(b"x".to_vec())), vec![Order::Send(FromReader::Input(b"x".to_vec()).encode())]);
}

#[test]
fn only_the_holder_types_and_sizes() {
    let mut link = open();
    link.on(Event::Resized { columns: 100, rows: 30 });
    assert_eq!(hear(&mut link, &state(false, 0)), vec![Order::Size { columns: 80, rows: 24 }]);
    assert_eq!(link.on(Event::Typed(b"x".to_vec())), vec![]);
    assert_eq!(link.on(Event::Resized { columns: 101, rows: 30 }), vec![]);
    let resize = FromReader::Resize { columns: 101, rows: 30 }.encode();
    assert_eq!(hear(&mut link, &state(true, 0)), vec![Order::Size { columns: 101, rows: 30 }, Order::Send(resize)]);
    assert_eq!(link.on(Event::Resized { columns: 101, rows: 30 }), vec![], "the same size again");
}

#[test]
fn a_large_paste_goes_in_frames_that_the_server_takes() {
    let mut link = open();
    hear(&mut link, &state(true, 0));
    let orders = link.on(Event::Typed(vec![b'x'; INPUT + 1]));
    assert_eq!(orders.len(), 2);
    for order in orders {
        let Order::Send(frame) = order else { panic!("not sent: {order:?}") };
        assert!(matches!(FromReader::decode(&frame), Ok(FromReader::Input(_))));
    }
}

#[test]
fn drawing_is_acknowledged_by_size_or_by_time() {
    let mut link = open();
    let size = usize::try_from(ACK_BYTES).expect("small");
    hear(&mut link, &chunk(0, &vec![b'x'; size + 10]));
    let ack = |offset| vec![Order::Send(FromReader::Ack { offset }.encode())];
    assert_eq!(link.on(Event::Drawn { offset: 10, now: 1.0 }), vec![Order::AckIn { ms: 50 }]);
    assert_eq!(link.on(Event::Drawn { offset: 20, now: 2.0 }), vec![], "asked for already");
    assert_eq!(link.on(Event::AckDue { now: 51.0 }), ack(20));
    assert_eq!(link.on(Event::AckDue { now: 52.0 }), vec![], "nothing new");
    assert_eq!(link.on(Event::Drawn { offset: ACK_BYTES + 20 - 10, now: 53.0 }), vec![Order::AckIn { ms: 50 }]);
    assert_eq!(link.on(Event::Drawn { offset: ACK_BYTES + 10, now: 104.0 }), ack(ACK_BYTES + 10));
}

#[test]
fn another_history_begins_anew_and_old_drawings_say_nothing() {
    let mut link = open();
    hear(&mut link, &chunk(0, b"old history"));
    let orders = hear(&mut link, &ToReader::Closed(Closed::OffsetFromTheFuture { end: 3 }));
    assert_eq!(orders, vec![Order::Disconnect, Order::Clear, Order::Connect { from: None }]);
    link.on(Event::Opened);
    assert_eq!(link.on(Event::Drawn { offset: 11, now: 1e9 }), vec![]);
    assert_eq!(hear(&mut link, &chunk(0, b"new")), vec![Order::Write { bytes: b"new".to_vec(), upto: 3 }]);
}

#[test]
fn who_may_not_read_any_more_is_not_tried_again() {
    let mut link = open();
    assert_eq!(hear(&mut link, &ToReader::Closed(Closed::RightsChanged)), vec![Order::Disconnect]);
    assert_eq!(link.on(Event::Lost { now: 0.0, chance: 0.0 }), vec![]);
    assert_eq!(link.on(Event::Retry), vec![]);
    assert_eq!(link.phase(), &Phase::Over(Closed::RightsChanged));
}

#[test]
fn pauses_grow_until_a_frame_was_heard() {
    let (mut link, _) = Link::start();
    let mut pauses = Vec::new();
    for _ in 0..4 {
        link.on(Event::Opened);
        match link.on(Event::Lost { now: 7.0, chance: 1.0 }).as_slice() {
            [Order::RetryIn { ms }] => pauses.push(*ms),
            other => panic!("{other:?}"),
        }
        link.on(Event::Retry);
    }
    assert_eq!(pauses, vec![250, 500, 1000, 2000]);
    link.on(Event::Opened);
    hear(&mut link, &state(false, 0));
    assert_eq!(link.on(Event::Lost { now: 9.0, chance: 1.0 }), vec![Order::RetryIn { ms: 250 }]);
    assert_eq!(link.phase(), &Phase::Waiting { since: 9.0 });
}

/// A server that keeps the bytes from `kept` on, and a network that does what it likes.
#[derive(Clone, Debug)]
enum Step {
    /// Sends up to so many bytes.
    Send(usize),
    /// Sends again what was sent before, so many bytes back.
    Again(usize),
    /// Loses a frame of so many bytes without a word.
    Hole(usize),
    /// The ring moves on: nothing older than so many bytes before the end of what was sent is kept.
    Forget(usize),
    Cut,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    proptest::collection::vec(
        prop_oneof![
            4 => (1_usize..40).prop_map(Step::Send),
            1 => (1_usize..40).prop_map(Step::Again),
            1 => (1_usize..40).prop_map(Step::Hole),
            1 => (0_usize..60).prop_map(Step::Forget),
            2 => Just(Step::Cut),
        ],
        1..60,
    )
}

/// The byte at an offset.
fn byte(offset: usize) -> u8 {
    u8::try_from(offset % 251).expect("below 251")
}

/// What the terminal was given: offset of the first byte not given yet, after a check that all came
/// once, in order and unchanged.
struct Screen {
    at: Option<usize>,
    skipped: usize,
}

impl Screen {
    fn take(&mut self, order: &Order, first: usize) {
        match order {
            Order::Write { bytes, upto } => {
                let from = usize::try_from(*upto).expect("small") - bytes.len();
                assert_eq!(from, self.at.unwrap_or(first), "neither lost nor doubled");
                for (i, b) in bytes.iter().enumerate() {
                    assert_eq!(*b, byte(from + i));
                }
                self.at = Some(from + bytes.len());
            }
            Order::Skip { bytes, upto } => {
                let (bytes, upto) = (usize::try_from(*bytes).expect("small"), usize::try_from(*upto).expect("small"));
                assert_eq!(upto - bytes, self.at.unwrap_or(first));
                self.at = Some(upto);
                self.skipped += bytes;
            }
            _ => {}
        }
    }
}

proptest! {
    #[test]
    fn the_terminal_gets_every_kept_byte_once_and_in_order(steps in steps()) {
        let (mut link, _) = Link::start();
        link.on(Event::Opened);
        let mut screen = Screen { at: None, skipped: 0 };
        // The server's place in the stream, and the oldest byte it keeps.
        let (mut cursor, mut kept) = (0_usize, 0_usize);
        let mut forgotten = 0_usize;
        let frame = |offset: usize, n: usize| {
            chunk(offset as u64, &(offset..offset + n).map(byte).collect::<Vec<_>>())
        };
        for step in steps {
            let mut frames = Vec::new();
            match step {
                Step::Send(n) => {
                    if cursor < kept {
                        frames.push(ToReader::Gap { from: cursor as u64, to: kept as u64 });
                        forgotten += kept - cursor;
                        cursor = kept;
                    }
                    frames.push(frame(cursor, n));
                    cursor += n;
                }
                Step::Again(n) => {
                    let from = cursor.saturating_sub(n);
                    frames.push(frame(from, cursor - from));
                }
                Step::Hole(n) => {
                    cursor += n;
                }
                Step::Forget(n) => kept = kept.max(cursor.saturating_sub(n)),
                Step::Cut => {
                    link.on(Event::Lost { now: 0.0, chance: 0.0 });
                    prop_assert_eq!(link.on(Event::Retry), vec![Order::Connect { from: screen.at.map(|a| a as u64) }]);
                    link.on(Event::Opened);
                    cursor = screen.at.unwrap_or(0);
                }
            }
            for frame in frames {
                let first = match &frame {
                    ToReader::Chunk { offset, .. } => *offset,
                    ToReader::Gap { from, .. } => *from,
                    _ => 0,
                };
                for order in hear(&mut link, &frame) {
                    screen.take(&order, usize::try_from(first).expect("small"));
                    if let Order::Connect { from } = order {
                        prop_assert_eq!(from, screen.at.map(|a| a as u64));
                        link.on(Event::Opened);
                        cursor = screen.at.unwrap_or(0);
                    }
                }
            }
        }
        prop_assert!(screen.skipped <= forgotten, "only what is not kept is skipped");
        prop_assert_eq!(link.skipped(), screen.skipped as u64);
    }
}
