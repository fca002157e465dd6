use axum::extract::State;
use umbel_app::backend::Backend;
use umbel_app::shown::{NewWebhook, WebhookDraft, WebhooksShown};
use umbel_guest::{DeliveryId, WebhookId};

use super::{Json, Path};
use crate::http::caller::SignedIn;
use crate::http::error::Problem;
use crate::http::openapi::answer::{Done, Made, WillBe};
use crate::panel::Panel;

/// Where events are sent, and what came of the newest of them.
#[utoipa::path(get, path = "/webhooks")]
pub async fn list(
    State(panel): State<Panel>,
    SignedIn(caller): SignedIn,
) -> Result<axum::Json<WebhooksShown>, Problem> {
    Ok(axum::Json(panel.webhook_list(&caller).await?))
}

/// Makes a webhook.
///
/// The secret that signs its events is in this answer and in no other.
#[utoipa::path(post, path = "/webhooks")]
pub async fn create(
    State(panel): State<Panel>,
    SignedIn(caller): SignedIn,
    Json(draft): Json<WebhookDraft>,
) -> Result<Made<NewWebhook>, Problem> {
    Ok(Made(panel.webhook_create(&caller, draft).await?))
}

/// Removes a webhook, with what waits to be sent there.
#[utoipa::path(delete, path = "/webhooks/{webhook}")]
pub async fn remove(
    State(panel): State<Panel>,
    SignedIn(caller): SignedIn,
    Path(webhook): Path<WebhookId>,
) -> Result<Done, Problem> {
    panel.webhook_remove(&caller, webhook).await?;
    Ok(Done)
}

/// Sends a webhook an event that nobody else gets, soon after.
#[utoipa::path(post, path = "/webhooks/{webhook}/test")]
pub async fn test(
    State(panel): State<Panel>,
    SignedIn(caller): SignedIn,
    Path(webhook): Path<WebhookId>,
) -> Result<WillBe, Problem> {
    panel.webhook_test(&caller, webhook).await?;
    Ok(WillBe)
}

/// Sends the same once more, soon after, whatever became of it.
#[utoipa::path(post, path = "/webhooks/deliveries/{delivery}/redeliver")]
pub async fn redeliver(
    State(panel): State<Panel>,
    SignedIn(caller): SignedIn,
    Path(delivery): Path<DeliveryId>,
) -> Result<WillBe, Problem> {
    panel.webhook_redeliver(&caller, delivery).await?;
    Ok(WillBe)
}
