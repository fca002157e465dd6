use leptos::prelude::*;

use crate::AppError;
use crate::codec::Answer;
use crate::shown::AuditPage;
#[cfg(feature = "ssr")]
use crate::{
    api::answer::told,
    backend::{backend, caller},
    shown::AuditFilter,
};

/// Empty ones let everything through; `before` is a page's `next`.
#[server(prefix = "/_sf", endpoint = "audit_list", output = Answer)]
pub async fn audit_list(
    #[server(default)] who: String,
    #[server(default)] action: String,
    #[server(default)] object: String,
    #[server(default)] outcome: String,
    #[server(default)] from: String,
    #[server(default)] to: String,
    #[server(default)] before: String,
) -> Result<AuditPage, AppError> {
    let caller = told(caller())?;
    let filter = AuditFilter { who, action, object, outcome, from, to, before, ..AuditFilter::default() };
    told(backend()?.audit_list(&caller, filter).await)
}
