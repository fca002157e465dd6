//! Who may have how much: read by oneself, set by administrators.

use std::collections::HashMap;

use umbel_app::AppError;
use umbel_app::backend::Caller;
use umbel_app::shown::{
    AccountQuotaShown, QuotaChange, QuotaOf, QuotaShown, QuotasShown, Role, RoleLimit, RoleQuotaShown,
};
use umbel_guest::quota::{Kind, Said, Standing};
use umbel_guest::{AccountId, PanelRight};

use super::Quotas;
use crate::store::accounts::{Account, account_fetch, account_list};
use crate::store::quota_requests::{quota_request_list_of, quota_request_list_open};
use crate::store::quotas::{Ledger, quota_ledger, quota_of, quota_set_own, quota_set_role};
use crate::store::{Db, StoreError};

impl Quotas {
    pub async fn mine(&self, caller: &Caller) -> Result<QuotaShown, AppError> {
        let (db, account) = (&self.parts.db, caller.account.id);
        let (standings, requests) = tokio::try_join!(quota_of(db, account), quota_request_list_of(db, account))?;
        Ok(QuotaShown { standings, requests })
    }

    pub async fn list(&self, caller: &Caller) -> Result<QuotasShown, AppError> {
        caller.may(PanelRight::ManageQuotas)?;
        let db = &self.parts.db;
        let (ledger, accounts, requests) =
            tokio::try_join!(quota_ledger(db), account_list(db), quota_request_list_open(db))?;
        Ok(QuotasShown { roles: roles(&ledger), accounts: of_all(&ledger, accounts), requests })
    }

    pub async fn set(&self, caller: &Caller, change: QuotaChange) -> Result<(), AppError> {
        caller.may(PanelRight::ManageQuotas)?;
        let QuotaChange { of, kind, said } = change;
        match of {
            QuotaOf::Role(role) => {
                let most = match said {
                    Some(Said::AtMost(most)) => Some(most),
                    Some(Said::NoLimit) | None => None,
                };
                quota_set_role(&self.parts.db, role.word(), kind, most).await?;
            }
            QuotaOf::Account(account) => {
                let mut tx = self.parts.db.begin().await?;
                account_fetch(&mut tx, account).await?.ok_or_else(|| AppError::not_found("account"))?;
                quota_set_own(&mut tx, account, kind, said).await?;
                tx.commit().await?;
            }
        }
        tracing::info!(?of, %kind, ?said, by = caller.account.name, "a quota was set");
        self.changed();
        Ok(())
    }
}

/// Everybody's, for who looks for one that is used up.
pub async fn standings_of_all(db: &Db) -> Result<Vec<AccountQuotaShown>, StoreError> {
    let (ledger, accounts) = tokio::try_join!(quota_ledger(db), account_list(db))?;
    Ok(of_all(&ledger, accounts))
}

fn of_all(ledger: &Ledger, accounts: Vec<Account>) -> Vec<AccountQuotaShown> {
    let of = |account: Account| AccountQuotaShown {
        account: account.id,
        standings: standings(ledger, account.id, account.role),
        name: account.name.into(),
        role: account.role,
    };
    accounts.into_iter().filter(|account| !account.waits()).map(of).collect()
}

fn standings(ledger: &Ledger, account: AccountId, role: Role) -> Vec<Standing> {
    Kind::ALL.into_iter().map(|kind| ledger.standing(account, role.word(), kind)).collect()
}

/// Administrators, and every role of this program that has a limit.
fn roles(ledger: &Ledger) -> Vec<RoleQuotaShown> {
    let mut limits: HashMap<&str, Vec<RoleLimit>> = HashMap::new();
    for kind in Kind::ALL {
        for ((role, of), most) in &ledger.roles {
            if *of == kind {
                limits.entry(role).or_default().push(RoleLimit { kind, most: *most });
            }
        }
    }
    let known = limits.keys().filter_map(|word| word.parse::<Role>().ok());
    let mut roles: Vec<Role> = known.chain([Role::User, Role::Administrator]).collect();
    roles.sort_by_key(|role| role.word());
    roles.dedup();
    let shown = |role: Role| RoleQuotaShown { role, limits: limits.remove(role.word()).unwrap_or_default() };
    roles.into_iter().map(shown).collect()
}
