//! Limits, what is used of them, and wishes for more.

use reqwest::Method;
use umbel_guest::quota::{Kind, Said};
use umbel_guest::{AccountId, GroupId, QuotaRequestId};

use crate::answers::{Quota, QuotaAsked, Quotas};
use crate::client::Client;
use crate::error::Error;

impl Client {
    /// One's own.
    pub async fn quota_mine(&self) -> Result<Quota, Error> {
        self.api(Method::GET, "/quotas/mine").read().await
    }

    /// A group's, for whoever is in it.
    pub async fn quota_of_group(&self, group: GroupId) -> Result<Quota, Error> {
        self.api(Method::GET, &format!("/groups/{group}/quota")).read().await
    }

    /// Everybody's; for administrators, as all that follows but a wish.
    pub async fn quota_list(&self) -> Result<Quotas, Error> {
        self.api(Method::GET, "/quotas").read().await
    }

    /// `None` is what would hold without: no limit.
    pub async fn quota_set_role(&self, role: &str, kind: Kind, limit: Option<Said>) -> Result<(), Error> {
        self.quota_set(&format!("/quotas/roles/{role}/{kind}"), limit).await
    }

    /// `None` is what would hold without: the role's.
    pub async fn quota_set_account(&self, account: AccountId, kind: Kind, limit: Option<Said>) -> Result<(), Error> {
        self.quota_set(&format!("/quotas/accounts/{account}/{kind}"), limit).await
    }

    /// `None` is what would hold without: no limit.
    pub async fn quota_set_groups(&self, kind: Kind, limit: Option<Said>) -> Result<(), Error> {
        self.quota_set(&format!("/quotas/groups/{kind}"), limit).await
    }

    /// `None` is what would hold without: that of all groups.
    pub async fn quota_set_group(&self, group: GroupId, kind: Kind, limit: Option<Said>) -> Result<(), Error> {
        self.quota_set(&format!("/quotas/groups/{group}/{kind}"), limit).await
    }

    async fn quota_set(&self, path: &str, limit: Option<Said>) -> Result<(), Error> {
        self.api(Method::PUT, path).json(&serde_json::json!({ "limit": limit })).done().await.map(drop)
    }

    /// `wanted` is the limit that is wished for, of a group that one manages or one's own.
    pub async fn quota_ask(
        &self,
        group: Option<GroupId>,
        kind: Kind,
        wanted: u64,
        why: &str,
    ) -> Result<QuotaRequestId, Error> {
        let wish = serde_json::json!({ "group": group, "kind": kind, "wanted": wanted, "why": why });
        let asked: QuotaAsked = self.api(Method::POST, "/quotas/requests").json(&wish).read().await?;
        Ok(asked.request)
    }

    pub async fn quota_grant(&self, request: QuotaRequestId) -> Result<(), Error> {
        self.api(Method::POST, &format!("/quotas/requests/{request}/grant")).done().await.map(drop)
    }

    pub async fn quota_refuse(&self, request: QuotaRequestId) -> Result<(), Error> {
        self.api(Method::POST, &format!("/quotas/requests/{request}/refuse")).done().await.map(drop)
    }
}
