//! Figures for Prometheus, in its text exposition format: what is counted while the panel serves, here, and
//! how things stand at the moment of the question, in [`standing`]. Labels are words out of closed lists and
//! templates of routes, so that nobody outside makes new series.

mod standing;

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use http::Method;
use prometheus_client::encoding::{EncodeLabelSet, prometheus_text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;
use umbel_app::AppError;
use umbel_app::backend::Caller;
use umbel_guest::PanelRight;

use crate::panel::Panel;

/// Of the format, as its specification has it (version 0.0.4).
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Upper ends in seconds: pages are meant to come within tens of milliseconds, passwords take a quarter.
const BUCKETS: [f64; 9] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0];

/// Before every name.
const PREFIX: &str = "umbel";

/// What is counted. Cheap to clone; clones count together.
#[derive(Clone, Debug)]
pub struct Metrics {
    registry: Arc<Registry>,
    requests: Family<Answered, Counter>,
    durations: Family<Asked, Histogram>,
    sign_ins: Family<SignIn, Counter>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Asked {
    method: &'static str,
    /// As the router spells it.
    route: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Answered {
    method: &'static str,
    route: String,
    status: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct SignIn {
    outcome: &'static str,
}

impl Metrics {
    /// `now` is when the panel began, in µs since the epoch.
    pub fn new(now: i64) -> Self {
        let mut registry = Registry::with_prefix(PREFIX);
        let (requests, sign_ins) = (Family::default(), Family::<SignIn, Counter>::default());
        let durations = Family::new_with_constructor(histogram as fn() -> Histogram);
        registry.register("http_requests", "Requests that were answered", requests.clone());
        registry.register(
            "http_request_duration_seconds",
            "From a request's head to its answer's; of a WebSocket, to its beginning",
            durations.clone(),
        );
        registry.register("sign_ins", "Tries to sign in", sign_ins.clone());
        // From the beginning, so that the first failure is an increase.
        for outcome in [SIGNED_IN, REFUSED] {
            drop(sign_ins.get_or_create(&SignIn { outcome }));
        }
        registry.register("build", "The panel's version", Info::new([("version", env!("CARGO_PKG_VERSION"))]));
        registry.register(
            "start_time_seconds",
            "When the panel began, since the epoch",
            ConstGauge::new(now / 1_000_000),
        );
        Self { registry: Arc::new(registry), requests, durations, sign_ins }
    }

    /// A request was answered. What no route knows is one of them together.
    pub fn answered(&self, method: &Method, route: Option<&str>, status: u16, took: Duration) {
        let (method, route) = (word_of(method), route.unwrap_or("none").to_owned());
        self.durations.get_or_create(&Asked { method, route: route.clone() }).observe(took.as_secs_f64());
        self.requests.get_or_create(&Answered { method, route, status }).inc();
    }

    pub fn sign_in<T>(&self, done: &Result<T, AppError>) {
        let outcome = if done.is_ok() { SIGNED_IN } else { REFUSED };
        self.sign_ins.get_or_create(&SignIn { outcome }).inc();
    }
}

const SIGNED_IN: &str = "signed_in";
const REFUSED: &str = "refused";

fn histogram() -> Histogram {
    Histogram::new(BUCKETS)
}

/// Whoever asks may say any word.
fn word_of(method: &Method) -> &'static str {
    let known = [Method::GET, Method::POST, Method::PATCH, Method::PUT, Method::DELETE, Method::HEAD];
    let words = ["GET", "POST", "PATCH", "PUT", "DELETE", "HEAD"];
    known.iter().zip(words).find(|(known, _)| *known == method).map_or("other", |(_, word)| word)
}

/// All of it, for whoever may see what everybody's guests do.
pub async fn metrics(panel: &Panel, caller: &Caller) -> Result<String, AppError> {
    caller.may(PanelRight::ReadMetrics)?;
    written(panel).await
}

/// All of it, for whom the settings let in.
pub async fn written(panel: &Panel) -> Result<String, AppError> {
    let standing = standing::Standing::look(panel).await?;
    let mut now = Registry::with_prefix(PREFIX);
    standing.register(&mut now);
    let mut text = String::new();
    for registry in [&panel.metrics.registry, &now] {
        prometheus_text::encode(&mut text, registry).map_err(|error| crate::error::internal(&error))?;
    }
    writeln!(text).map_err(|error| crate::error::internal(&error))?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_outside_makes_new_series() {
        let metrics = Metrics::new(0);
        for n in 0..100 {
            let method = Method::from_bytes(format!("M{n}").as_bytes()).expect("a method");
            metrics.answered(&method, None, 404, Duration::ZERO);
        }
        let mut text = String::new();
        prometheus_text::encode(&mut text, &metrics.registry).expect("a text");
        let asked = text.lines().filter(|line| line.starts_with("umbel_http_requests_total{")).collect::<Vec<_>>();
        assert_eq!(asked, [r#"umbel_http_requests_total{method="other",route="none",status="404"} 100"#]);
    }
}
