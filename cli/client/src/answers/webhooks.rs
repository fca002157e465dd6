use serde::{Deserialize, Serialize};
use umbel_guest::{DeliveryId, WebhookId};

/// Where events are sent, and what came of the newest of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Webhooks {
    pub webhooks: Vec<Webhook>,
    pub deliveries: Vec<Delivery>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Webhook {
    pub id: WebhookId,
    pub url: String,
    pub events: Vec<String>,
    pub created_at: i64,
    /// When it answered 410; nothing is sent there until something arrives again.
    pub gone_at: Option<i64>,
}

/// Shown once.
#[derive(Clone, PartialEq, Eq, Deserialize)]
pub struct NewWebhook {
    pub id: WebhookId,
    pub url: String,
    /// None where events are mailed.
    pub secret: Option<String>,
}

impl std::fmt::Debug for NewWebhook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewWebhook").field("id", &self.id).finish_non_exhaustive()
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    pub id: DeliveryId,
    pub webhook: WebhookId,
    pub url: String,
    pub event: String,
    /// `waiting`, `delivered` or `given_up`.
    pub state: String,
    pub tries: u32,
    /// Of one that waits.
    pub next_try_at: i64,
    pub answer: String,
    pub created_at: i64,
}
