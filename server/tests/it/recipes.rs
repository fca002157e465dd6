//! Images that the panel builds of recipes: what is wrong is said of its key, packages come from the recipe's mirrors and
//! from nowhere else, what is said is kept, and whoever cancels it ends it.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse as _;
use umbel_app::AppError;
use umbel_app::shown::{ImageDraft, OperationState};
use umbel_guest::{OperationId, UploadId};
use umbel_wire::agent::{BuildState, Refusal};

use crate::harness::db::both;
use crate::harness::edge::Edge;
use crate::image_fetch::panel;

/// A mirror, with what it was asked for.
async fn mirror() -> (SocketAddr, Arc<Mutex<Vec<String>>>) {
    let asked = Arc::<Mutex<Vec<String>>>::default();
    let its = Arc::clone(&asked);
    let app = Router::new().fallback(async move |request: Request| {
        let path = request.uri().path().to_owned();
        its.lock().expect("whole").push(path.clone());
        match path.as_str() {
            "/debian/there" => "a package".into_response(),
            "/debian/inside" => (StatusCode::FOUND, [(header::LOCATION, "http://192.0.2.1/secret")]).into_response(),
            "/debian/elsewhere" => (StatusCode::FOUND, [(header::LOCATION, "/debian/there")]).into_response(),
            _ => StatusCode::NOT_FOUND.into_response(),
        }
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("bound");
    tokio::spawn(async move { axum::serve(listener, app).await });
    (address, asked)
}

fn recipe(mirror: &str) -> String {
    format!("name = 'mine'\nversion = '1'\ntitle = 'Ours'\nsuite = 'trixie'\nmirror = '{mirror}'\nmemory_mib = 96\n")
}

fn draft(recipe: String) -> ImageDraft {
    ImageDraft { recipe, ..ImageDraft::default() }
}

async fn over(edge: &Edge, operation: OperationId) -> (OperationState, Vec<String>) {
    let until = tokio::time::Instant::now() + Duration::from_secs(30);
    loop {
        let shown = edge.test.guests.operation_fetch(&edge.root, operation).await.expect("root's");
        if shown.state.is_over() || tokio::time::Instant::now() > until {
            return (shown.state, shown.log.into_iter().map(|line| line.text).collect());
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn building(edge: &Edge) -> (UploadId, SocketAddr) {
    for _ in 0..500 {
        if let Some(building) = edge.test.host.building() {
            return building;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("nothing is built");
}

/// What of uploads is there.
fn uploads(edge: &Edge) -> usize {
    let layout = edge.test.guests.parts.layout.as_ref().expect("it has a place");
    let one = layout.upload(UploadId(uuid::Uuid::nil()));
    std::fs::read_dir(one.parent().expect("below all")).map_or(0, |entries| entries.flatten().count())
}

both! {
    async fn a_recipe_becomes_an_image_of_its_name_and_what_was_said_is_kept(fresh) {
        let (edge, images, _place) = panel(&fresh).await;
        let (address, _) = mirror().await;
        let operation = images.import(&edge.root, draft(recipe(&format!("http://{address}/debian")))).await.expect("fine");
        let (state, log) = over(&edge, operation).await;
        assert_eq!(state, OperationState::Done, "{log:?}");
        assert!(log.iter().any(|line| line == "umbel: packages"), "{log:?}");
        let calls = edge.test.host.calls();
        let at = |name: &str| calls.iter().position(|call| call.starts_with(name)).unwrap_or_else(|| panic!("{name}: {calls:?}"));
        assert!(at("recipe_build") < at("recipe_end") && at("recipe_end") < at("image_import mine-1"));
        assert_eq!((uploads(&edge), edge.test.host.building()), (0, None));
        let shown = images.fetch(&edge.root, &"mine-1".parse().expect("a slug")).await.expect("it is there");
        assert_eq!(shown.origin, "built of a recipe");
    }

    async fn a_build_reaches_its_mirror_and_nothing_else(fresh) {
        let (edge, images, _place) = panel(&fresh).await;
        edge.test.host.set_slow_builds(true);
        let (address, asked) = mirror().await;
        let operation = images.import(&edge.root, draft(recipe(&format!("http://{address}/debian")))).await.expect("fine");
        let (upload, jail) = building(&edge).await;
        let client = reqwest::Client::builder().no_proxy().build().expect("a client");
        let get = async |path: &str| client.get(format!("http://{jail}{path}")).send().await.expect("answered");
        let there = get("/m0/there").await;
        assert_eq!((there.status(), there.text().await.expect("text")), (StatusCode::OK, "a package".to_owned()));
        assert_eq!(get("/m0/elsewhere").await.status(), StatusCode::OK);
        assert_eq!(get("/m0/nothing").await.status(), StatusCode::NOT_FOUND);
        assert_eq!(get("/m0/inside").await.status(), StatusCode::BAD_GATEWAY);
        for path in ["/", "/there", "/m1/there", "/m0/%2e%2e/secret", "/m0/..%2fsecret", "/m0/there?x=y", "/mx/there", "/m0/"] {
            assert_eq!(get(path).await.status(), StatusCode::FORBIDDEN, "{path}");
        }
        let post = client.post(format!("http://{jail}/m0/there")).send().await.expect("answered");
        assert_eq!(post.status(), StatusCode::METHOD_NOT_ALLOWED);
        let asked = asked.lock().expect("whole").clone();
        assert!(asked.iter().all(|path| path.starts_with("/debian/")), "{asked:?}");
        edge.test.host.end_build(upload, "umbel: it fell over\n", BuildState::Failed { reason: "it fell over".into() });
        let (state, log) = over(&edge, operation).await;
        assert_eq!(state, OperationState::Failed { reason: "it fell over".into() });
        for line in [&*format!("http://{address}/debian/there: 200, 1 KiB"), "umbel: it fell over"] {
            assert!(log.iter().any(|said| said == line), "{line}: {log:?}");
        }
        assert_eq!((uploads(&edge), edge.test.host.building()), (0, None));
        // Nobody answers there any more.
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert!(client.get(format!("http://{jail}/m0/there")).send().await.is_err());
    }

    async fn one_that_takes_long_can_be_cancelled_and_the_next_waits_for_its_turn(fresh) {
        let (edge, images, _place) = panel(&fresh).await;
        edge.test.host.set_slow_builds(true);
        let (address, _) = mirror().await;
        let of = |version: &str| ImageDraft { version: version.into(), ..draft(recipe(&format!("http://{address}/x"))) };
        let first = images.import(&edge.root, of("1")).await.expect("fine");
        building(&edge).await;
        let second = images.import(&edge.root, of("2")).await.expect("fine");
        tokio::time::sleep(Duration::from_millis(300)).await;
        edge.test.host.set_slow_builds(false);
        edge.test.guests.operation_cancel(&edge.root, first).await.expect("it can be");
        assert_eq!(over(&edge, first).await.0, OperationState::Cancelled);
        let (state, log) = over(&edge, second).await;
        assert_eq!(state, OperationState::Done, "{log:?}");
        assert!(log.iter().any(|line| line.contains("Another recipe is being built")), "{log:?}");
        assert_eq!((uploads(&edge), edge.test.host.building()), (0, None));
    }

    async fn an_agent_that_can_t_build_says_what_is_missing_and_nothing_stays(fresh) {
        let (edge, images, _place) = panel(&fresh).await;
        let (address, _) = mirror().await;
        let before = edge.test.dump().await;
        edge.test.host.fail_next("recipe_build", Refusal::NotHere { what: "build that recipe: mmdebstrap".into() });
        let operation = images.import(&edge.root, draft(recipe(&format!("http://{address}/x")))).await.expect("fine");
        let OperationState::Failed { reason } = over(&edge, operation).await.0 else { panic!("it failed") };
        assert!(reason.contains("mmdebstrap"), "{reason}");
        assert_eq!((uploads(&edge), edge.test.dump().await), (0, before));
    }

    async fn what_is_wrong_with_a_recipe_is_said_before_anything_begins(fresh) {
        let (edge, images, _place) = panel(&fresh).await;
        let fine = recipe("http://127.0.0.1:1/x");
        for (draft, field, said) in [
            (draft("name = 'x'".into()), "recipe", "version"),
            (draft(fine.replace("trixie", "a b")), "recipe", "suite"),
            (draft(fine.replace("127.0.0.1", "10.0.0.1")), "recipe", "mirror: 10.0.0.1"),
            (draft(fine.replace("'1'", "'one'")), "version", "digit"),
            (draft(format!("{fine}image = 'x'")), "recipe", "unknown field"),
            (ImageDraft { url: "https://127.0.0.1/".into(), ..draft(fine.clone()) }, "recipe", "Either"),
            (ImageDraft { upload: "x".into(), ..draft(fine.clone()) }, "recipe", "Either"),
        ] {
            let Err(AppError::Invalid(wrong)) = images.import(&edge.root, draft).await else { panic!("{said}") };
            let error = wrong.0.iter().find(|error| error.field == field).unwrap_or_else(|| panic!("{wrong:?}"));
            assert!(error.message.contains(said), "{error:?}");
        }
        let refused = images.import(&edge.test.anna, draft(fine)).await;
        assert!(matches!(refused, Err(AppError::Forbidden { .. })), "{refused:?}");
        assert_eq!(uploads(&edge), 0);
    }
}
