//! REST under /api/v1: each handler is one line over the same [`umbel_app::backend::Backend`] that the pages use.

pub mod announcements;
pub mod audit;
pub mod backups;
pub mod events;
pub mod files;
pub mod groups;
pub mod guests;
pub mod host;
pub mod images;
pub mod invitations;
pub mod kernels;
pub mod keys;
pub mod networks;
pub mod operations;
pub mod parcels;
pub mod people;
pub mod quotas;
pub mod registrations;
pub mod session;
pub mod shares;
pub mod snapshots;
pub mod tokens;
pub mod uploads;
pub mod usage;
pub mod volumes;
pub mod webhooks;

use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use axum::extract::{FromRequest, FromRequestParts};
use umbel_app::AppError;
use umbel_guest::FieldErrors;

use super::error::Problem;

/// axum's `Json`, its refusals as problem details that name the field `body`.
#[derive(Debug, FromRequest)]
#[from_request(via(axum::Json), rejection(Problem))]
pub struct Json<T>(pub T);

#[derive(Debug, FromRequestParts)]
#[from_request(via(axum::extract::Path), rejection(Problem))]
pub struct Path<T>(pub T);

#[derive(Debug, FromRequestParts)]
#[from_request(via(axum::extract::Query), rejection(Problem))]
pub struct Query<T>(pub T);

impl From<JsonRejection> for Problem {
    fn from(rejection: JsonRejection) -> Self {
        AppError::Invalid(FieldErrors::one("body", rejection.body_text())).into()
    }
}

/// A path that can't name a thing names none.
impl From<PathRejection> for Problem {
    fn from(_: PathRejection) -> Self {
        AppError::not_found("thing").into()
    }
}

impl From<QueryRejection> for Problem {
    fn from(rejection: QueryRejection) -> Self {
        AppError::Invalid(FieldErrors::one("query", rejection.body_text())).into()
    }
}
