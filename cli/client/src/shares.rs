//! Guests that are shared.

use reqwest::Method;
use umbel_guest::{AccountId, GuestId, GuestRight};

use crate::answers::Share;
use crate::client::Client;
use crate::error::Error;

impl Client {
    pub async fn share_list(&self, guest: GuestId) -> Result<Vec<Share>, Error> {
        self.api(Method::GET, &format!("/guests/{guest}/shares")).read().await
    }

    /// Gives that account exactly these rights.
    pub async fn share_put(&self, guest: GuestId, name: &str, rights: &[GuestRight]) -> Result<Share, Error> {
        let draft = serde_json::json!({ "name": name, "rights": rights });
        self.api(Method::PUT, &format!("/guests/{guest}/shares")).json(&draft).read().await
    }

    /// `to` is an account's name, or a group's with an @ before it.
    pub async fn guest_give(&self, guest: GuestId, to: &str) -> Result<(), Error> {
        let given = serde_json::json!({ "to": to });
        self.api(Method::PUT, &format!("/guests/{guest}/owner")).json(&given).done().await.map(drop)
    }

    pub async fn share_remove(&self, guest: GuestId, account: AccountId) -> Result<(), Error> {
        self.api(Method::DELETE, &format!("/guests/{guest}/shares/{account}")).done().await.map(drop)
    }
}
