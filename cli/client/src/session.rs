//! Signing in and out, the first administrator, one's own password.

use reqwest::Method;

use crate::answers::{Account, RecoveryCodes, SecondFactorStart};
use crate::client::{Client, refusal};
use crate::error::Error;

impl Client {
    /// Who we are from now on.
    pub async fn sign_in(&self, name: &str, password: &str) -> Result<Account, Error> {
        let body = serde_json::json!({ "name": name, "password": password });
        self.api(Method::POST, "/session").json(&body).read().await
    }

    /// The same where the account has a second factor: [`Error::needs_code`] says so.
    pub async fn sign_in_with_code(&self, name: &str, password: &str, code: &str) -> Result<Account, Error> {
        let body = serde_json::json!({ "name": name, "password": password, "code": code });
        self.api(Method::POST, "/session").json(&body).read().await
    }

    /// Proves once more who we are, for 15 minutes: what is dangerous asks a session for that.
    pub async fn confirm(&self, password: &str, code: Option<&str>) -> Result<(), Error> {
        let body = serde_json::json!({ "password": password, "code": code });
        self.api(Method::POST, "/session/confirm").json(&body).done().await.map(drop)
    }

    /// A secret for a second factor of our own, told this once.
    pub async fn second_factor_begin(&self) -> Result<SecondFactorStart, Error> {
        self.api(Method::POST, "/session/second-factor").read().await
    }

    /// Switches it on with the first code; gives the recovery codes, told this once. Our other sign-ins end.
    pub async fn second_factor_confirm(&self, code: &str) -> Result<Vec<String>, Error> {
        let body = serde_json::json!({ "code": code });
        let made: RecoveryCodes = self.api(Method::POST, "/session/second-factor/confirm").json(&body).read().await?;
        Ok(made.codes)
    }

    pub async fn second_factor_disable(&self, code: &str) -> Result<(), Error> {
        let body = serde_json::json!({ "code": code });
        self.api(Method::POST, "/session/second-factor/disable").json(&body).done().await.map(drop)
    }

    /// Removes our link to the sign-in provider.
    pub async fn oidc_link_remove(&self) -> Result<(), Error> {
        self.api(Method::DELETE, "/session/link").done().await.map(drop)
    }

    /// Who we are.
    pub async fn session_fetch(&self) -> Result<Account, Error> {
        self.api(Method::GET, "/session").read().await
    }

    pub async fn sign_out(&self) -> Result<(), Error> {
        self.api(Method::DELETE, "/session").done().await.map(drop)
    }

    /// Changes our own password, as everybody must do with a first one. Our other sign-ins end.
    pub async fn change_password(&self, old: &str, new: &str) -> Result<(), Error> {
        let body = serde_json::json!({ "password_old": old, "password": new, "password_again": new });
        self.api(Method::POST, "/session/password").json(&body).done().await.map(drop)
    }

    /// Makes the first administrator with the token of the link that the panel printed; we are signed
    /// in afterwards. A form: it leads on when it was taken, and comes again when it was not.
    pub async fn first_run(&self, token: &str, name: &str, password: &str) -> Result<(), Error> {
        let fields = [("token", token), ("name", name), ("password", password), ("password_again", password)];
        let (what, response) = self.plain(Method::POST, "/first-run").form(&fields).any().await?;
        if response.status().is_redirection() { Ok(()) } else { Err(refusal(what, response).await) }
    }
}
