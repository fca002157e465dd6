use serde::{Deserialize, Serialize};
use umbel_guest::{DeliveryId, WebhookId};

/// What can be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum WebhookEvent {
    GuestCrashed,
    BackupFailed,
    QuotaReached,
    HostMemoryShort,
    HostDiskShort,
    SignInsFailing,
}

impl WebhookEvent {
    pub const ALL: [Self; 6] = [
        Self::GuestCrashed,
        Self::BackupFailed,
        Self::QuotaReached,
        Self::HostMemoryShort,
        Self::HostDiskShort,
        Self::SignInsFailing,
    ];

    /// As rows, forms and the API spell it.
    pub fn word(self) -> &'static str {
        match self {
            Self::GuestCrashed => "guest_crashed",
            Self::BackupFailed => "backup_failed",
            Self::QuotaReached => "quota_reached",
            Self::HostMemoryShort => "host_memory_short",
            Self::HostDiskShort => "host_disk_short",
            Self::SignInsFailing => "sign_ins_failing",
        }
    }

    pub fn title(self) -> &'static str {
        match self {
            Self::GuestCrashed => "A guest crashed",
            Self::BackupFailed => "A guest was not backed up",
            Self::QuotaReached => "A quota is used up",
            Self::HostMemoryShort => "The host is short of memory",
            Self::HostDiskShort => "The host is short of disk",
            Self::SignInsFailing => "Sign-ins fail",
        }
    }

    /// When it is told.
    pub fn explained(self) -> &'static str {
        match self {
            Self::GuestCrashed => "An end that nobody asked for. Once in 10 minutes for each guest.",
            Self::BackupFailed => "A backup by a plan failed, or could not be begun. Once an hour for each guest.",
            Self::QuotaReached => "An account has all that it may have of a kind. Once a day for each.",
            Self::HostMemoryShort => "Less than a tenth is available. Once an hour.",
            Self::HostDiskShort => "Less than a tenth is free. Once an hour.",
            Self::SignInsFailing => "Ten within 5 minutes. Once an hour.",
        }
    }

    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|event| event.word() == word)
    }
}

/// An address that events are sent to. Its secret was shown when it was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct WebhookShown {
    pub id: WebhookId,
    pub url: String,
    pub events: Vec<WebhookEvent>,
    pub created_at: i64,
    /// When it answered 410; nothing is sent there until something arrives again.
    pub gone_at: Option<i64>,
}

impl WebhookShown {
    pub fn wants(&self, event: WebhookEvent) -> bool {
        self.gone_at.is_none() && self.events.contains(&event)
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct WebhookDraft {
    pub url: String,
    /// Words of events.
    #[serde(default)]
    pub events: Vec<String>,
}

/// Told once.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct NewWebhook {
    pub id: WebhookId,
    pub url: String,
    /// What signs events; none where they are mailed.
    pub secret: Option<String>,
}

impl std::fmt::Debug for NewWebhook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewWebhook").field("id", &self.id).field("url", &self.url).finish_non_exhaustive()
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum DeliveryState {
    Waiting,
    Delivered,
    GivenUp,
}

impl DeliveryState {
    pub const ALL: [Self; 3] = [Self::Waiting, Self::Delivered, Self::GivenUp];

    pub fn word(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Delivered => "delivered",
            Self::GivenUp => "given_up",
        }
    }

    pub fn title(self) -> &'static str {
        match self {
            Self::Waiting => "Waiting",
            Self::Delivered => "Delivered",
            Self::GivenUp => "Given up",
        }
    }
}

/// One event on its way to one address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct DeliveryShown {
    pub id: DeliveryId,
    pub webhook: WebhookId,
    pub url: String,
    /// The word of an event, or `test`.
    pub event: String,
    pub state: DeliveryState,
    pub tries: u32,
    /// Of one that waits.
    pub next_try_at: i64,
    /// What came of the last try.
    pub answer: String,
    pub created_at: i64,
}

/// All of them, and the newest 100 deliveries.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct WebhooksShown {
    pub webhooks: Vec<WebhookShown>,
    pub deliveries: Vec<DeliveryShown>,
}
