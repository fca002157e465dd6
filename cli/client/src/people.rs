//! Accounts, for administrators.

use reqwest::Method;
use umbel_guest::AccountId;

use crate::answers::{Account, FirstPassword, Imported, ImportedAll, Person, RegistrationSettings};
use crate::client::Client;
use crate::error::Error;
use crate::pages::PersonPage;

impl Client {
    /// All of them, by name, however many pages that takes.
    pub async fn account_list(&self) -> Result<Vec<Person>, Error> {
        self.pages("/people", &[]).await
    }

    /// `name`, `role`, `state`, `limit`, and `cursor`: the `next` of the page before.
    pub async fn account_page(&self, asked: &[(&str, &str)]) -> Result<PersonPage, Error> {
        self.page("/people", asked).await
    }

    pub async fn account_find(&self, name: &str) -> Result<Option<Account>, Error> {
        let like: Vec<Person> = self.pages("/people", &[("name", name)]).await?;
        Ok(like.into_iter().map(|person| person.account).find(|account| account.name == name))
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

    /// Ends the account's sign-ins and open consoles. `guests` is `go_on` or `shut_down`.
    pub async fn account_suspend(&self, account: AccountId, guests: &str) -> Result<(), Error> {
        let guests = serde_json::json!({ "guests": guests });
        self.api(Method::POST, &format!("/people/{account}/suspend")).json(&guests).done().await.map(drop)
    }

    pub async fn account_reinstate(&self, account: AccountId) -> Result<(), Error> {
        self.api(Method::POST, &format!("/people/{account}/reinstate")).done().await.map(drop)
    }

    /// Of one that waits for approval.
    pub async fn account_approve(&self, account: AccountId) -> Result<(), Error> {
        self.api(Method::POST, &format!("/people/{account}/approve")).done().await.map(drop)
    }

    /// Of one that waits; it is deleted.
    pub async fn account_refuse(&self, account: AccountId) -> Result<(), Error> {
        self.api(Method::POST, &format!("/people/{account}/refuse")).done().await.map(drop)
    }

    /// Makes an account of one's own, where that is open. `active`, we are signed in with it from now on; `waiting`, an
    /// administrator has to approve it.
    pub async fn register(&self, name: &str, password: &str) -> Result<Account, Error> {
        let who = serde_json::json!({ "name": name, "password": password, "password_again": password });
        self.api(Method::POST, "/registrations").json(&who).read().await
    }

    pub async fn registration_fetch(&self) -> Result<RegistrationSettings, Error> {
        self.api(Method::GET, "/settings/registration").read().await
    }

    pub async fn registration_set(&self, settings: &RegistrationSettings) -> Result<(), Error> {
        self.api(Method::PUT, "/settings/registration").json(settings).done().await.map(drop)
    }

    /// The last day on which it lets anybody in, as `2027-07-31`; empty, it has none.
    pub async fn account_set_expiry(&self, account: AccountId, day: &str) -> Result<(), Error> {
        let change = serde_json::json!({ "expires": day });
        self.api(Method::PATCH, &format!("/people/{account}")).json(&change).done().await.map(drop)
    }

    /// Refused where it has guests.
    pub async fn account_remove(&self, account: AccountId) -> Result<(), Error> {
        self.api(Method::DELETE, &format!("/people/{account}")).done().await.map(drop)
    }

    /// It goes once its guests are gone.
    pub async fn account_remove_with_guests(&self, account: AccountId) -> Result<(), Error> {
        self.api(Method::DELETE, &format!("/people/{account}")).query(&[("guests", "delete")]).done().await.map(drop)
    }

    /// Its guests are another account's then; they must be off.
    pub async fn account_remove_giving(&self, account: AccountId, to: &str) -> Result<(), Error> {
        self.api(Method::DELETE, &format!("/people/{account}"))
            .query(&[("guests", "give"), ("to", to)])
            .done()
            .await
            .map(drop)
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
