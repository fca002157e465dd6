//! For Prometheus: over the panel's own address for who comes in as an administrator or operator, and, where
//! the settings name one, over an address of its own for whoever reaches that.

use std::io;

use axum::Router;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use umbel_app::paths;

use super::caller::SignedIn;
use super::error::Problem;
use crate::metrics;
use crate::panel::Panel;

pub async fn shown(State(panel): State<Panel>, SignedIn(caller): SignedIn) -> Result<Response, Problem> {
    Ok(answer(metrics::metrics(&panel, &caller).await?))
}

/// Nothing else is answered there.
pub async fn serve(listener: TcpListener, panel: Panel, drain: CancellationToken) -> io::Result<()> {
    let to_all = async |State(panel): State<Panel>| Ok::<_, Problem>(answer(metrics::written(&panel).await?));
    let router = Router::new().route(paths::METRICS, get(to_all)).with_state(panel);
    axum::serve(listener, router).with_graceful_shutdown(drain.cancelled_owned()).await
}

fn answer(text: String) -> Response {
    ([(CONTENT_TYPE, metrics::CONTENT_TYPE)], text).into_response()
}
