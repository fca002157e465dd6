use axum::extract::State;
use serde::{Deserialize, Serialize};
use umbel_app::AppError;
use umbel_app::backend::Backend;
use umbel_app::shown::{QuotaChange, QuotaOf, QuotaShown, QuotaWish, QuotasShown, Role};
use umbel_guest::quota::{Kind, MOST, Said};
use umbel_guest::{AccountId, FieldErrors, GroupId, QuotaRequestId};

use super::{Json, Path};
use crate::http::caller::SignedIn;
use crate::http::error::Problem;
use crate::http::openapi::answer::{Done, Made};
use crate::panel::Panel;

/// `{"limit": {"at_most": 20}}`, `{"limit": "no_limit"}`, or `{"limit": null}`: what would hold without.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LimitSet {
    pub limit: Option<Said>,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Asked {
    pub request: QuotaRequestId,
}

/// Everybody's quotas, and wishes that wait for a decision.
#[utoipa::path(get, path = "/quotas")]
pub async fn list(State(panel): State<Panel>, SignedIn(caller): SignedIn) -> Result<axum::Json<QuotasShown>, Problem> {
    Ok(axum::Json(panel.quota_list(&caller).await?))
}

/// One's own quota.
#[utoipa::path(get, path = "/quotas/mine")]
pub async fn mine(State(panel): State<Panel>, SignedIn(caller): SignedIn) -> Result<axum::Json<QuotaShown>, Problem> {
    Ok(axum::Json(panel.quota_mine(&caller).await?))
}

/// Sets a limit of a role.
#[utoipa::path(put, path = "/quotas/roles/{role}/{kind}")]
pub async fn set_role(
    State(panel): State<Panel>,
    SignedIn(caller): SignedIn,
    Path((role, kind)): Path<(Role, Kind)>,
    Json(set): Json<LimitSet>,
) -> Result<Done, Problem> {
    let change = QuotaChange { of: QuotaOf::Role(role), kind, said: possible(set)? };
    panel.quota_set(&caller, change).await?;
    Ok(Done)
}

/// Sets a limit of an account.
#[utoipa::path(put, path = "/quotas/accounts/{account}/{kind}")]
pub async fn set_account(
    State(panel): State<Panel>,
    SignedIn(caller): SignedIn,
    Path((account, kind)): Path<(AccountId, Kind)>,
    Json(set): Json<LimitSet>,
) -> Result<Done, Problem> {
    let change = QuotaChange { of: QuotaOf::Account(account), kind, said: possible(set)? };
    panel.quota_set(&caller, change).await?;
    Ok(Done)
}

/// Sets a limit of every group that has none of its own.
#[utoipa::path(put, path = "/quotas/groups/{kind}")]
pub async fn set_groups(
    State(panel): State<Panel>,
    SignedIn(caller): SignedIn,
    Path(kind): Path<Kind>,
    Json(set): Json<LimitSet>,
) -> Result<Done, Problem> {
    panel.quota_set(&caller, QuotaChange { of: QuotaOf::Groups, kind, said: possible(set)? }).await?;
    Ok(Done)
}

/// Sets a limit of a group.
#[utoipa::path(put, path = "/quotas/groups/{group}/{kind}")]
pub async fn set_group(
    State(panel): State<Panel>,
    SignedIn(caller): SignedIn,
    Path((group, kind)): Path<(GroupId, Kind)>,
    Json(set): Json<LimitSet>,
) -> Result<Done, Problem> {
    panel.quota_set(&caller, QuotaChange { of: QuotaOf::Group(group), kind, said: possible(set)? }).await?;
    Ok(Done)
}

fn possible(set: LimitSet) -> Result<Option<Said>, Problem> {
    match set.limit {
        Some(Said::AtMost(most)) if most > MOST => {
            let message = format!("At most {MOST}; no_limit is as much as there is.");
            Err(AppError::Invalid(FieldErrors::one("limit", message)).into())
        }
        said => Ok(said),
    }
}

/// Asks for more.
///
/// For oneself, or for a group that one manages.
#[utoipa::path(post, path = "/quotas/requests")]
pub async fn ask(
    State(panel): State<Panel>,
    SignedIn(caller): SignedIn,
    Json(ask): Json<QuotaWish>,
) -> Result<Made<Asked>, Problem> {
    let request = panel.quota_ask(&caller, ask).await?;
    Ok(Made(Asked { request }))
}

/// Decides about a wish: `grant` or `refuse`.
#[utoipa::path(post, path = "/quotas/requests/{request}/{verb}")]
pub async fn decide(
    State(panel): State<Panel>,
    SignedIn(caller): SignedIn,
    Path((request, verb)): Path<(QuotaRequestId, String)>,
) -> Result<Done, Problem> {
    let granted = match verb.as_str() {
        "grant" => true,
        "refuse" => false,
        _ => return Err(AppError::not_found("action").into()),
    };
    panel.quota_decide(&caller, request, granted).await?;
    Ok(Done)
}
