use leptos::prelude::*;

use crate::AppError;
use crate::codec::Answer;
use crate::shown::{NewToken, TokenShown};
#[cfg(feature = "ssr")]
use crate::{
    api::answer::told,
    backend::{backend, caller},
    shown::{TokenDraft, read_group},
};

#[server(prefix = "/_sf", endpoint = "token_list", output = Answer)]
pub async fn token_list() -> Result<Vec<TokenShown>, AppError> {
    let caller = told(caller())?;
    told(backend()?.token_list(&caller).await)
}

/// A form without any scope sends none.
#[server(prefix = "/_sf", endpoint = "token_create", output = Answer)]
pub async fn token_create(
    name: String,
    #[server(default)] group: String,
    #[server(default)] scopes: Vec<String>,
    days: u32,
) -> Result<NewToken, AppError> {
    let caller = told(caller())?;
    let group = told(read_group(&group).map_err(|error| AppError::Invalid(error.into())))?;
    told(backend()?.token_create(&caller, TokenDraft { name, group, scopes, days }).await)
}

#[server(prefix = "/_sf", endpoint = "token_remove", output = Answer)]
pub async fn token_remove(token: String) -> Result<(), AppError> {
    let caller = told(caller())?;
    told(backend()?.token_remove(&caller, token).await)
}
