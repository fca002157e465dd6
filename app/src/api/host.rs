use leptos::prelude::*;
use umbel_guest::Span;

use crate::AppError;
use crate::codec::Answer;
use crate::shown::{HostShown, MetricsShown, OverviewShown};
#[cfg(feature = "ssr")]
use crate::{
    api::answer::told,
    backend::{backend, caller},
};

#[server(prefix = "/_sf", endpoint = "overview", output = Answer)]
pub async fn overview() -> Result<OverviewShown, AppError> {
    let caller = told(caller())?;
    told(backend()?.overview(&caller).await)
}

/// The host: what it has, what is promised, its walls and limits; for administrators.
#[server(prefix = "/_sf", endpoint = "host_fetch", output = Answer)]
pub async fn host_fetch() -> Result<HostShown, AppError> {
    let caller = told(caller())?;
    told(backend()?.host(&caller).await)
}

/// Of all guests together. As with one guest's, an error is no status of the page.
#[server(prefix = "/_sf", endpoint = "host_metrics", output = Answer)]
pub async fn host_metrics(span: Span) -> Result<MetricsShown, AppError> {
    let caller = told(caller())?;
    backend()?.host_metrics(&caller, span).await
}
