//! The host, and what lies on it for adoption: for administrators.

use reqwest::Method;
use umbel_guest::{GuestDraft, Span, StrayName};

use crate::answers::{Adopt, Created, HostFacts, Metrics, Stray};
use crate::client::Client;
use crate::error::Error;

impl Client {
    pub async fn host(&self) -> Result<HostFacts, Error> {
        self.api(Method::GET, "/host").read().await
    }

    /// Of all guests together.
    pub async fn host_metrics(&self, span: Span) -> Result<Metrics, Error> {
        self.api(Method::GET, &format!("/host/metrics?span={}", word(span))).read().await
    }

    pub async fn stray_list(&self) -> Result<Vec<Stray>, Error> {
        self.api(Method::GET, "/strays").read().await
    }

    /// What a command line means to the panel; nothing is done.
    pub async fn adopt_read(&self, command_line: &str) -> Result<Adopt, Error> {
        let line = serde_json::json!({ "command_line": command_line });
        self.api(Method::POST, "/strays/read").json(&line).read().await
    }

    /// The draft's image and size of disk are the stray's own to say.
    pub async fn guest_adopt(&self, stray: &StrayName, draft: &GuestDraft) -> Result<Created, Error> {
        self.api(Method::POST, &format!("/strays/{stray}/adopt")).json(draft).read().await
    }
}

/// As a query spells it.
pub(crate) fn word(span: Span) -> &'static str {
    match span {
        Span::Hour => "hour",
        Span::Day => "day",
    }
}
