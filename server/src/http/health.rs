//! For supervisors and proxies: `/healthz` says that the process answers, `/readyz` that it can work.

use axum::extract::State;
use axum::http::StatusCode;

use crate::panel::Panel;

pub async fn healthz() -> &'static str {
    "ok\n"
}

/// 503 while the panel drains or the database doesn't answer. An agent that is away does not make the
/// panel unready: pages work and say so.
pub async fn readyz(State(panel): State<Panel>) -> (StatusCode, &'static str) {
    if panel.drain.is_cancelled() {
        return (StatusCode::SERVICE_UNAVAILABLE, "draining\n");
    }
    match panel.store.ping().await {
        Ok(()) => (StatusCode::OK, "ready\n"),
        Err(error) => {
            tracing::error!(%error, "the database does not answer");
            (StatusCode::SERVICE_UNAVAILABLE, "the database does not answer\n")
        }
    }
}
