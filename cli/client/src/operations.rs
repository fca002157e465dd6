use std::time::Duration;

use reqwest::Method;
use tokio::time::{Instant, sleep};
use umbel_guest::{GuestId, OperationId};

use crate::answers::Operation;
use crate::client::Client;
use crate::error::Error;
use crate::pages::OperationPage;

impl Client {
    /// All that one sees, the newest first, however many pages that takes; of one guest if it is given.
    pub async fn operation_list(&self, guest: Option<GuestId>) -> Result<Vec<Operation>, Error> {
        let guest = guest.map(|guest| guest.to_string()).unwrap_or_default();
        self.pages("/operations", &[("guest", &guest)]).await
    }

    /// `guest`, `kind`, `state`, `limit`, and `cursor`: the `next` of the page before.
    pub async fn operation_page(&self, asked: &[(&str, &str)]) -> Result<OperationPage, Error> {
        self.page("/operations", asked).await
    }

    pub async fn operation_fetch(&self, operation: OperationId) -> Result<Operation, Error> {
        self.api(Method::GET, &format!("/operations/{operation}")).read().await
    }

    pub async fn operation_cancel(&self, operation: OperationId) -> Result<(), Error> {
        self.api(Method::POST, &format!("/operations/{operation}/cancel")).done().await.map(drop)
    }

    /// Waits until it is over, however it ended. A panel that is away for a moment is waited for too:
    /// operations are durable.
    pub async fn operation_over(&self, operation: OperationId, patience: Duration) -> Result<Operation, Error> {
        let end = Instant::now() + patience;
        let mut last = String::new();
        while Instant::now() < end {
            match self.operation_fetch(operation).await {
                Ok(now) if now.state.is_over() => return Ok(now),
                Ok(now) => last = format!("{:?}, {:?}", now.state, now.steps),
                Err(error) if error.is_passing() => last = error.to_string(),
                Err(error) => return Err(error),
            }
            sleep(Duration::from_millis(25)).await;
        }
        Err(Error::TimedOut { what: format!("operation {operation} is over ({last})"), patience })
    }
}
