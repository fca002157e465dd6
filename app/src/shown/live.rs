use serde::{Deserialize, Serialize};
use umbel_guest::{AccountId, GuestId, OperationId};

/// What has changed. A page that shows it asks again; nothing of it travels here, so that rights are
/// decided in one place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "topic", content = "id")]
pub enum Topic {
    Guest(GuestId),
    Operation(OperationId),
    People,
    /// What that account may do and see has changed; its tabs are told [`Topic::Everything`] for it.
    Rights(AccountId),
    Host,
    /// What is announced on every page.
    Announcement,
    /// Some changes were missed: everything may have changed.
    Everything,
}

/// A text frame on the tab's WebSocket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LiveEvent {
    /// Grows by one with each frame of a connection.
    pub number: u64,
    #[serde(flatten)]
    pub topic: Topic,
}
