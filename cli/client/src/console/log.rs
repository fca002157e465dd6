use reqwest::Method;
use umbel_guest::GuestId;

use crate::client::Client;
use crate::error::Error;

impl Client {
    /// What is kept of the console from an offset on, as one piece and without a WebSocket.
    pub async fn console_log(&self, guest: GuestId, since: u64) -> Result<Vec<u8>, Error> {
        self.api(Method::GET, &format!("/guests/{guest}/console/log?since={since}")).bytes().await
    }
}
