use axum::extract::State;
use serde::Serialize;
use umbel_app::backend::Backend;
use umbel_app::shown::{AnnouncementDraft, AnnouncementShown};
use utoipa::ToSchema;

use super::Json;
use crate::etag::{Etag, Tagged};
use crate::http::caller::{Changing, SignedIn};
use crate::http::error::Problem;
use crate::http::openapi::answer::{Done, WithEtag};
use crate::panel::Panel;

#[derive(Debug, Serialize, ToSchema)]
pub struct Announced {
    /// Null where nothing is announced.
    pub announcement: Option<AnnouncementShown>,
}

impl Tagged for Announced {
    fn etag(&self) -> Etag {
        self.announcement.etag()
    }
}

/// What every page says to everybody.
#[utoipa::path(get, path = "/announcement")]
pub async fn fetch(State(panel): State<Panel>, SignedIn(_): SignedIn) -> Result<WithEtag<Announced>, Problem> {
    Ok(WithEtag(Announced { announcement: panel.announcement_fetch().await? }))
}

/// Announces something, in place of what was announced before.
#[utoipa::path(put, path = "/announcement")]
pub async fn set(
    State(panel): State<Panel>,
    Changing(caller): Changing,
    Json(draft): Json<AnnouncementDraft>,
) -> Result<Done, Problem> {
    panel.announcement_set(&caller, draft).await?;
    Ok(Done)
}

/// Takes the announcement back.
#[utoipa::path(delete, path = "/announcement")]
pub async fn clear(State(panel): State<Panel>, Changing(caller): Changing) -> Result<Done, Problem> {
    panel.announcement_clear(&caller).await?;
    Ok(Done)
}
