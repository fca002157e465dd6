//! Where events are sent, for administrators.

use umbel_client::{Client, Delivery, Webhook};

use crate::error::Failure;
use crate::options::WebhookCommand;
use crate::output::{Column, Output, moment};

const EVENTS: [&str; 6] =
    ["guest_crashed", "backup_failed", "quota_reached", "host_memory_short", "host_disk_short", "sign_ins_failing"];

const COLUMNS: [Column<Webhook>; 5] = [
    ("ID", |webhook| webhook.id.to_string()),
    ("ADDRESS", |webhook| webhook.url.clone()),
    ("EVENTS", |webhook| webhook.events.join(",")),
    ("SINCE", |webhook| moment(webhook.created_at)),
    ("GONE", |webhook| webhook.gone_at.map_or_else(|| "-".into(), moment)),
];

const DELIVERIES: [Column<Delivery>; 7] = [
    ("ID", |delivery| delivery.id.to_string()),
    ("WHEN", |delivery| moment(delivery.created_at)),
    ("EVENT", |delivery| delivery.event.clone()),
    ("ADDRESS", |delivery| delivery.url.clone()),
    ("STATE", |delivery| delivery.state.clone()),
    ("TRIES", |delivery| delivery.tries.to_string()),
    ("ANSWER", |delivery| delivery.answer.clone()),
];

pub(crate) async fn run(panel: &Client, command: WebhookCommand, output: &Output) -> Result<(), Failure> {
    match command {
        WebhookCommand::List => output.many(&panel.webhook_list().await?.webhooks, &COLUMNS),
        WebhookCommand::Create { url, events } => {
            let events = if events.is_empty() { EVENTS.map(str::to_owned).to_vec() } else { events };
            let new = panel.webhook_create(&url, &events).await?;
            // Mail is signed with nothing.
            println!("{}", new.secret.unwrap_or_else(|| new.id.to_string()));
            Ok(())
        }
        WebhookCommand::Delete { webhook } => Ok(panel.webhook_remove(webhook).await?),
        WebhookCommand::Test { webhook } => Ok(panel.webhook_test(webhook).await?),
        WebhookCommand::Deliveries { webhook } => {
            let mut deliveries = panel.webhook_list().await?.deliveries;
            deliveries.retain(|delivery| webhook.is_none_or(|webhook| delivery.webhook == webhook));
            output.many(&deliveries, &DELIVERIES)
        }
        WebhookCommand::Redeliver { delivery } => Ok(panel.webhook_redeliver(delivery).await?),
    }
}
