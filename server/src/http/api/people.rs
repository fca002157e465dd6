use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use umbel_app::backend::Backend;
use umbel_app::shown::{AccountShown, FirstPassword};
use umbel_guest::AccountId;

use super::{Json, Path};
use crate::http::caller::SignedIn;
use crate::http::error::Problem;
use crate::panel::Panel;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewAccount {
    pub name: String,
    pub role: String,
}

/// One of them at a time.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum AccountChange {
    Enabled(bool),
    Role(String),
}

pub async fn list(
    State(panel): State<Panel>,
    SignedIn(caller): SignedIn,
) -> Result<axum::Json<Vec<AccountShown>>, Problem> {
    Ok(axum::Json(panel.account_list(&caller).await?))
}

pub async fn create(
    State(panel): State<Panel>,
    SignedIn(caller): SignedIn,
    Json(new): Json<NewAccount>,
) -> Result<(StatusCode, axum::Json<FirstPassword>), Problem> {
    Ok((StatusCode::CREATED, axum::Json(panel.account_create(&caller, new.name, new.role).await?)))
}

pub async fn change(
    State(panel): State<Panel>,
    SignedIn(caller): SignedIn,
    Path(account): Path<AccountId>,
    Json(change): Json<AccountChange>,
) -> Result<StatusCode, Problem> {
    match change {
        AccountChange::Enabled(enabled) => panel.account_set_enabled(&caller, account, enabled).await?,
        AccountChange::Role(role) => panel.account_set_role(&caller, account, role).await?,
    }
    Ok(StatusCode::NO_CONTENT)
}

pub async fn reset_password(
    State(panel): State<Panel>,
    SignedIn(caller): SignedIn,
    Path(account): Path<AccountId>,
) -> Result<axum::Json<FirstPassword>, Problem> {
    Ok(axum::Json(panel.account_reset_password(&caller, account).await?))
}
