use axum::extract::State;
use umbel_app::backend::Backend;
use umbel_app::shown::{GroupDraft, GroupRoll, GroupShown, MemberDraft, QuotaShown};
use umbel_guest::{AccountId, GroupId};

use super::{Json, Path};
use crate::http::caller::{Changing, SignedIn};
use crate::http::error::Problem;
use crate::http::openapi::answer::{Done, List, Made, WithEtag};
use crate::panel::Panel;

/// Groups: all of them for administrators, for others their own.
#[utoipa::path(get, path = "/groups")]
pub async fn list(State(panel): State<Panel>, SignedIn(caller): SignedIn) -> Result<List<GroupShown>, Problem> {
    Ok(List(panel.group_list(&caller).await?))
}

/// Makes a group: a class, a team or a tenant.
#[utoipa::path(post, path = "/groups")]
pub async fn create(
    State(panel): State<Panel>,
    SignedIn(caller): SignedIn,
    Json(draft): Json<GroupDraft>,
) -> Result<Made<GroupShown>, Problem> {
    Ok(Made(panel.group_create(&caller, draft).await?))
}

/// A group, and who is in it as far as one may see.
#[utoipa::path(get, path = "/groups/{group}")]
pub async fn fetch(
    State(panel): State<Panel>,
    SignedIn(caller): SignedIn,
    Path(group): Path<GroupId>,
) -> Result<WithEtag<GroupRoll>, Problem> {
    Ok(WithEtag(panel.group_fetch(&caller, group).await?))
}

/// Renames a group.
///
/// Its name and what it is for, both.
#[utoipa::path(put, path = "/groups/{group}")]
pub async fn change(
    State(panel): State<Panel>,
    Changing(caller): Changing,
    Path(group): Path<GroupId>,
    Json(draft): Json<GroupDraft>,
) -> Result<Done, Problem> {
    panel.group_change(&caller, group, draft).await?;
    Ok(Done)
}

/// Removes a group.
///
/// Its members keep their accounts and their guests. A group that owns guests stays.
#[utoipa::path(delete, path = "/groups/{group}")]
pub async fn remove(
    State(panel): State<Panel>,
    SignedIn(caller): SignedIn,
    Path(group): Path<GroupId>,
) -> Result<Done, Problem> {
    panel.group_remove(&caller, group).await?;
    Ok(Done)
}

/// A group's quota, for those who are in it.
#[utoipa::path(get, path = "/groups/{group}/quota")]
pub async fn quota(
    State(panel): State<Panel>,
    SignedIn(caller): SignedIn,
    Path(group): Path<GroupId>,
) -> Result<axum::Json<QuotaShown>, Problem> {
    Ok(axum::Json(panel.quota_of_group(&caller, group).await?))
}

/// Puts an account into a group.
///
/// It is that in the group from now on, whatever it was before; so this may be repeated.
#[utoipa::path(put, path = "/groups/{group}/members")]
pub async fn member_put(
    State(panel): State<Panel>,
    SignedIn(caller): SignedIn,
    Path(group): Path<GroupId>,
    Json(draft): Json<MemberDraft>,
) -> Result<Done, Problem> {
    panel.member_put(&caller, group, draft).await?;
    Ok(Done)
}

/// Takes an account out of a group.
#[utoipa::path(delete, path = "/groups/{group}/members/{account}")]
pub async fn member_remove(
    State(panel): State<Panel>,
    SignedIn(caller): SignedIn,
    Path((group, account)): Path<(GroupId, AccountId)>,
) -> Result<Done, Problem> {
    panel.member_remove(&caller, group, account).await?;
    Ok(Done)
}
