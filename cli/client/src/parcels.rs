//! Files that go into guests and come out of them, without a network.

use reqwest::Method;
use serde::{Deserialize, Serialize};
use umbel_guest::{GuestId, OperationId, UploadId};

use crate::answers::{Acted, Begun};
use crate::client::Client;
use crate::error::Error;
use crate::files::FileTaken;

/// The newest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GuestFiles {
    /// Whether the guest runs, so that a file can come or go.
    pub runs: bool,
    pub rows: Vec<GuestFile>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GuestFile {
    pub operation: OperationId,
    /// `in` or `out`.
    pub way: String,
    pub name: String,
    pub requester: String,
    /// The last that was said of it.
    pub said: String,
    pub at: i64,
    /// What can be downloaded now.
    pub here: Option<FileHere>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileHere {
    pub name: String,
    pub bytes: u64,
    pub until: i64,
}

impl Client {
    pub async fn files(&self, guest: GuestId) -> Result<GuestFiles, Error> {
        self.api(Method::GET, &format!("/guests/{guest}/files")).read().await
    }

    /// A place for one file that is to go into the guest.
    pub async fn file_upload_begin(&self, guest: GuestId) -> Result<UploadId, Error> {
        Ok(self.api(Method::POST, &format!("/guests/{guest}/files/uploads")).read::<Begun>().await?.upload)
    }

    /// An empty name is what the file in the upload is called.
    pub async fn file_send(&self, guest: GuestId, upload: UploadId, name: &str) -> Result<Option<OperationId>, Error> {
        let draft = serde_json::json!({ "upload": upload, "name": name });
        let asked = self.api(Method::POST, &format!("/guests/{guest}/files/send")).json(&draft);
        Ok(asked.read::<Acted>().await?.operation)
    }

    pub async fn file_fetch(&self, guest: GuestId, path: &str, most_mib: u32) -> Result<Option<OperationId>, Error> {
        let draft = serde_json::json!({ "path": path, "most_mib": most_mib });
        let asked = self.api(Method::POST, &format!("/guests/{guest}/files/fetch")).json(&draft);
        Ok(asked.read::<Acted>().await?.operation)
    }

    /// What that operation has fetched.
    pub async fn file_download(&self, operation: OperationId) -> Result<FileTaken, Error> {
        Ok(FileTaken::of(self.api(Method::GET, &format!("/operations/{operation}/file")).done().await?))
    }
}
