use std::collections::BTreeMap;

use leptos::prelude::*;
use umbel_guest::InvitationId;

use crate::AppError;
use crate::codec::Answer;
use crate::shown::{InvitationShown, NewInvitation};
#[cfg(feature = "ssr")]
use crate::{
    api::answer::told,
    backend::{backend, caller},
    shown::{InvitationDraft, InvitedLimit},
};

#[server(prefix = "/_sf", endpoint = "invitation_list", output = Answer)]
pub async fn invitation_list() -> Result<Vec<InvitationShown>, AppError> {
    let caller = told(caller())?;
    told(backend()?.invitation_list(&caller).await)
}

/// `group` is empty for none; `limits` are numbers by kind.
#[server(prefix = "/_sf", endpoint = "invitation_create", output = Answer)]
pub async fn invitation_create(
    #[server(default)] role: String,
    group: String,
    #[server(default)] group_role: String,
    uses: u32,
    days: u32,
    note: String,
    #[server(default)] limits: BTreeMap<String, String>,
) -> Result<NewInvitation, AppError> {
    let caller = told(caller())?;
    let draft = told((|| {
        let limits = InvitedLimit::read(&limits).map_err(AppError::Invalid)?;
        let group = match group.as_str() {
            "" => None,
            id => Some(id.parse().map_err(|_| AppError::not_found("group"))?),
        };
        Ok(InvitationDraft { role, group, group_role, uses, days, note, limits })
    })())?;
    told(backend()?.invitation_create(&caller, draft).await)
}

#[server(prefix = "/_sf", endpoint = "invitation_remove", output = Answer)]
pub async fn invitation_remove(invitation: InvitationId) -> Result<(), AppError> {
    let caller = told(caller())?;
    told(backend()?.invitation_remove(&caller, invitation).await)
}
