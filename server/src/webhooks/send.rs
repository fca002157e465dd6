//! Events on their way: claimed, signed, sent, and tried again with growing pauses for about a day. Each address has its
//! own way, so that one that hangs holds up no other.

use std::collections::HashSet;
use std::time::Duration;

use futures::StreamExt as _;
use futures::future::join_all;
use futures::stream::FuturesUnordered;
use lettre::Address;
use reqwest::header::CONTENT_TYPE;
use reqwest::redirect::Policy;
use reqwest::{Client, StatusCode, Url};
use umbel_app::AppError;
use umbel_app::shown::DeliveryState;
use umbel_guest::WebhookId;

use super::mail::Letter;
use super::secret::signature;
use super::{NO_MAIL, Webhooks};
use crate::clock::{HOUR, MINUTE, SECOND};
use crate::error::{chain, internal};
use crate::outward::{self, ClientError, Destination, Guard, Way};
use crate::store::webhooks::{
    Delivery, delivery_claim, delivery_list_due, delivery_tried, webhook_list_due, webhook_set_gone,
};

const LOOK: Duration = Duration::from_secs(2);
const CONNECT: Duration = Duration::from_secs(5);
/// From the look-up of the name to the status.
const ANSWER: Duration = Duration::from_secs(10);
/// Longer than a try takes.
const CLAIM: i64 = MINUTE;
/// The pause after each try that failed; after the last one it is given up.
const PAUSES: [i64; 8] = [10 * SECOND, MINUTE, 5 * MINUTE, 15 * MINUTE, HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR];
/// What is kept of an answer, in characters.
const WORDS: usize = 200;

/// What came of a try, in words.
enum Outcome {
    Delivered(String),
    Failed(String),
    /// It said so itself, for good.
    Gone(String),
}

impl Outcome {
    /// The state from now on, and when it is tried again.
    fn settled(&self, tries: u32, now: i64) -> (DeliveryState, i64) {
        let pause = usize::try_from(tries).ok().and_then(|tries| PAUSES.get(tries));
        match (self, pause) {
            (Self::Delivered(_), _) => (DeliveryState::Delivered, now),
            (Self::Failed(_), Some(pause)) => (DeliveryState::Waiting, now + pause),
            (Self::Failed(_), None) | (Self::Gone(_), _) => (DeliveryState::GivenUp, now),
        }
    }

    fn words(&self) -> String {
        let (Self::Delivered(words) | Self::Failed(words) | Self::Gone(words)) = self;
        words.chars().filter(|c| !c.is_control()).take(WORDS).collect()
    }
}

/// One for each way, since in the clear fewer addresses are permitted.
#[derive(Clone, Debug)]
pub(super) struct Clients {
    secure: Client,
    clear: Client,
}

impl Clients {
    pub(super) fn new(webhooks: &Webhooks) -> Result<Self, ClientError> {
        let client = |way| {
            let names = webhooks.names.clone();
            let guard = Guard { way, names, permitted: webhooks.parts.webhook_networks.clone() };
            let client = outward::client(guard)?.redirect(Policy::none()).connect_timeout(CONNECT).timeout(ANSWER);
            Ok::<_, ClientError>(client.build()?)
        };
        Ok(Self { secure: client(Way::Secure)?, clear: client(Way::Clear)? })
    }

    fn by(&self, way: Way) -> &Client {
        match way {
            Way::Secure => &self.secure,
            Way::Clear | Way::Signed => &self.clear,
        }
    }
}

impl Webhooks {
    pub(super) async fn deliver(&self) {
        let (mut busy, mut running) = (HashSet::new(), FuturesUnordered::new());
        loop {
            match webhook_list_due(&self.parts.db, self.parts.clock.now()).await {
                Ok(due) => {
                    for webhook in due.into_iter().filter(|webhook| busy.insert(*webhook)) {
                        running.push(async move { (webhook, self.deliver_to(webhook).await) });
                    }
                }
                Err(error) => tracing::warn!(cause = chain(&error), "events wait in the database"),
            }
            // At most once in a while, also if everything fails at once.
            let pause = tokio::time::sleep(LOOK);
            tokio::pin!(pause);
            loop {
                tokio::select! {
                    () = &mut pause => break,
                    Some((webhook, done)) = running.next() => {
                        busy.remove(&webhook);
                        if let Err(error) = done {
                            tracing::warn!(%webhook, cause = %error, "events wait in the database");
                        }
                    }
                }
            }
        }
    }

    /// Everything whose time has come, once; how many were tried.
    pub async fn deliver_due(&self) -> Result<usize, AppError> {
        let due = webhook_list_due(&self.parts.db, self.parts.clock.now()).await?;
        let tried = join_all(due.into_iter().map(|webhook| self.deliver_to(webhook))).await;
        tried.into_iter().sum()
    }

    /// One after the other, until one fails: who doesn't answer is left in peace for a moment.
    async fn deliver_to(&self, webhook: WebhookId) -> Result<usize, AppError> {
        let mut tried = 0;
        for delivery in delivery_list_due(&self.parts.db, webhook, self.parts.clock.now()).await? {
            let claimed = self.parts.clock.now() + CLAIM;
            if !delivery_claim(&self.parts.db, &delivery, claimed).await? {
                continue;
            }
            let outcome = self.send(&delivery).await;
            self.note(&delivery, claimed, &outcome).await?;
            tried += 1;
            if !matches!(outcome, Outcome::Delivered(_)) {
                break;
            }
        }
        if tried > 0 {
            self.changed();
        }
        Ok(tried)
    }

    async fn note(&self, delivery: &Delivery, claimed: i64, outcome: &Outcome) -> Result<(), AppError> {
        let now = self.parts.clock.now();
        let (state, next) = outcome.settled(delivery.tries, now);
        let mut tx = self.parts.db.begin().await?;
        match outcome {
            Outcome::Gone(_) => webhook_set_gone(&mut tx, delivery.webhook, Some(now)).await?,
            Outcome::Delivered(_) if delivery.is_gone => webhook_set_gone(&mut tx, delivery.webhook, None).await?,
            Outcome::Delivered(_) | Outcome::Failed(_) => {}
        }
        delivery_tried(&mut tx, delivery.id, claimed, state, next, &outcome.words()).await?;
        Ok(tx.commit().await?)
    }

    async fn send(&self, delivery: &Delivery) -> Outcome {
        // Looked at anew: settings may permit less than when it was made.
        match outward::read(&delivery.url, &self.parts.webhook_networks) {
            Ok(Destination::Post { url, way }) => match self.post(delivery, url, way).await {
                Ok(status) if status.is_success() => Outcome::Delivered(status.to_string()),
                Ok(StatusCode::GONE) => Outcome::Gone(format!("answered {}", StatusCode::GONE)),
                Ok(status) => Outcome::Failed(format!("answered {status}")),
                Err(why) => Outcome::Failed(why),
            },
            Ok(Destination::Mail(to)) => {
                self.mail(delivery, &to).await.map_or_else(Outcome::Failed, Outcome::Delivered)
            }
            Err(why) => Outcome::Failed(why),
        }
    }

    async fn mail(&self, delivery: &Delivery, to: &Address) -> Result<String, String> {
        let mailer = self.parts.mail.as_ref().ok_or(NO_MAIL)?;
        let letter = Letter { id: delivery.id, event: &delivery.event, body: &delivery.body };
        mailer.send(to, letter).await
    }

    /// The status that was answered. What is said else is nobody's to show, and not even read.
    async fn post(&self, delivery: &Delivery, url: Url, way: Way) -> Result<StatusCode, String> {
        let clients = self.clients.get_or_try_init(async || Clients::new(self)).await.map_err(|error| chain(&error))?;
        let secret = self.secret_of(delivery)?;
        let signed = signature(&secret, self.parts.clock.now() / SECOND, &delivery.body);
        let request = clients.by(way).post(url).header(CONTENT_TYPE, "application/json");
        let request = request.header("umbel-signature", signed).header("umbel-event", &delivery.event);
        let answer = request.header("umbel-delivery", delivery.id.to_string()).body(delivery.body.clone()).send().await;
        // Without the address, which stands beside it.
        Ok(answer.map_err(|error| chain(&error.without_url()))?.status())
    }

    fn secret_of(&self, delivery: &Delivery) -> Result<String, String> {
        let opened =
            self.seal.open(&delivery.webhook.to_string(), &delivery.sealed).map_err(|error| error.to_string())?;
        String::from_utf8(opened).map_err(|error| internal(&error).to_string())
    }
}

#[cfg(test)]
mod tests {
    use crate::clock::DAY;

    use super::*;

    #[test]
    fn pauses_grow_and_end_after_about_a_day() {
        let failed = Outcome::Failed(String::new());
        let mut now = 0;
        for tries in 0..8 {
            let (state, next) = failed.settled(tries, now);
            assert_eq!(state, DeliveryState::Waiting);
            assert!(next > 2 * now, "after {tries}: {next}");
            now = next;
        }
        assert_eq!(failed.settled(8, now), (DeliveryState::GivenUp, now));
        assert!((DAY * 9 / 10..DAY * 3 / 2).contains(&now), "{now}");
        assert_eq!(Outcome::Gone(String::new()).settled(0, 5), (DeliveryState::GivenUp, 5));
    }

    #[test]
    fn a_claim_outlasts_a_try() {
        let longest = ANSWER.max(crate::webhooks::mail::TAKEN);
        assert!(i64::try_from(longest.as_micros()).expect("short") * 2 < CLAIM);
    }
}
