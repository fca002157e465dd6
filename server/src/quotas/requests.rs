//! Wishes for more, and what administrators decide about them.

use umbel_app::AppError;
use umbel_app::backend::Caller;
use umbel_app::shown::{QuotaRequestShown, QuotaRequestState, QuotaWish};
use umbel_guest::quota::{MOST, Said};
use umbel_guest::{FieldError, FieldErrors, Note, PanelRight, QuotaRequestId};
use uuid::Uuid;

use super::{Quotas, limit};
use crate::accounts::Owner;
use crate::store::quota_requests::{
    quota_request_decide, quota_request_fetch, quota_request_insert, quota_request_is_open,
};
use crate::store::quotas::{quota_of, quota_set_own};

impl Quotas {
    /// One wish of a kind at a time, for oneself or for a group that one manages.
    pub async fn ask(&self, caller: &Caller, ask: QuotaWish) -> Result<QuotaRequestId, AppError> {
        let why = ask.why.trim().parse::<Note>().map_err(|e| FieldError::new("why", e.message));
        let why = why.map_err(|error| AppError::Invalid(error.into()))?;
        let kind = ask.kind;
        let conflict = |message: String| AppError::Conflict { message };
        let mut tx = self.parts.db.begin().await?;
        let owner = Owner::of(&mut tx, caller, ask.group).await?;
        let standings = quota_of(&mut tx, owner.id).await?;
        let Some(most) = limit(&standings, kind).most else {
            return Err(conflict(format!("{}: there is no limit.", kind.title())));
        };
        if ask.wanted <= most || ask.wanted > MOST {
            let message = format!("The limit is {} already. Ask for more than that.", kind.amount(most));
            return Err(AppError::Invalid(FieldErrors::one("wanted", message)));
        }
        if quota_request_is_open(&mut tx, owner.id, kind).await? {
            return Err(conflict(format!("{}: you have asked already; it is not decided yet.", kind.title())));
        }
        let request = QuotaRequestShown {
            id: QuotaRequestId(Uuid::now_v7()),
            account: owner.id,
            account_name: owner.name,
            kind,
            wanted: ask.wanted,
            why: why.as_str().to_owned(),
            state: QuotaRequestState::Open,
            created_at: self.parts.clock.now(),
        };
        quota_request_insert(&mut tx, &request).await?;
        tx.commit().await?;
        self.changed();
        Ok(request.id)
    }

    /// Of two who decide at once, one does.
    pub async fn decide(&self, caller: &Caller, id: QuotaRequestId, granted: bool) -> Result<(), AppError> {
        caller.may(PanelRight::ManageQuotas)?;
        let mut tx = self.parts.db.begin().await?;
        let found = quota_request_fetch(&mut tx, id).await?;
        let request = found.ok_or_else(|| AppError::not_found("request"))?;
        let state = if granted { QuotaRequestState::Granted } else { QuotaRequestState::Refused };
        if !quota_request_decide(&mut tx, id, state, self.parts.clock.now(), &caller.account.name).await? {
            return Err(AppError::Conflict { message: "Somebody has decided about it already.".into() });
        }
        // A limit that was raised meanwhile is not lowered by an old wish.
        let standings = quota_of(&mut tx, request.account).await?;
        if granted && limit(&standings, request.kind).most.is_some_and(|most| most < request.wanted) {
            quota_set_own(&mut tx, request.account, request.kind, Some(Said::AtMost(request.wanted))).await?;
        }
        tx.commit().await?;
        let (of, kind, wanted) = (request.account_name, request.kind, request.wanted);
        tracing::info!(of, %kind, wanted, granted, by = caller.account.name, "a wish for more was decided");
        self.changed();
        Ok(())
    }
}
