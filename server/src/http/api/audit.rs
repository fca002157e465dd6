//! Who did what, for administrators: a page at a time, or all of it as a file.

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::response::Response;
use futures::stream;
use serde::Deserialize;
use umbel_app::AppError;
use umbel_app::backend::Backend;
use umbel_app::shown::{AuditFilter, AuditPage, AuditShown};
use utoipa::{IntoParams, ToSchema};

use super::Query;
use crate::audit::csv;
use crate::http::attachment::attachment;
use crate::http::caller::SignedIn;
use crate::http::error::Problem;
use crate::panel::Panel;

/// Rows of the file that are read at a time.
const PAGE: &str = "1000";

/// Who did what, the newest first.
///
/// `next` of one page is `before` of the next.
#[utoipa::path(get, path = "/audit")]
pub async fn list(
    State(panel): State<Panel>,
    SignedIn(caller): SignedIn,
    Query(filter): Query<AuditFilter>,
) -> Result<axum::Json<AuditPage>, Problem> {
    Ok(axum::Json(panel.audit_list(&caller, filter).await?))
}

#[derive(Clone, Copy, Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    Csv,
    #[default]
    Jsonl,
}

/// A filter without its place, which is the file's own.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct Export {
    #[serde(default)]
    #[param(inline)]
    format: Format,
    #[serde(default)]
    who: String,
    #[serde(default)]
    action: String,
    #[serde(default)]
    object: String,
    #[serde(default)]
    outcome: String,
    #[serde(default)]
    from: String,
    #[serde(default)]
    to: String,
}

/// Who did what, as a file.
#[utoipa::path(
    get,
    path = "/audit/export",
    responses((
        status = 200,
        description = "A line for each row.",
        content((String = "application/jsonl"), (String = "text/csv")),
    )),
)]
pub async fn export(
    State(panel): State<Panel>,
    SignedIn(caller): SignedIn,
    Query(export): Query<Export>,
) -> Result<Response, Problem> {
    let Export { format, who, action, object, outcome, from, to } = export;
    let limit = PAGE.to_owned();
    let filter = AuditFilter { who, action, object, outcome, from, to, before: String::new(), limit };
    // What is refused is refused before the file begins.
    let first = panel.audit_list(&caller, filter.clone()).await?;
    let (kind, name) = match format {
        Format::Csv => ("text/csv; charset=utf-8", "audit.csv"),
        Format::Jsonl => ("application/jsonl; charset=utf-8", "audit.jsonl"),
    };
    let head = match format {
        Format::Csv => csv::HEAD,
        Format::Jsonl => "",
    };
    // An error on the way cuts the file off, so that nobody takes a part for the whole.
    let pages = stream::try_unfold(Some((first, head)), move |at| {
        let (panel, caller, filter) = (panel.clone(), caller.clone(), filter.clone());
        async move {
            let Some((page, head)) = at else { return Ok(None) };
            let next = match page.next {
                Some(next) => {
                    let filter = AuditFilter { before: next.to_string(), ..filter };
                    Some((panel.audit_list(&caller, filter).await?, ""))
                }
                None => None,
            };
            let lines: String = page.rows.iter().map(|row| line(format, row)).collect();
            Ok::<_, AppError>(Some((Bytes::from(head.to_owned() + &lines), next)))
        }
    });
    Ok(attachment(kind, name, None, Body::from_stream(pages)))
}

fn line(format: Format, row: &AuditShown) -> String {
    match format {
        Format::Csv => csv::line(row),
        Format::Jsonl => serde_json::to_string(row).expect("texts and numbers") + "\n",
    }
}
