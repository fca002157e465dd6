//! What happens is told to addresses that administrators have named.
//!
//! [`happened`] writes an event into the database for everybody who wants it, [`send`] brings it there and tries
//! again, [`mail`] where it goes to a person, [`alerts`] looks for what nobody reports by itself. [`crate::outward`] says where nothing is sent, [`secret`] signs.

mod alerts;
pub mod mail;
pub mod secret;
mod send;

use std::sync::Arc;

use rand::Rng as _;
use serde_json::{Value, json};
use tokio::sync::OnceCell;
use umbel_app::AppError;
use umbel_app::backend::Caller;
use umbel_app::shown::{DeliveryState, NewWebhook, Topic, WebhookDraft, WebhookEvent, WebhookShown, WebhooksShown};
use umbel_guest::{DeliveryId, FieldError, FieldErrors, PanelRight, WebhookId};
use uuid::Uuid;

use crate::accounts::seal::Seal;
use crate::clock::{DAY, HOUR, MINUTE};
use crate::outward::{self, Destination, Names};
use crate::parts::Parts;
use crate::store::guests::Guest;
use crate::store::webhooks::{
    NewDelivery, alert_take, delivery_again, delivery_count_waiting, delivery_insert, delivery_list, webhook_delete,
    webhook_fetch, webhook_insert, webhook_list,
};
use crate::store::{Db, StoreError, Tx};
pub use alerts::SignIns;
use secret::secret;
use send::Clients;

/// Addresses at most: each event is a request to each of them.
const MOST: usize = 20;
/// Events that wait for one address at most; what happens else is in the list as given up.
const WAITING_MOST: i64 = 1000;
/// The word of an event that nothing but the button brings about.
const TEST: &str = "test";
const NO_MAIL: &str = "This panel sends no mail: its settings name no mail_server.";

/// Cheap to clone.
#[derive(Clone, Debug)]
pub struct Webhooks {
    parts: Parts,
    seal: Seal,
    pub names: Names,
    pub sign_ins: SignIns,
    clients: Arc<OnceCell<Clients>>,
}

impl Webhooks {
    pub fn new(parts: Parts, seal: Seal) -> Self {
        Self { parts, seal, names: Names::System, sign_ins: SignIns::default(), clients: Arc::default() }
    }

    pub async fn list(&self, caller: &Caller) -> Result<WebhooksShown, AppError> {
        caller.may(PanelRight::ManageWebhooks)?;
        let (webhooks, deliveries) = tokio::try_join!(webhook_list(&self.parts.db), delivery_list(&self.parts.db))?;
        Ok(WebhooksShown { webhooks, deliveries })
    }

    pub async fn create(&self, caller: &Caller, draft: WebhookDraft) -> Result<NewWebhook, AppError> {
        caller.may(PanelRight::ManageWebhooks)?;
        let (to, events) = checked(&draft, &self.parts)?;
        let id = WebhookId(Uuid::now_v7());
        let secret = match to {
            Destination::Post { .. } => Some(secret(rand::rng().random())),
            // Mail is signed by whoever carries it, if at all.
            Destination::Mail(_) => None,
        };
        let sealed = secret.as_ref().map(|secret| self.seal.seal(&id.to_string(), secret.as_bytes()));
        let url = to.to_string();
        let mut tx = self.parts.db.begin().await?;
        if webhook_list(&mut tx).await?.len() >= MOST {
            let message = format!("There are {MOST} webhooks. Remove one first.");
            return Err(AppError::Conflict { message });
        }
        let webhook = WebhookShown { id, url, events, created_at: self.parts.clock.now(), gone_at: None };
        webhook_insert(&mut tx, &webhook, &sealed.unwrap_or_default()).await?;
        tx.commit().await?;
        self.changed();
        Ok(NewWebhook { id, url: webhook.url, secret })
    }

    pub async fn remove(&self, caller: &Caller, id: WebhookId) -> Result<(), AppError> {
        caller.may(PanelRight::ManageWebhooks)?;
        if !webhook_delete(&self.parts.db, id).await? {
            return Err(AppError::not_found("webhook"));
        }
        self.changed();
        Ok(())
    }

    /// Sends an event to this address that nobody else gets.
    pub async fn test(&self, caller: &Caller, id: WebhookId) -> Result<(), AppError> {
        caller.may(PanelRight::ManageWebhooks)?;
        let db = &self.parts.db;
        webhook_fetch(db, id).await?.ok_or_else(|| AppError::not_found("webhook"))?;
        let now = self.parts.clock.now();
        let text = format!("{} tries this webhook.", caller.account.name);
        let mut tx = db.begin().await?;
        insert(&mut tx, id, &Told { event: TEST, text: &text, about: &json!({}) }, now).await?;
        tx.commit().await?;
        self.changed();
        Ok(())
    }

    /// Sends the same once more, whatever became of it: as often as any, beginning now.
    pub async fn redeliver(&self, caller: &Caller, id: DeliveryId) -> Result<(), AppError> {
        caller.may(PanelRight::ManageWebhooks)?;
        if !delivery_again(&self.parts.db, id, self.parts.clock.now()).await? {
            return Err(AppError::not_found("delivery"));
        }
        self.changed();
        Ok(())
    }

    /// As long as it is polled: looks for what happens, and brings it where it is wanted.
    pub async fn run(self) {
        tokio::join!(self.watch(), self.deliver());
    }

    fn changed(&self) {
        self.parts.events.publish(Topic::Host);
    }
}

/// Something that is told.
#[derive(Clone, Debug)]
pub struct Happened {
    pub event: WebhookEvent,
    /// Of what; the same is told once in a while only.
    pub subject: String,
    /// For people.
    pub text: String,
    /// For programs.
    pub about: Value,
}

/// Written down for everybody who wants it, unless the same was told a moment ago.
pub async fn happened(db: &Db, now: i64, happened: Happened) -> Result<(), StoreError> {
    let Happened { event, subject, text, about } = happened;
    let wanting = |all: Vec<WebhookShown>| -> Vec<WebhookId> {
        all.iter().filter(|webhook| webhook.wants(event)).map(|webhook| webhook.id).collect()
    };
    // Most panels have nobody to tell, and nothing is locked for that.
    if wanting(webhook_list(db).await?).is_empty() {
        return Ok(());
    }
    let mut tx = db.begin().await?;
    let wanting = wanting(webhook_list(&mut tx).await?);
    if wanting.is_empty() || !alert_take(&mut tx, event.word(), &subject, now - window(event), now).await? {
        return Ok(());
    }
    let told = Told { event: event.word(), text: &text, about: &about };
    for webhook in wanting {
        insert(&mut tx, webhook, &told, now).await?;
    }
    tx.commit().await
}

/// What is told, whoever it is told to.
struct Told<'a> {
    event: &'a str,
    text: &'a str,
    about: &'a Value,
}

async fn insert(tx: &mut Tx, webhook: WebhookId, told: &Told<'_>, now: i64) -> Result<(), StoreError> {
    let id = DeliveryId(Uuid::now_v7());
    let Told { event, text, about } = told;
    let body = json!({ "id": id, "event": event, "at": now, "text": text, "about": about }).to_string();
    let (state, answer) = match delivery_count_waiting(&mut *tx, webhook).await? {
        WAITING_MOST.. => (DeliveryState::GivenUp, "not sent: 1000 others wait already"),
        _ => (DeliveryState::Waiting, ""),
    };
    delivery_insert(tx, &NewDelivery { id, webhook, event, body: &body, state, answer }, now).await
}

/// The longest of what follows.
const WINDOW_MOST: i64 = DAY;

/// How long the same is not told again.
fn window(event: WebhookEvent) -> i64 {
    match event {
        WebhookEvent::GuestCrashed => 10 * MINUTE,
        WebhookEvent::QuotaReached => DAY,
        WebhookEvent::BackupFailed
        | WebhookEvent::HostMemoryShort
        | WebhookEvent::HostDiskShort
        | WebhookEvent::SignInsFailing => HOUR,
    }
}

/// A guest has ended by itself. What can't be written is told in the log: the guest's own row is what counts.
pub async fn guest_ended(parts: &Parts, guest: &Guest) {
    let umbel_guest::Seen::Ended { exit, .. } = &guest.seen else { return };
    if !exit.is_failure() {
        return;
    }
    let (name, owner) = (guest.spec.name.as_str(), guest.owner_name.as_str());
    let happening = Happened {
        event: WebhookEvent::GuestCrashed,
        subject: guest.id.to_string(),
        text: format!("The guest {name} of {owner}: {exit}."),
        about: json!({ "guest": guest.id, "name": name, "owner": owner, "exit": exit }),
    };
    if let Err(error) = happened(&parts.db, parts.clock.now(), happening).await {
        tracing::warn!(guest = %guest.id, cause = crate::error::chain(&error), "that a guest crashed is told nobody");
    }
}

fn checked(draft: &WebhookDraft, parts: &Parts) -> Result<(Destination, Vec<WebhookEvent>), AppError> {
    let mut wrong = Vec::new();
    let to = outward::read(&draft.url, &parts.webhook_networks).and_then(|to| match to {
        Destination::Mail(_) if parts.mail.is_none() => Err(NO_MAIL.to_owned()),
        to => Ok(to),
    });
    let to = to.map_err(|message| wrong.push(FieldError::new("url", message)));
    let found: Vec<WebhookEvent> =
        WebhookEvent::ALL.into_iter().filter(|event| draft.events.iter().any(|word| word == event.word())).collect();
    if let Some(word) = draft.events.iter().find(|word| WebhookEvent::of_word(word).is_none()) {
        let word: String = word.chars().take(40).collect();
        wrong.push(FieldError::new("events", format!("There is no event {word}.")));
    } else if found.is_empty() {
        wrong.push(FieldError::new("events", "Choose at least one."));
    }
    match to {
        Ok(to) if wrong.is_empty() => Ok((to, found)),
        _ => Err(AppError::Invalid(FieldErrors(wrong))),
    }
}
