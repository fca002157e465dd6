//! The catalogue of kernels, and putting one in: begin an upload, send its files, add them under a name.

use std::time::Duration;

use reqwest::Method;
use umbel_guest::{KernelId, OperationId, UploadId};

use crate::answers::{Acted, Begun, Kernel, KernelSettings, UploadedFile};
use crate::client::Client;
use crate::error::Error;
use crate::pages::KernelPage;

/// How long a file may take: 16 GiB by 10 Mbit/s are four hours.
const SENDING: Duration = Duration::from_secs(4 * 3600);

impl Client {
    /// The whole catalogue, by id, however many pages that takes.
    pub async fn kernel_list(&self) -> Result<Vec<Kernel>, Error> {
        self.pages("/kernels", &[]).await
    }

    /// `limit`, and `cursor`: the `next` of the page before.
    pub async fn kernel_page(&self, asked: &[(&str, &str)]) -> Result<KernelPage, Error> {
        self.page("/kernels", asked).await
    }

    pub async fn upload_begin(&self) -> Result<UploadId, Error> {
        Ok(self.api(Method::POST, "/uploads").read::<Begun>().await?.upload)
    }

    /// One file, as it is. A file of the same name is replaced.
    pub async fn upload_put(
        &self,
        upload: UploadId,
        name: &str,
        bytes: impl Into<reqwest::Body>,
    ) -> Result<UploadedFile, Error> {
        self.api(Method::PUT, &format!("/uploads/{upload}/{name}")).patient(SENDING).body(bytes).read().await
    }

    pub async fn upload_remove(&self, upload: UploadId) -> Result<(), Error> {
        self.api(Method::DELETE, &format!("/uploads/{upload}")).done().await.map(drop)
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
