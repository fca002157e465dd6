use leptos::prelude::*;
use umbel_guest::{AccountId, GroupId};

use crate::AppError;
use crate::codec::Answer;
use crate::shown::{GroupRoll, GroupShown};
#[cfg(feature = "ssr")]
use crate::{
    api::answer::told,
    backend::{backend, caller},
    paths,
    shown::{GroupDraft, MemberDraft},
};

#[server(prefix = "/_sf", endpoint = "group_list", output = Answer)]
pub async fn group_list() -> Result<Vec<GroupShown>, AppError> {
    let caller = told(caller())?;
    told(backend()?.group_list(&caller).await)
}

#[server(prefix = "/_sf", endpoint = "group_fetch", output = Answer)]
pub async fn group_fetch(group: GroupId) -> Result<GroupRoll, AppError> {
    let caller = told(caller())?;
    told(backend()?.group_fetch(&caller, group).await)
}

/// Goes on to the group, where members are put in.
#[server(prefix = "/_sf", endpoint = "group_create", output = Answer)]
pub async fn group_create(name: String, kind: String) -> Result<(), AppError> {
    let caller = told(caller())?;
    let group = told(backend()?.group_create(&caller, GroupDraft { name, kind }).await)?;
    leptos_axum::redirect(&paths::group(group.id));
    Ok(())
}

#[server(prefix = "/_sf", endpoint = "group_change", output = Answer)]
pub async fn group_change(group: GroupId, name: String, kind: String) -> Result<(), AppError> {
    let caller = told(caller())?;
    told(backend()?.group_change(&caller, group, GroupDraft { name, kind }).await)
}

#[server(prefix = "/_sf", endpoint = "group_remove", output = Answer)]
pub async fn group_remove(group: GroupId) -> Result<(), AppError> {
    let caller = told(caller())?;
    told(backend()?.group_remove(&caller, group).await)?;
    leptos_axum::redirect(paths::GROUPS);
    Ok(())
}

#[server(prefix = "/_sf", endpoint = "member_put", output = Answer)]
pub async fn member_put(group: GroupId, name: String, role: String) -> Result<(), AppError> {
    let caller = told(caller())?;
    told(backend()?.member_put(&caller, group, MemberDraft { name, role }).await)
}

#[server(prefix = "/_sf", endpoint = "member_remove", output = Answer)]
pub async fn member_remove(group: GroupId, account: AccountId) -> Result<(), AppError> {
    let caller = told(caller())?;
    told(backend()?.member_remove(&caller, group, account).await)
}
