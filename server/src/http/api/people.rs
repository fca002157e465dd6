use axum::extract::State;
use serde::Deserialize;
use umbel_app::backend::Backend;
use umbel_app::shown::{
    FirstPassword, GuestsLeft, GuestsThen, ImportDraft, ImportShown, PersonFilter, PersonPage, PersonShown,
};
use umbel_guest::{AccountId, AccountName, Role};

use super::{Json, Path, Query};
use crate::http::caller::{Changing, SignedIn};
use crate::http::error::Problem;
use crate::http::openapi::answer::{Done, Made, WithEtag};
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
    Role(String),
    /// The last day (UTC), as `2027-07-31`; empty, it has none. After it guests are shut down.
    Expires(String),
}

#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Suspension {
    pub guests: GuestsThen,
}

/// What becomes of the guests: nothing said, there may be none.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct Removal {
    #[param(inline)]
    guests: Option<RemovalWord>,
    /// With `give`: the name of the account that they are given to.
    to: Option<String>,
}

#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RemovalWord {
    Delete,
    Give,
}

/// Accounts by name, a page at a time.
///
/// `next` of one page is `cursor` of the next.
#[utoipa::path(get, path = "/people")]
pub async fn list(
    State(panel): State<Panel>,
    SignedIn(caller): SignedIn,
    Query(filter): Query<PersonFilter>,
) -> Result<axum::Json<PersonPage>, Problem> {
    Ok(axum::Json(panel.account_list(&caller, filter).await?))
}

/// One account.
#[utoipa::path(get, path = "/people/{account}")]
pub async fn fetch(
    State(panel): State<Panel>,
    SignedIn(caller): SignedIn,
    Path(account): Path<AccountId>,
) -> Result<WithEtag<PersonShown>, Problem> {
    Ok(WithEtag(panel.account_fetch(&caller, account).await?))
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

/// Changes an account's role, or the day on which it ends.
#[utoipa::path(patch, path = "/people/{account}")]
pub async fn change(
    State(panel): State<Panel>,
    Changing(caller): Changing,
    Path(account): Path<AccountId>,
    Json(change): Json<AccountChange>,
) -> Result<Done, Problem> {
    match change {
        AccountChange::Role(role) => panel.account_set_role(&caller, account, role).await?,
        AccountChange::Expires(day) => panel.account_set_expiry(&caller, account, day).await?,
    }
    Ok(Done)
}

/// Suspends an account.
///
/// Its sign-ins end, its tokens let nobody in. With `shut_down`, a guest that can't be shut down now is once what is
/// under way for it is over. May be repeated.
#[utoipa::path(post, path = "/people/{account}/suspend")]
pub async fn suspend(
    State(panel): State<Panel>,
    SignedIn(caller): SignedIn,
    Path(account): Path<AccountId>,
    Json(Suspension { guests }): Json<Suspension>,
) -> Result<Done, Problem> {
    panel.account_suspend(&caller, account, guests).await?;
    Ok(Done)
}

/// Reinstates a suspended account.
///
/// One whose last day is over is given a later one instead.
#[utoipa::path(post, path = "/people/{account}/reinstate")]
pub async fn reinstate(
    State(panel): State<Panel>,
    SignedIn(caller): SignedIn,
    Path(account): Path<AccountId>,
) -> Result<Done, Problem> {
    panel.account_reinstate(&caller, account).await?;
    Ok(Done)
}

/// Approves an account that waits.
///
/// It lets its owner in from now on.
#[utoipa::path(post, path = "/people/{account}/approve")]
pub async fn approve(
    State(panel): State<Panel>,
    SignedIn(caller): SignedIn,
    Path(account): Path<AccountId>,
) -> Result<Done, Problem> {
    panel.account_decide(&caller, account, true).await?;
    Ok(Done)
}

/// Refuses an account that waits.
///
/// It is deleted, and its name is free. One that was approved meanwhile is left alone.
#[utoipa::path(post, path = "/people/{account}/refuse")]
pub async fn refuse(
    State(panel): State<Panel>,
    SignedIn(caller): SignedIn,
    Path(account): Path<AccountId>,
) -> Result<Done, Problem> {
    panel.account_decide(&caller, account, false).await?;
    Ok(Done)
}

/// Deletes an account.
///
/// Refused while it has guests, unless they are given to another account or deleted too. Then it is `leaving` until
/// they are gone.
#[utoipa::path(delete, path = "/people/{account}")]
pub async fn remove(
    State(panel): State<Panel>,
    SignedIn(caller): SignedIn,
    Path(account): Path<AccountId>,
    Query(Removal { guests, to }): Query<Removal>,
) -> Result<Done, Problem> {
    let guests = match guests {
        None => GuestsLeft::None,
        Some(RemovalWord::Delete) => GuestsLeft::Delete,
        Some(RemovalWord::Give) => GuestsLeft::Give(to.unwrap_or_default()),
    };
    panel.account_remove(&caller, account, guests).await?;
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
