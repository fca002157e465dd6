//! What a registry of containers may answer: a token is asked for, a layer is cut, a sum is wrong, a way leads inside. A
//! real one is in `real_registry`; this one does what real ones seldom do.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, Response, StatusCode, Uri, header};
use axum::response::IntoResponse;
use axum::routing::get;
use futures::stream;
use sha2::{Digest as _, Sha256};
use umbel_app::shown::{ImageDraft, OperationState};

use crate::image_fetch::{over, panel, uploads};

const LAYER: usize = 3 << 20;

fn layer() -> Vec<u8> {
    (0..LAYER).map(|at| u8::try_from(at % 251).expect("small")).collect()
}

fn digest(bytes: &[u8]) -> String {
    format!("sha256:{}", Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect::<String>())
}

fn manifest(layer: &str, size: usize) -> Vec<u8> {
    let config = serde_json::json!({ "mediaType": "application/vnd.oci.image.config.v1+json", "digest": digest(b"{}"), "size": 2 });
    let layers =
        [serde_json::json!({ "mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": layer, "size": size })];
    serde_json::json!({ "schemaVersion": 2, "config": config, "layers": layers }).to_string().into_bytes()
}

/// Paths that were asked for, with their `Range`.
type Asked = Arc<Mutex<Vec<String>>>;

fn cut(bytes: Vec<u8>) -> Body {
    Body::from_stream(stream::iter([Ok(bytes), Err(std::io::Error::other("cut"))]))
}

async fn manifests(Path((name, tag)): Path<(String, String)>, headers: HeaderMap) -> Response<Body> {
    if name == "closed" || (name == "asks" && headers.get(header::AUTHORIZATION).is_none_or(|is| is != "Bearer right"))
    {
        let host = headers[header::HOST].to_str().expect("text");
        let realm = format!("Bearer realm=\"http://{host}/token\",service=\"us\"");
        return (StatusCode::UNAUTHORIZED, [(header::WWW_AUTHENTICATE, realm)]).into_response();
    }
    let right = manifest(&digest(&layer()), LAYER);
    match (name.as_str(), tag.as_str()) {
        ("led-away", _) => {
            let realm = "Bearer realm=\"https://192.0.2.1/token\",service=\"us\"";
            (StatusCode::UNAUTHORIZED, [(header::WWW_AUTHENTICATE, realm)]).into_response()
        }
        ("other-sum", _) => manifest(&digest(b"something else"), LAYER).into_response(),
        ("longer", _) => manifest(&digest(&layer()[..100]), 100).into_response(),
        ("huge", _) => manifest(&digest(&layer()), 17 << 30).into_response(),
        ("endless", _) => {
            Body::from_stream(stream::repeat_with(|| Ok::<_, std::io::Error>(vec![b' '; 1 << 20]))).into_response()
        }
        ("html", _) => "<html>".into_response(),
        ("other-manifest", _) => "{}".into_response(),
        ("arm", _) => {
            let one = serde_json::json!({
                "mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": digest(&right), "size": right.len(),
                "platform": { "architecture": "arm64", "os": "linux" },
            });
            serde_json::json!({ "schemaVersion": 2, "manifests": [one] }).to_string().into_response()
        }
        ("away" | "app" | "asks", "1") => right.into_response(),
        _ => StatusCode::NOT_FOUND.into_response(),
    }
}

async fn blobs(
    State(asked): State<Asked>,
    Path((name, wanted)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response<Body> {
    if wanted == digest(b"{}") {
        return "{}".into_response();
    }
    if name == "away" {
        return (StatusCode::TEMPORARY_REDIRECT, [(header::LOCATION, "http://192.0.2.1/layer")]).into_response();
    }
    let range = headers.get(header::RANGE).map_or("", |range| range.to_str().expect("text"));
    let is_first = {
        let mut asked = asked.lock().expect("whole");
        asked.push(range.to_owned());
        asked.len() == 1
    };
    if name == "app" && is_first {
        let half = layer()[..LAYER / 2].to_vec();
        return Response::builder().header(header::CONTENT_LENGTH, LAYER).body(cut(half)).expect("an answer");
    }
    let from = range.strip_prefix("bytes=").and_then(|range| range.strip_suffix('-'));
    let Some(from) = from.map(|from| from.parse::<usize>().expect("a number")) else { return layer().into_response() };
    let part = format!("bytes {from}-{}/{LAYER}", LAYER - 1);
    (StatusCode::PARTIAL_CONTENT, [(header::CONTENT_RANGE, part)], layer().split_off(from)).into_response()
}

async fn token(uri: Uri) -> Response<Body> {
    let query = uri.query().unwrap_or_default();
    match query.contains("scope=repository%3Aclosed") {
        true => StatusCode::UNAUTHORIZED.into_response(),
        false => {
            assert_eq!(query, "service=us&scope=repository%3Aasks%3Apull");
            r#"{"token":"right","expires_in":60}"#.into_response()
        }
    }
}

async fn registry(asked: Asked) -> String {
    let app = Router::new()
        .route("/v2/{name}/manifests/{tag}", get(manifests))
        .route("/v2/{name}/blobs/{digest}", get(blobs))
        .route("/token", get(token))
        .with_state(asked);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("bound");
    tokio::spawn(async move { axum::serve(listener, app).await });
    address.to_string()
}

fn draft(url: String) -> ImageDraft {
    ImageDraft { url, name: "mine".into(), version: "1".into(), ..ImageDraft::default() }
}

crate::harness::db::both! {
    async fn a_layer_that_is_cut_is_gone_on_with_in_its_middle(fresh) {
        let asked = Asked::default();
        let (address, (edge, images, _place)) = (registry(Arc::clone(&asked)).await, panel(&fresh).await);
        let operation = images.import(&edge.root, draft(format!("docker://{address}/app:1"))).await.expect("permitted");
        assert_eq!(over(&edge, operation).await, OperationState::Done);
        let asked = asked.lock().expect("whole").clone();
        let [first, second] = &asked[..] else { panic!("{asked:?}") };
        assert!(first.is_empty() && second.starts_with("bytes=") && second != "bytes=0-", "{asked:?}");
        assert!(edge.test.host.calls().iter().any(|call| call.starts_with("image_import mine-1")), "it became one");
        assert_eq!(uploads(&edge), 0, "nothing of it stays");
    }

    async fn who_asks_for_a_token_is_given_one_and_shown_it(fresh) {
        let (address, (edge, images, _place)) = (registry(Asked::default()).await, panel(&fresh).await);
        let operation = images.import(&edge.root, draft(format!("docker://{address}/asks:1"))).await.expect("permitted");
        assert_eq!(over(&edge, operation).await, OperationState::Done);
    }

    async fn what_is_wrong_with_a_registrys_image_is_said_and_nothing_of_it_stays(fresh) {
        let (address, (edge, images, _place)) = (registry(Asked::default()).await, panel(&fresh).await);
        let before = edge.test.dump().await;
        let pinned = format!("other-manifest@sha256:{}", "a".repeat(64));
        for (of, expected) in [
            ("missing:1", "the registry has no"),
            ("closed:1", "nobody who isn't signed in"),
            ("led-away:1", "no public network"),
            ("away:1", "no public network"),
            ("other-sum:1", "a layer of it is sha256:"),
            ("longer:1", "more comes than was said"),
            ("huge:1", "more than 16384 MiB"),
            ("endless:1", "more than 4 MiB"),
            ("html:1", "no image"),
            ("arm:1", "none for amd64"),
            (&pinned, "the registry answers sha256:"),
        ] {
            let operation = images.import(&edge.root, draft(format!("docker://{address}/{of}"))).await.expect("it may be tried");
            let OperationState::Failed { reason } = over(&edge, operation).await else { panic!("{of}") };
            assert!(reason.contains(expected), "{of}: {reason}");
            assert_eq!((uploads(&edge), edge.test.dump().await), (0, before.clone()), "{of}");
        }
    }
}
