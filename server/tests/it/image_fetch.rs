//! Images that the panel gets out of the network itself: gone on with after a cut, refused where they lead inside.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, Response, StatusCode, header};
use axum::routing::get;
use futures::stream;
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;
use umbel_app::AppError;
use umbel_app::shown::{ImageDraft, OperationState};
use umbel_guest::{OperationId, UploadId};
use umbel_server::guests::Guests;
use umbel_server::images::Images;
use umbel_server::uploads::Uploads;
use umbel_wire::Layout;

use crate::harness::db::{Fresh, both};
use crate::harness::edge::Edge;

const LENGTH: usize = 3 << 20;
const ETAG: &str = "\"one\"";

fn content() -> Vec<u8> {
    (0..LENGTH).map(|at| u8::try_from(at % 251).expect("small")).collect()
}

fn sum() -> String {
    Sha256::digest(content()).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What was asked of the server: `Range` and `If-Range` of each request for the file.
type Asked = Arc<Mutex<Vec<(String, String)>>>;

/// The first time it is cut in the middle.
async fn disk(State(asked): State<Asked>, headers: HeaderMap) -> Response<Body> {
    let said = |name| headers.get(name).map_or("", |value| value.to_str().expect("text")).to_owned();
    let (range, condition) = (said(header::RANGE), said(header::IF_RANGE));
    let is_first = {
        let mut asked = asked.lock().expect("whole");
        asked.push((range.clone(), condition));
        asked.len() == 1
    };
    let from = range.strip_prefix("bytes=").and_then(|range| range.strip_suffix('-')).map(|from| from.parse::<usize>());
    let from = from.map_or(0, |from| from.expect("a number"));
    let rest = content().split_off(from);
    let status = if from > 0 { StatusCode::PARTIAL_CONTENT } else { StatusCode::OK };
    let answer =
        Response::builder().status(status).header(header::ETAG, ETAG).header(header::CONTENT_LENGTH, rest.len());
    let answer = answer.header(header::CONTENT_RANGE, format!("bytes {from}-{}/{LENGTH}", LENGTH - 1));
    if !is_first {
        return answer.body(Body::from(rest)).expect("an answer");
    }
    let half = rest[..LENGTH / 2].to_vec();
    let cut = stream::iter([Ok(half), Err(std::io::Error::other("cut"))]);
    answer.body(Body::from_stream(cut)).expect("an answer")
}

fn led(to: &'static str) -> axum::routing::MethodRouter<Asked> {
    get(async move || (StatusCode::FOUND, [(header::LOCATION, to)]))
}

/// On loopback, until the test's runtime ends.
async fn server(asked: Asked) -> String {
    let endless = async || Body::from_stream(stream::pending::<Result<Vec<u8>, std::io::Error>>());
    let large = async || {
        let answer = Response::builder().header(header::CONTENT_LENGTH, (17_u64 << 30).to_string());
        answer.body(Body::from_stream(stream::pending::<Result<Vec<u8>, std::io::Error>>())).expect("an answer")
    };
    let app = Router::new()
        .route("/disk", get(disk))
        .route("/inside", led("http://192.0.2.1/latest/meta-data"))
        .route("/by-name", led("http://localhost.localdomain.invalid/"))
        .route("/loop", led("/loop"))
        .route("/tls", led("https://127.0.0.1/"))
        .route("/file", led("file:///etc/passwd"))
        .route("/large", get(large))
        .route("/endless", get(endless))
        .with_state(asked);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("bound");
    tokio::spawn(async move { axum::serve(listener, app).await });
    format!("http://{address}")
}

/// A panel that may fetch from loopback.
pub(crate) async fn panel(fresh: &Fresh) -> (Edge, Images, TempDir) {
    let place = tempfile::tempdir().expect("a directory");
    let layout = Layout::new(place.path(), place.path()).expect("a short path");
    let edge = Edge::start_in(&fresh.db, Some(layout)).await;
    let mut parts = edge.test.guests.parts.clone();
    parts.fetch_networks = vec!["127.0.0.0/8".parse().expect("a block")];
    let guests = Guests::new(parts.clone());
    (edge, Images::new(guests, Uploads::new(parts)), place)
}

fn draft(url: String) -> ImageDraft {
    ImageDraft { url, name: "mine".into(), version: "1".into(), ..ImageDraft::default() }
}

/// What of them is there.
pub(crate) fn uploads(edge: &Edge) -> usize {
    let layout = edge.test.guests.parts.layout.as_ref().expect("it has a place");
    let one = layout.upload(UploadId(uuid::Uuid::nil()));
    std::fs::read_dir(one.parent().expect("below all")).map_or(0, |entries| entries.flatten().count())
}

pub(crate) async fn over(edge: &Edge, operation: OperationId) -> OperationState {
    let until = tokio::time::Instant::now() + Duration::from_secs(30);
    loop {
        let state = edge.test.guests.operation_fetch(&edge.root, operation).await.expect("root's").state;
        if state.is_over() || tokio::time::Instant::now() > until {
            return state;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

both! {
    async fn a_file_that_is_cut_is_gone_on_with_and_its_sum_is_right(fresh) {
        let asked = Asked::default();
        let (address, (edge, images, _place)) = (server(Arc::clone(&asked)).await, panel(&fresh).await);
        let url = format!("{address}/disk?key=secret");
        let draft = ImageDraft { sha256: sum().to_uppercase(), tested_with: "6.12".into(), ..draft(url) };
        let operation = images.import(&edge.root, draft).await.expect("permitted");
        assert_eq!(over(&edge, operation).await, OperationState::Done);
        let asked = asked.lock().expect("whole").clone();
        let [(first, _), (range, condition)] = &asked[..] else { panic!("{asked:?}") };
        assert_eq!((first.as_str(), condition.as_str()), ("", ETAG));
        assert!(range.starts_with("bytes=") && range != "bytes=0-", "{range}");
        assert!(edge.test.host.calls().iter().any(|call| call.starts_with("image_import mine-1")), "it became one");
        assert_eq!(uploads(&edge), 0, "nothing of it stays");
        let shown = images.fetch(&edge.root, &"mine-1".parse().expect("a slug")).await.expect("it is there");
        assert_eq!((shown.origin.as_str(), shown.came_from), ("fetched", Some(format!("{address}/disk"))));
        assert_eq!(shown.tested_with.as_deref(), Some("6.12"));
    }

    async fn what_leads_inside_or_is_not_what_was_said_becomes_nothing(fresh) {
        let (address, (edge, images, _place)) = (server(Asked::default()).await, panel(&fresh).await);
        let before = edge.test.dump().await;
        let wrong = ImageDraft { sha256: "0".repeat(64), ..draft(format!("{address}/disk")) };
        let cases = [
            (wrong, "its SHA-256 is"),
            (draft(format!("{address}/inside")), "no public network"),
            (draft(format!("{address}/loop")), "more than 5 times"),
            (draft(format!("{address}/tls")), "out of TLS, or into it"),
            (draft(format!("{address}/file")), "302"),
            (draft(format!("{address}/large")), "more than 16384 MiB"),
            (draft(format!("{address}/missing")), "404"),
        ];
        for (draft, expected) in cases {
            let url = draft.url.clone();
            let operation = images.import(&edge.root, draft).await.expect("it may be tried");
            let OperationState::Failed { reason } = over(&edge, operation).await else { panic!("{url}") };
            assert!(reason.contains(expected), "{url}: {reason}");
            assert_eq!((uploads(&edge), edge.test.dump().await), (0, before.clone()), "{url}");
        }
    }

    async fn one_that_never_ends_can_be_cancelled(fresh) {
        let (address, (edge, images, _place)) = (server(Asked::default()).await, panel(&fresh).await);
        let operation = images.import(&edge.root, draft(format!("{address}/endless"))).await.expect("permitted");
        tokio::time::sleep(Duration::from_millis(300)).await;
        edge.test.guests.operation_cancel(&edge.root, operation).await.expect("it can be");
        assert_eq!(over(&edge, operation).await, OperationState::Cancelled);
        assert_eq!(uploads(&edge), 0);
    }

    async fn what_may_not_be_asked_is_said_of_its_field(fresh) {
        let (edge, images, _place) = panel(&fresh).await;
        for (draft, field) in [
            (draft("https://192.0.2.1/latest".into()), "url"),
            (draft("ftp://127.0.0.1/root.tar".into()), "url"),
            (draft("https://me:secret@example.com/".into()), "url"),
            (ImageDraft { upload: "x".into(), ..draft("https://127.0.0.1/".into()) }, "url"),
            (ImageDraft { sha256: "abc".into(), ..draft("https://127.0.0.1/".into()) }, "sha256"),
            (ImageDraft { sha256: sum(), ..draft("docker://127.0.0.1:5000/app:1".into()) }, "sha256"),
            (draft("docker://192.0.2.1:5000/app:1".into()), "url"),
            (draft("docker://127.0.0.1/App".into()), "url"),
            (ImageDraft { url: String::new(), ..draft(String::new()) }, "upload"),
        ] {
            let Err(AppError::Invalid(wrong)) = images.import(&edge.root, draft).await else { panic!("{field}") };
            assert_eq!(wrong.0[0].field, field, "{wrong:?}");
        }
        let refused = images.import(&edge.test.anna, draft("https://127.0.0.1/".into())).await;
        assert!(matches!(refused, Err(AppError::Forbidden { .. })), "{refused:?}");
        assert_eq!(uploads(&edge), 0);
    }
}
