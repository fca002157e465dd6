//! What supervisors and proxies ask.

use std::time::Duration;

use reqwest::Method;
use tokio::time::{Instant, sleep};

use crate::client::Client;
use crate::error::Error;

impl Client {
    /// `/healthz`: the process answers.
    pub async fn health(&self) -> Result<(), Error> {
        self.plain(Method::GET, "/healthz").done().await.map(drop)
    }

    /// `/readyz`: it can work.
    pub async fn ready(&self) -> Result<(), Error> {
        self.plain(Method::GET, "/readyz").done().await.map(drop)
    }

    /// `/metrics`: figures in the text exposition format of Prometheus.
    pub async fn metrics(&self) -> Result<String, Error> {
        let bytes = self.plain(Method::GET, "/metrics").bytes().await?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Waits until the panel can work.
    pub async fn until_ready(&self, patience: Duration) -> Result<(), Error> {
        let end = Instant::now() + patience;
        loop {
            match self.ready().await {
                Ok(()) => return Ok(()),
                Err(error) if !error.is_passing() => return Err(error),
                Err(_) if Instant::now() < end => sleep(Duration::from_millis(20)).await,
                Err(error) => return Err(Error::TimedOut { what: format!("the panel is ready ({error})"), patience }),
            }
        }
    }
}
