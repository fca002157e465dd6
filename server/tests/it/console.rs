//! Consoles through the server: from a shim's wire to a reader's frames, and what may go wrong between.

use std::time::Duration;

use futures::{SinkExt as _, StreamExt as _};
use reqwest::StatusCode;
use tokio::time::{sleep, timeout};
use tokio_tungstenite::tungstenite::Message;
use umbel_app::paths;
use umbel_client::{Client, Heard, Method, Socket};
use umbel_guest::console::{CHUNK, Closed, ConsoleState, FromReader, ToReader, WINDOW};
use umbel_guest::{Denied, GuestId, GuestRight};
use umbel_wire::ring::{FIRST, LATEST};
use umbel_wire::shim::{Control, FromShim};

use crate::harness::db::both;
use crate::harness::edge::{Edge, closed_with};
use crate::harness::shim::{FakeShim, Rooms, liar};

const SOON: Duration = Duration::from_secs(2);
const A_WHILE: Duration = Duration::from_millis(500);
const LONG: Duration = Duration::from_secs(10);

async fn open(client: &Client, guest: GuestId, from: u64) -> Socket {
    client.socket(&format!("{}?from={from}", paths::console_socket(guest))).await.expect("a socket")
}

/// The next frame, or `None` where none comes for a while.
async fn frame(socket: &mut Socket) -> Option<ToReader> {
    frame_within(socket, A_WHILE).await
}

/// The next frame, which has to come.
async fn more(socket: &mut Socket) -> ToReader {
    frame_within(socket, LONG).await.expect("more")
}

async fn frame_within(socket: &mut Socket, patience: Duration) -> Option<ToReader> {
    loop {
        match timeout(patience, socket.next()).await {
            Ok(Some(Ok(Message::Binary(frame)))) => return Some(ToReader::decode(&frame).expect("the server's frame")),
            Ok(Some(Ok(Message::Ping(_)))) => {}
            _ => return None,
        }
    }
}

async fn say(socket: &mut Socket, frame: FromReader) {
    socket.send(Message::Binary(frame.encode().into())).await.expect("an open socket");
}

/// Waits for the state that is meant.
async fn state(socket: &mut Socket, is: impl Fn(&ConsoleState) -> bool) -> ConsoleState {
    let found = async {
        loop {
            if let ToReader::State(state) = more(socket).await
                && is(&state)
            {
                return state;
            }
        }
    };
    timeout(LONG, found).await.expect("the state comes")
}

/// The word with which the server closes, within two seconds.
async fn closed(socket: &mut Socket) -> Closed {
    let found = async {
        loop {
            if let ToReader::Closed(why) = more(socket).await {
                return why;
            }
        }
    };
    timeout(SOON, found).await.expect("it is closed with a word")
}

async fn eventually(what: &str, done: impl Fn() -> bool) {
    for _ in 0..200 {
        if done() {
            return;
        }
        sleep(Duration::from_millis(10)).await;
    }
    panic!("not within 2 s: {what}");
}

both! {
    async fn bytes_come_once_and_in_order_while_shims_come_and_go(fresh) {
        let rooms = Rooms::new();
        let edge = Edge::start_in(&fresh.db, Some(rooms.layout.clone())).await;
        let (guest, anna) = (edge.test.made("web").await, edge.signed_in("anna").await);
        let reading = tokio::spawn({
            let anna = anna.clone();
            async move {
                let (mut text, mut console) = (Vec::new(), anna.console_from(guest, 0).await.expect("a console"));
                while !text.ends_with(b"end\n") {
                    match timeout(Duration::from_secs(10), console.next()).await.expect("more").expect("more") {
                        Heard::Bytes { offset, bytes } => {
                            assert_eq!(offset, text.len() as u64);
                            text.extend(bytes);
                        }
                        Heard::Gap { from, to } => panic!("a gap from {from} to {to}"),
                        Heard::State(_) => {}
                    }
                }
                String::from_utf8(text).expect("ours")
            }
        });
        let mut written = String::new();
        for life in 0..4 {
            let shim = FakeShim::start(&rooms.layout, guest);
            for line in 0..40 {
                let line = format!("{life} {line} {}\n", "x".repeat(500));
                shim.write(line.as_bytes());
                written.push_str(&line);
                sleep(Duration::from_millis(3)).await;
            }
            if life == 3 {
                shim.write(b"end\n");
                written.push_str("end\n");
                assert_eq!(reading.await.expect("no panic"), written);
                // A reader that comes back has nothing twice.
                let mut socket = open(&anna, guest, written.len() as u64 - 4).await;
                state(&mut socket, |_| true).await;
                let offset = written.len() as u64 - 4;
                assert_eq!(more(&mut socket).await, ToReader::Chunk { offset, bytes: b"end\n".to_vec() });
                break;
            }
        }
    }

    async fn what_a_stopped_guest_wrote_can_be_read(fresh) {
        let rooms = Rooms::new();
        let edge = Edge::start_in(&fresh.db, Some(rooms.layout.clone())).await;
        let (guest, anna) = (edge.test.made("web").await, edge.signed_in("anna").await);
        FakeShim::start(&rooms.layout, guest).write(b"hello world");
        let mut socket = open(&anna, guest, 6).await;
        state(&mut socket, |state| state.live_from == 11).await;
        assert_eq!(more(&mut socket).await, ToReader::Chunk { offset: 6, bytes: b"world".to_vec() });

        let log = async |query: &str| {
            let request = anna.request(Method::GET, &format!("{}{query}", paths::console_log(guest)));
            request.send().await.expect("an answer")
        };
        let text = log("?since=6").await;
        assert_eq!((&text.headers()["x-umbel-from"], &text.headers()["x-umbel-end"]), (&"6".parse().expect("v"), &"11".parse().expect("v")));
        assert_eq!(text.headers()["content-type"], "text/plain; charset=utf-8");
        assert_eq!(text.text().await.expect("text"), "world");
        let file = log("?download=1").await;
        assert_eq!(file.headers()["content-disposition"], "attachment; filename=\"web-console.log\"");
        let future = log("?since=12").await;
        assert_eq!((future.status(), &future.headers()["x-umbel-end"]), (StatusCode::UNPROCESSABLE_ENTITY, &"11".parse().expect("v")));
        assert!(future.text().await.expect("text").contains("\"field\":\"since\""));
        assert_eq!(log("?since=-1").await.status(), StatusCode::UNPROCESSABLE_ENTITY);
    }

    async fn a_reader_that_is_too_slow_gets_a_window_and_then_a_gap(fresh) {
        let rooms = Rooms::new();
        let edge = Edge::start_in(&fresh.db, Some(rooms.layout.clone())).await;
        let (guest, anna) = (edge.test.made("web").await, edge.signed_in("anna").await);
        let shim = FakeShim::start(&rooms.layout, guest);
        let mut socket = open(&anna, guest, 0).await;
        state(&mut socket, |_| true).await;
        for _ in 0..100 {
            shim.write(&vec![b'y'; 64 * 1024]);
        }
        let mut sent = 0;
        while let Some(message) = frame(&mut socket).await {
            if let ToReader::Chunk { offset, bytes } = message {
                assert_eq!(offset, sent);
                sent += bytes.len() as u64;
            }
        }
        assert!((WINDOW..WINDOW + CHUNK as u64).contains(&sent), "{sent} bytes without a word from the reader");
        // It goes on to what is kept of the beginning, then over the gap to the latest.
        let (mut bytes, mut gap) = (sent, None);
        while bytes < (FIRST + LATEST) as u64 {
            say(&mut socket, FromReader::Ack { offset: sent }).await;
            match more(&mut socket).await {
                ToReader::Chunk { offset, bytes: some } => {
                    assert_eq!(offset, sent);
                    sent += some.len() as u64;
                    bytes += some.len() as u64;
                }
                ToReader::Gap { from, to } => {
                    assert_eq!((from, gap), (sent, None));
                    gap = Some((from, to));
                    sent = to;
                }
                _ => {}
            }
        }
        assert_eq!((sent, gap), (6_553_600, Some((FIRST as u64, 6_553_600 - LATEST as u64))));
    }

    async fn an_offset_from_the_future_and_malformed_frames_are_answered_and_closed(fresh) {
        let rooms = Rooms::new();
        let edge = Edge::start_in(&fresh.db, Some(rooms.layout.clone())).await;
        let (guest, anna) = (edge.test.made("web").await, edge.signed_in("anna").await);
        let shim = FakeShim::start(&rooms.layout, guest);
        shim.write(b"abc");
        let mut socket = open(&anna, guest, 4).await;
        assert_eq!(closed(&mut socket).await, Closed::OffsetFromTheFuture { end: 3 });
        assert_eq!(closed_with(&mut socket).await, Some(1000));
        let malformed = [
            Message::Text("hello".into()),
            Message::Binary(Vec::new().into()),
            Message::Binary(vec![99].into()),
            Message::Binary(vec![2, 0, 80].into()),
            Message::Binary(vec![3; 4].into()),
            Message::Binary(vec![4, 4].into()),
            Message::Binary(vec![1; 20_000].into()),
        ];
        for message in malformed {
            let mut socket = open(&anna, guest, 3).await;
            socket.send(message.clone()).await.expect("open");
            let why = closed(&mut socket).await;
            assert!(matches!(why, Closed::BadFrame(_)), "{why:?} for {message:?}");
            assert_eq!(closed_with(&mut socket).await, Some(1008));
        }
        let mut socket = open(&anna, guest, 3).await;
        let _ = socket.send(Message::Binary(vec![1; 2 << 20].into())).await;
        assert!(timeout(SOON, closed_with(&mut socket)).await.is_ok(), "too large a message ends it");
        let mut socket = open(&anna, guest, 3).await;
        say(&mut socket, FromReader::Ack { offset: u64::MAX }).await;
        say(&mut socket, FromReader::Resize { columns: 0, rows: u16::MAX }).await;
        eventually("a size within reason", || shim.told().contains(&Control::Resize { columns: 1, rows: 1000 })).await;
        shim.write(b"def");
        let mut text = Vec::new();
        while let Some(message) = frame(&mut socket).await {
            if let ToReader::Chunk { bytes, .. } = message {
                text.extend(bytes);
            }
        }
        assert_eq!(text, b"def", "the panel lives on");
    }

    async fn one_reader_types_and_hands_it_over(fresh) {
        let rooms = Rooms::new();
        let edge = Edge::start_in(&fresh.db, Some(rooms.layout.clone())).await;
        let guest = edge.test.made("web").await;
        let shim = FakeShim::start(&rooms.layout, guest);
        let mut anna = open(&edge.signed_in("anna").await, guest, 0).await;
        state(&mut anna, |state| state.keyboard).await;
        say(&mut anna, FromReader::Resize { columns: 100, rows: 30 }).await;
        let mut root = open(&edge.signed_in("root").await, guest, 0).await;
        let held = state(&mut root, |state| state.readers == 2).await;
        assert_eq!((held.keyboard, held.keyboard_holder.as_deref()), (false, Some("anna")));
        say(&mut root, FromReader::Input(b"no".to_vec())).await;
        say(&mut root, FromReader::CtrlAltDel).await;
        say(&mut root, FromReader::Resize { columns: 50, rows: 20 }).await;
        say(&mut anna, FromReader::Input(b"yes".to_vec())).await;
        eventually("keys arrive", || shim.typed() == b"yes").await;
        assert_eq!(shim.told(), [Control::Resize { columns: 100, rows: 30 }]);
        say(&mut anna, FromReader::ReleaseKeyboard).await;
        let held = state(&mut root, |state| state.keyboard && state.columns == 50).await;
        assert_eq!(held.rows, 20, "the size goes with the keyboard");
        say(&mut root, FromReader::CtrlAltDel).await;
        eventually("it is passed on", || shim.told().last() == Some(&Control::CtrlAltDel)).await;
    }

    async fn an_operator_reads_and_never_types(fresh) {
        let rooms = Rooms::new();
        let edge = Edge::start_in(&fresh.db, Some(rooms.layout.clone())).await;
        let guest = edge.test.made("web").await;
        let shim = FakeShim::start(&rooms.layout, guest);
        let root = edge.signed_in("root").await;
        let role = async |role| root.account_set_role(edge.berta.account.id, role).await.expect("an administrator");
        role("operator").await;
        let mut berta = open(&edge.signed_in("berta").await, guest, 0).await;
        let denied = state(&mut berta, |_| true).await;
        assert_eq!((denied.keyboard, denied.typing_denied), (false, Some(Denied::Guest(GuestRight::TypeConsole))));
        let type_all = async |socket: &mut Socket| {
            say(socket, FromReader::TakeKeyboard).await;
            say(socket, FromReader::Input(b"no".to_vec())).await;
            say(socket, FromReader::CtrlAltDel).await;
            say(socket, FromReader::Resize { columns: 50, rows: 20 }).await;
        };
        type_all(&mut berta).await;
        shim.write(b"read");
        while !matches!(more(&mut berta).await, ToReader::Chunk { bytes, .. } if bytes == b"read") {}
        assert_eq!((shim.typed(), shim.told()), (b"".to_vec(), Vec::new()));

        // The right comes and goes while the console is open, and the keyboard with it.
        role("administrator").await;
        state(&mut berta, |state| state.keyboard && state.typing_denied.is_none()).await;
        role("operator").await;
        state(&mut berta, |state| !state.keyboard && state.typing_denied.is_some()).await;
        let told = shim.told().len();
        type_all(&mut berta).await;
        sleep(A_WHILE).await;
        assert_eq!((shim.typed(), shim.told().len()), (b"".to_vec(), told));
    }

    async fn a_guest_that_takes_no_keys_freezes_nobodys_output(fresh) {
        let rooms = Rooms::new();
        let edge = Edge::start_in(&fresh.db, Some(rooms.layout.clone())).await;
        let (guest, anna) = (edge.test.made("web").await, edge.signed_in("anna").await);
        let shim = FakeShim::start_deaf(&rooms.layout, guest);
        let mut socket = open(&anna, guest, 0).await;
        state(&mut socket, |state| state.keyboard).await;
        for _ in 0..400 {
            say(&mut socket, FromReader::Input(vec![b'x'; 16 * 1024])).await;
        }
        let mut read = 0;
        for _ in 0..20 {
            shim.write(&vec![b'y'; 32 * 1024]);
            loop {
                match more(&mut socket).await {
                    ToReader::Chunk { bytes, .. } => {
                        read += bytes.len() as u64;
                        say(&mut socket, FromReader::Ack { offset: read }).await;
                        if read.is_multiple_of(32 * 1024) {
                            break;
                        }
                    }
                    ToReader::Gap { .. } => panic!("nothing fell out"),
                    _ => {}
                }
            }
        }
        assert_eq!(read, 20 * 32 * 1024);
        say(&mut socket, FromReader::CtrlAltDel).await;
        eventually("the way out of it works", || shim.told().contains(&Control::CtrlAltDel)).await;
    }

    async fn a_shim_that_lies_is_left_and_the_panel_lives(fresh) {
        let rooms = Rooms::new();
        let edge = Edge::start_in(&fresh.db, Some(rooms.layout.clone())).await;
        let (guest, anna) = (edge.test.made("web").await, edge.signed_in("anna").await);
        drop({
            let shim = FakeShim::start(&rooms.layout, guest);
            shim.write(b"kept");
            shim
        });
        let lies = [
            FromShim::Chunk { offset: u64::MAX, bytes: vec![1; 10] }.encode().expect("small"),
            FromShim::Chunk { offset: 0, bytes: vec![1; 10] }.encode().expect("small"),
            FromShim::Gap { from: 4, to: 3 }.encode().expect("small"),
            FromShim::Gap { from: 9, to: u64::MAX }.encode().expect("small"),
            vec![77, 1, 2],
            Vec::new(),
        ];
        for lie in lies {
            let shim = liar(&rooms.layout, guest, vec![lie.clone()]);
            let mut socket = open(&anna, guest, 4).await;
            while let Some(message) = frame(&mut socket).await {
                assert!(matches!(message, ToReader::State(_)), "{message:?} out of {lie:?}");
            }
            drop(shim);
            std::fs::remove_file(rooms.layout.shim_socket(guest)).expect("ours");
        }
        let mut socket = open(&anna, guest, 0).await;
        state(&mut socket, |_| true).await;
        assert_eq!(more(&mut socket).await, ToReader::Chunk { offset: 0, bytes: b"kept".to_vec() });
    }

    async fn a_purged_guest_and_a_draining_panel_close_their_readers(fresh) {
        let rooms = Rooms::new();
        let edge = Edge::start_in(&fresh.db, Some(rooms.layout.clone())).await;
        let (guest, other) = (edge.test.made("web").await, edge.test.made("db").await);
        let anna = edge.signed_in("anna").await;
        let mut purged = open(&anna, guest, 0).await;
        let mut drained = open(&anna, other, 0).await;
        state(&mut purged, |_| true).await;
        state(&mut drained, |_| true).await;
        let purge = edge.test.guests.act(&edge.test.anna, guest, umbel_guest::Action::Purge).await.expect("always");
        edge.test.over(purge.expect("an operation")).await;
        assert_eq!(closed(&mut purged).await, Closed::Purged);
        edge.panel.drain.cancel();
        assert_eq!(closed(&mut drained).await, Closed::Draining);
        assert_eq!(closed_with(&mut drained).await, Some(1012));
        eventually("nobody is left", || edge.panel.consoles.readers() == 0).await;
    }
}
