//! What was used.

use reqwest::Method;
use umbel_guest::AccountId;

use crate::answers::Usage;
use crate::client::Client;
use crate::error::Error;

impl Client {
    /// The last `days` days, 1 to 366; of oneself, or of everybody for administrators, unless an account is named.
    pub async fn usage(&self, days: u16, account: Option<AccountId>) -> Result<Usage, Error> {
        let account = account.map(|account| format!("&account={account}")).unwrap_or_default();
        self.api(Method::GET, &format!("/usage?days={days}{account}")).read().await
    }
}
