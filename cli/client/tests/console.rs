//! Consoles against a panel that is a few lines of this file: it speaks real HTTP and WebSocket over
//! TCP and misbehaves as it is told.

use std::time::Duration;

use futures::{SinkExt as _, StreamExt as _};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use umbel_client::{Client, Error, Heard};
use umbel_guest::GuestId;
use umbel_guest::console::{CHUNK, Closed, FromReader, ToReader};

const SECOND: Duration = Duration::from_secs(1);

fn guest() -> GuestId {
    "0190a000-0000-7000-8000-000000000001".parse().expect("an id")
}

async fn listen() -> (TcpListener, Client) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = format!("http://{}", listener.local_addr().expect("an address"));
    (listener, Client::new(&address).expect("an address"))
}

/// One reader that has come: where it wants to go on, and what it says.
struct Reader {
    from: Option<u64>,
    origin: String,
    socket: WebSocketStream<TcpStream>,
}

#[expect(clippy::result_large_err, reason = "the signature of tungstenite's callback")]
async fn accept(listener: &TcpListener) -> Reader {
    let (stream, _) = listener.accept().await.expect("a connection");
    let (mut from, mut origin) = (None, String::new());
    let look = |request: &Request, response: Response| -> Result<Response, ErrorResponse> {
        from = request.uri().query().and_then(|q| q.strip_prefix("from=")).map(|n| n.parse().expect("a number"));
        origin = request.headers()["origin"].to_str().expect("text").to_owned();
        Ok(response)
    };
    let socket = tokio_tungstenite::accept_hdr_async(stream, look).await.expect("a handshake");
    Reader { from, origin, socket }
}

impl Reader {
    async fn say(&mut self, what: ToReader) {
        self.socket.send(Message::Binary(what.encode().into())).await.expect("a reader that listens");
    }

    async fn chunk(&mut self, offset: u64, text: &str) {
        self.say(ToReader::Chunk { offset, bytes: text.as_bytes().to_vec() }).await;
    }

    async fn hear(&mut self) -> FromReader {
        match self.socket.next().await {
            Some(Ok(Message::Binary(frame))) => FromReader::decode(&frame).expect("a frame"),
            other => panic!("a frame, not {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_cut_connection_goes_on_where_it_was() {
    let (listener, client) = listen().await;
    let served = tokio::spawn(async move {
        let mut first = accept(&listener).await;
        assert_eq!(first.from, None);
        assert!(first.origin.starts_with("http://127.0.0.1:"));
        first.chunk(100, "one two ").await;
        drop(first);
        let mut second = accept(&listener).await;
        assert_eq!(second.from, Some(108));
        // Also what is known comes again, as from a panel that rounds down.
        second.chunk(104, "two three").await;
        second.hear().await
    });
    let mut console = client.console(guest()).await.expect("attached");
    assert_eq!(console.until("three", SECOND).await.expect("all of it"), "one two three");
    assert_eq!((console.offset(), console.resumed(), console.gaps().len()), (113, 1, 0));
    console.type_line("ls").await.expect("typed");
    assert_eq!(served.await.expect("served"), FromReader::Input(b"ls\r".to_vec()));
}

#[tokio::test]
async fn text_that_comes_in_pieces_is_found_and_the_rest_is_kept() {
    let (listener, client) = listen().await;
    let served = tokio::spawn(async move {
        let mut reader = accept(&listener).await;
        reader.chunk(0, "log").await;
        reader.chunk(3, "in: $ ").await;
        reader.socket
    });
    let mut console = client.console(guest()).await.expect("attached");
    assert_eq!(console.until("login:", SECOND).await.expect("it comes"), "login:");
    assert_eq!(console.next().await.expect("the rest"), Heard::Bytes { offset: 6, bytes: b" $ ".to_vec() });
    let _socket = served.await.expect("served");
    let error = console.until("never", SECOND / 10).await.expect_err("it never comes");
    assert!(matches!(error, Error::TimedOut { .. }), "{error}");
}

#[tokio::test]
async fn text_does_not_go_on_behind_a_gap() {
    let (listener, client) = listen().await;
    let served = tokio::spawn(async move {
        let mut reader = accept(&listener).await;
        reader.chunk(0, "ab").await;
        reader.say(ToReader::Gap { from: 2, to: 50 }).await;
        reader.chunk(50, "c abc").await;
        reader.socket
    });
    let mut console = client.console(guest()).await.expect("attached");
    assert_eq!(console.until("abc", SECOND).await.expect("the whole one"), "c abc");
    assert_eq!(console.gaps(), [(2, 50)]);
    drop(served.await);
}

#[tokio::test]
async fn what_was_read_is_acknowledged() {
    let (listener, client) = listen().await;
    let (told, mut heard) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        let mut reader = accept(&listener).await;
        for i in 0..3 {
            reader.say(ToReader::Chunk { offset: i * CHUNK as u64, bytes: vec![b'x'; CHUNK] }).await;
        }
        while let Some(Ok(Message::Binary(frame))) = reader.socket.next().await {
            told.send(FromReader::decode(&frame).expect("a frame")).expect("the test listens");
        }
    });
    let mut console = client.console(guest()).await.expect("attached");
    for _ in 0..3 {
        console.next().await.expect("a chunk");
    }
    // Asked for the next, the third counts as read.
    assert!(tokio::time::timeout(SECOND / 10, console.next()).await.is_err(), "there is no fourth");
    for i in 1..=3 {
        assert_eq!(heard.recv().await, Some(FromReader::Ack { offset: i * CHUNK as u64 }));
    }
}

#[tokio::test]
async fn the_end_for_good_is_the_end() {
    let (listener, client) = listen().await;
    tokio::spawn(async move { accept(&listener).await.say(ToReader::Closed(Closed::RightsChanged)).await });
    let mut console = client.console(guest()).await.expect("attached");
    assert!(matches!(console.next().await, Err(Error::Closed(Closed::RightsChanged))));
}

#[tokio::test]
async fn a_panel_that_stays_away_is_given_up() {
    let (listener, client) = listen().await;
    let served = tokio::spawn(async move { drop((accept(&listener).await, listener)) });
    let mut console = client.console(guest()).await.expect("attached").with_patience(SECOND / 5);
    served.await.expect("served");
    let error = console.next().await.expect_err("nobody is there");
    assert!(matches!(error, Error::TimedOut { .. }), "{error}");
}

#[tokio::test]
async fn a_refused_upgrade_says_why() {
    let (listener, client) = listen().await;
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("a connection");
        let mut request = [0; 4096];
        let _ = stream.read(&mut request).await.expect("a request");
        let body = r#"{"title":"Not Found","status":404,"detail":"There is no such guest."}"#;
        let answer = format!("HTTP/1.1 404 Not Found\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        stream.write_all(answer.as_bytes()).await.expect("a reader");
        let _ = stream.read(&mut request).await;
    });
    let error = client.console(guest()).await.expect_err("refused");
    assert_eq!(error.status().map(|s| s.as_u16()), Some(404), "{error}");
    assert!(error.to_string().contains("There is no such guest."), "{error}");
}
