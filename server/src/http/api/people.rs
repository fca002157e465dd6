use axum::extract::State;
use serde::Deserialize;
use umbel_app::backend::Backend;
use umbel_app::shown::{AccountShown, FirstPassword, ImportDraft, ImportShown};
use umbel_guest::{AccountId, AccountName, Role};

use super::{Json, Path};
use crate::http::caller::SignedIn;
use crate::http::error::Problem;
use crate::http::openapi::answer::{Done, List, Made};
use crate::panel::Panel;

#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewAccount {
    /// Of 2 to 32 characters.
    #[schema(value_type = AccountName)]
    pub name: String,
    #[schema(value_type = Role)]
    pub role: String,
}

/// One of them at a time.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum AccountChange {
    Enabled(bool),
    Role(String),
}

/// All accounts.
#[utoipa::path(get, path = "/people")]
pub async fn list(State(panel): State<Panel>, SignedIn(caller): SignedIn) -> Result<List<AccountShown>, Problem> {
    Ok(List(panel.account_list(&caller).await?))
}

/// Makes an account.
///
/// Its first password is in this answer and never again.
#[utoipa::path(post, path = "/people")]
pub async fn create(
    State(panel): State<Panel>,
    SignedIn(caller): SignedIn,
    Json(new): Json<NewAccount>,
) -> Result<Made<FirstPassword>, Problem> {
    Ok(Made(panel.account_create(&caller, new.name, new.role).await?))
}

/// Makes many accounts.
///
/// All of the lines or none; first passwords are in this answer and never again. With `only_check` nothing is made.
#[utoipa::path(post, path = "/people/import")]
pub async fn import(
    State(panel): State<Panel>,
    SignedIn(caller): SignedIn,
    Json(draft): Json<ImportDraft>,
) -> Result<axum::Json<ImportShown>, Problem> {
    Ok(axum::Json(panel.account_import(&caller, draft).await?))
}

/// Enables or disables an account, or changes its role.
#[utoipa::path(patch, path = "/people/{account}")]
pub async fn change(
    State(panel): State<Panel>,
    SignedIn(caller): SignedIn,
    Path(account): Path<AccountId>,
    Json(change): Json<AccountChange>,
) -> Result<Done, Problem> {
    match change {
        AccountChange::Enabled(enabled) => panel.account_set_enabled(&caller, account, enabled).await?,
        AccountChange::Role(role) => panel.account_set_role(&caller, account, role).await?,
    }
    Ok(Done)
}

/// Takes away a second factor that was lost.
///
/// All the account's sign-ins end.
#[utoipa::path(delete, path = "/people/{account}/second-factor")]
pub async fn reset_second_factor(
    State(panel): State<Panel>,
    SignedIn(caller): SignedIn,
    Path(account): Path<AccountId>,
) -> Result<Done, Problem> {
    panel.account_reset_second_factor(&caller, account).await?;
    Ok(Done)
}

/// Gives an account a first password, which is in this answer and never again.
///
/// All its sign-ins end.
#[utoipa::path(post, path = "/people/{account}/password")]
pub async fn reset_password(
    State(panel): State<Panel>,
    SignedIn(caller): SignedIn,
    Path(account): Path<AccountId>,
) -> Result<axum::Json<FirstPassword>, Problem> {
    Ok(axum::Json(panel.account_reset_password(&caller, account).await?))
}
