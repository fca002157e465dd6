//! Accounts, for administrators.

use reqwest::Method;
use umbel_guest::AccountId;

use crate::answers::{Account, FirstPassword, Imported, ImportedAll};
use crate::client::Client;
use crate::error::Error;

impl Client {
    pub async fn account_list(&self) -> Result<Vec<Account>, Error> {
        self.api(Method::GET, "/people").read().await
    }

    /// `role` is `user`, `teacher`, `operator` or `administrator`. The password works once: it must be changed.
    pub async fn account_create(&self, name: &str, role: &str) -> Result<FirstPassword, Error> {
        self.api(Method::POST, "/people").json(&serde_json::json!({ "name": name, "role": role })).read().await
    }

    /// CSV, an account a line: name, role, group. All of them or none; what is only checked has no password.
    pub async fn account_import(&self, lines: &str, only_check: bool) -> Result<Vec<Imported>, Error> {
        let draft = serde_json::json!({ "lines": lines, "only_check": only_check });
        let done: ImportedAll = self.api(Method::POST, "/people/import").json(&draft).read().await?;
        Ok(done.accounts)
    }

    /// Disabling ends the account's sign-ins and open consoles.
    pub async fn account_set_enabled(&self, account: AccountId, enabled: bool) -> Result<(), Error> {
        let change = serde_json::json!({ "enabled": enabled });
        self.api(Method::PATCH, &format!("/people/{account}")).json(&change).done().await.map(drop)
    }

    pub async fn account_set_role(&self, account: AccountId, role: &str) -> Result<(), Error> {
        let change = serde_json::json!({ "role": role });
        self.api(Method::PATCH, &format!("/people/{account}")).json(&change).done().await.map(drop)
    }

    /// For who has lost it; ends the account's sign-ins.
    pub async fn account_reset_second_factor(&self, account: AccountId) -> Result<(), Error> {
        self.api(Method::DELETE, &format!("/people/{account}/second-factor")).done().await.map(drop)
    }

    pub async fn account_reset_password(&self, account: AccountId) -> Result<FirstPassword, Error> {
        self.api(Method::POST, &format!("/people/{account}/password")).read().await
    }
}
