//! What everybody is told on every page.

use reqwest::Method;

use crate::answers::Announcement;
use crate::client::Client;
use crate::error::Error;

impl Client {
    pub async fn announcement_fetch(&self) -> Result<Option<Announcement>, Error> {
        #[derive(serde::Deserialize)]
        struct Announced {
            announcement: Option<Announcement>,
        }
        Ok(self.api(Method::GET, "/announcement").read::<Announced>().await?.announcement)
    }

    /// `level` is `info` or `warning`; without hours it stays until it is taken back.
    pub async fn announcement_set(&self, text: &str, level: &str, hours: Option<u32>) -> Result<(), Error> {
        let draft = serde_json::json!({ "text": text, "level": level, "hours": hours });
        self.api(Method::PUT, "/announcement").json(&draft).done().await.map(drop)
    }

    pub async fn announcement_clear(&self) -> Result<(), Error> {
        self.api(Method::DELETE, "/announcement").done().await.map(drop)
    }
}
