//! Signing in and out, and the two forms by which an account gets its own password.

use reqwest::{Method, StatusCode};
use umbel_guest::FieldErrors;

use crate::client::{Client, refusal};
use crate::error::{Error, Problem};

impl Client {
    pub async fn sign_in(&self, name: &str, password: &str) -> Result<(), Error> {
        let body = serde_json::json!({ "name": name, "password": password });
        self.api(Method::POST, "/session").json(&body).done().await.map(drop)
    }

    pub async fn sign_out(&self) -> Result<(), Error> {
        self.api(Method::DELETE, "/session").done().await.map(drop)
    }

    /// Makes the first administrator with the token of the link that the panel printed; we are signed
    /// in afterwards.
    pub async fn first_run(&self, token: &str, name: &str, password: &str) -> Result<(), Error> {
        let fields = [("token", token), ("name", name), ("password", password), ("password_again", password)];
        self.submit("/first-run", &fields).await
    }

    /// Changes our own password, as everybody must do with a first one.
    pub async fn change_password(&self, old: &str, new: &str) -> Result<(), Error> {
        self.submit("/account/password", &[("password_old", old), ("password", new), ("password_again", new)]).await
    }

    /// A form of a page: it leads somewhere when it was taken, and comes again when it was not.
    async fn submit(&self, path: &str, fields: &[(&str, &str)]) -> Result<(), Error> {
        let (what, response) = self.plain(Method::POST, path).form(fields).any().await?;
        match response.status() {
            status if status.is_redirection() => Ok(()),
            StatusCode::OK => {
                let detail = "the form came again, so something in it was not taken".to_owned();
                let status = StatusCode::UNPROCESSABLE_ENTITY;
                let problem = Problem { status, detail, fields: FieldErrors::default(), retry_after_s: None };
                Err(Error::Refused { what, problem })
            }
            _ => Err(refusal(what, response).await),
        }
    }
}
