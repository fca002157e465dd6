//! The catalogue of images.

use reqwest::Method;
use umbel_guest::{ImageId, OperationId, Visibility};

use crate::answers::{Acted, Image, ImageDraft};
use crate::client::Client;
use crate::error::Error;

impl Client {
    /// The whole catalogue, by id, however many pages that takes.
    pub async fn image_list(&self) -> Result<Vec<Image>, Error> {
        self.pages("/images", &[]).await
    }

    pub async fn image_fetch(&self, image: &ImageId) -> Result<Image, Error> {
        self.api(Method::GET, &format!("/images/{image}")).read().await
    }

    /// Of the one file of an upload; the panel says which of the fields is wrong.
    pub async fn image_import(&self, draft: &ImageDraft) -> Result<Option<OperationId>, Error> {
        Ok(self.api(Method::POST, "/images").json(draft).read::<Acted>().await?.operation)
    }

    /// Refused while any guest has it.
    pub async fn image_remove(&self, image: &ImageId) -> Result<(), Error> {
        self.api(Method::DELETE, &format!("/images/{image}")).done().await.map(drop)
    }

    pub async fn image_set_deprecated(&self, image: &ImageId, deprecated: bool) -> Result<(), Error> {
        let change = serde_json::json!({ "deprecated": deprecated });
        self.api(Method::PATCH, &format!("/images/{image}")).json(&change).done().await.map(drop)
    }

    pub async fn image_set_visibility(&self, image: &ImageId, visibility: Visibility) -> Result<(), Error> {
        let change = serde_json::json!({ "visibility": visibility });
        self.api(Method::PATCH, &format!("/images/{image}")).json(&change).done().await.map(drop)
    }

    pub async fn image_set_note(&self, image: &ImageId, note: &str) -> Result<(), Error> {
        let change = serde_json::json!({ "note": note });
        self.api(Method::PATCH, &format!("/images/{image}")).json(&change).done().await.map(drop)
    }
}
