//! One's own public keys. Added and removed with a sign-in only.

use reqwest::Method;
use umbel_guest::KeyId;

use crate::answers::Key;
use crate::client::Client;
use crate::error::Error;

impl Client {
    pub async fn key_list(&self) -> Result<Vec<Key>, Error> {
        self.api(Method::GET, "/keys").read().await
    }

    /// A line of `authorized_keys` (sshd(8)).
    pub async fn key_add(&self, key: &str) -> Result<Key, Error> {
        self.api(Method::POST, "/keys").json(&serde_json::json!({ "key": key })).read().await
    }

    /// It stays in the guests that were told of it.
    pub async fn key_remove(&self, key: KeyId) -> Result<(), Error> {
        self.api(Method::DELETE, &format!("/keys/{key}")).done().await.map(drop)
    }
}
