//! One's own tokens. Made and removed with a sign-in only, or made here and agreed to in a browser.

use std::time::Duration;

use rand::Rng as _;
use reqwest::{Method, StatusCode};
use sha2::{Digest as _, Sha256};
use tokio::time::{Instant, sleep};
use umbel_guest::{GroupId, token};

use crate::answers::{Account, NewToken, Token};
use crate::client::Client;
use crate::error::Error;

/// Between two looks whether somebody has agreed.
const LOOK: Duration = Duration::from_secs(1);

/// A token that was made here. It is good once its owner has agreed at the address, which holds its hash only.
#[derive(Clone, PartialEq, Eq)]
pub struct AskedToken {
    pub token: String,
    /// A page of the panel's.
    pub address: String,
    /// What that page shows too.
    pub code: String,
}

impl std::fmt::Debug for AskedToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AskedToken").field("code", &self.code).finish_non_exhaustive()
    }
}

impl Client {
    /// Words of `scopes` have commas between them; `group` is a name. Nothing is sent: what is wrong with it, the page says.
    pub fn token_ask(&self, name: &str, scopes: &str, days: u32, group: Option<&str>) -> AskedToken {
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let secret = format!("{}{}", token::PREFIX, hex(&rand::rng().random::<[u8; 32]>()));
        let id = hex(&Sha256::digest(&secret));
        let days = days.to_string();
        let asked = [("id", id.as_str()), ("name", name), ("scopes", scopes), ("days", &days)];
        let asked = asked.into_iter().chain(group.map(|group| ("group", group)));
        AskedToken { address: self.address("/account/program", asked), code: token::code(&id), token: secret }
    }

    /// Who has agreed to our token, which must be good for reading; asks until then.
    pub async fn token_agreed(&self, patience: Duration) -> Result<Account, Error> {
        let until = Instant::now() + patience;
        loop {
            match self.session_fetch().await {
                Err(error) if error.status() == Some(StatusCode::UNAUTHORIZED) || error.is_passing() => {}
                done => return done,
            }
            if Instant::now() >= until {
                return Err(Error::TimedOut { what: "somebody agrees in a browser".into(), patience });
            }
            sleep(LOOK).await;
        }
    }

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
