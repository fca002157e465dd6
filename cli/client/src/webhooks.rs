//! Where events are sent.

use reqwest::Method;
use umbel_guest::{DeliveryId, WebhookId};

use crate::answers::{NewWebhook, Webhooks};
use crate::client::Client;
use crate::error::Error;

impl Client {
    /// All of them, and the newest deliveries.
    pub async fn webhook_list(&self) -> Result<Webhooks, Error> {
        self.api(Method::GET, "/webhooks").read().await
    }

    /// What signs its events is in this answer and in no other.
    pub async fn webhook_create(&self, url: &str, events: &[impl AsRef<str> + Sync]) -> Result<NewWebhook, Error> {
        let events: Vec<&str> = events.iter().map(AsRef::as_ref).collect();
        self.api(Method::POST, "/webhooks").json(&serde_json::json!({ "url": url, "events": events })).read().await
    }

    pub async fn webhook_remove(&self, webhook: WebhookId) -> Result<(), Error> {
        self.api(Method::DELETE, &format!("/webhooks/{webhook}")).done().await.map(drop)
    }

    pub async fn webhook_test(&self, webhook: WebhookId) -> Result<(), Error> {
        self.api(Method::POST, &format!("/webhooks/{webhook}/test")).done().await.map(drop)
    }

    /// The same once more.
    pub async fn webhook_redeliver(&self, delivery: DeliveryId) -> Result<(), Error> {
        self.api(Method::POST, &format!("/webhooks/deliveries/{delivery}/redeliver")).done().await.map(drop)
    }
}
