use leptos::prelude::*;
use umbel_guest::{GuestId, OperationId};

use crate::AppError;
use crate::codec::Answer;
use crate::shown::{OperationPage, OperationShown};
#[cfg(feature = "ssr")]
use crate::{
    api::answer::told,
    backend::{backend, caller},
    shown::OperationFilter,
};

#[server(prefix = "/_sf", endpoint = "operation_list", output = Answer)]
pub async fn operation_list(
    #[server(default)] guest: Option<GuestId>,
    #[server(default)] state: String,
    #[server(default)] cursor: String,
) -> Result<OperationPage, AppError> {
    let caller = told(caller())?;
    let guest = guest.map(|guest| guest.to_string()).unwrap_or_default();
    let filter = OperationFilter { guest, state, cursor, ..OperationFilter::default() };
    told(backend()?.operation_list(&caller, filter).await)
}

#[server(prefix = "/_sf", endpoint = "operation_fetch", output = Answer)]
pub async fn operation_fetch(operation: OperationId) -> Result<OperationShown, AppError> {
    let caller = told(caller())?;
    told(backend()?.operation_fetch(&caller, operation).await)
}

#[server(prefix = "/_sf", endpoint = "operation_cancel", output = Answer)]
pub async fn operation_cancel(operation: OperationId) -> Result<(), AppError> {
    let caller = told(caller())?;
    told(backend()?.operation_cancel(&caller, operation).await)
}
