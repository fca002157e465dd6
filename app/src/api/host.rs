use leptos::prelude::*;

use crate::AppError;
use crate::shown::OverviewShown;
#[cfg(feature = "ssr")]
use crate::{
    api::answer::told,
    backend::{backend, caller},
};

#[server(prefix = "/_sf", endpoint = "overview")]
pub async fn overview() -> Result<OverviewShown, AppError> {
    let caller = told(caller())?;
    told(backend()?.overview(&caller).await)
}
