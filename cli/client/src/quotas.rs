//! Limits, what is used of them, and wishes for more.

use reqwest::Method;
use umbel_guest::quota::{Kind, Said};
use umbel_guest::{AccountId, QuotaRequestId};

use crate::answers::{Quota, QuotaAsked, Quotas};
use crate::client::Client;
use crate::error::Error;

impl Client {
    /// One's own.
    pub async fn quota_mine(&self) -> Result<Quota, Error> {
        self.api(Method::GET, "/quotas/mine").read().await
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

    async fn quota_set(&self, path: &str, limit: Option<Said>) -> Result<(), Error> {
        self.api(Method::PUT, path).json(&serde_json::json!({ "limit": limit })).done().await.map(drop)
    }

    /// `wanted` is the limit that is wished for.
    pub async fn quota_ask(&self, kind: Kind, wanted: u64, why: &str) -> Result<QuotaRequestId, Error> {
        let wish = serde_json::json!({ "kind": kind, "wanted": wanted, "why": why });
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
