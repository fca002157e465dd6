//! What people said about images; what an image is, the host knows. And who has one.

use std::collections::HashMap;

use umbel_guest::{ImageId, Visibility};

use super::StoreError;
use super::db::On;
use super::meta::HostId;
use super::query::{Row, sql};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    pub id: ImageId,
    pub note: String,
    pub state: ImageState,
    pub visibility: Visibility,
}

impl Image {
    /// One that nobody has said anything about.
    pub fn new(id: ImageId) -> Self {
        Self { id, note: String::new(), state: ImageState::Offered, visibility: Visibility::Public }
    }
}

/// What becomes of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImageState {
    Offered,
    /// Offered last, and not suggested.
    Deprecated,
    /// It is being taken away: no guest is made of it any more.
    Going,
}

impl ImageState {
    const ALL: [Self; 3] = [Self::Offered, Self::Deprecated, Self::Going];

    fn word(self) -> &'static str {
        match self {
            Self::Offered => "offered",
            Self::Deprecated => "deprecated",
            Self::Going => "going",
        }
    }
}

impl std::str::FromStr for ImageState {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|state| state.word() == text).ok_or_else(|| format!("no state of an image: {text}"))
    }
}

fn image(row: &Row) -> Result<Image, StoreError> {
    let (id, state, visibility) = (row.parse("id")?, row.parse("state")?, row.parse("visibility")?);
    Ok(Image { id, note: row.get("note")?, state, visibility })
}

/// Writes all that is said about it.
pub async fn image_put(on: impl Into<On<'_>>, host: HostId, image: &Image) -> Result<(), StoreError> {
    let put = "INSERT INTO images (host, id, note, state, visibility) VALUES ($1, $2, $3, $4, $5) \
               ON CONFLICT (host, id) DO UPDATE SET note = $3, state = $4, visibility = $5";
    let query = sql("image_put", put).bind(host.to_string()).bind(image.id.as_str());
    let query = query.bind(image.note.as_str()).bind(image.state.word());
    query.bind(image.visibility.to_string()).run(on).await?;
    Ok(())
}

pub async fn image_fetch(on: impl Into<On<'_>>, host: HostId, id: &ImageId) -> Result<Option<Image>, StoreError> {
    let select = "SELECT id, note, state, visibility FROM images WHERE host = $1 AND id = $2";
    let query = sql("image_fetch", select).bind(host.to_string()).bind(id.as_str());
    query.one(on).await?.as_ref().map(image).transpose()
}

/// All of a host that anything was said about.
pub async fn image_list(on: impl Into<On<'_>>, host: HostId) -> Result<Vec<Image>, StoreError> {
    let select = "SELECT id, note, state, visibility FROM images WHERE host = $1 ORDER BY id";
    sql("image_list", select).bind(host.to_string()).all(on).await?.iter().map(image).collect()
}

/// How many guests have it, running or not, deleted and not yet purged ones included.
pub async fn image_used(on: impl Into<On<'_>>, host: HostId, id: &ImageId) -> Result<u64, StoreError> {
    let select = "SELECT COUNT(*) AS used FROM guests WHERE host = $1 AND image = $2";
    let row = sql("image_used", select).bind(host.to_string()).bind(id.as_str()).one(on).await?;
    row.map_or(Ok(0), |row| row.number("used"))
}

/// As [`image_used`], of every image that any guest has.
pub async fn image_used_list(on: impl Into<On<'_>>, host: HostId) -> Result<HashMap<ImageId, u64>, StoreError> {
    let select = "SELECT image, COUNT(*) AS used FROM guests WHERE host = $1 GROUP BY image";
    let rows = sql("image_used_list", select).bind(host.to_string()).all(on).await?;
    rows.iter().map(|row| Ok((row.parse("image")?, row.number("used")?))).collect()
}

/// Whether anything was said about it.
pub async fn image_delete(on: impl Into<On<'_>>, host: HostId, id: &ImageId) -> Result<bool, StoreError> {
    let delete = "DELETE FROM images WHERE host = $1 AND id = $2";
    Ok(sql("image_delete", delete).bind(host.to_string()).bind(id.as_str()).run(on).await? == 1)
}
