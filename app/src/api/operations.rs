use leptos::prelude::*;
use umbel_guest::{GuestId, OperationId};

use crate::AppError;
use crate::codec::Answer;
use crate::shown::OperationShown;
#[cfg(feature = "ssr")]
use crate::{
    api::answer::told,
    backend::{backend, caller},
};

#[server(prefix = "/_sf", endpoint = "operation_list", output = Answer)]
pub async fn operation_list(guest: Option<GuestId>) -> Result<Vec<OperationShown>, AppError> {
    let caller = told(caller())?;
    told(backend()?.operation_list(&caller, guest).await)
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
