use leptos::prelude::*;
use umbel_guest::{DeliveryId, WebhookId};

use crate::AppError;
use crate::codec::Answer;
use crate::shown::{NewWebhook, WebhooksShown};
#[cfg(feature = "ssr")]
use crate::{
    api::answer::told,
    backend::{backend, caller},
    shown::WebhookDraft,
};

#[server(prefix = "/_sf", endpoint = "webhook_list", output = Answer)]
pub async fn webhook_list() -> Result<WebhooksShown, AppError> {
    let caller = told(caller())?;
    told(backend()?.webhook_list(&caller).await)
}

/// A form without any event sends none.
#[server(prefix = "/_sf", endpoint = "webhook_create", output = Answer)]
pub async fn webhook_create(url: String, #[server(default)] events: Vec<String>) -> Result<NewWebhook, AppError> {
    let caller = told(caller())?;
    told(backend()?.webhook_create(&caller, WebhookDraft { url, events }).await)
}

#[server(prefix = "/_sf", endpoint = "webhook_remove", output = Answer)]
pub async fn webhook_remove(webhook: WebhookId) -> Result<(), AppError> {
    let caller = told(caller())?;
    told(backend()?.webhook_remove(&caller, webhook).await)
}

#[server(prefix = "/_sf", endpoint = "webhook_test", output = Answer)]
pub async fn webhook_test(webhook: WebhookId) -> Result<(), AppError> {
    let caller = told(caller())?;
    told(backend()?.webhook_test(&caller, webhook).await)
}

#[server(prefix = "/_sf", endpoint = "webhook_redeliver", output = Answer)]
pub async fn webhook_redeliver(delivery: DeliveryId) -> Result<(), AppError> {
    let caller = told(caller())?;
    told(backend()?.webhook_redeliver(&caller, delivery).await)
}
