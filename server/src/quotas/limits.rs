//! Who may have how much: read by oneself, set by administrators.

use umbel_app::AppError;
use umbel_app::backend::Caller;
use umbel_app::shown::{
    AccountQuotaShown, GroupQuotaShown, QuotaChange, QuotaOf, QuotaShown, QuotasShown, Role, RoleLimit, RoleQuotaShown,
};
use umbel_guest::quota::{Kind, Said, Standing};
use umbel_guest::{AccountId, GroupId, PanelRight};

use super::Quotas;
use crate::store::accounts::{Account, account_fetch, account_list};
use crate::store::groups::{Group, group_fetch, group_list, member_fetch, owner_name};
use crate::store::quota_requests::{quota_request_list_of, quota_request_list_open};
use crate::store::quotas::{GROUPS, Ledger, quota_ledger, quota_of, quota_set_own, quota_set_role};
use crate::store::{Db, StoreError};

impl Quotas {
    pub async fn mine(&self, caller: &Caller) -> Result<QuotaShown, AppError> {
        self.shown(caller.account.id).await
    }

    /// A group's, for whoever is in it.
    pub async fn of_group(&self, caller: &Caller, group: GroupId) -> Result<QuotaShown, AppError> {
        let missing = || AppError::not_found("group");
        if caller.bound.is_some_and(|bound| bound != group) {
            return Err(missing());
        }
        let role = member_fetch(&self.parts.db, group, caller.account.id).await?;
        let sees = role.is_some() || caller.may(PanelRight::ManageQuotas).is_ok();
        if !sees || group_fetch(&self.parts.db, group).await?.is_none() {
            return Err(missing());
        }
        self.shown(group.as_owner()).await
    }

    async fn shown(&self, owner: AccountId) -> Result<QuotaShown, AppError> {
        let db = &self.parts.db;
        let (standings, requests) = tokio::try_join!(quota_of(db, owner), quota_request_list_of(db, owner))?;
        Ok(QuotaShown { standings, requests })
    }

    pub async fn list(&self, caller: &Caller) -> Result<QuotasShown, AppError> {
        caller.may(PanelRight::ManageQuotas)?;
        let db = &self.parts.db;
        let (ledger, accounts, groups, requests) =
            tokio::try_join!(quota_ledger(db), account_list(db), group_list(db), quota_request_list_open(db))?;
        Ok(QuotasShown {
            roles: roles(&ledger),
            accounts: of_all(&ledger, accounts),
            of_groups: limits_of(&ledger, GROUPS),
            groups: of_groups(&ledger, groups),
            requests,
        })
    }

    pub async fn set(&self, caller: &Caller, change: QuotaChange) -> Result<(), AppError> {
        caller.may(PanelRight::ManageQuotas)?;
        let QuotaChange { of, kind, said } = change;
        match of {
            QuotaOf::Role(role) => quota_set_role(&self.parts.db, role.word(), kind, at_most(said)).await?,
            QuotaOf::Groups => quota_set_role(&self.parts.db, GROUPS, kind, at_most(said)).await?,
            QuotaOf::Group(group) => {
                let mut tx = self.parts.db.begin().await?;
                group_fetch(&mut tx, group).await?.ok_or_else(|| AppError::not_found("group"))?;
                quota_set_own(&mut tx, group.as_owner(), kind, said).await?;
                tx.commit().await?;
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

/// Everybody's and every group's, for who looks for one that is used up: whose id, name and standings.
pub async fn standings_of_all(db: &Db) -> Result<Vec<(AccountId, String, Vec<Standing>)>, StoreError> {
    let (ledger, accounts, groups) = tokio::try_join!(quota_ledger(db), account_list(db), group_list(db))?;
    let accounts = of_all(&ledger, accounts).into_iter().map(|of| (of.account, of.name, of.standings));
    let groups = of_groups(&ledger, groups).into_iter().map(|of| {
        let name = owner_name(&of.name);
        (of.group.as_owner(), name, of.standings)
    });
    Ok(accounts.chain(groups).collect())
}

/// Of a role, where nothing said is no limit either.
fn at_most(said: Option<Said>) -> Option<u64> {
    match said {
        Some(Said::AtMost(most)) => Some(most),
        Some(Said::NoLimit) | None => None,
    }
}

fn of_all(ledger: &Ledger, accounts: Vec<Account>) -> Vec<AccountQuotaShown> {
    let of = |account: Account| AccountQuotaShown {
        account: account.id,
        standings: ledger.standings(account.id, account.role.word()),
        name: account.name.into(),
        role: account.role,
    };
    accounts.into_iter().filter(|account| !account.waits()).map(of).collect()
}

fn of_groups(ledger: &Ledger, groups: Vec<Group>) -> Vec<GroupQuotaShown> {
    let of = |group: Group| GroupQuotaShown {
        group: group.id,
        standings: ledger.standings(group.id.as_owner(), GROUPS),
        name: group.name,
    };
    groups.into_iter().map(of).collect()
}

fn limits_of(ledger: &Ledger, role: &str) -> Vec<RoleLimit> {
    let limit = |kind| Some(RoleLimit { kind, most: *ledger.roles.get(&(role.to_owned(), kind))? });
    Kind::ALL.into_iter().filter_map(limit).collect()
}

/// Administrators, and every role of this program that has a limit.
fn roles(ledger: &Ledger) -> Vec<RoleQuotaShown> {
    let known = ledger.roles.keys().filter_map(|(word, _)| word.parse::<Role>().ok());
    let mut roles: Vec<Role> = known.chain([Role::User, Role::Administrator]).collect();
    roles.sort_by_key(|role| role.word());
    roles.dedup();
    roles.into_iter().map(|role| RoleQuotaShown { role, limits: limits_of(ledger, role.word()) }).collect()
}
