//! Lists that come a page at a time.

use reqwest::Method;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::answers::{Guest, Kernel, KernelSettings, Operation, Person};
use crate::client::Client;
use crate::error::Error;

/// Rows of a page that nobody looks at, so that a whole list takes few of them.
const MOST: &str = "200";

/// Some of a list, in its order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page<T> {
    pub rows: Vec<T>,
    /// Where the next page begins, if there is one.
    pub next: Option<String>,
}

pub type GuestPage = Page<Guest>;
pub type OperationPage = Page<Operation>;
pub type PersonPage = Page<Person>;

/// Some of the catalogue, by id, and who may choose and put in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KernelPage {
    #[serde(flatten)]
    pub page: Page<Kernel>,
    pub settings: KernelSettings,
    pub may_upload: bool,
}

impl Client {
    /// `asked` may have `cursor`, the `next` of the page before.
    pub(crate) async fn page<P: DeserializeOwned>(&self, path: &str, asked: &[(&str, &str)]) -> Result<P, Error> {
        self.api(Method::GET, path).query(asked).read().await
    }

    /// All rows of a list, however many pages that takes.
    pub(crate) async fn pages<T: DeserializeOwned>(&self, path: &str, asked: &[(&str, &str)]) -> Result<Vec<T>, Error> {
        let (mut rows, mut cursor) = (Vec::new(), None::<String>);
        loop {
            let from = cursor.as_deref().map(|cursor| ("cursor", cursor));
            let asked: Vec<_> = asked.iter().copied().chain([("limit", MOST)]).chain(from).collect();
            let mut page: Page<T> = self.page(path, &asked).await?;
            rows.append(&mut page.rows);
            if page.next.is_none() {
                return Ok(rows);
            }
            cursor = page.next;
        }
    }
}
