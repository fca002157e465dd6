use leptos::prelude::*;
use umbel_guest::{GroupId, QuotaRequestId};

use crate::AppError;
use crate::codec::Answer;
use crate::shown::{QuotaShown, QuotasShown};
#[cfg(feature = "ssr")]
use crate::{
    api::answer::told,
    backend::{backend, caller},
    shown::{QuotaChange, QuotaWish},
};

#[server(prefix = "/_sf", endpoint = "quota_mine", output = Answer)]
pub async fn quota_mine() -> Result<QuotaShown, AppError> {
    let caller = told(caller())?;
    told(backend()?.quota_mine(&caller).await)
}

#[server(prefix = "/_sf", endpoint = "quota_list", output = Answer)]
pub async fn quota_list() -> Result<QuotasShown, AppError> {
    let caller = told(caller())?;
    told(backend()?.quota_list(&caller).await)
}

#[server(prefix = "/_sf", endpoint = "quota_of_group", output = Answer)]
pub async fn quota_of_group(group: GroupId) -> Result<QuotaShown, AppError> {
    let caller = told(caller())?;
    told(backend()?.quota_of_group(&caller, group).await)
}

/// `of` is a role's word, an account's id, `groups`, or @ and a group's id; `limit` a number, `none`, or nothing.
#[server(prefix = "/_sf", endpoint = "quota_set", output = Answer)]
pub async fn quota_set(of: String, kind: String, #[server(default)] limit: String) -> Result<(), AppError> {
    let caller = told(caller())?;
    let change = told(QuotaChange::read(&of, &kind, &limit))?;
    told(backend()?.quota_set(&caller, change).await)
}

#[server(prefix = "/_sf", endpoint = "quota_ask", output = Answer)]
pub async fn quota_ask(
    #[server(default)] group: String,
    kind: String,
    wanted: String,
    #[server(default)] why: String,
) -> Result<(), AppError> {
    let caller = told(caller())?;
    let ask = told(QuotaWish::read(&group, &kind, &wanted, why))?;
    told(backend()?.quota_ask(&caller, ask).await.map(drop))
}

#[server(prefix = "/_sf", endpoint = "quota_decide", output = Answer)]
pub async fn quota_decide(request: QuotaRequestId, granted: bool) -> Result<(), AppError> {
    let caller = told(caller())?;
    told(backend()?.quota_decide(&caller, request, granted).await)
}
