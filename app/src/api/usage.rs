use leptos::prelude::*;

use crate::AppError;
use crate::codec::Answer;
use crate::shown::UsageShown;
#[cfg(feature = "ssr")]
use crate::{
    api::answer::told,
    backend::{backend, caller},
    shown::UsageAsked,
};

/// `days` is a number or nothing, `account` an id or nothing.
#[server(prefix = "/_sf", endpoint = "usage_fetch", output = Answer)]
pub async fn usage_fetch(
    #[server(default)] days: String,
    #[server(default)] account: String,
) -> Result<UsageShown, AppError> {
    let caller = told(caller())?;
    let asked = told(UsageAsked::read(&days, &account))?;
    told(backend()?.usage_fetch(&caller, asked).await)
}
