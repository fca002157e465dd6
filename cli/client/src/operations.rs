use std::time::Duration;

use reqwest::Method;
use tokio::time::{Instant, sleep};
use umbel_guest::{GuestId, OperationId};

use crate::answers::Operation;
use crate::client::Client;
use crate::error::Error;

impl Client {
    /// The newest first; of one guest if it is given.
    pub async fn operation_list(&self, guest: Option<GuestId>) -> Result<Vec<Operation>, Error> {
        let filter = guest.map(|guest| format!("?guest={guest}")).unwrap_or_default();
        self.api(Method::GET, &format!("/operations{filter}")).read().await
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
