//! One's own tokens. Made and removed with a sign-in only.

use reqwest::Method;
use umbel_guest::GroupId;

use crate::answers::{NewToken, Token};
use crate::client::Client;
use crate::error::Error;

impl Client {
    pub async fn token_list(&self) -> Result<Vec<Token>, Error> {
        self.api(Method::GET, "/tokens").read().await
    }

    /// `scopes` are `read`, `power`, `console`, `write`, `manage`. The token is told this once.
    pub async fn token_create(&self, name: &str, scopes: &[&str], days: u32) -> Result<NewToken, Error> {
        self.token_create_for(None, name, scopes, days).await
    }

    /// Good for the guests of that group only, which one is in.
    pub async fn token_create_for(
        &self,
        group: Option<GroupId>,
        name: &str,
        scopes: &[&str],
        days: u32,
    ) -> Result<NewToken, Error> {
        let draft = serde_json::json!({ "name": name, "group": group, "scopes": scopes, "days": days });
        self.api(Method::POST, "/tokens").json(&draft).read().await
    }

    /// Ends at once whatever came in with it.
    pub async fn token_remove(&self, id: &str) -> Result<(), Error> {
        self.api(Method::DELETE, &format!("/tokens/{id}")).done().await.map(drop)
    }
}
