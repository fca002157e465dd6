//! The mirrors of a recipe, as its jail has them: `/m0/…` on its loopback is the first one's. Asked is only for what lies
//! below a mirror, of public addresses and of those that the settings permit, wherever one is led; a mirror may be in the
//! clear, since packages are signed, unless the recipe does without that.

use std::net::TcpListener;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{Method, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::serve::ListenerExt as _;
use axum::{Router, http};
use futures::StreamExt as _;
use reqwest::redirect::Policy;
use reqwest::{Client, Url};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use umbel_recipe::Recipe;

use crate::error::chain;
use crate::http::address::Network;
use crate::outward::{self, Destination, Guard, Names, Way};
use crate::uploads::IMAGE_MOST;

const HOPS: usize = 5;
const CONNECT: Duration = Duration::from_secs(10);
/// How long nothing may come.
const QUIET: Duration = Duration::from_secs(60);
/// How long a connection that nobody uses is kept.
const IDLE: Duration = Duration::from_secs(20);
/// Files at a time.
const AT_ONCE: usize = 8;
/// Lines about them that nobody has taken yet.
const LINES_MOST: usize = 1000;

/// Of a recipe, or why one of its mirrors may not be asked.
pub(super) fn read(recipe: &Recipe, permitted: &[Network]) -> Result<Vec<(Url, Way)>, String> {
    let mirror = |text: &String| address(text, recipe.is_signed(), permitted);
    recipe.mirrors().iter().map(mirror).collect()
}

fn address(text: &str, is_signed: bool, permitted: &[Network]) -> Result<(Url, Way), String> {
    let read = if is_signed { outward::read_signed(text, permitted) } else { outward::read(text, permitted) };
    match read? {
        Destination::Post { url, way } => Ok((url, way)),
        Destination::Mail(_) => Err("A mirror is https://HOST/PATH or http://HOST/PATH.".into()),
    }
}

/// Answers until it is dropped.
#[derive(Debug)]
pub(super) struct Mirrors {
    serving: JoinHandle<()>,
    asked: Arc<Asked>,
}

#[derive(Debug)]
struct Asked {
    mirrors: Vec<(Url, Client)>,
    lines: Mutex<Vec<String>>,
    bytes: AtomicU64,
    places: Semaphore,
}

impl Drop for Mirrors {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Mirrors {
    pub(super) fn serve(listener: TcpListener, recipe: &Recipe, permitted: &[Network]) -> Result<Self, String> {
        let is_signed = recipe.is_signed();
        let mirrors = read(recipe, permitted)?
            .into_iter()
            .map(|(url, way)| Ok((url, client(way, is_signed, permitted.to_vec())?)));
        let asked = Arc::new(Asked {
            mirrors: mirrors.collect::<Result<_, String>>()?,
            lines: Mutex::default(),
            bytes: AtomicU64::default(),
            places: Semaphore::new(AT_ONCE),
        });
        let listener = tokio::net::TcpListener::from_std(listener).map_err(|error| error.to_string())?;
        // Otherwise the end of a file may wait for its beginning to be acknowledged (tcp(7)).
        let listener = listener.tap_io(|stream| {
            if let Err(error) = stream.set_nodelay(true) {
                tracing::debug!(%error, "a connection of a build stays slow");
            }
        });
        let app = Router::new().fallback(answer).with_state(Arc::clone(&asked));
        let serving = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, app).await {
                tracing::warn!(cause = chain(&error), "mirrors are served no longer");
            }
        });
        Ok(Self { serving, asked })
    }

    /// What was asked for since it was last told.
    pub(super) fn lines(&self) -> Vec<String> {
        std::mem::take(&mut *self.asked.lines.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn client(way: Way, is_signed: bool, permitted: Vec<Network>) -> Result<Client, String> {
    let guard = Guard { way, names: Names::System, permitted: permitted.clone() };
    let policy = Policy::custom(move |attempt| {
        if attempt.previous().len() > HOPS {
            return attempt.error(format!("one is led on more than {HOPS} times"));
        }
        match address(attempt.url().as_str(), is_signed, &permitted) {
            // What is signed may be led into TLS, and nothing out of it.
            Ok((_, to)) if to == way || (way == Way::Signed && to == Way::Secure) => attempt.follow(),
            Ok(_) => attempt.error("it leads out of TLS"),
            Err(why) => attempt.error(why),
        }
    });
    let builder = outward::client(guard).map_err(|error| chain(&error))?;
    // A hundred packages of one mirror: a name that is asked for anew each time comes late from many a name server. Where a
    // connection leads was looked at when it was made.
    let builder = builder.pool_max_idle_per_host(AT_ONCE).pool_idle_timeout(IDLE);
    builder.redirect(policy).connect_timeout(CONNECT).read_timeout(QUIET).build().map_err(|error| chain(&error))
}

/// What is asked for below a mirror, and nothing else that an address could mean.
fn below(mirror: &Url, rest: &str) -> Option<Url> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.+:@/~%,=".contains(c);
    let fine = !rest.is_empty() && rest.len() <= 1000 && rest.chars().all(plain);
    // Dots that are written otherwise, too: whoever reads an address takes them for dots.
    let decoded = rest.to_ascii_lowercase().replace("%2e", ".");
    if !fine || decoded.contains("%2f") || decoded.contains("%5c") || decoded.split('/').any(|part| part == "..") {
        return None;
    }
    let base = mirror.as_str().trim_end_matches('/');
    let url: Url = format!("{base}/{rest}").parse().ok()?;
    url.as_str().starts_with(&format!("{base}/")).then_some(url)
}

async fn answer(State(asked): State<Arc<Asked>>, request: Request) -> Response {
    let is_read = [Method::GET, Method::HEAD].contains(request.method());
    if !is_read {
        return StatusCode::METHOD_NOT_ALLOWED.into_response();
    }
    let path = request.uri().path();
    let found = path.strip_prefix("/m").and_then(|rest| rest.split_once('/')).and_then(|(place, rest)| {
        let (mirror, client) = asked.mirrors.get(place.parse::<usize>().ok()?)?;
        Some((below(mirror, rest)?, client.clone()))
    });
    let Some((url, client)) = found.filter(|_| request.uri().query().is_none()) else {
        return StatusCode::FORBIDDEN.into_response();
    };
    if asked.bytes.load(Ordering::Relaxed) > IMAGE_MOST {
        return (StatusCode::FORBIDDEN, "more than a build may fetch").into_response();
    }
    let Ok(_place) = asked.places.acquire().await else { return StatusCode::SERVICE_UNAVAILABLE.into_response() };
    match client.request(request.method().clone(), url.clone()).send().await {
        Ok(response) => {
            let length = response.content_length();
            let kib = length.map_or_else(String::new, |bytes| format!(", {} KiB", bytes.div_ceil(1024)));
            asked.say(format!("{url}: {}{kib}", response.status().as_u16()));
            passed_on(&asked, response, length)
        }
        Err(error) => {
            let why = chain(&error.without_url());
            asked.say(format!("{url}: {why}"));
            (StatusCode::BAD_GATEWAY, why).into_response()
        }
    }
}

impl Asked {
    fn say(&self, line: String) {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() < LINES_MOST {
            lines.push(line);
        }
    }
}

/// Only what the client is for: no header of a stranger's but the length.
fn passed_on(asked: &Arc<Asked>, response: reqwest::Response, length: Option<u64>) -> Response {
    let status = response.status();
    let counter = Arc::clone(asked);
    let body = response.bytes_stream().map(move |some| {
        let some = some.map_err(|error| error.without_url())?;
        let before = counter.bytes.fetch_add(some.len() as u64, Ordering::Relaxed);
        if before > IMAGE_MOST {
            return Err(axum::BoxError::from("more than a build may fetch"));
        }
        Ok(some)
    });
    let mut answer = http::Response::builder().status(status);
    if let Some(length) = length {
        answer = answer.header(header::CONTENT_LENGTH, length);
    }
    answer.body(Body::from_stream(body)).unwrap_or_else(|_| StatusCode::BAD_GATEWAY.into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_lies_below_a_mirror_is_asked_for() {
        let mirror: Url = "http://m.example/debian".parse().expect("an address");
        let fine = below(&mirror, "dists/trixie/InRelease").expect("below");
        assert_eq!(fine.as_str(), "http://m.example/debian/dists/trixie/InRelease");
        assert!(below(&mirror, "pool/main/g/gcc-14/libgcc%2b1_1%3a2.deb").is_some());
        for rest in [
            "",
            "../x",
            "a/../../x",
            "a/%2e%2e/x",
            "%2E./x",
            "a%2fb",
            "a\\b",
            "a?b",
            "a#b",
            "@evil.example/x/../..",
            &"a".repeat(1001),
        ] {
            assert!(
                below(&mirror, rest).is_none_or(|url| url.as_str().starts_with("http://m.example/debian/@")),
                "{rest}"
            );
        }
    }

    #[test]
    fn what_is_not_signed_does_not_cross_networks_in_the_clear() {
        let recipe = |mirror: &str, more: &str| {
            let text = format!("name='d'\nversion='1'\nsuite='sid'\nmirror='{mirror}'\n{more}");
            Recipe::parse(&text).expect("fine")
        };
        let permitted = ["127.0.0.0/8".parse().expect("a network")];
        let ways = |mirror: &str, more: &str, permitted: &[Network]| {
            read(&recipe(mirror, more), permitted).map(|all| all.into_iter().map(|(_, way)| way).collect::<Vec<_>>())
        };
        assert_eq!(ways("http://m.example/x", "", &[]), Ok(vec![Way::Signed]));
        assert_eq!(ways("https://m.example/x", "unsigned = true", &[]), Ok(vec![Way::Secure]));
        assert!(ways("http://m.example/x", "unsigned = true", &[]).expect_err("in the clear").contains("clear"));
        assert!(ways("http://127.0.0.1/x", "", &[]).expect_err("inside").contains("no public network"));
        assert_eq!(ways("http://127.0.0.1/x", "unsigned = true", &permitted), Ok(vec![Way::Clear]));
    }
}
