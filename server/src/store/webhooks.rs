//! Where events are sent, what is on its way there, and what was told when.

use umbel_app::shown::{DeliveryShown, DeliveryState, WebhookEvent, WebhookShown};
use umbel_guest::{DeliveryId, WebhookId};

use super::StoreError;
use super::db::{On, Tx};
use super::query::{Row, sql};

/// One event on its way to one address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    pub id: DeliveryId,
    pub webhook: WebhookId,
    pub url: String,
    pub sealed: String,
    pub is_gone: bool,
    pub event: String,
    pub body: String,
    pub tries: u32,
    pub next_try_at: i64,
}

fn webhook(row: &Row) -> Result<WebhookShown, StoreError> {
    let words: String = row.get("events")?;
    // What only a newer panel knows is nothing to this one.
    let events = words.split_whitespace().filter_map(WebhookEvent::of_word).collect();
    Ok(WebhookShown {
        id: row.parse("id")?,
        url: row.get("url")?,
        events,
        created_at: row.get("created_at")?,
        gone_at: row.get("gone_at")?,
    })
}

fn delivery_state(row: &Row) -> Result<DeliveryState, StoreError> {
    let word: String = row.get("state")?;
    let found = DeliveryState::ALL.into_iter().find(|state| state.word() == word);
    found.ok_or_else(|| row.unreadable("state", format!("there is no state {word}")))
}

/// The oldest first.
pub async fn webhook_list(on: impl Into<On<'_>>) -> Result<Vec<WebhookShown>, StoreError> {
    let select = "SELECT id, url, events, created_at, gone_at FROM webhooks ORDER BY created_at, id";
    sql("webhook_list", select).all(on).await?.iter().map(webhook).collect()
}

pub async fn webhook_fetch(on: impl Into<On<'_>>, id: WebhookId) -> Result<Option<WebhookShown>, StoreError> {
    let select = "SELECT id, url, events, created_at, gone_at FROM webhooks WHERE id = $1";
    sql("webhook_fetch", select).bind(id).one(on).await?.as_ref().map(webhook).transpose()
}

pub async fn webhook_insert(on: impl Into<On<'_>>, webhook: &WebhookShown, sealed: &str) -> Result<(), StoreError> {
    let words: Vec<&str> = webhook.events.iter().map(|event| event.word()).collect();
    let insert = "INSERT INTO webhooks (id, url, events, sealed, created_at, gone_at) VALUES ($1, $2, $3, $4, $5, $6)";
    sql("webhook_insert", insert)
        .bind(webhook.id)
        .bind(webhook.url.as_str())
        .bind(words.join(" "))
        .bind(sealed)
        .bind(webhook.created_at)
        .bind(webhook.gone_at)
        .run(on)
        .await?;
    Ok(())
}

/// With what is on its way there. Whether there was such a one.
pub async fn webhook_delete(on: impl Into<On<'_>>, id: WebhookId) -> Result<bool, StoreError> {
    Ok(sql("webhook_delete", "DELETE FROM webhooks WHERE id = $1").bind(id).run(on).await? == 1)
}

/// Since when its receiver is gone, or that it is there.
pub async fn webhook_set_gone(on: impl Into<On<'_>>, id: WebhookId, gone_at: Option<i64>) -> Result<(), StoreError> {
    let update = "UPDATE webhooks SET gone_at = $1 WHERE id = $2";
    sql("webhook_set_gone", update).bind(gone_at).bind(id).run(on).await?;
    Ok(())
}

/// Those for which something's time has come.
pub async fn webhook_list_due(on: impl Into<On<'_>>, now: i64) -> Result<Vec<WebhookId>, StoreError> {
    let select = "SELECT DISTINCT webhook FROM webhook_deliveries WHERE state = $1 AND next_try_at <= $2";
    let rows = sql("webhook_list_due", select).bind(DeliveryState::Waiting.word()).bind(now).all(on).await?;
    rows.iter().map(|row| row.parse("webhook")).collect()
}

/// What is written when something happens.
#[derive(Clone, Debug)]
pub struct NewDelivery<'a> {
    pub id: DeliveryId,
    pub webhook: WebhookId,
    pub event: &'a str,
    pub body: &'a str,
    pub state: DeliveryState,
    pub answer: &'a str,
}

/// What waits is sent at once.
pub async fn delivery_insert(on: impl Into<On<'_>>, new: &NewDelivery<'_>, now: i64) -> Result<(), StoreError> {
    let insert = "INSERT INTO webhook_deliveries (id, webhook, event, body, state, tries, next_try_at, answer, created_at) \
                  VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $7)";
    sql("delivery_insert", insert)
        .bind(new.id)
        .bind(new.webhook)
        .bind(new.event)
        .bind(new.body)
        .bind(new.state.word())
        .bind(0i64)
        .bind(now)
        .bind(new.answer)
        .run(on)
        .await?;
    Ok(())
}

/// How many wait to be sent there.
pub async fn delivery_count_waiting(on: impl Into<On<'_>>, webhook: WebhookId) -> Result<i64, StoreError> {
    let count = "SELECT COUNT(*) AS n FROM webhook_deliveries WHERE webhook = $1 AND state = $2";
    let query = sql("delivery_count_waiting", count).bind(webhook).bind(DeliveryState::Waiting.word());
    query.one(on).await?.map_or(Ok(0), |row| row.get("n"))
}

/// The newest 100.
pub async fn delivery_list(on: impl Into<On<'_>>) -> Result<Vec<DeliveryShown>, StoreError> {
    let select = "SELECT d.id AS id, d.webhook AS webhook, w.url AS url, d.event AS event, d.state AS state, \
                  d.tries AS tries, d.next_try_at AS next_try_at, d.answer AS answer, d.created_at AS created_at \
                  FROM webhook_deliveries d JOIN webhooks w ON w.id = d.webhook \
                  ORDER BY d.created_at DESC, d.id DESC LIMIT 100";
    let rows = sql("delivery_list", select).all(on).await?;
    let shown = rows.iter().map(|row| {
        Ok(DeliveryShown {
            id: row.parse("id")?,
            webhook: row.parse("webhook")?,
            url: row.get("url")?,
            event: row.get("event")?,
            state: delivery_state(row)?,
            tries: row.number("tries")?,
            next_try_at: row.get("next_try_at")?,
            answer: row.get("answer")?,
            created_at: row.get("created_at")?,
        })
    });
    shown.collect()
}

/// Of one webhook those whose time has come, the longest due first, at most 16.
pub async fn delivery_list_due(
    on: impl Into<On<'_>>,
    webhook: WebhookId,
    now: i64,
) -> Result<Vec<Delivery>, StoreError> {
    let select = "SELECT d.id AS id, d.webhook AS webhook, w.url AS url, w.sealed AS sealed, w.gone_at AS gone_at, \
                  d.event AS event, d.body AS body, d.tries AS tries, d.next_try_at AS next_try_at \
                  FROM webhook_deliveries d JOIN webhooks w ON w.id = d.webhook \
                  WHERE d.webhook = $1 AND d.state = $2 AND d.next_try_at <= $3 \
                  ORDER BY d.next_try_at, d.id LIMIT 16";
    let query = sql("delivery_list_due", select).bind(webhook).bind(DeliveryState::Waiting.word()).bind(now);
    let rows = query.all(on).await?;
    let due = rows.iter().map(|row| {
        Ok(Delivery {
            id: row.parse("id")?,
            webhook: row.parse("webhook")?,
            url: row.get("url")?,
            sealed: row.get("sealed")?,
            is_gone: row.get::<Option<i64>>("gone_at")?.is_some(),
            event: row.get("event")?,
            body: row.get("body")?,
            tries: row.number("tries")?,
            next_try_at: row.get("next_try_at")?,
        })
    });
    due.collect()
}

/// Of several panels one sends it: whether this one does. Should it end before it is done, the others may
/// from `until` on.
pub async fn delivery_claim(on: impl Into<On<'_>>, delivery: &Delivery, until: i64) -> Result<bool, StoreError> {
    let update = "UPDATE webhook_deliveries SET next_try_at = $1 WHERE id = $2 AND state = $3 AND next_try_at = $4";
    let query = sql("delivery_claim", update).bind(until).bind(delivery.id);
    Ok(query.bind(DeliveryState::Waiting.word()).bind(delivery.next_try_at).run(on).await? == 1)
}

/// What came of a try that was claimed until `claimed`; who took it over since then says it themselves.
pub async fn delivery_tried(
    on: impl Into<On<'_>>,
    id: DeliveryId,
    claimed: i64,
    state: DeliveryState,
    next_try_at: i64,
    answer: &str,
) -> Result<(), StoreError> {
    let update = "UPDATE webhook_deliveries SET state = $1, tries = tries + 1, next_try_at = $2, answer = $3 \
                  WHERE id = $4 AND state = $5 AND next_try_at = $6";
    let query = sql("delivery_tried", update).bind(state.word()).bind(next_try_at).bind(answer).bind(id);
    query.bind(DeliveryState::Waiting.word()).bind(claimed).run(on).await?;
    Ok(())
}

/// From the beginning, at once. Whether there is such a one.
pub async fn delivery_again(on: impl Into<On<'_>>, id: DeliveryId, now: i64) -> Result<bool, StoreError> {
    let update = "UPDATE webhook_deliveries SET state = $1, tries = 0, next_try_at = $2 WHERE id = $3";
    let query = sql("delivery_again", update).bind(DeliveryState::Waiting.word()).bind(now).bind(id);
    Ok(query.run(on).await? == 1)
}

/// What is over and older, or beyond the newest 10,000.
pub async fn delivery_trim(tx: &mut Tx, before: i64) -> Result<(), StoreError> {
    let old = "DELETE FROM webhook_deliveries WHERE created_at < $1 AND state <> $2";
    sql("delivery_trim", old).bind(before).bind(DeliveryState::Waiting.word()).run(&mut *tx).await?;
    let many = "DELETE FROM webhook_deliveries WHERE state <> $1 AND id NOT IN \
                (SELECT id FROM webhook_deliveries ORDER BY created_at DESC, id DESC LIMIT 10000)";
    sql("delivery_trim", many).bind(DeliveryState::Waiting.word()).run(tx).await?;
    Ok(())
}

/// Whether it may be told: the last time is not after `since`. If so, it counts as told now.
pub async fn alert_take(tx: &mut Tx, event: &str, subject: &str, since: i64, now: i64) -> Result<bool, StoreError> {
    let put = "INSERT INTO alerts (event, subject, told_at) VALUES ($1, $2, $3) ON CONFLICT (event, subject) \
               DO UPDATE SET told_at = $3 WHERE alerts.told_at <= $4";
    let query = sql("alert_take", put).bind(event).bind(subject).bind(now).bind(since);
    Ok(query.run(tx).await? == 1)
}

/// What was told so long ago that it holds nothing back.
pub async fn alert_trim(on: impl Into<On<'_>>, before: i64) -> Result<u64, StoreError> {
    sql("alert_trim", "DELETE FROM alerts WHERE told_at < $1").bind(before).run(on).await
}
