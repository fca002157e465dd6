//! The catalogue of kernels, and putting one in out of an upload.

use reqwest::Method;
use umbel_guest::{KernelId, OperationId, UploadId};

use crate::answers::{Acted, Kernel, KernelSettings};
use crate::client::Client;
use crate::error::Error;
use crate::pages::KernelPage;

impl Client {
    /// The whole catalogue, by id, however many pages that takes.
    pub async fn kernel_list(&self) -> Result<Vec<Kernel>, Error> {
        self.pages("/kernels", &[]).await
    }

    /// `limit`, and `cursor`: the `next` of the page before.
    pub async fn kernel_page(&self, asked: &[(&str, &str)]) -> Result<KernelPage, Error> {
        self.page("/kernels", asked).await
    }

    pub async fn kernel_add(&self, upload: UploadId, name: &str, note: &str) -> Result<Option<OperationId>, Error> {
        let draft = serde_json::json!({ "upload": upload, "name": name, "note": note });
        Ok(self.api(Method::POST, "/kernels").json(&draft).read::<Acted>().await?.operation)
    }

    pub async fn kernel_set_retired(&self, kernel: &KernelId, retired: bool) -> Result<(), Error> {
        let change = serde_json::json!({ "retired": retired });
        self.api(Method::PATCH, &format!("/kernels/{kernel}")).json(&change).done().await.map(drop)
    }

    pub async fn kernel_set_note(&self, kernel: &KernelId, note: &str) -> Result<(), Error> {
        let change = serde_json::json!({ "note": note });
        self.api(Method::PATCH, &format!("/kernels/{kernel}")).json(&change).done().await.map(drop)
    }

    /// Refused while any guest has it.
    pub async fn kernel_remove(&self, kernel: &KernelId) -> Result<(), Error> {
        self.api(Method::DELETE, &format!("/kernels/{kernel}")).done().await.map(drop)
    }

    pub async fn kernel_set_settings(&self, settings: &KernelSettings) -> Result<(), Error> {
        self.api(Method::PUT, "/settings/kernels").json(settings).done().await.map(drop)
    }
}
