//! Groups of accounts. To change one is for administrators.

use reqwest::Method;
use umbel_guest::{AccountId, GroupId};

use crate::answers::{Group, GroupRoll};
use crate::client::Client;
use crate::error::Error;

impl Client {
    pub async fn group_list(&self) -> Result<Vec<Group>, Error> {
        self.api(Method::GET, "/groups").read().await
    }

    pub async fn group_fetch(&self, group: GroupId) -> Result<GroupRoll, Error> {
        self.api(Method::GET, &format!("/groups/{group}")).read().await
    }

    /// `kind` is `class`, `team` or `tenant`.
    pub async fn group_create(&self, name: &str, kind: &str) -> Result<Group, Error> {
        self.api(Method::POST, "/groups").json(&serde_json::json!({ "name": name, "kind": kind })).read().await
    }

    pub async fn group_change(&self, group: GroupId, name: &str, kind: &str) -> Result<(), Error> {
        let draft = serde_json::json!({ "name": name, "kind": kind });
        self.api(Method::PUT, &format!("/groups/{group}")).json(&draft).done().await.map(drop)
    }

    pub async fn group_remove(&self, group: GroupId) -> Result<(), Error> {
        self.api(Method::DELETE, &format!("/groups/{group}")).done().await.map(drop)
    }

    /// `role` is `member` or `manager`; the account is that in the group from now on.
    pub async fn member_put(&self, group: GroupId, name: &str, role: &str) -> Result<(), Error> {
        let draft = serde_json::json!({ "name": name, "role": role });
        self.api(Method::PUT, &format!("/groups/{group}/members")).json(&draft).done().await.map(drop)
    }

    pub async fn member_remove(&self, group: GroupId, account: AccountId) -> Result<(), Error> {
        self.api(Method::DELETE, &format!("/groups/{group}/members/{account}")).done().await.map(drop)
    }
}
