//! One's own network; all of them for administrators.

use reqwest::Method;
use umbel_guest::GuestId;

use crate::answers::{Forward, Network};
use crate::client::Client;
use crate::error::Error;

impl Client {
    pub async fn network_list(&self) -> Result<Vec<Network>, Error> {
        self.api(Method::GET, "/networks").read().await
    }

    /// Without a port of the host, the first free one.
    pub async fn forward_add(&self, guest: GuestId, guest_port: u16, host_port: Option<u16>) -> Result<Forward, Error> {
        let draft = serde_json::json!({ "guest": guest, "guest_port": guest_port, "host_port": host_port });
        self.api(Method::POST, "/networks/forwards").json(&draft).read().await
    }

    pub async fn forward_remove(&self, host_port: u16) -> Result<(), Error> {
        self.api(Method::DELETE, &format!("/networks/forwards/{host_port}")).done().await.map(drop)
    }
}
